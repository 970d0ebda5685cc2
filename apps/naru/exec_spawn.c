/* A shell command with pipes to its stdin and from its stdout; stderr stays ours.
 *
 * Not for: what goes through the pipes (exec.c). Source: POSIX posix_spawn; pidfd_open(2). */
#include "exec_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const names[EXEC_VARIABLES] = {
    "NARU_PATH", "NARU_QUERY", "NARU_PEER", "NARU_PROTOCOL", "NARU_ORIGIN", "NARU_HOST", "NARU_HTTP",
};

/* ---- the environment ----------------------------------------------------------------------------------------- */

static naru_status make_variable(const char *name, naru_span value, char **out)
{
    size_t name_bytes = strlen(name);
    if (value.size > 0 && memchr(value.data, '\0', value.size)) {
        return NARU_ERR_ARGUMENT;
    }
    char *text = malloc(name_bytes + value.size + 2);
    if (!text) {
        return NARU_ERR_MEMORY;
    }
    memcpy(text, name, name_bytes);
    text[name_bytes] = '=';
    if (value.size > 0) {
        memcpy(text + name_bytes + 1, value.data, value.size);
    }
    text[name_bytes + 1 + value.size] = '\0';
    *out = text;
    return NARU_OK;
}

static naru_span field(const naru_http_head *head, const char *name)
{
    naru_span value = {0};
    (void)naru_http_head_find(head, name, &value);
    return value;
}

naru_status exec_environment_fill(exec_environment *environment, const naru_request *request, naru_span protocol)
{
    const naru_http_head *head = naru_request_head(request);
    char peer[128];
    naru_request_peer(request, peer, sizeof peer);
    const naru_span values[EXEC_VARIABLES] = {
        naru_request_path(request),
        naru_http_head_query(head),
        naru_span_of(peer),
        protocol,
        field(head, "Origin"),
        field(head, "Host"),
        naru_span_of(naru_request_is_http2(request) ? "2" : "1.1"),
    };
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < EXEC_VARIABLES; i++) {
        status = make_variable(names[i], values[i], &environment->variables[i]);
    }
    return status;
}

void exec_environment_free(exec_environment *environment)
{
    for (size_t i = 0; i < EXEC_VARIABLES; i++) {
        free(environment->variables[i]);
        environment->variables[i] = NULL;
    }
}

static bool is_ours(const char *variable)
{
    for (size_t i = 0; i < EXEC_VARIABLES; i++) {
        size_t bytes = strlen(names[i]);
        if (strncmp(variable, names[i], bytes) == 0 && variable[bytes] == '=') {
            return true;
        }
    }
    return false;
}

/* Ours, and then what we were given ourselves. NULL: no memory. */
static char **merge(const exec_environment *environment)
{
    size_t given = 0;
    while (environ[given]) {
        given++;
    }
    char **merged = calloc(given + EXEC_VARIABLES + 1, sizeof *merged);
    if (!merged) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < EXEC_VARIABLES && environment->variables[i]; i++) {
        merged[count++] = environment->variables[i];
    }
    for (size_t i = 0; i < given; i++) {
        if (!is_ours(environ[i])) {
            merged[count++] = environ[i];
        }
    }
    return merged;
}

/* ---- the process --------------------------------------------------------------------------------------------- */

typedef struct spawn_pipes {
    int input[2];
    int output[2];
} spawn_pipes;

static void close_pipe(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static bool open_pipes(spawn_pipes *pipes)
{
    *pipes = (spawn_pipes){{-1, -1}, {-1, -1}};
    if (pipe2(pipes->input, O_CLOEXEC) == 0 && pipe2(pipes->output, O_CLOEXEC) == 0 &&
        fcntl(pipes->input[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(pipes->output[0], F_SETFL, O_NONBLOCK) == 0) {
        return true;
    }
    close_pipe(pipes->input);
    close_pipe(pipes->output);
    return false;
}

/* The loop has blocked signals for us, and main ignores SIGPIPE: none of that is the command's business. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    error = error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &defaults);
    error = error != 0 ? error : posix_spawnattr_setpgroup(attributes, 0);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return error != 0 ? error : posix_spawnattr_setflags(attributes, flags);
}

static int set_actions(posix_spawn_file_actions_t *actions, const spawn_pipes *pipes)
{
    int error = posix_spawn_file_actions_adddup2(actions, pipes->input[0], STDIN_FILENO);
    error = error != 0 ? error : posix_spawn_file_actions_adddup2(actions, pipes->output[1], STDOUT_FILENO);
    return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int spawn_with(const char *command, char **variables, const spawn_pipes *pipes, pid_t *pid_out)
{
    char shell[] = "sh";
    char option[] = "-c";
    char *copy = strdup(command);
    char *arguments[] = {shell, option, copy, NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    if (!copy || posix_spawnattr_init(&attributes) != 0) {
        free(copy);
        return ENOMEM;
    }
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = set_attributes(&attributes);
        error = error != 0 ? error : set_actions(&actions, pipes);
        error = error != 0 ? error : posix_spawn(pid_out, "/bin/sh", &actions, &attributes, arguments, variables);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    free(copy);
    return error;
}

static int start(const char *command, const exec_environment *environment, const spawn_pipes *pipes,
                 exec_child *child_out)
{
    char **variables = merge(environment);
    if (!variables) {
        return ENOMEM;
    }
    int error = spawn_with(command, variables, pipes, &child_out->pid);
    free(variables);
    if (error != 0) {
        return error;
    }
    child_out->pidfd = (int)syscall(SYS_pidfd_open, child_out->pid, 0);
    if (child_out->pidfd < 0) {
        error = errno;
        kill(-child_out->pid, SIGKILL);
        waitpid(child_out->pid, NULL, 0);
    }
    return error;
}

bool exec_spawn(const char *command, const exec_environment *environment, exec_child *child_out)
{
    spawn_pipes pipes;
    if (!open_pipes(&pipes)) {
        return false;
    }
    int error = start(command, environment, &pipes, child_out);
    if (error != 0) {
        close_pipe(pipes.input);
        close_pipe(pipes.output);
        errno = error;
        return false;
    }
    close(pipes.input[0]);
    close(pipes.output[1]);
    child_out->input = pipes.input[1];
    child_out->output = pipes.output[0];
    return true;
}
