/* What streams do on every backend: how they end, what is owed before bytes, and what follows a flush.
 *
 * Not for: what owners call (stream.c), transfers (stream_epoll.c, stream_uring.c). Source: send(2). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/memory.h"
#include "stream_core.h"

/* ---- what the backend waits for ------------------------------------------------------------------------ */

bool naru__stream_watch(naru__stream *stream)
{
    return stream->loop->ring ? naru__uring_watch(stream) : naru__epoll_watch(stream);
}

void naru__stream_unwatch(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ADDED)) {
        naru__backend_remove(stream->loop, &stream->source, stream->fd);
        naru__stream_unmark(stream, NARU__ADDED);
        stream->armed = 0;
    }
}

void naru__stream_adopt(naru__stream *stream)
{
    naru__stream_mark(stream, NARU__ADDED);
    if (stream->loop->ring) {
        naru__uring_adopt(stream);
    } else {
        naru__epoll_adopt(stream);
    }
}

void naru__stream_update_interest(naru__stream *stream)
{
    if (stream->fd < 0) {
        return; /* a carrier's */
    }
    if (stream->loop->ring) {
        naru__uring_update(stream);
    } else {
        naru__epoll_update(stream);
    }
}

void naru__stream_unwatchable(naru__stream *stream, int error)
{
    stream->system_error = error;
    naru__stream_mark(stream, NARU__UNWATCHED);
    naru__stream_flush_later(stream);
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

static void keep_error(naru__stream *stream, const char *text)
{
    naru__stream_cold *cold = text && text[0] ? naru__stream_cold_get(stream) : NULL;
    if (cold && !cold->error) {
        cold->error = naru__alloc(&stream->loop->cache.allocator, NARU__STREAM_ERROR_BYTES);
    }
    if (cold && cold->error) {
        size_t size = strnlen(text, NARU__STREAM_ERROR_BYTES - 1);
        memcpy(cold->error, text, size);
        cold->error[size] = '\0';
    }
}

void naru__stream_fail(naru__stream *stream, naru_status why, int system_error, const char *error_text)
{
    naru__uring_settle(stream->loop);
    stream->system_error = system_error;
    keep_error(stream, error_text);
    naru__stream_unwatch(stream);
    naru__stream_out_drop(stream);
    if (naru__stream_has(stream, NARU__READ_ENDED)) {
        naru__stream_mark(stream, NARU__BROKEN); /* on_end came; what is left to tell is that nothing drains any more */
        naru__stream_flush_later(stream);
        return;
    }
    naru__stream_mark(stream, NARU__DEAD);
    if (stream->loop->ring) {
        naru__stream_flush_later(stream); /* its receive has to be called off */
    }
    stream->handler->on_end(stream, why);
}

void naru__stream_end_read(naru__stream *stream)
{
    naru__stream_mark(stream, NARU__READ_ENDED);
    if (stream->phase == NARU__STREAM_READY) {
        stream->phase = NARU__STREAM_ENDED;
    }
    naru__stream_update_interest(stream);
    stream->handler->on_end(stream, NARU_END);
}

static int pending_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void naru__stream_receive_failed(naru__stream *stream, ssize_t got, int error)
{
    if (got < 0 && (error == EAGAIN || error == EINTR)) {
        return;
    }
    if (got == 0 && !naru__stream_has(stream, NARU__BROKEN)) {
        if (stream->tls) {
            naru__stream_tls_ended(stream);
        } else {
            naru__stream_end_read(stream);
        }
        return;
    }
    /* After a failed send the socket ends as if in order; the send's error is the true one. */
    naru__stream_fail(stream, NARU_ERR_CLOSED, got == 0 ? stream->system_error : error, NULL);
}

/* Nobody reads now, but the socket has something to tell. */
void naru__stream_ready_unread(naru__stream *stream, unsigned events)
{
    bool ended = naru__stream_has(stream, NARU__READ_ENDED);
    if (events & NARU__READY_BROKEN) {
        int error = pending_error(stream->fd);
        if (!ended) {
            naru__stream_fail(stream, NARU_ERR_CLOSED, error ? error : ECONNRESET, NULL);
            return;
        }
        naru__stream_mark(stream, NARU__BROKEN);
        stream->system_error = error;
        naru__stream_flush_later(stream);
    }
    if (events & (NARU__READY_BROKEN | NARU__READY_HANGUP)) {
        /* It would be told in every turn. Resuming puts it back, and then reads to the end. */
        naru__stream_unwatch(stream);
    } else {
        naru__stream_update_interest(stream);
    }
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static void announce(naru__stream *stream)
{
    naru__stream_unmark(stream, NARU__ANNOUNCE);
    if (stream->handler->on_ready) {
        stream->handler->on_ready(stream);
    }
}

static void resumed(naru__stream *stream)
{
    if (stream->tls) {
        naru__stream_tls_resumed(stream);
    }
    if (stream->fd < 0) {
        naru__stream_over_resumed(stream);
    } else if (stream->loop->ring) {
        naru__uring_resumed(stream);
    }
}

/* What may have to come before the bytes. false: then there is nobody for the bytes any more. */
bool naru__stream_owed(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE)) {
        announce(stream);
    }
    if (naru__stream_has(stream, NARU__RESUMED) && !naru__stream_has(stream, NARU__CLOSED | NARU__PAUSED)) {
        naru__stream_unmark(stream, NARU__RESUMED);
        resumed(stream);
    }
    return !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__PAUSED | NARU__READ_ENDED);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

/* The kernel answered `sent` to an attempt at `bytes`. */
static size_t transmitted(naru__stream *stream, ssize_t sent, size_t bytes)
{
    if (sent == (ssize_t)bytes) {
        return bytes;
    }
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        stream->system_error = errno;
        naru__stream_mark(stream, NARU__BROKEN);
        return SIZE_MAX;
    }
    naru__stream_mark(stream, NARU__BLOCKED);
    naru__stream_update_interest(stream);
    return sent > 0 ? (size_t)sent : 0;
}

size_t naru__stream_transmit(naru__stream *stream, naru_span bytes)
{
    return transmitted(stream, send(stream->fd, bytes.data, bytes.size, MSG_NOSIGNAL), bytes.size);
}

size_t naru__stream_transmit_parts(naru__stream *stream, struct iovec *parts, size_t count, size_t bytes)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return transmitted(stream, sendmsg(stream->fd, &message, MSG_NOSIGNAL), bytes);
}

size_t naru__stream_send_now(naru__stream *stream, naru_span bytes)
{
    unsigned not_now = NARU__BLOCKED | NARU__BROKEN | NARU__CLOSED | NARU__DEAD | NARU__SHUTDOWN | NARU__SHUT;
    if (naru__stream_has(stream, not_now) || stream->phase != NARU__STREAM_READY || stream->tls || stream->loop->ring ||
        naru__stream_queued(stream) > 0) {
        return 0;
    }
    size_t sent = naru__stream_transmit(stream, bytes);
    if (sent == SIZE_MAX) {
        naru__stream_flush_later(stream); /* the end of the turn tells of it */
        return bytes.size;
    }
    stream->sent += sent;
    return sent;
}

/* One system call, unless that many pieces are queued that one cannot name them. */
static void flush_gathered(naru__stream *stream)
{
    struct iovec parts[NARU__GATHER_MAX];
    size_t bytes;
    size_t sent;
    do {
        size_t count = naru__stream_out_gather(stream, parts, NARU__GATHER_MAX, &bytes);
        sent = naru__stream_transmit_parts(stream, parts, count, bytes);
        if (sent == SIZE_MAX) {
            return;
        }
        naru__stream_out_took(stream, sent);
    } while (sent == bytes && naru__stream_queued(stream) > 0);
}

/* The rest stays in front of the queue. */
static void sent_less(naru__stream *stream, ssize_t sent, size_t size)
{
    size_t left = transmitted(stream, sent, size);
    if (left != SIZE_MAX) {
        stream->sent += left;
        naru_buf_take(stream->out, left);
    }
}

void naru__stream_flush_plain(naru__stream *stream)
{
    if (stream->has_shots) {
        flush_gathered(stream);
        return;
    }
    naru_buf *out = stream->out;
    size_t size = naru__buf_size(out);
    ssize_t sent = send(stream->fd, out->data + out->begin, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size) {
        stream->sent += size;
        naru__stream_reclaim_out(stream);
    } else {
        sent_less(stream, sent, size);
    }
}

static size_t backlog(const naru__stream *stream)
{
    return naru__stream_queued(stream) + (stream->tls ? naru__stream_tls_backlog(stream) : 0);
}

static void finish_shutdown(naru__stream *stream)
{
    if (stream->phase < NARU__STREAM_READY || backlog(stream) > 0) {
        return;
    }
    naru__stream_mark(stream, NARU__SHUT);
    naru__stream_unmark(stream, NARU__SHUTDOWN);
    if (stream->fd >= 0) {
        shutdown(stream->fd, SHUT_WR);
    } else {
        naru__stream_over_shut(stream);
    }
}

/* The peer is gone, but what it sent before is still to be read, and its end to be found there; unless
 * nobody reads. */
static void writing_broke(naru__stream *stream)
{
    naru__stream_out_drop(stream);
    bool peer_left = stream->system_error == EPIPE || stream->system_error == ECONNRESET;
    bool reads = !naru__stream_has(stream, NARU__PAUSED);
    if (!naru__stream_has(stream, NARU__READ_ENDED) && !(peer_left && reads)) {
        naru__stream_fail(stream, NARU_ERR_CLOSED, stream->system_error, NULL);
    } else {
        naru__stream_update_interest(stream);
    }
}

/* Everything but the plain case of bytes that have left. */
void naru__stream_end_turn_rest(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__UNWATCHED)) {
        naru__stream_unmark(stream, NARU__UNWATCHED);
        naru__stream_fail(stream, NARU_ERR_SYSTEM, stream->system_error, NULL);
        return;
    }
    if (naru__stream_has(stream, NARU__BROKEN)) {
        writing_broke(stream);
    } else if (naru__stream_has(stream, NARU__SHUTDOWN)) {
        finish_shutdown(stream);
    }
    bool drained = naru__stream_has(stream, NARU__DRAIN) && !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD) &&
                   (backlog(stream) <= stream->low_mark || naru__stream_has(stream, NARU__BROKEN)) &&
                   stream->phase >= NARU__STREAM_READY;
    if (drained) {
        naru__stream_unmark(stream, NARU__DRAIN);
        if (stream->handler->on_drain) {
            stream->handler->on_drain(stream);
        }
    }
}

void naru__streams_end_turn(naru_loop *loop)
{
    if (loop->ring) {
        naru__uring_streams_end_turn(loop);
    } else {
        naru__epoll_streams_end_turn(loop);
    }
}
