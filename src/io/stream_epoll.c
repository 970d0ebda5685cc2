/* Streams over readiness: a ready socket becomes one recv into the loop's block, and what was written in a
 * turn one send at its end.
 *
 * Readiness is told once (edge-triggered), so that the next wait need not look at each socket again to find it empty. A
 * recv that brings less than it asked for has emptied its socket, and what comes later is told anew; after one that is
 * full, or that has the peer's end behind it, it is asked to be told again.
 *
 * Not for: streams over completions (stream_uring.c). Source: recv(2), send(2), epoll(7). */
#include <errno.h>
#include <sys/socket.h>

#include "base/apart.h"
#include "base/buf.h"
#include "base/fetch.h"
#include "stream_core.h"

/* ---- what the backend waits for ------------------------------------------------------------------------ */

static unsigned wanted_events(const naru__stream *stream)
{
    bool reads = !naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED);
    bool writes = naru__stream_has(stream, NARU__BLOCKED) && !naru__stream_has(stream, NARU__BROKEN);
    return (reads ? (unsigned)NARU__READY_IN : 0) | (writes ? (unsigned)NARU__READY_OUT : 0);
}

static void ready(naru__source *source, unsigned events);

static void tell_again(naru__stream *stream)
{
    naru__backend_set(stream->loop, &stream->source, stream->fd, stream->armed | (unsigned)NARU__READY_EDGE);
}

bool naru__epoll_watch(naru__stream *stream)
{
    unsigned wanted = wanted_events(stream);
    stream->source.ready = ready;
    if (!naru__backend_add(stream->loop, &stream->source, stream->fd, wanted | (unsigned)NARU__READY_EDGE)) {
        return false;
    }
    stream->armed = (uint8_t)wanted;
    naru__stream_mark(stream, NARU__ADDED);
    return true;
}

void naru__epoll_adopt(naru__stream *stream)
{
    stream->source.ready = ready;
    stream->armed = NARU__READY_IN;
    tell_again(stream);
}

void naru__epoll_update(naru__stream *stream)
{
    unsigned wanted = wanted_events(stream);
    if (!naru__stream_has(stream, NARU__ADDED)) {
        /* Taken out because a hang-up, which comes unasked, would have spun. */
        if (wanted && !naru__epoll_watch(stream)) {
            naru__stream_unwatchable(stream, errno);
        }
        return;
    }
    /* A socket that is blocked once more: somebody may have said so while it takes bytes. */
    if (wanted != stream->armed || wanted & NARU__READY_OUT) {
        stream->armed = (uint8_t)wanted;
        tell_again(stream);
    }
}

/* ---- in ------------------------------------------------------------------------------------------------ */

/* The owner's own room spares a large message its copy out of the block. */
static naru_input where_to(naru__stream *stream)
{
    naru_input room = naru__stream_has(stream, NARU__ROOM) ? stream->handler->on_room(stream) : (naru_input){NULL, 0};
    return room.size > 0 ? room : (naru_input){stream->loop->receive, stream->loop->receive_bytes};
}

NARU__APART static void receive_failed(naru__stream *stream, ssize_t got, int error)
{
    if (got < 0 && (error == EAGAIN || error == EINTR)) {
        tell_again(stream);
    } else {
        naru__stream_receive_failed(stream, got, error);
    }
}

static void receive(naru__stream *stream, unsigned events)
{
    naru_input to = where_to(stream);
    ssize_t got = recv(stream->fd, to.data, to.size, 0);
    if (got <= 0) {
        receive_failed(stream, got, errno);
        return;
    }
    /* What there is behind it waits for the next turn: the peer's end must not overtake what this turn answers. */
    if ((size_t)got == to.size || events & (NARU__READY_ENDS | NARU__READY_BROKEN | NARU__READY_HANGUP)) {
        tell_again(stream);
    }
    if (stream->tls) {
        naru__stream_tls_received(stream, to.data, (size_t)got);
    } else {
        naru__stream_hand_over(stream, to.data, (size_t)got);
    }
}

NARU__APART static void ready_rest(naru__stream *stream, unsigned events)
{
    if (events & NARU__READY_OUT) {
        naru__stream_unmark(stream, NARU__BLOCKED);
        naru__stream_flush_later(stream);
        if (events == NARU__READY_OUT) {
            return;
        }
    }
    unsigned unread = NARU__PAUSED | NARU__READ_ENDED;
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED) && !naru__stream_has(stream, unread)) {
        naru__stream_owed(stream);
    }
    if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
        return;
    }
    if (naru__stream_has(stream, unread)) {
        naru__stream_ready_unread(stream, events);
    } else {
        receive(stream, events);
    }
}

/* Nearly always there are bytes, and nothing else to see to. */
static void ready(naru__source *source, unsigned events)
{
    naru__stream *stream = NARU__OWNER(source, naru__stream, source);
    unsigned rest = NARU__PAUSED | NARU__READ_ENDED | NARU__ANNOUNCE | NARU__RESUMED | NARU__ROOM;
    if (events != NARU__READY_IN || naru__stream_has(stream, rest) || stream->tls) {
        ready_rest(stream, events);
        return;
    }
    uint8_t *bytes = stream->loop->receive;
    ssize_t got = recv(stream->fd, bytes, stream->loop->receive_bytes, 0);
    if (got <= 0) {
        receive_failed(stream, got, errno);
        return;
    }
    if ((size_t)got == stream->loop->receive_bytes) {
        tell_again(stream);
    }
    naru__stream_hand_over(stream, bytes, (size_t)got);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

static void flush(naru__stream *stream)
{
    if (stream->phase < NARU__STREAM_TLS || naru__stream_has(stream, NARU__BLOCKED | NARU__BROKEN)) {
        naru__stream_over_flush(stream);
        return;
    }
    if (naru__stream_has(stream, NARU__DEAD | NARU__SHUT)) {
        naru__stream_out_drop(stream);
    } else if (stream->tls) {
        naru__stream_tls_flush(stream);
    } else if (naru__stream_out_size(stream) > 0 || stream->has_shots) {
        naru__stream_flush_plain(stream);
    } else if (stream->out) {
        naru__stream_reclaim_out(stream);
    }
}

NARU__APART static void end_turn_rest(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__CLOSED)) {
        naru__stream_free(stream);
        return;
    }
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        naru__stream_owed(stream);
        if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
            return;
        }
    }
    flush(stream);
    if (stream->armed & NARU__READY_OUT && !naru__stream_has(stream, NARU__BLOCKED)) {
        naru__epoll_update(stream);
    }
    if (naru__stream_has(stream, NARU__DRAIN | NARU__SHUTDOWN | NARU__BROKEN | NARU__UNWATCHED) &&
        !naru__stream_has(stream, NARU__DEAD)) {
        naru__stream_end_turn_rest(stream);
    }
}

/* Nearly always there are bytes to send, and nothing else to see to. */
static bool only_sends(const naru__stream *stream)
{
    unsigned rest = ~(unsigned)(NARU__ADDED | NARU__ROOM | NARU__PAUSED | NARU__READ_ENDED);
    return !naru__stream_has(stream, rest) && stream->phase == NARU__STREAM_READY && !stream->tls &&
           naru__stream_out_size(stream) > 0 && stream->armed == NARU__READY_IN;
}

static void end_turn(naru__stream *stream)
{
    if (only_sends(stream)) {
        naru__stream_flush_plain(stream);
        if (!naru__stream_has(stream, NARU__BROKEN)) {
            return;
        }
    }
    end_turn_rest(stream);
}

void naru__epoll_streams_end_turn(naru_loop *loop)
{
    /* Those that callbacks put on the list meanwhile have their turn in the next round of the loop, so
     * that an owner that writes whenever it has drained cannot keep everyone else waiting. */
    naru__stream *stream = loop->dirty;
    loop->dirty = NULL;
    loop->dirty_end = &loop->dirty;
    while (stream) {
        naru__stream *next = stream->dirty_next;
        if (next) {
            naru__fetch(next->dirty_next, sizeof *next);
            naru__fetch(next->out, 1);
        }
        naru__stream_unmark(stream, NARU__DIRTY);
        end_turn(stream);
        stream = next;
    }
}
