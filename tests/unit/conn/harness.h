/* One naru_conn in the server's role over one end of a socket pair, and the peer's hands on the other end: frames
 * are written and read there by hand, so that what the test expects is not computed by the code under test. */
#ifndef NARU_UNIT_CONN_HARNESS_H
#define NARU_UNIT_CONN_HARNESS_H

#include "conn/inside.h"
#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* An allocator that counts what is out, and can be told to fail once. */
typedef struct counting {
    size_t live_bytes;
    long fail_at; /* the how-manieth request from now answers NULL; 0: none */
} counting;

static inline void *counting_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    counting *count = user;
    if (new_bytes == 0) {
        free(block);
        count->live_bytes -= old_bytes;
        return NULL;
    }
    if (count->fail_at > 0 && --count->fail_at == 0) {
        return NULL;
    }
    void *moved = realloc(block, new_bytes);
    if (moved) {
        count->live_bytes += new_bytes - old_bytes;
    }
    return moved;
}

enum { LOG_EVENTS_MAX = 4096 };

typedef struct harness {
    counting count;
    naru_allocator allocator;
    naru_loop *loop;
    naru__conn_terms terms;
    naru_conn_handler handler;
    naru_conn *conn;          /* NULL once it is gone */
    int peer;                 /* the other end */
    char log[LOG_EVENTS_MAX]; /* a letter an event: O open, M message, D drain, C close, P pong, G gone */
    size_t log_size;
    naru_close_info closed;
    char reason[128];
    void (*on_message)(struct harness *h, naru_span data); /* what the application does; NULL: nothing */
} harness;

static inline void note(harness *h, char letter)
{
    if (h->log_size + 1 < sizeof h->log) {
        h->log[h->log_size++] = letter;
    }
}

static inline size_t count_of(const harness *h, char letter)
{
    size_t count = 0;
    for (size_t i = 0; i < h->log_size; i++) {
        count += h->log[i] == letter;
    }
    return count;
}

static inline void harness_open(naru_conn *conn, void *user)
{
    (void)conn;
    note(user, 'O');
}

static inline void harness_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)conn, (void)kind;
    harness *h = user;
    note(h, 'M');
    if (h->on_message) {
        h->on_message(h, data);
    }
}

static inline void harness_pong(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user)
{
    (void)conn, (void)data, (void)rtt_ms;
    note(user, 'P');
}

static inline void harness_drain(naru_conn *conn, void *user)
{
    (void)conn;
    note(user, 'D');
}

static inline void harness_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    harness *h = user;
    note(h, 'C');
    h->closed = *info;
    snprintf(h->reason, sizeof h->reason, "%.*s", (int)info->reason.size, (const char *)info->reason.data);
}

static inline void harness_gone(naru_conn *conn, const naru_close_info *info)
{
    (void)info;
    harness *h = naru__conn_terms_of(conn)->owner;
    note(h, 'G');
    h->conn = NULL;
}

/* A connected pair over TCP on the loopback address, where a reset is a reset. */
static inline bool tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr *)&address, &size) == 0;
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = ok && connect(pair[1], (struct sockaddr *)&address, size) == 0;
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    return ok && pair[0] >= 0 && fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0;
}

/* The defaults; change h->terms.options and h->handler, then harness_start. */
static inline void harness_init(harness *h)
{
    *h = (harness){.peer = -1};
    h->allocator = (naru_allocator){counting_resize, &h->count};
    h->handler = (naru_conn_handler){
        .on_open = harness_open,
        .on_message = harness_message,
        .on_pong = harness_pong,
        .on_drain = harness_drain,
        .on_close = harness_close,
    };
}

static inline bool harness_make(harness *h)
{
    int pair[2];
    naru_loop_options loop_options = {.allocator = &h->allocator};
    if (naru__conn_options_fill(&h->terms.options) != NARU_OK || !tcp_pair(pair)) {
        return false;
    }
    h->peer = pair[1];
    h->loop = naru_loop_new(&loop_options);
    if (!h->loop) {
        close(pair[0]);
        return false;
    }
    naru__stream *stream = naru__stream_accept(h->loop, pair[0], NULL, &naru__conn_stream_handler, NULL);
    if (!stream) {
        close(pair[0]);
        return false;
    }
    h->terms.allocator = naru_loop_allocator(h->loop);
    h->terms.owner = h;
    h->terms.on_gone = harness_gone;
    h->conn = naru__conn_new(stream, NARU_WS_SERVER, &h->terms, NULL, naru_span_of("chat"), &h->handler, h);
    if (!h->conn) {
        naru__stream_close(stream);
    }
    return h->conn != NULL;
}

static inline bool harness_start(harness *h)
{
    bool made = harness_make(h);
    if (made) {
        naru__conn_start(h->conn, NULL, 0);
    }
    return made;
}

static inline void harness_end(harness *h)
{
    if (h->conn) {
        naru__conn_destroy(h->conn);
    }
    naru_loop_free(h->loop);
    if (h->peer >= 0) {
        close(h->peer);
    }
    CHECK_EQ(h->count.live_bytes, 0);
}

static inline uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Turn the loop until `letter` has been noted `times` times; false after five seconds. */
static inline bool turn_until(harness *h, char letter, size_t times)
{
    uint64_t end_ms = wall_ms() + 5000;
    while (count_of(h, letter) < times) {
        if (wall_ms() > end_ms) {
            fprintf(stderr, "waited for %zu of %c in \"%.*s\"\n", times, letter, (int)h->log_size, h->log);
            return false;
        }
        naru_loop_turn(h->loop, 20);
    }
    return true;
}

/* Turn until nothing more happens: what is ready now has been handled. */
static inline void settle(harness *h)
{
    for (int i = 0; i < 4; i++) {
        naru_loop_turn(h->loop, 0);
    }
}

/* ---- the peer ----------------------------------------------------------------------------------------------- */

/* Write a final frame with an all-zero mask, so that the payload stands as it is. */
static inline size_t put_frame(uint8_t *out, uint8_t opcode, const void *payload, size_t size)
{
    size_t head = 2;
    out[0] = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        out[1] = (uint8_t)(0x80 | size);
    } else {
        out[1] = 0x80 | 126;
        out[2] = (uint8_t)(size >> 8);
        out[3] = (uint8_t)size;
        head = 4;
    }
    memset(out + head, 0, 4);
    memcpy(out + head + 4, payload, size);
    return head + 4 + size;
}

static inline void peer_write(harness *h, const void *bytes, size_t size)
{
    CHECK_EQ(write(h->peer, bytes, size), (ssize_t)size);
}

static inline void peer_frame(harness *h, uint8_t opcode, const void *payload, size_t size)
{
    uint8_t frame[1024];
    peer_write(h, frame, put_frame(frame, opcode, payload, size));
}

typedef struct received {
    uint8_t *bytes;
    size_t size;
    bool ended;
    bool reset;
} received;

/* Read what is there now. */
static inline void peer_read(harness *h, received *in)
{
    uint8_t block[65536];
    ssize_t got;
    while ((got = read(h->peer, block, sizeof block)) > 0) {
        in->bytes = realloc(in->bytes, in->size + (size_t)got);
        memcpy(in->bytes + in->size, block, (size_t)got);
        in->size += (size_t)got;
    }
    in->ended = in->ended || got == 0;
    in->reset = in->reset || (got < 0 && errno == ECONNRESET);
}

/* Read, turning the loop, until so many bytes or the end are there; false after five seconds. */
static inline bool peer_read_until(harness *h, received *in, size_t size)
{
    uint64_t end_ms = wall_ms() + 5000;
    for (peer_read(h, in); in->size < size && !in->ended && !in->reset; peer_read(h, in)) {
        if (wall_ms() > end_ms) {
            return false;
        }
        naru_loop_turn(h->loop, 5);
    }
    return true;
}

#endif
