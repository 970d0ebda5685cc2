/* A client and a scripted peer on one loop: what the tests of the client are told in. The peer reads the
 * request, answers what its script says and logs the frames that come; the client's events are logged as text.
 * Nothing sleeps.
 *
 * Not for: what a test expects. */
#ifndef NARU_WIRE_CLIENT_RIG_H
#define NARU_WIRE_CLIENT_RIG_H

#include "unit/check.h"

#include "base/buf.h"
#include "io/stream.h"
#include "ws/handshake.h"
#include <naru/naru.h>

#include <stdarg.h>
#include <stdlib.h>
#include <errno.h>
#include <unistd.h>

enum { RIG_PATIENCE_MS = 20000, RIG_LOG_BYTES = 4096 };

/* A good answer; {accept} is put in. */
#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADED "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPTED "Sec-WebSocket-Accept: {accept}\r\n"
#define GOOD_ANSWER SWITCHING UPGRADED ACCEPTED "\r\n"

typedef enum rig_end {
    RIG_STAYS = 0,
    RIG_FIN,         /* ends its side once everything is sent */
    RIG_RESET,       /* breaks the connection once everything is sent */
    RIG_FIN_AT_ONCE, /* before it has read anything */
    RIG_RESET_AT_ONCE,
} rig_end;

typedef struct rig_script {
    const char *answer; /* to the request's head, with {accept}; NULL: none */
    naru_span frames;   /* right behind it */
    bool byte_by_byte;
    rig_end end;
    bool close_back; /* answer the client's Close with its own and end */
    bool deaf;       /* read nothing behind the request */
} rig_script;

typedef struct rig {
    naru_loop *loop;
    naru__listener *listener;
    naru_tls *tls; /* of the peer */
    char address[128];
    char url[160];
    const rig_script *script;
    naru__stream *peer;
    naru_buf request;
    naru_buf waiting; /* what goes byte by byte */
    naru_buf frames;  /* what came behind the request */
    bool answered;
    bool peer_closing;
    naru_client *client;
    char events[RIG_LOG_BYTES];   /* the client's */
    char received[RIG_LOG_BYTES]; /* the peer's: frames as "text abc", "close 1000 bye" */
    bool closed;
    naru_client_phase phase;
    naru_status status;
    int http_status;
    int system_error;
    char text[512];
    char body[8192];
    size_t body_bytes;
    bool had_head;
    bool proxy; /* its fault */
    uint32_t redirects;
    naru_close_info info;
} rig;

static inline void rig__note(char *log, const char *format, ...) NARU_PRINTF(2, 3);
static inline void rig__note(char *log, const char *format, ...)
{
    size_t used = strlen(log);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && used < RIG_LOG_BYTES - 2) {
        log[used++] = ';';
        log[used++] = ' ';
        log[used] = '\0';
    }
    vsnprintf(log + used, RIG_LOG_BYTES - used, format, arguments);
    va_end(arguments);
}

/* ---- the peer ----------------------------------------------------------------------------------------------- */

static inline void rig__write(rig *self, naru_span bytes)
{
    if (self->peer && naru_buf_append(naru__stream_out(self->peer), bytes) == NARU_OK) {
        naru__stream_flush_later(self->peer);
    }
}

/* The peer speaks outside of its script. */
static inline void rig_peer_send(rig *self, naru_span bytes)
{
    rig__write(self, bytes);
}

static inline void rig_peer_fin(rig *self)
{
    if (self->peer) {
        naru__stream_shutdown(self->peer);
    }
}

static inline void rig_peer_reset(rig *self)
{
    if (self->peer) {
        naru__stream_abort(self->peer);
        self->peer = NULL;
    }
}

static inline void rig__finish_script(rig *self)
{
    if (self->script->end == RIG_FIN) {
        rig_peer_fin(self);
    } else if (self->script->end == RIG_RESET) {
        naru__stream_want_drain(self->peer, 0);
    }
}

static inline void rig__send_next_byte(rig *self)
{
    naru_span left = naru_buf_span(&self->waiting);
    if (left.size == 0) {
        rig__finish_script(self);
        return;
    }
    rig__write(self, (naru_span){left.data, 1});
    naru_buf_take(&self->waiting, 1);
    naru__stream_want_drain(self->peer, 0);
}

static inline void rig__append_answer(rig *self, naru_buf *out)
{
    naru_span head = naru_buf_span(&self->request);
    char key[25] = "";
    char accept[29];
    const char *field = head.size ? memmem(head.data, head.size, "Sec-WebSocket-Key: ", 19) : NULL;
    if (field) {
        memcpy(key, field + strlen("Sec-WebSocket-Key: "), 24);
    }
    naru__ws_accept(naru_span_of(key), accept);
    for (const char *at = self->script->answer; *at;) {
        bool here = strncmp(at, "{accept}", 8) == 0;
        naru_span piece = here ? naru_span_of(accept) : (naru_span){(const uint8_t *)at, 1};
        (void)!naru_buf_append(out, piece);
        at += here ? 8 : 1;
    }
    (void)!naru_buf_append(out, self->script->frames);
}

static inline void rig__answer(rig *self)
{
    self->answered = true;
    if (self->script->deaf) {
        naru__stream_pause(self->peer);
    }
    if (!self->script->answer) {
        rig__finish_script(self);
        return;
    }
    rig__append_answer(self, &self->waiting);
    if (self->script->byte_by_byte) {
        rig__send_next_byte(self);
        return;
    }
    rig__write(self, naru_buf_span(&self->waiting));
    naru_buf_take(&self->waiting, naru_buf_span(&self->waiting).size);
    rig__finish_script(self);
}

static inline void rig__log_frame(rig *self, uint8_t opcode, uint8_t *payload, size_t size)
{
    char text[200];
    snprintf(text, sizeof text, "%.*s", size < 100 ? (int)size : 100, size ? (const char *)payload : "");
    if (opcode == 8 && size >= 2) {
        rig__note(self->received, "close %d%s%s", payload[0] << 8 | payload[1], size > 2 ? " " : "", text + 2);
    } else if (opcode == 8) {
        rig__note(self->received, "close");
    } else {
        const char *kind = opcode == 1 ? "text" : opcode == 2 ? "binary" : opcode == 9 ? "ping" : "pong";
        rig__note(self->received, "%s %s", kind, size <= 100 ? text : "(long)");
    }
    if (opcode == 8 && self->script->close_back && !self->peer_closing) {
        uint8_t frame[2 + 125] = {0x88, (uint8_t)size};
        memcpy(frame + 2, payload, size);
        self->peer_closing = true;
        rig__write(self, (naru_span){frame, size + 2});
        rig_peer_fin(self);
    }
}

/* Take one whole masked frame off the front. */
static inline bool rig__next_frame(rig *self)
{
    uint8_t *at = self->frames.data + self->frames.begin;
    size_t have = naru__buf_size(&self->frames);
    if (have < 6) {
        return false;
    }
    size_t size = at[1] & 0x7f;
    size_t head = size == 126 ? 8 : size == 127 ? 14 : 6;
    if (have < head) {
        return false;
    }
    size_t extended = head - 6;
    for (size_t i = 0; i < extended; i++) {
        size = (i ? size << 8 : 0) | at[2 + i];
    }
    if (have - head < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        at[head + i] ^= at[head - 4 + (i & 3)];
    }
    CHECK(at[1] & 0x80); /* 6455 5.1: a client masks */
    rig__log_frame(self, at[0] & 0x0f, at + head, size);
    naru_buf_take(&self->frames, head + size);
    return true;
}

static inline void rig__peer_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    rig *self = stream->owner;
    if (self->answered) {
        (void)!naru_buf_append(&self->frames, (naru_span){bytes, size});
        while (rig__next_frame(self)) {
        }
        return;
    }
    (void)!naru_buf_append(&self->request, (naru_span){bytes, size});
    naru_span head = naru_buf_span(&self->request);
    if (head.size >= 4 && memcmp(head.data + head.size - 4, "\r\n\r\n", 4) == 0) {
        rig__answer(self);
    }
}

static inline void rig__peer_ready(naru__stream *stream)
{
    rig *self = stream->owner;
    if (self->script->end == RIG_FIN_AT_ONCE) {
        naru__stream_close(stream);
        self->peer = NULL;
    } else if (self->script->end == RIG_RESET_AT_ONCE) {
        rig_peer_reset(self);
    }
}

static inline void rig__peer_end(naru__stream *stream, naru_status why)
{
    rig *self = stream->owner;
    rig__note(self->received, why == NARU_END ? "fin" : "broken");
    naru__stream_close(stream);
    self->peer = NULL;
}

static inline void rig__peer_drain(naru__stream *stream)
{
    rig *self = stream->owner;
    if (self->script->byte_by_byte && naru_buf_span(&self->waiting).size > 0) {
        rig__send_next_byte(self);
    } else if (self->script->end == RIG_RESET) {
        rig_peer_reset(self);
    } else {
        rig__finish_script(self);
    }
}

static inline void rig__accepted(naru__listener *listener, int fd, void *user)
{
    static const naru__stream_handler handler = {
        .on_ready = rig__peer_ready, .on_data = rig__peer_data, .on_end = rig__peer_end, .on_drain = rig__peer_drain};
    (void)listener;
    rig *self = user;
    self->peer = naru__stream_accept(self->loop, fd, self->tls, &handler, self);
    if (!self->peer) {
        close(fd);
    }
}

/* ---- the client --------------------------------------------------------------------------------------------- */

static inline void rig_on_open(naru_client *client, void *user)
{
    rig *self = user;
    CHECK_EQ(naru_client_state(client), NARU_OPEN);
    rig__note(self->events, "open");
}

static inline void rig_on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    rig *self = user;
    CHECK_EQ(naru_client_state(client), NARU_OPEN);
    rig__note(self->events, "%s %.*s", kind == NARU_WS_TEXT ? "text" : "binary", data.size < 100 ? (int)data.size : 100,
              data.size ? (const char *)data.data : "");
}

static inline void rig_on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    rig *self = user;
    CHECK_EQ(naru_client_state(client), NARU_CLOSED);
    CHECK(failure->text && failure->text[0]);
    CHECK(failure->fault.rule && failure->fault.text);
    self->phase = failure->phase;
    self->status = failure->status;
    self->http_status = failure->http_status;
    self->system_error = failure->system_error;
    self->had_head = failure->head != NULL;
    self->proxy = failure->proxy;
    self->redirects = failure->redirects;
    snprintf(self->text, sizeof self->text, "%s", failure->text);
    self->body_bytes = failure->body.size;
    if (failure->body.size > 0 && failure->body.size <= sizeof self->body) {
        memcpy(self->body, failure->body.data, failure->body.size);
    }
    rig__note(self->events, "error");
}

static inline void rig_on_close(naru_client *client, const naru_close_info *info, void *user)
{
    rig *self = user;
    CHECK_EQ(naru_client_state(client), NARU_CLOSED);
    CHECK(!self->closed);
    self->closed = true;
    self->info = *info;
    rig__note(self->events, "close %u%s%.*s%s", info->code, info->reason.size ? " " : "", (int)info->reason.size,
              info->reason.size ? (const char *)info->reason.data : "", info->clean ? " clean" : "");
}

static const naru_client_handler rig_handler = {
    .on_open = rig_on_open, .on_message = rig_on_message, .on_error = rig_on_error, .on_close = rig_on_close};

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static inline void rig__logged(void *user, naru_log_level level, const char *line)
{
    (void)user;
    if (level <= NARU_LOG_ERROR) {
        fprintf(stderr, "%s\n", line);
    }
}

/* A peer that listens at address (NULL: a free port of 127.0.0.1) and follows script. */
static inline bool rig_start_at(rig *self, const rig_script *script, const char *address, naru_tls *tls)
{
    *self = (rig){.script = script, .tls = tls};
    self->loop = naru_loop_new(&(naru_loop_options){.log = rig__logged});
    if (!self->loop || naru__listener_open(self->loop, address ? address : "127.0.0.1:0", false, 0, rig__accepted, self,
                                           &self->listener, self->address)) {
        return false;
    }
    snprintf(self->url, sizeof self->url, "%s://%s/", tls ? "wss" : "ws", address ? "localhost" : self->address);
    return true;
}

static inline bool rig_start(rig *self, const rig_script *script)
{
    return rig_start_at(self, script, NULL, NULL);
}

static inline naru_status rig_open(rig *self, const naru_client_options *options)
{
    return naru_client_open(self->loop, self->url, options, &rig_handler, self, &self->client, NULL);
}

/* Turn the loop until the log begins with or equals what is waited for. */
static inline bool rig_wait(rig *self, const char *log, const char *wanted)
{
    uint64_t end_ms = naru_loop_now_ms(self->loop) + RIG_PATIENCE_MS;
    while (!strstr(log, wanted)) {
        if (naru_loop_turn(self->loop, RIG_PATIENCE_MS) < 0 || naru_loop_now_ms(self->loop) >= end_ms) {
            fprintf(stderr, "waited in vain for \"%s\"; there is \"%s\"\n", wanted, log);
            return false;
        }
    }
    return true;
}

static inline bool rig_wait_closed(rig *self)
{
    return rig_wait(self, self->events, "close ");
}

/* Let everything that is under way happen; nothing here takes time. */
static inline void rig_settle(rig *self)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(naru_loop_turn(self->loop, 0), NARU_OK);
    }
}

static inline void rig_stop(rig *self)
{
    naru_client_free(self->client);
    if (self->peer) {
        naru__stream_close(self->peer);
    }
    naru__listener_close(self->listener);
    naru_buf_deinit(&self->request);
    naru_buf_deinit(&self->waiting);
    naru_buf_deinit(&self->frames);
    naru_loop_free(self->loop);
}

#define RIG_BYTES(literal) ((naru_span){(const uint8_t *)("" literal), sizeof(literal) - 1})

#endif
