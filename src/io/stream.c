/* Streams: what their owners call. Nothing here calls an owner back.
 *
 * Not for: transfers (stream_epoll.c, stream_uring.c), connecting (dial.c), records (stream_tls.c). Source: none. */
#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "address.h"
#include "base/buf.h"
#include "base/memory.h"
#include "stream_core.h"

enum { BLOCK_BYTES = sizeof(naru__stream) + NARU__STREAM_ROOM_BYTES };

naru__stream *naru__stream_new(naru_loop *loop, const naru__stream_handler *handler, void *owner)
{
    naru__stream *stream = naru__alloc(&loop->cache.allocator, BLOCK_BYTES);
    if (stream) {
        *stream = (naru__stream){.handler = handler, .owner = owner, .loop = loop, .fd = -1};
    }
    return stream;
}

void naru__stream_discard(naru__stream *stream)
{
    naru__stream_cold_free(stream);
    naru__free(&stream->loop->cache.allocator, stream, BLOCK_BYTES);
}

naru__stream *naru__stream_accept(naru_loop *loop, int fd, naru_tls *tls, const naru__stream_handler *handler,
                                  void *owner)
{
    assert(naru__loop_owns_thread(loop));
    naru__stream *stream = naru__stream_new(loop, handler, owner);
    if (!stream) {
        return NULL;
    }
    stream->fd = fd;
    stream->phase = NARU__STREAM_READY;
    if ((tls && !naru__stream_tls_begin(stream, tls, true, NULL)) || !naru__stream_watch(stream)) {
        naru__stream_tls_free(stream);
        naru__stream_discard(stream);
        return NULL;
    }
    loop->active++;
    if (!tls) {
        naru__stream_mark(stream, NARU__ANNOUNCE);
        naru__stream_flush_later(stream);
    }
    return stream;
}

/* ---- what became of it --------------------------------------------------------------------------------- */

naru__stream_phase naru__stream_get_phase(const naru__stream *stream)
{
    return (naru__stream_phase)stream->phase;
}

bool naru__stream_is_tls(const naru__stream *stream)
{
    const naru__stream *beneath = naru__stream_beneath(stream);
    return stream->tls != NULL || (beneath && naru__stream_is_tls(beneath));
}

const char *naru__error_text(int system_error)
{
    switch (system_error) {
    case 0:
        return "connection ended";
    case ECONNRESET:
    case EPIPE:
        return "connection reset by the peer";
    case ECONNREFUSED:
        return "connection refused";
    case ETIMEDOUT:
        return "connection timed out";
    case ENOMEM:
    case ENOBUFS:
        return "no memory";
    default: {
        const char *text = strerrordesc_np(system_error);
        return text ? text : "unknown error";
    }
    }
}

const char *naru__stream_error(const naru__stream *stream, int *system_error_out)
{
    if (system_error_out) {
        *system_error_out = stream->system_error;
    }
    if (stream->cold && stream->cold->error) {
        return stream->cold->error;
    }
    return naru__error_text(stream->system_error);
}

naru__stream_cold *naru__stream_cold_get(naru__stream *stream)
{
    if (!stream->cold) {
        stream->cold = naru__alloc_zero(&stream->loop->cache.allocator, sizeof *stream->cold);
    }
    return stream->cold;
}

void naru__stream_cold_free(naru__stream *stream)
{
    const naru_allocator *allocator = &stream->loop->cache.allocator;
    if (stream->cold) {
        naru__free(allocator, stream->cold->error, NARU__STREAM_ERROR_BYTES);
        naru__free(allocator, stream->cold, sizeof *stream->cold);
        stream->cold = NULL;
    }
}

naru_status naru__stream_tell(naru__stream *stream, const naru__peer *peer)
{
    naru__stream_cold *cold = peer ? naru__stream_cold_get(stream) : stream->cold;
    if (cold) {
        cold->told = peer;
    }
    return cold || !peer ? NARU_OK : NARU_ERR_MEMORY;
}

const naru__peer *naru__stream_told(const naru__stream *stream)
{
    return stream->cold ? stream->cold->told : NULL;
}

void naru__stream_peer(const naru__stream *stream, char *out, size_t out_bytes)
{
    naru__address address = {.size = sizeof address.storage};
    const naru__peer *told = naru__stream_told(stream);
    const naru__stream *beneath = naru__stream_beneath(stream);
    naru__peer peer = told ? *told : (naru__peer){.known = false};
    if (!peer.known && beneath) {
        naru__stream_peer(beneath, out, out_bytes);
        return;
    }
    if (!peer.known && stream->fd >= 0 && getpeername(stream->fd, &address.any, &address.size) == 0) {
        peer = naru__peer_of(&address);
    } else {
        address.size = 0;
    }
    if (peer.known) {
        naru__peer_address(&peer, &address); /* IPv4 looks the same whichever socket it came by */
    }
    naru__address_format(&address, out, out_bytes);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

void naru__stream_flush_later(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__DIRTY)) {
        return;
    }
    naru__stream_mark(stream, NARU__DIRTY);
    naru_loop *loop = stream->loop;
    stream->dirty_next = NULL;
    *loop->dirty_end = stream;
    loop->dirty_end = &stream->dirty_next;
}

/* Outside of on_data thousands may ask in one turn: each gets one that grows. The end of the turn sees to it, whatever
 * comes of it. */
naru_buf *naru__stream_lend_out(naru__stream *stream)
{
    naru__cache *cache = &stream->loop->cache;
    stream->out = naru__cache_lend_bare(cache);
    if (!stream->out) {
        return &cache->barren;
    }
    naru__stream_flush_later(stream);
    return stream->out;
}

/* `out` lost `bytes` at its front. */
static void took(naru__stream *stream, size_t bytes)
{
    stream->sent += bytes;
    if (bytes > 0) {
        naru_buf_take(stream->out, bytes);
    }
}

/* errors SIZE_MAX: writing failed, and the stream is marked so. */
static size_t transmit_both(naru__stream *stream, naru_span first, naru_span second)
{
    struct iovec parts[2] = {
        {(void *)(uintptr_t)first.data, first.size},
        {(void *)(uintptr_t)second.data, second.size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = first.size == 0 ? send(stream->fd, second.data, second.size, MSG_NOSIGNAL)
                                   : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
        return (size_t)sent;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    stream->system_error = errno;
    naru__stream_mark(stream, NARU__BROKEN);
    return SIZE_MAX;
}

naru_status naru__stream_write_through(naru__stream *stream, naru_span payload)
{
    if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__BROKEN | NARU__SHUT)) {
        return NARU_OK; /* on_end tells or told */
    }
    bool queue = stream->tls || stream->has_shots || stream->phase != NARU__STREAM_READY ||
                 naru__stream_has(stream, NARU__BLOCKED);
    naru__stream_flush_later(stream);
    if (queue) {
        return naru_buf_append(naru__stream_out(stream), payload);
    }
    naru_span queued = stream->out ? naru_buf_span(stream->out) : (naru_span){NULL, 0};
    size_t sent = transmit_both(stream, queued, payload);
    if (sent == SIZE_MAX) {
        return NARU_OK;
    }
    if (sent < queued.size) {
        took(stream, sent);
        return naru_buf_append(naru__stream_out(stream), payload);
    }
    took(stream, queued.size);
    /* What went by `out` counts as if it had been in it. */
    sent -= queued.size;
    stream->sent += sent;
    naru_span rest = {payload.data + sent, payload.size - sent};
    return rest.size > 0 ? naru_buf_append(naru__stream_out(stream), rest) : NARU_OK;
}

void naru__stream_want_drain(naru__stream *stream, uint32_t low_mark)
{
    stream->low_mark = low_mark;
    naru__stream_mark(stream, NARU__DRAIN);
    naru__stream_flush_later(stream);
}

size_t naru__stream_in_flight(const naru__stream *stream)
{
    int bytes = 0;
    return stream->fd >= 0 && ioctl(stream->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

void naru__stream_has_room(naru__stream *stream, bool room)
{
    if (room && !stream->tls) {
        naru__stream_mark(stream, NARU__ROOM);
    } else {
        naru__stream_unmark(stream, NARU__ROOM);
    }
}

void naru__stream_pause(naru__stream *stream)
{
    /* The backend hears of it when something comes: most pauses are over by then. */
    naru__stream_mark(stream, NARU__PAUSED);
}

void naru__stream_resume(naru__stream *stream)
{
    if (!naru__stream_has(stream, NARU__PAUSED)) {
        return;
    }
    naru__stream_unmark(stream, NARU__PAUSED);
    if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD) || stream->phase < NARU__STREAM_TLS) {
        return;
    }
    naru__stream_update_interest(stream);
    if (stream->tls || naru__uring_holds(stream) || naru__stream_over_holds(stream)) {
        naru__stream_mark(stream, NARU__RESUMED);
        naru__stream_flush_later(stream);
    }
}

/* ---- ending -------------------------------------------------------------------------------------------- */

void naru__stream_shutdown(naru__stream *stream)
{
    if (!naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
        naru__stream_mark(stream, NARU__SHUTDOWN);
        naru__stream_flush_later(stream);
    }
}

void naru__stream_close(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__CLOSED)) {
        return;
    }
    assert(naru__loop_owns_thread(stream->loop));
    naru__dialer_cancel(stream);
    naru__stream_over_let_go(stream);
    naru__stream_unwatch(stream);
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
    naru__stream_out_drop(stream);
    naru__stream_timer_stop(stream);
    stream->loop->active--;
    naru__stream_mark(stream, NARU__CLOSED);
    naru__stream_flush_later(stream); /* frees it */
}

void naru__stream_abort(naru__stream *stream)
{
    if (stream->fd >= 0) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    naru__stream_close(stream);
}

void naru__stream_free(naru__stream *stream)
{
    naru__stream_tls_free(stream);
    naru__stream_out_drop(stream); /* its owner may have appended after closing */
    naru__uring_forget_held(stream);
    naru__stream_cold_free(stream);
    naru__loop_free_later(stream->loop, stream, BLOCK_BYTES); /* what is behind it may still be looked at */
}
