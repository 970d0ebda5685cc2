/* Streams over readiness: a ready socket becomes one recv into the loop's block, and what was written in a
 * turn one send at its end. A backend that completes transfers itself replaces this file.
 *
 * Not for: what owners call (stream.c). Source: recv(2), send(2), epoll(7). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "stream_core.h"

/* ---- what the backend waits for ------------------------------------------------------------------------ */

static unsigned wanted_events(const naru__stream *stream)
{
    bool reads = !naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED);
    bool writes = naru__stream_has(stream, NARU__BLOCKED) && !naru__stream_has(stream, NARU__BROKEN);
    return (reads ? (unsigned)NARU__READY_IN : 0) | (writes ? (unsigned)NARU__READY_OUT : 0);
}

bool naru__stream_watch(naru__stream *stream)
{
    unsigned wanted = wanted_events(stream);
    stream->source.ready = naru__stream_ready_io;
    if (!naru__backend_add(stream->loop, &stream->source, stream->fd, wanted)) {
        return false;
    }
    stream->armed = (uint8_t)wanted;
    naru__stream_mark(stream, NARU__ADDED);
    return true;
}

void naru__stream_unwatch(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ADDED)) {
        naru__backend_remove(stream->loop, &stream->source, stream->fd);
        naru__stream_unmark(stream, NARU__ADDED);
        stream->armed = 0;
    }
}

void naru__stream_update_interest(naru__stream *stream)
{
    unsigned wanted = wanted_events(stream);
    if (!naru__stream_has(stream, NARU__ADDED)) {
        /* Taken out because a hang-up, which comes unasked, would have spun. */
        if (wanted && !naru__stream_watch(stream)) {
            stream->system_error = errno;
            naru__stream_mark(stream, NARU__UNWATCHED);
            naru__stream_flush_later(stream);
        }
        return;
    }
    if (wanted != stream->armed) {
        naru__backend_set(stream->loop, &stream->source, stream->fd, wanted);
        stream->armed = (uint8_t)wanted;
    }
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

void naru__stream_fail(naru__stream *stream, naru_status why, int system_error, const char *error_text)
{
    stream->system_error = system_error;
    if (error_text && naru__stream_cold_get(stream)) {
        size_t size = strnlen(error_text, sizeof stream->cold->error - 1);
        memcpy(stream->cold->error, error_text, size);
        stream->cold->error[size] = '\0';
    }
    naru__stream_unwatch(stream);
    naru_buf_deinit(&stream->out);
    if (naru__stream_has(stream, NARU__READ_ENDED)) {
        naru__stream_mark(stream, NARU__BROKEN); /* on_end came; what is left to tell is that nothing drains any more */
        naru__stream_flush_later(stream);
        return;
    }
    naru__stream_mark(stream, NARU__DEAD);
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

/* ---- in ------------------------------------------------------------------------------------------------ */

static void announce(naru__stream *stream)
{
    naru__stream_unmark(stream, NARU__ANNOUNCE);
    if (stream->handler->on_ready) {
        stream->handler->on_ready(stream);
    }
}

static void receive_failed(naru__stream *stream, ssize_t got, int error)
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

/* Most owners answer what they get: have room for it at hand. */
void naru__stream_hand_over(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_loop *loop = stream->loop;
    naru__cache_lend(&loop->cache, &stream->out);
    stream->handler->on_data(stream, bytes, size);
    if (stream->out.end == 0 && stream->out.data) {
        naru__cache_reclaim(&loop->cache, &stream->out);
    }
}

/* The owner's own room spares a large message its copy out of the block. */
static naru_input where_to(naru__stream *stream)
{
    naru_input room = naru__stream_has(stream, NARU__ROOM) ? stream->handler->on_room(stream) : (naru_input){NULL, 0};
    return room.size > 0 ? room : (naru_input){stream->loop->receive, stream->loop->receive_bytes};
}

static void receive(naru__stream *stream)
{
    naru_input to = where_to(stream);
    ssize_t got = recv(stream->fd, to.data, to.size, 0);
    if (got <= 0) {
        receive_failed(stream, got, errno);
    } else if (stream->tls) {
        naru__stream_tls_received(stream, to.data, (size_t)got);
    } else {
        naru__stream_hand_over(stream, to.data, (size_t)got);
    }
}

/* Nobody reads now, but the socket has something to tell. */
static void ready_while_not_reading(naru__stream *stream, unsigned events)
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

/* What may have to come before the bytes. false: then there is nobody for the bytes any more. */
static bool owed_before_data(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE)) {
        announce(stream);
    }
    if (naru__stream_has(stream, NARU__RESUMED) && !naru__stream_has(stream, NARU__CLOSED | NARU__PAUSED)) {
        naru__stream_unmark(stream, NARU__RESUMED);
        naru__stream_tls_resumed(stream);
    }
    return !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__PAUSED | NARU__READ_ENDED);
}

void naru__stream_ready_io(naru__source *source, unsigned events)
{
    naru__stream *stream = NARU__OWNER(source, naru__stream, source);
    if (events & NARU__READY_OUT) {
        naru__stream_unmark(stream, NARU__BLOCKED);
        naru__stream_flush_later(stream);
        if (events == NARU__READY_OUT) {
            return;
        }
    }
    if (naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED)) {
        ready_while_not_reading(stream, events);
        return;
    }
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED) && !owed_before_data(stream)) {
        return;
    }
    receive(stream);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

size_t naru__stream_transmit(naru__stream *stream, naru_span bytes)
{
    ssize_t sent = send(stream->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (sent == (ssize_t)bytes.size) {
        return bytes.size;
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

static void flush_plain(naru__stream *stream)
{
    naru_span bytes = naru_buf_span(&stream->out);
    size_t sent = naru__stream_transmit(stream, bytes);
    if (sent == SIZE_MAX) {
        return;
    }
    stream->sent += sent;
    if (sent == bytes.size) {
        naru__cache_reclaim(&stream->loop->cache, &stream->out); /* an idle connection owns no buffer */
    } else {
        naru_buf_take(&stream->out, sent);
    }
}

static void flush(naru__stream *stream)
{
    if (stream->phase < NARU__STREAM_TLS || naru__stream_has(stream, NARU__BLOCKED | NARU__BROKEN)) {
        return;
    }
    if (naru__stream_has(stream, NARU__DEAD | NARU__SHUT)) {
        naru_buf_deinit(&stream->out);
    } else if (stream->tls) {
        naru__stream_tls_flush(stream);
    } else if (naru__buf_size(&stream->out) > 0) {
        flush_plain(stream);
    }
}

static size_t backlog(const naru__stream *stream)
{
    return naru__buf_size(&stream->out) + (stream->tls ? naru__stream_tls_backlog(stream) : 0);
}

static void finish_shutdown(naru__stream *stream)
{
    if (stream->phase < NARU__STREAM_READY || backlog(stream) > 0) {
        return;
    }
    shutdown(stream->fd, SHUT_WR);
    naru__stream_mark(stream, NARU__SHUT);
    naru__stream_unmark(stream, NARU__SHUTDOWN);
}

/* The peer is gone, but what it sent before is still to be read, and its end to be found there; unless
 * nobody reads. */
static void writing_broke(naru__stream *stream)
{
    naru_buf_deinit(&stream->out);
    bool peer_left = stream->system_error == EPIPE || stream->system_error == ECONNRESET;
    bool reads = !naru__stream_has(stream, NARU__PAUSED);
    if (!naru__stream_has(stream, NARU__READ_ENDED) && !(peer_left && reads)) {
        naru__stream_fail(stream, NARU_ERR_CLOSED, stream->system_error, NULL);
    } else {
        naru__stream_update_interest(stream);
    }
}

/* Everything but the plain case of bytes that have left. */
static void end_turn_rest(naru__stream *stream)
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

static void end_turn(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        owed_before_data(stream);
        if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
            return;
        }
    }
    flush(stream);
    if (stream->armed & NARU__READY_OUT) {
        naru__stream_update_interest(stream);
    }
    if (naru__stream_has(stream, NARU__DRAIN | NARU__SHUTDOWN | NARU__BROKEN | NARU__UNWATCHED) &&
        !naru__stream_has(stream, NARU__DEAD)) {
        end_turn_rest(stream);
    }
}

void naru__streams_end_turn(naru_loop *loop)
{
    /* Those that callbacks put on the list meanwhile have their turn in the next round of the loop, so
     * that an owner that writes whenever it has drained cannot keep everyone else waiting. */
    naru__stream *stream = loop->dirty;
    loop->dirty = NULL;
    loop->dirty_end = &loop->dirty;
    while (stream) {
        naru__stream *next = stream->dirty_next;
        naru__stream_unmark(stream, NARU__DIRTY);
        if (naru__stream_has(stream, NARU__CLOSED)) {
            naru__stream_free(stream);
        } else {
            end_turn(stream);
        }
        stream = next;
    }
}
