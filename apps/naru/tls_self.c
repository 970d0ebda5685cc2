/* A self-signed certificate for localhost, made anew at each start by the openssl command and kept nowhere.
 *
 * The library makes no keys; naru says so where there is no openssl. Source: openssl-req(1). */
#include "tls_self.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PATH_BYTES = 256 };

typedef struct self_files {
    char directory[PATH_BYTES];
    char certificate[PATH_BYTES + 16];
    char key[PATH_BYTES + 16];
} self_files;

static bool make_files(self_files *files)
{
    const char *base = getenv("TMPDIR");
    int bytes = snprintf(files->directory, sizeof files->directory, "%s/naru-tls-XXXXXX", base ? base : "/tmp");
    if (bytes < 0 || (size_t)bytes >= sizeof files->directory || !mkdtemp(files->directory)) {
        return false;
    }
    snprintf(files->certificate, sizeof files->certificate, "%s/cert.pem", files->directory);
    snprintf(files->key, sizeof files->key, "%s/key.pem", files->directory);
    return true;
}

static void remove_files(const self_files *files)
{
    unlink(files->certificate);
    unlink(files->key);
    rmdir(files->directory);
}

/* What openssl says is of no use to the reader; its status is. */
static int run_openssl(char **arguments)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return ENOMEM;
    }
    int error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    error = error != 0 ? error : posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    error = error != 0 ? error : posix_spawnp(&pid, "openssl", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return error;
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EPROTO;
}

static int make_certificate(self_files *files)
{
    char words[][64] = {
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "30",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
        "-keyout",
        "-out",
    };
    enum { WORDS = sizeof words / sizeof words[0] };
    char *arguments[WORDS + 3] = {0};
    for (size_t i = 0; i < WORDS - 1; i++) {
        arguments[i] = words[i];
    }
    arguments[WORDS - 1] = files->key;
    arguments[WORDS] = words[WORDS - 1];
    arguments[WORDS + 1] = files->certificate;
    return run_openssl(arguments);
}

bool tls_self_new(bool http2, naru_tls **tls_out, char *reason, size_t reason_bytes)
{
    self_files files;
    if (!make_files(&files)) {
        snprintf(reason, reason_bytes, "cannot make a temporary directory: %s", strerror(errno));
        return false;
    }
    int error = make_certificate(&files);
    naru_tls_server_options options = {
        .certificate_file = files.certificate, .key_file = files.key, .http2 = http2};
    bool made = false;
    if (error == 0) {
        made = naru_tls_server_new(&options, tls_out, reason, reason_bytes) == NARU_OK;
    } else {
        snprintf(reason, reason_bytes, "--tls-self needs the openssl command: %s",
                 error == EPROTO ? "it failed" : strerror(error));
    }
    remove_files(&files);
    return made;
}
