/* Hand-overs under load: server processes follow each other on one port while clients talk and others come and go, and
 * none of them meets a refusal, a reset, or a message that is lost. The program is both: the test with the number of
 * hand-overs, and each server ("serve LINE"). */
#include <naru/naru.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 16, SPREAD_MS = 150, ECHOES_BETWEEN = 400, BYTES = 128, PATIENCE_MS = 100000 };

static int failures;

static void fail(const char *what, const char *detail)
{
    failures++;
    fprintf(stderr, "%s: %s\n", what, detail);
}

/* ---- a server process -------------------------------------------------------------------------------------------- */

typedef struct serving {
    naru_loop *loop;
    naru_server *server;
} serving;

static void on_stopped(void *user)
{
    naru_loop_stop(((serving *)user)->loop);
}

static void on_succeeded(void *user)
{
    serving *self = user;
    naru_stop_options gently = {.spread_ms = SPREAD_MS, .close_code = 1012, .finish_requests = true};
    naru_server_stop_with(self->server, &gently, on_stopped, self);
}

static void on_signal(void *user, int signal)
{
    serving *self = user;
    (void)signal;
    naru_server_stop(self->server, 5000, on_stopped, self);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    (void)naru_conn_send(conn, kind, data, 0);
}

static void on_plain(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_respond(request, 200, NULL, naru_span_of("here"));
}

static void log_line(void *user, naru_log_level level, const char *line)
{
    (void)user;
    if (level <= NARU_LOG_WARN) {
        fprintf(stderr, "%d: %s\n", (int)getpid(), line);
    }
}

static int serve(const char *line_address)
{
    naru_loop_options loop = {.log = log_line};
    serving self = {.loop = naru_loop_new(&loop)};
    naru_succession *line = NULL;
    naru_ws_route echo = {.handler = {.on_message = on_message}};
    char reason[256] = "", bound[128];
    if (!self.loop || naru_server_new(self.loop, NULL, &self.server) < 0 ||
        naru_server_route_ws(self.server, "/echo", &echo, NULL) < 0 ||
        naru_server_route_http(self.server, "/plain", on_plain, NULL) < 0 ||
        naru_loop_signal(self.loop, SIGTERM, on_signal, &self) < 0) {
        return 2;
    }
    naru_status status = naru_succession_join(line_address, 0, &line, reason, sizeof reason);
    naru_listen_options options = {.succession = line};
    if (status == NARU_OK) {
        status = naru_server_listen(self.server, "127.0.0.1:0", &options, bound);
    }
    if (status == NARU_OK) {
        status = naru_succession_begin(line, self.loop, on_succeeded, &self);
    }
    if (status < 0) {
        fprintf(stderr, "serve: %s %s\n", naru_status_name(status), reason);
        return 3;
    }
    printf("%s\n", strrchr(bound, ':') + 1);
    fflush(stdout);
    status = naru_loop_run(self.loop);
    naru_server_free(self.server);
    naru_succession_free(line);
    naru_loop_free(self.loop);
    return status == NARU_OK ? 0 : 4;
}

/* ---- those who come and go --------------------------------------------------------------------------------------- */

static atomic_uint port;
static atomic_bool enough;
static atomic_uint visits;
static char visit_failure[128];

static bool visit(char *why, size_t why_bytes)
{
    static const char ask[] = "GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atomic_load(&port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char got[1024];
    size_t size = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool asked = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) == (ssize_t)sizeof ask - 1;
    ssize_t more = asked ? 1 : -1;
    while (more > 0 && size < sizeof got - 1) {
        do {
            more = recv(fd, got + size, sizeof got - 1 - size, 0);
        } while (more < 0 && errno == EINTR); /* an io_uring of this process may interrupt */
        size += more > 0 ? (size_t)more : 0;
    }
    int error = errno;
    got[size] = 0;
    if (fd >= 0) {
        close(fd);
    }
    bool good = more == 0 && strncmp(got, "HTTP/1.1 200", 12) == 0 && strstr(got, "here");
    if (!good) {
        snprintf(why, why_bytes, "%.12s, %s", got, more < 0 ? strerror(error) : "ended");
    }
    return good;
}

static void *come_and_go(void *user)
{
    (void)user;
    while (!atomic_load(&enough)) {
        if (!visit(visit_failure, sizeof visit_failure)) {
            return visit_failure;
        }
        atomic_fetch_add(&visits, 1);
    }
    return NULL;
}

/* ---- those who stay ---------------------------------------------------------------------------------------------- */

typedef struct test test;

typedef struct talker {
    test *of;
    naru_client *client;
    unsigned number;
    unsigned long sequence; /* of the message whose echo is waited for */
} talker;

struct test {
    naru_loop *loop;
    naru_watch *watch;
    const char *program;
    char line[128];
    talker talkers[CLIENTS];
    unsigned long echoes, next_at, moves;
    unsigned begun, wanted;
    pid_t pid;
    int pipe;
    bool leaving;
};

static void dial(talker *self);
static void spawn(test *self);

static size_t write_message(const talker *self, char *out)
{
    int size = snprintf(out, BYTES, "talker %u says %lu", self->number, self->sequence);
    return (size_t)size;
}

static void say(talker *self)
{
    char text[BYTES];
    size_t size = write_message(self, text);
    (void)naru_client_send(self->client, NARU_WS_TEXT, (naru_span){(const uint8_t *)text, size}, 0);
}

static void on_talker_open(naru_client *client, void *user)
{
    (void)client;
    say(user);
}

static void leave(test *self)
{
    self->leaving = true;
    for (unsigned i = 0; i < CLIENTS; i++) {
        naru_client_close(self->talkers[i].client, 1000, naru_span_of(""));
    }
}

static void on_echo(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    talker *self = user;
    test *of = self->of;
    char text[BYTES];
    size_t size = write_message(self, text);
    (void)client;
    (void)kind;
    if (data.size != size || memcmp(data.data, text, size) != 0) {
        fail("another echo than was waited for", text);
    }
    self->sequence++;
    of->echoes++;
    if (of->leaving) {
        return;
    }
    say(self);
    if (of->begun > 0 && of->watch == NULL && of->echoes >= of->next_at && of->moves >= (of->begun - 1) * CLIENTS) {
        if (of->begun <= of->wanted) {
            spawn(of);
        } else {
            leave(of);
        }
    }
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    const talker *self = user;
    (void)client;
    if (!self->of->leaving) { /* one that is still dialling is called off */
        fail("a client failed", failure->text);
    }
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    talker *self = user;
    char code[32];
    naru_client_free(client);
    self->client = NULL;
    if (self->of->leaving) {
        return;
    }
    snprintf(code, sizeof code, "%u", info->code);
    if (!info->clean || info->code != 1012) {
        fail("closed otherwise than by a hand-over", code);
    }
    self->of->moves++;
    dial(self);
}

static void dial(talker *self)
{
    static const naru_client_handler handler = {
        .on_open = on_talker_open, .on_message = on_echo, .on_error = on_error, .on_close = on_close};
    char url[64];
    naru_client_options options = {.allow_bad_ports = true};
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/echo", atomic_load(&port));
    if (naru_client_open(self->of->loop, url, &options, &handler, self, &self->client, NULL) < 0) {
        fail("cannot dial", url);
        exit(1);
    }
}

/* ---- the line of processes --------------------------------------------------------------------------------------- */

static void on_begun(void *user, unsigned events)
{
    test *self = user;
    char text[32];
    (void)events;
    ssize_t got = read(self->pipe, text, sizeof text - 1);
    text[got > 0 ? got : 0] = 0;
    unsigned number = (unsigned)strtoul(text, NULL, 10);
    if (number == 0 || (self->begun > 0 && number != atomic_load(&port))) {
        fail("a server has not begun, or elsewhere", text);
        exit(1);
    }
    atomic_store(&port, number);
    naru_watch_free(self->watch);
    self->watch = NULL;
    close(self->pipe);
    self->next_at = self->echoes + ECHOES_BETWEEN;
    for (unsigned i = 0; self->begun == 0 && i < CLIENTS; i++) {
        self->talkers[i] = (talker){.of = self, .number = i};
        dial(&self->talkers[i]);
    }
    self->begun++;
}

static void spawn(test *self)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || (self->pid = fork()) < 0) {
        fail("fork", strerror(errno));
        exit(1);
    }
    if (self->pid == 0) {
        /* Under valgrind the link itself leads to valgrind; what it says is this program. */
        char program[4096];
        ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
        program[size > 0 ? size : 0] = '\0';
        dup2(ends[1], 1);
        execl(program, self->program, "serve", self->line, (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    self->pipe = ends[0];
    self->watch = naru_watch_new(self->loop, ends[0], NARU_READABLE, on_begun, self);
}

static void on_late(void *user)
{
    (void)user;
    fail("time", "is up");
    exit(1);
}

/* Each process that was succeeded ends by itself, with nothing left over. */
static void reap(test *self)
{
    kill(self->pid, SIGTERM);
    for (unsigned i = 0; i < self->begun; i++) {
        int status = -1;
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            char text[32];
            snprintf(text, sizeof text, "%x", (unsigned)status);
            fail("a server ended badly", text);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        return serve(argv[2]);
    }
    test self = {
        .loop = naru_loop_new(NULL), .program = argv[0], .wanted = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 3};
    char folder[] = "/tmp/naru-succession-XXXXXX";
    naru_timer *late = self.loop ? naru_timer_new(self.loop, on_late, NULL) : NULL;
    pthread_t visitor;
    if (!late || !mkdtemp(folder)) {
        return 2;
    }
    snprintf(self.line, sizeof self.line, "unix:%s/line", folder);
    naru_timer_start(late, PATIENCE_MS);
    spawn(&self);
    while (self.begun == 0) {
        (void)naru_loop_turn(self.loop, 1000);
    }
    pthread_create(&visitor, NULL, come_and_go, NULL);
    while (!self.leaving) {
        (void)naru_loop_turn(self.loop, 1000);
    }
    atomic_store(&enough, true);
    void *why = NULL;
    pthread_join(visitor, &why);
    if (why) {
        fail("a visitor was not served", why);
    }
    naru_timer_free(late);
    (void)naru_loop_run(self.loop);
    reap(&self);
    naru_loop_free(self.loop);
    if (self.begun != self.wanted + 1 || self.moves < self.wanted * CLIENTS || atomic_load(&visits) < self.wanted) {
        fail("too little", "happened");
    }
    if (access(self.line + 5, F_OK) == 0 || rmdir(folder) != 0) {
        fail("the last one left its file", self.line);
    }
    printf("%u hand-overs, %lu echoes, %lu moves, %u visits, %d failures\n", self.begun - 1, self.echoes, self.moves,
           atomic_load(&visits), failures);
    return failures > 0;
}
