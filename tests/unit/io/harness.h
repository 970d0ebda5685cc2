/* What the io tests share: a loop over a counting allocator, peers that note what they are told, and
 * waiting that ends. */
#ifndef NARU_UNIT_IO_HARNESS_H
#define NARU_UNIT_IO_HARNESS_H

#include "base/buf.h"
#include "io/stream.h"
#include "unit/check.h"
#include "unit/failing_allocator.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 }; /* until a test gives up; never waited for when all is well */

/* Everything that a test stands on. Zero it, then bed_open. */
typedef struct bed {
    failing_allocator memory;
    size_t fail_at; /* see there; 0: no call fails */
    naru_loop *loop;
    naru_loop_options options;
    char log[4096]; /* the last line */
    size_t log_lines;
} bed;

static inline void bed_log(void *user, naru_log_level level, const char *line)
{
    bed *self = user;
    (void)level;
    self->log_lines++;
    snprintf(self->log, sizeof self->log, "%s", line);
}

static inline bool bed_open(bed *self)
{
    failing_allocator_init(&self->memory, self->fail_at);
    self->options.allocator = &self->memory.allocator;
    self->options.log = bed_log;
    self->options.log_user = self;
    self->loop = naru_loop_new(&self->options);
    return self->loop != NULL;
}

/* Frees the loop and sees that every byte is back. */
static inline void bed_close(bed *self)
{
    naru_loop_free(self->loop);
    CHECK_EQ(self->memory.live_bytes, 0);
}

static inline uint64_t harness_clock_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* Turn until the condition holds; false: it did not in time. */
#define TURN_UNTIL(bed, condition)                                                                                     \
    do {                                                                                                               \
        uint64_t turn__end_ms = harness_clock_ms() + PATIENCE_MS;                                                      \
        while (!(condition) && harness_clock_ms() < turn__end_ms) {                                                    \
            CHECK_EQ(naru_loop_turn((bed)->loop, 100), NARU_OK);                                                       \
        }                                                                                                              \
        REQUIRE(condition);                                                                                            \
    } while (0)

/* One end of a stream and its diary. */
typedef struct peer {
    naru__stream *stream;
    bed *bed;
    naru_buf got;
    size_t ready, data, end, drain; /* how often */
    naru_status why;
    naru__stream_phase end_phase;
    char error[512];
    int system_error;
    bool echo;
    bool stop_at_data; /* pause in on_data */
    bool close_on_ready, close_on_data, close_on_end, close_on_drain;
} peer;

static inline void peer_close(peer *self)
{
    if (self->stream) {
        naru__stream_close(self->stream);
        self->stream = NULL;
    }
}

static inline void peer_ready(naru__stream *stream)
{
    peer *self = stream->owner;
    self->ready++;
    CHECK_EQ(self->data, 0);
    if (self->close_on_ready) {
        peer_close(self);
    }
}

static inline void peer_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    peer *self = stream->owner;
    self->data++;
    CHECK(size > 0);
    CHECK_EQ(self->ready, 1);
    naru_buf *to = self->echo ? naru__stream_out(stream) : &self->got;
    CHECK_EQ(naru_buf_append(to, (naru_span){bytes, size}), NARU_OK);
    if (self->echo) {
        naru__stream_flush_later(stream);
    }
    memset(bytes, 0xee, size); /* they are ours to change */
    if (self->stop_at_data) {
        naru__stream_pause(stream);
    }
    if (self->close_on_data) {
        peer_close(self);
    }
}

static inline void peer_end(naru__stream *stream, naru_status why)
{
    peer *self = stream->owner;
    self->end++;
    self->why = why;
    self->end_phase = naru__stream_get_phase(stream);
    snprintf(self->error, sizeof self->error, "%s", naru__stream_error(stream, &self->system_error));
    if (self->close_on_end) {
        peer_close(self);
    }
}

static inline void peer_drain(naru__stream *stream)
{
    peer *self = stream->owner;
    self->drain++;
    if (self->close_on_drain) {
        peer_close(self);
    }
}

static const naru__stream_handler peer_handler = {
    .on_ready = peer_ready, .on_data = peer_data, .on_end = peer_end, .on_drain = peer_drain};

static inline void peer_init(peer *self, bed *on)
{
    *self = (peer){.bed = on};
    naru_buf_init(&self->got, NULL);
}

static inline void peer_deinit(peer *self)
{
    peer_close(self);
    naru_buf_deinit(&self->got);
}

/* A server's stream on one end of a socket pair; answers the other end, which is the caller's. tls NULL: plain. */
static inline int peer_serve(peer *self, bed *on, naru_tls *tls)
{
    int pair[2];
    peer_init(self, on);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) {
        abort();
    }
    self->stream = naru__stream_accept(on->loop, pair[0], tls, &peer_handler, self);
    if (!self->stream) {
        abort();
    }
    return pair[1];
}

static inline void peer_send(peer *self, naru_span bytes)
{
    CHECK_EQ(naru_buf_append(naru__stream_out(self->stream), bytes), NARU_OK);
    naru__stream_flush_later(self->stream);
}

/* A listener, and the peer that the next accepted socket becomes. */
typedef struct landing {
    bed *bed;
    naru__listener *listener;
    char bound[128];
    naru_tls *tls;
    peer *next;
    size_t accepted;
} landing;

static inline void landing_accepted(naru__listener *listener, int fd, void *user)
{
    (void)listener;
    landing *self = user;
    self->accepted++;
    peer *next = self->next;
    self->next = NULL;
    naru__stream *stream = next ? naru__stream_accept(self->bed->loop, fd, self->tls, &peer_handler, next) : NULL;
    if (stream) {
        next->stream = stream;
    } else {
        close(fd);
    }
}

static inline naru_status landing_open(landing *self, bed *on, const char *address)
{
    *self = (landing){.bed = on};
    return naru__listener_open(on->loop, address, false, 0, landing_accepted, self, &self->listener, self->bound);
}

/* The number behind the last colon of an address. */
static inline uint16_t port_of(const char *bound)
{
    return (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

/* The naru__dial for what a landing is bound to. `host` holds what the strings point at. */
static inline naru__dial dial_to(const landing *to, char host[128])
{
    naru__dial dial = {.host = host};
    snprintf(host, 128, "%s", to->bound);
    if (strncmp(host, "unix:", 5) == 0) {
        return dial;
    }
    char *colon = strrchr(host, ':');
    dial.port = port_of(to->bound);
    *colon = '\0';
    if (host[0] == '[') {
        colon[-1] = '\0';
        dial.host = host + 1;
    }
    return dial;
}

/* Two peers that are connected through a listener, which is gone again. */
static inline bool connect_peers_tls(bed *on, const char *address, naru_tls *server_tls, naru_tls *client_tls,
                                     const char *name, peer *server, peer *client)
{
    landing at;
    char host[128];
    peer_init(server, on);
    peer_init(client, on);
    if (landing_open(&at, on, address) != NARU_OK) {
        return check__true(false, "landing_open", __FILE__, __LINE__);
    }
    at.next = server;
    at.tls = server_tls;
    naru__dial dial = dial_to(&at, host);
    dial.tls = client_tls;
    dial.tls_name = name;
    client->stream = naru__stream_connect(on->loop, &dial, &peer_handler, client);
    uint64_t end_ms = harness_clock_ms() + PATIENCE_MS;
    while (client->stream && !(server->ready + server->end && client->ready + client->end) &&
           harness_clock_ms() < end_ms) {
        CHECK_EQ(naru_loop_turn(on->loop, 100), NARU_OK);
    }
    naru__listener_close(at.listener);
    return server->ready == 1 && client->ready == 1;
}

static inline bool connect_peers(bed *on, const char *address, peer *server, peer *client)
{
    return check__true(connect_peers_tls(on, address, NULL, NULL, NULL, server, client), "connected", __FILE__,
                       __LINE__);
}

#endif
