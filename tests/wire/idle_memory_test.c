/* What an idle connection costs of naru's own memory: thousands of them, before and after each has echoed a message,
 * without compression and with it. Counted by the allocator, to the byte, and by the process's resident size, which
 * also sees what an allocator hides. The peers live in a child process, since one process may not have descriptors for
 * both ends.
 *
 * 232 bytes are what malloc makes a chunk of 240 of. */
#include "unit/check.h"

#include <naru/naru.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 10000, ROUND_CONNECTIONS = 100, PAYLOAD_BYTES = 100, LISTS_BYTES_MAX = 8192 };

/* What is agreed on, and what a connection may cost. */
typedef struct bargain {
    const char *fields; /* of the request, beside those that all have */
    bool compressed;    /* the echo */
    size_t connections;
    size_t idle_bytes_max, touched_bytes_max;
} bargain;

typedef struct site {
    naru_loop *loop;
    size_t live_bytes; /* of the counting allocator */
    size_t opened, echoed, closed;
    int to_child, from_child;
} site;

static void *counting_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    site *s = user;
    if (new_bytes == 0) {
        free(block);
        s->live_bytes -= old_bytes;
        return NULL;
    }
    void *moved = realloc(block, new_bytes);
    if (moved) {
        s->live_bytes += new_bytes - old_bytes;
    }
    return moved;
}

static void on_open(naru_conn *conn, void *user)
{
    (void)conn;
    ((site *)user)->opened++;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    ((site *)user)->echoed++;
    CHECK(naru_conn_send(conn, kind, data, 0) >= 0);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn, (void)info;
    ((site *)user)->closed++;
}

/* ---- the child: the peers ------------------------------------------------------------------------------------ */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

static bool send_all(int fd, const char *text, size_t size)
{
    return write(fd, text, size) == (ssize_t)size;
}

static bool read_answer(int fd)
{
    char text[1024];
    size_t got = 0;
    while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
        ssize_t more = read(fd, text + got, sizeof text - got);
        if (more <= 0) {
            return false;
        }
        got += (size_t)more;
    }
    return memcmp(text, "HTTP/1.1 101", 12) == 0;
}

static bool open_round(const bargain *made, int *fds, size_t count, uint16_t port)
{
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        made->fields);
    bool ok = size > 0 && (size_t)size < sizeof request;
    for (size_t i = 0; i < count; i++) {
        fds[i] = connect_to(port);
        ok = ok && fds[i] >= 0 && send_all(fds[i], request, (size_t)size);
    }
    for (size_t i = 0; i < count; i++) {
        ok = ok && read_answer(fds[i]);
    }
    return ok;
}

static bool read_frame(int fd, uint8_t first)
{
    uint8_t head[2], payload[125];
    return recv(fd, head, sizeof head, MSG_WAITALL) == sizeof head && head[0] == first && head[1] <= sizeof payload &&
           recv(fd, payload, head[1], MSG_WAITALL) == head[1];
}

/* 100 bytes under a zero mask; compressed they are a stored block (RFC 1951 3.2.4) and the first byte of an empty one,
 * whose rest a sender leaves out (RFC 7692 7.2.1). */
static bool echo_once(const bargain *made, int fd)
{
    char plain[6 + PAYLOAD_BYTES] = "\x82\xe4\0\0\0\0payload";
    char packed[6 + 5 + PAYLOAD_BYTES + 1] = "\xc2\xea\0\0\0\0\0\x64\0\x9b\xffpayload";
    return made->compressed ? send_all(fd, packed, sizeof packed) && read_frame(fd, 0xc2)
                            : send_all(fd, plain, sizeof plain) && read_frame(fd, 0x82);
}

/* Say "done" and wait for the word to go on. */
static void meet(int out, int in)
{
    char byte = 'x';
    if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1) {
        _exit(3);
    }
}

static _Noreturn void be_the_peers(const bargain *made, uint16_t port, int out, int in)
{
    static int fds[CONNECTIONS_MAX];
    for (size_t i = 0; i < made->connections; i += ROUND_CONNECTIONS) {
        if (!open_round(made, fds + i, ROUND_CONNECTIONS, port)) {
            _exit(1);
        }
    }
    meet(out, in);
    for (size_t i = 0; i < made->connections; i++) {
        if (!echo_once(made, fds[i])) {
            _exit(2);
        }
    }
    meet(out, in);
    _exit(0); /* and with it every socket */
}

/* ---- the parent: the server ---------------------------------------------------------------------------------- */

static void child_spoke(void *user, unsigned events)
{
    site *s = user;
    char byte;
    (void)events;
    CHECK_EQ(read(s->from_child, &byte, 1), 1);
    naru_loop_stop(s->loop);
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%*u %zu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void report(const char *when, size_t allocated, size_t resident, size_t connections, size_t bytes_max)
{
    printf("%s: %zu bytes a connection from the allocator, %zu resident\n", when, allocated / connections,
           resident / connections);
    CHECK(allocated / connections <= bytes_max);
}

static bool have_descriptors(size_t connections)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur > connections + 100;
}

static void hold_to(const bargain *made)
{
    size_t connections = made->connections;
    REQUIRE(have_descriptors(connections));
    static site s;
    s = (site){0};
    naru_allocator allocator = {counting_resize, &s};
    /* Without a cache, so that what is counted is what is in use. */
    naru_loop_options loop_options = {.allocator = &allocator, .cache_bytes_max = 1};
    naru_server_options options = {
        .connections_max = CONNECTIONS_MAX + 1, .origin_policy = NARU_ORIGIN_ANY, .conn.ws.deflate.enabled = true};
    naru_ws_route route = {.handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close}};
    naru_server *server;
    char bound[128];
    int up[2], down[2];
    s.loop = naru_loop_new(&loop_options);
    REQUIRE(s.loop && pipe(up) == 0 && pipe(down) == 0);
    REQUIRE(naru_server_new(s.loop, &options, &server) == NARU_OK);
    REQUIRE(naru_server_route_ws(server, "*", &route, &s) == NARU_OK);
    REQUIRE(naru_server_listen(server, "127.0.0.1:0", NULL, bound) == NARU_OK);
    s.from_child = up[0];
    s.to_child = down[1];
    naru_watch *watch = naru_watch_new(s.loop, s.from_child, NARU_READABLE, child_spoke, &s);
    pid_t child = fork();
    if (child == 0) {
        be_the_peers(made, (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10), up[1], down[0]);
    }
    close(up[1]);
    close(down[0]);
    naru_loop_turn(s.loop, 0);
    size_t allocated = s.live_bytes, resident = resident_bytes();
    naru_loop_run(s.loop);
    CHECK_EQ(s.opened, connections);
    report("idle", s.live_bytes - allocated, resident_bytes() - resident, connections, made->idle_bytes_max);
    CHECK_EQ(write(s.to_child, "x", 1), 1);
    naru_loop_run(s.loop);
    CHECK_EQ(s.echoed, connections);
    report("after an echo on each", s.live_bytes - allocated, resident_bytes() - resident, connections,
           made->touched_bytes_max);
    CHECK_EQ(write(s.to_child, "x", 1), 1);
    naru_watch_free(watch);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    while (s.closed < connections) {
        naru_loop_turn(s.loop, 100);
    }
    naru_loop_turn(s.loop, 0);
    printf("after the last one left: %zd bytes more than before the first, %zu connections\n",
           (ssize_t)(s.live_bytes - allocated), naru_server_connections(server));
    CHECK(s.live_bytes <= allocated + LISTS_BYTES_MAX); /* the loop's own lists may have grown a little */
    naru_server_free(server);
    naru_loop_free(s.loop);
    CHECK_EQ(s.live_bytes, 0);
    close(up[0]);
    close(down[1]);
}

TEST(an_idle_connection_is_small)
{
    static const bargain plain = {"", false, CONNECTIONS_MAX, 232, 232};
    hold_to(&plain);
}

/* Nothing of a message is kept. */
TEST(so_is_one_that_compresses_without_context)
{
    static const bargain alone = {"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                                  "client_no_context_takeover\r\n",
                                  true, 2000, 232, 232};
    hold_to(&alone);
}

/* Two rings of 512 bytes for the 100 that were said each way, and what names them. */
TEST(with_context_it_keeps_what_was_said)
{
    static const bargain context = {"Sec-WebSocket-Extensions: permessage-deflate\r\n", true, 2000, 232,
                                    232 + 216 + 2 * 520};
    hold_to(&context);
}

TEST_MAIN({"an idle connection is small", an_idle_connection_is_small},
          {"so is one that compresses without context", so_is_one_that_compresses_without_context},
          {"with context it keeps what was said", with_context_it_keeps_what_was_said})
