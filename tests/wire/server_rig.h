/* A server and raw sockets in one thread: what the tests of the server are told in. The peers write and read bytes, the
 * loop is turned by hand, and whoever waits waits for something that really happens; nothing sleeps.
 *
 * Not for: what a test expects. */
#ifndef NARU_WIRE_SERVER_RIG_H
#define NARU_WIRE_SERVER_RIG_H

#include "unit/check.h"

#include <naru/naru.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RIG_PATIENCE_MS = 20000, RIG_LOG_BYTES = 16384 };

typedef struct rig {
    naru_loop *loop;
    naru_server *server;
    uint16_t port;
    unsigned opened, closed, messages; /* the echo handler's count */
    naru_close_info last_close;
    char log[RIG_LOG_BYTES]; /* the lines so far, each with its newline */
    size_t log_bytes;
} rig;

static inline uint64_t rig_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void rig_die(const char *what)
{
    fprintf(stderr, "rig: %s\n", what);
    abort();
}

static inline void rig_log(void *user, naru_log_level level, const char *line)
{
    rig *self = user;
    size_t left = sizeof self->log - self->log_bytes;
    int size = snprintf(self->log + self->log_bytes, left, "%d %s\n", (int)level, line);
    self->log_bytes += size > 0 && (size_t)size < left ? (size_t)size : 0;
}

static inline void rig_open_on(rig *self, naru_loop *loop, const naru_server_options *options)
{
    char bound[128] = "";
    self->loop = loop;
    if (!loop || naru_server_new(loop, options, &self->server) != NARU_OK ||
        naru_server_listen(self->server, "127.0.0.1:0", NULL, bound) != NARU_OK) {
        rig_die("cannot listen");
    }
    self->port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

static inline void rig_open(rig *self, const naru_server_options *options)
{
    memset(self, 0, sizeof *self);
    naru_loop_options loop = {.log = rig_log, .log_user = self};
    rig_open_on(self, naru_loop_new(&loop), options);
}

static inline void rig_close(rig *self)
{
    naru_server_free(self->server);
    naru_loop_free(self->loop);
}

static inline bool rig_logged(const rig *self, const char *text)
{
    return strstr(self->log, text) != NULL;
}

/* ---- the echo that most tests route to ------------------------------------------------------------------------ */

static inline void rig_on_open(naru_conn *conn, void *user)
{
    (void)conn;
    ((rig *)user)->opened++;
}
static inline void rig_on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    ((rig *)user)->messages++;
    (void)naru_conn_send(conn, kind, data, 0);
}
static inline void rig_on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    ((rig *)user)->closed++;
    ((rig *)user)->last_close = *info;
}
static const naru_conn_handler rig_echo = {
    .on_open = rig_on_open, .on_message = rig_on_message, .on_close = rig_on_close};

static inline void rig_route_echo(rig *self, const char *path)
{
    naru_ws_route route = {.handler = rig_echo};
    if (naru_server_route_ws(self->server, path, &route, self) != NARU_OK) {
        rig_die("cannot route");
    }
}

/* ---- peers ---------------------------------------------------------------------------------------------------- */

typedef struct peer {
    rig *at;
    int fd;
    uint8_t *data; /* what came and was not taken yet */
    size_t size, capacity;
    bool ended; /* the server ended its side */
    bool reset; /* or broke it off */
} peer;

/* Let the loop, and the peer if there is one, do what they can do now; wait for at most timeout_ms if that is nothing.
 */
static inline void rig_turn(rig *self, const peer *p, short events, uint32_t timeout_ms)
{
    uint32_t wait_ms = naru_loop_wait_ms(self->loop);
    wait_ms = wait_ms < timeout_ms ? wait_ms : timeout_ms;
    struct pollfd fds[2] = {{.fd = naru_loop_fd(self->loop), .events = POLLIN},
                            {.fd = p && !p->ended ? p->fd : -1, .events = events}};
    poll(fds, 2, (int)wait_ms);
    if (naru_loop_turn(self->loop, 0) != NARU_OK) {
        rig_die("the loop failed");
    }
}

static inline void peer_init(peer *p, rig *at, int fd)
{
    *p = (peer){.at = at, .fd = fd};
    if (fd < 0) {
        rig_die("cannot connect");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static inline void peer_open(peer *p, rig *at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        rig_die("cannot connect");
    }
    peer_init(p, at, fd);
}

static inline void peer_close(peer *p)
{
    if (p->fd >= 0) {
        close(p->fd);
    }
    free(p->data);
    *p = (peer){.fd = -1};
}

/* Take what has come. */
static inline void peer_receive(peer *p)
{
    while (!p->ended) {
        if (p->capacity - p->size < 65536) {
            p->capacity = p->capacity * 2 + 65536;
            p->data = realloc(p->data, p->capacity);
            if (!p->data) {
                rig_die("no memory");
            }
        }
        ssize_t got = recv(p->fd, p->data + p->size, p->capacity - p->size, 0);
        if (got > 0) {
            p->size += (size_t)got;
        } else if (got == 0 || errno != EAGAIN) {
            p->ended = true;
            p->reset = got != 0;
        } else {
            return;
        }
    }
}

/* Write all of it. A server that has closed takes nothing more, which is no mistake of the test. */
static inline void peer_send_bytes(peer *p, const void *bytes, size_t size)
{
    const char *at = bytes;
    uint64_t until = rig_now_ms() + RIG_PATIENCE_MS;
    while (size > 0) {
        ssize_t sent = send(p->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else {
            rig_turn(p->at, p, POLLOUT, 100);
        }
        if (rig_now_ms() > until) {
            rig_die("the server does not read");
        }
    }
}

static inline void peer_send(peer *p, const char *text)
{
    peer_send_bytes(p, text, strlen(text));
}

/* Each byte in a segment of its own, and in a turn of its own. */
static inline void peer_send_slowly(peer *p, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        peer_send_bytes(p, (const char *)bytes + i, 1);
        naru_loop_turn(p->at->loop, 0);
    }
}

/* Turn until as many bytes have come, or the end. */
static inline void peer_wait_bytes(peer *p, size_t size)
{
    uint64_t until = rig_now_ms() + RIG_PATIENCE_MS;
    for (peer_receive(p); p->size < size && !p->ended; peer_receive(p)) {
        rig_turn(p->at, p, POLLIN, 100);
        if (rig_now_ms() > until) {
            fprintf(stderr, "%zu of %zu bytes: %.*s\n", p->size, size, (int)p->size, p->data ? (char *)p->data : "");
            rig_die("what is waited for does not come");
        }
    }
}

static inline void peer_wait_end(peer *p)
{
    peer_wait_bytes(p, SIZE_MAX);
}

static inline void peer_take(peer *p, size_t size)
{
    size = size < p->size ? size : p->size;
    memmove(p->data, p->data + size, p->size - size);
    p->size -= size;
}

/* Turn until the condition holds. */
#define RIG_UNTIL(self, condition)                                                                                     \
    do {                                                                                                               \
        uint64_t until_ = rig_now_ms() + RIG_PATIENCE_MS;                                                              \
        while (!(condition)) {                                                                                         \
            rig_turn((self), NULL, 0, 100);                                                                            \
            if (rig_now_ms() > until_) {                                                                               \
                rig_die("never came true: " #condition);                                                               \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* ---- answers -------------------------------------------------------------------------------------------------- */

enum { ANSWER_HEAD_BYTES = 4096 };

/* One answer, copied out. status 0: the connection ended without one. */
typedef struct answer {
    int status;
    char head[ANSWER_HEAD_BYTES]; /* NUL-terminated */
    uint8_t *body;
    size_t body_bytes;
} answer;

static inline size_t answer_head_bytes(const peer *p)
{
    const uint8_t *end = p->size >= 4 ? memmem(p->data, p->size, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - p->data) + 4 : 0;
}

/* A field's value, or "" when there is none; static until the next call. */
static inline const char *answer_field(const answer *a, const char *name)
{
    static char value[1024];
    size_t name_bytes = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, name_bytes) == 0 && at[name_bytes] == ':') {
            at += name_bytes + 1;
            at += strspn(at, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
            return value;
        }
    }
    return "";
}

/* Wait for one answer and take it. has_body false: the request was HEAD. */
static inline answer peer_answer(peer *p, bool has_body)
{
    answer a = {0};
    size_t head = 0;
    for (size_t want = 1; (head = answer_head_bytes(p)) == 0; want = p->size + 1) {
        peer_wait_bytes(p, want);
        if (p->ended && (head = answer_head_bytes(p)) == 0) {
            return a;
        }
    }
    snprintf(a.head, sizeof a.head, "%.*s", (int)head, (const char *)p->data);
    a.status = (int)strtol(a.head + strlen("HTTP/1.1 "), NULL, 10);
    bool none = !has_body || a.status == 101 || a.status == 100 || a.status == 204 || a.status == 304;
    a.body_bytes = none ? 0 : strtoul(answer_field(&a, "Content-Length"), NULL, 10);
    peer_wait_bytes(p, head + a.body_bytes);
    a.body_bytes = p->size - head < a.body_bytes ? p->size - head : a.body_bytes;
    a.body = malloc(a.body_bytes + 1);
    if (!a.body) {
        rig_die("no memory");
    }
    memcpy(a.body, p->data + head, a.body_bytes);
    a.body[a.body_bytes] = 0;
    peer_take(p, head + a.body_bytes);
    return a;
}

static inline void answer_free(answer *a)
{
    free(a->body);
    a->body = NULL;
}

/* Open, ask, and take the answer; the peer stays open. */
static inline answer peer_ask(peer *p, rig *at, const char *request)
{
    peer_open(p, at);
    peer_send(p, request);
    return peer_answer(p, strncmp(request, "HEAD ", 5) != 0);
}

/* ---- WebSocket ------------------------------------------------------------------------------------------------ */

#define RIG_UPGRADE_FIELDS                                                                                             \
    "Host: naru.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"  \
    "Sec-WebSocket-Version: 13\r\n"
#define RIG_UPGRADE(path) "GET " path " HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "\r\n"

/* A masked frame of at most 65535 bytes; answers its size. out holds payload and 8 bytes. */
static inline size_t rig_frame(uint8_t *out, uint8_t opcode, const void *payload, size_t size)
{
    static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};
    size_t at = 0;
    out[at++] = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        out[at++] = (uint8_t)(0x80 | size);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    }
    memcpy(out + at, key, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        out[at + i] = (uint8_t)(((const uint8_t *)payload)[i] ^ key[i % 4]);
    }
    return at + size;
}

static inline void peer_text(peer *p, const char *text)
{
    uint8_t frame[512];
    peer_send_bytes(p, frame, rig_frame(frame, 1, text, strlen(text)));
}

/* The next frame is this short one, whole. */
static inline bool peer_expect_frame(peer *p, uint8_t opcode, const void *payload, size_t size)
{
    peer_wait_bytes(p, 2 + size);
    bool same = p->size >= 2 + size && p->data[0] == (uint8_t)(0x80 | opcode) && p->data[1] == size &&
                (size == 0 || memcmp(p->data + 2, payload, size) == 0);
    if (!same) {
        fprintf(stderr, "frame expected: %02x and %zu bytes; there are %zu", 0x80u | opcode, size, p->size);
        for (size_t i = 0; i < p->size && i < 32; i++) {
            fprintf(stderr, " %02x", p->data[i]);
        }
        fprintf(stderr, "\n");
    }
    peer_take(p, 2 + size);
    return same;
}

static inline bool peer_echoes(peer *p, const char *text)
{
    peer_text(p, text);
    return peer_expect_frame(p, 1, text, strlen(text));
}

/* Connect, upgrade, and expect the 101. */
static inline bool peer_upgrade(peer *p, rig *at, const char *request)
{
    answer a = peer_ask(p, at, request);
    bool accepted = a.status == 101;
    answer_free(&a);
    return accepted;
}

#endif
