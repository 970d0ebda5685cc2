/* A scripted proxy beside the client's rig, on the same loop, with TLS or without: it compares what it is told, byte
 * for byte, answers what its script says, and then carries bytes to and from the rig's peer.
 *
 * Not for: what a test expects. */
#ifndef NARU_WIRE_CLIENT_PROXY_RIG_H
#define NARU_WIRE_CLIENT_PROXY_RIG_H

#include "wire/client_rig.h"

typedef struct proxy_step {
    naru_span expect; /* what must come, exactly; empty: the answer goes out at once */
    naru_span answer;
} proxy_step;

typedef struct proxy_script {
    proxy_step steps[4]; /* those that are all empty count for nothing */
    bool byte_by_byte;
    rig_end end; /* once the last answer is sent */
    bool relay;  /* then: to the rig's peer */
} proxy_script;

typedef struct proxy_rig {
    const proxy_script *script;
    naru_loop *loop;
    naru_tls *tls;      /* borrowed; NULL: plain */
    const char *beyond; /* the rig's address, to relay to */
    naru__listener *listener;
    char address[128];
    naru__stream *client; /* its connection to us */
    naru__stream *server; /* ours to the rig's peer */
    naru_buf got;         /* since the last step */
    naru_buf waiting;     /* what goes byte by byte */
    size_t step;
    unsigned connections;
} proxy_rig;

static inline void proxy__advance(proxy_rig *self);

static inline void proxy__put(naru__stream *stream, naru_span bytes)
{
    if (stream && naru_buf_append(naru__stream_out(stream), bytes) == NARU_OK) {
        naru__stream_flush_later(stream);
    }
}

/* ---- the far side ------------------------------------------------------------------------------------------- */

static inline void proxy__server_ready(naru__stream *stream)
{
    proxy_rig *self = stream->owner;
    proxy__put(stream, naru_buf_span(&self->got));
    naru_buf_take(&self->got, naru__buf_size(&self->got));
}

static inline void proxy__server_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    proxy_rig *self = stream->owner;
    proxy__put(self->client, (naru_span){bytes, size});
}

static inline void proxy__server_end(naru__stream *stream, naru_status why)
{
    proxy_rig *self = stream->owner;
    (void)why;
    naru__stream_close(stream);
    self->server = NULL;
    if (self->client) {
        naru__stream_shutdown(self->client);
    }
}

static inline void proxy__relay(proxy_rig *self)
{
    static const naru__stream_handler handler = {
        .on_ready = proxy__server_ready, .on_data = proxy__server_data, .on_end = proxy__server_end};
    char host[128];
    snprintf(host, sizeof host, "%s", self->beyond);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    naru__dial dial = {.host = host, .port = (uint16_t)strtoul(colon + 1, NULL, 10)};
    self->server = naru__stream_connect(self->loop, &dial, &handler, self);
    CHECK(self->server != NULL);
}

/* ---- the client's side -------------------------------------------------------------------------------------- */

static inline void proxy__finish(proxy_rig *self)
{
    if (self->script->end == RIG_FIN) {
        naru__stream_shutdown(self->client);
    } else if (self->script->end == RIG_RESET) {
        naru__stream_want_drain(self->client, 0);
    }
}

static inline void proxy__next_byte(proxy_rig *self)
{
    naru_span left = naru_buf_span(&self->waiting);
    if (left.size == 0) {
        proxy__advance(self);
        return;
    }
    proxy__put(self->client, (naru_span){left.data, 1});
    naru_buf_take(&self->waiting, 1);
    naru__stream_want_drain(self->client, 0);
}

static inline bool proxy__last(const proxy_rig *self)
{
    return self->step == 4 ||
           !(self->script->steps[self->step].answer.size + self->script->steps[self->step].expect.size);
}

static inline void proxy__answer(proxy_rig *self, naru_span answer)
{
    if (!self->script->byte_by_byte) {
        proxy__put(self->client, answer);
        proxy__advance(self);
        return;
    }
    (void)!naru_buf_append(&self->waiting, answer);
    proxy__next_byte(self);
}

/* As far as what has come allows. */
static inline void proxy__advance(proxy_rig *self)
{
    if (proxy__last(self)) {
        if (self->script->relay && !self->server) {
            proxy__relay(self);
        } else if (!self->script->relay) {
            proxy__finish(self);
        }
        return;
    }
    const proxy_step *step = &self->script->steps[self->step];
    naru_span got = naru_buf_span(&self->got);
    if (got.size < step->expect.size) {
        return;
    }
    CHECK_BYTES(((naru_span){got.data, step->expect.size}), step->expect);
    naru_buf_take(&self->got, step->expect.size);
    self->step++;
    proxy__answer(self, step->answer);
}

static inline void proxy__client_ready(naru__stream *stream)
{
    proxy_rig *self = stream->owner;
    if (self->script->end == RIG_RESET_AT_ONCE) {
        naru__stream_abort(stream);
        self->client = NULL;
        return;
    }
    proxy__advance(self);
}

static inline void proxy__client_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    proxy_rig *self = stream->owner;
    if (self->server && naru__stream_get_phase(self->server) == NARU__STREAM_READY) {
        proxy__put(self->server, (naru_span){bytes, size});
        return;
    }
    (void)!naru_buf_append(&self->got, (naru_span){bytes, size});
    if (!self->server && naru__buf_size(&self->waiting) == 0) {
        proxy__advance(self);
    }
}

static inline void proxy__client_end(naru__stream *stream, naru_status why)
{
    proxy_rig *self = stream->owner;
    (void)why;
    naru__stream_close(stream);
    self->client = NULL;
    if (self->server) {
        naru__stream_shutdown(self->server);
    }
}

static inline void proxy__client_drain(naru__stream *stream)
{
    proxy_rig *self = stream->owner;
    if (self->script->byte_by_byte && naru__buf_size(&self->waiting) > 0) {
        proxy__next_byte(self);
    } else if (self->script->byte_by_byte && !proxy__last(self)) {
        proxy__advance(self);
    } else if (self->script->end == RIG_RESET) {
        naru__stream_abort(stream);
        self->client = NULL;
    } else {
        proxy__advance(self);
    }
}

static inline void proxy__accepted(naru__listener *listener, int fd, void *user)
{
    static const naru__stream_handler handler = {.on_ready = proxy__client_ready,
                                                 .on_data = proxy__client_data,
                                                 .on_end = proxy__client_end,
                                                 .on_drain = proxy__client_drain};
    (void)listener;
    proxy_rig *self = user;
    self->connections++;
    self->client = naru__stream_accept(self->loop, fd, self->tls, &handler, self);
    if (!self->client) {
        close(fd);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static inline bool proxy_start_at(proxy_rig *self, const proxy_script *script, naru_loop *loop, const char *beyond,
                                  naru_tls *tls)
{
    *self = (proxy_rig){.script = script, .loop = loop, .tls = tls, .beyond = beyond};
    return naru__listener_open(loop, "127.0.0.1:0", false, 0, proxy__accepted, self, &self->listener, self->address) ==
           NARU_OK;
}

static inline bool proxy_start(proxy_rig *self, const proxy_script *script, naru_loop *loop, const char *beyond)
{
    return proxy_start_at(self, script, loop, beyond, NULL);
}

static inline void proxy_stop(proxy_rig *self)
{
    if (self->client) {
        naru__stream_close(self->client);
    }
    if (self->server) {
        naru__stream_close(self->server);
    }
    naru__listener_close(self->listener);
    naru_buf_deinit(&self->got);
    naru_buf_deinit(&self->waiting);
}

#endif
