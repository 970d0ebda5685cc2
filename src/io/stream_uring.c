/* Streams over completions: one receive that goes on for as long as a stream reads, and what was written in a turn
 * one submission for all. What is rare stays with epoll, which the ring watches: a socket that takes no more, and the
 * hang-up of one that nobody reads.
 *
 * No callback runs while a send is queued and not submitted: its bytes are still in `out`.
 *
 * Not for: waiting (backend_uring.c). Source: io_uring_enter(2), io_uring_multishot(7). */
#include <errno.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "stream_core.h"
#include "tls_session.h"

enum { SEND_BYTES_MAX = 1 << 30 };

/* ---- what is asked for --------------------------------------------------------------------------------- */

/* NULL: the kernel takes nothing at the moment. */
static struct io_uring_sqe *next_submission(naru_loop *loop)
{
    struct io_uring_sqe *sqe = naru__uring_next(loop->ring);
    if (!sqe) {
        naru__uring_settle(loop);
        sqe = naru__uring_next(loop->ring);
    }
    return sqe;
}

static void start_receiving(naru__stream *stream)
{
    struct io_uring_sqe *sqe = naru__uring_has_room(stream->loop->ring) ? next_submission(stream->loop) : NULL;
    if (!sqe) {
        naru__stream_flush_later(stream);
        return;
    }
    sqe->opcode = IORING_OP_RECV;
    sqe->fd = stream->fd;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->user_data = (uint64_t)(uintptr_t)stream | NARU__URING_RECEIVE;
    stream->ring = NARU__RECEIVING;
}

static void stop_receiving(naru__stream *stream)
{
    struct io_uring_sqe *sqe = next_submission(stream->loop);
    if (!sqe) {
        naru__stream_flush_later(stream);
        return;
    }
    sqe->opcode = IORING_OP_ASYNC_CANCEL;
    sqe->fd = -1;
    sqe->addr = (uint64_t)(uintptr_t)stream | NARU__URING_RECEIVE;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = NARU__URING_IGNORE;
    stream->ring = (stream->ring | NARU__CANCELLED) & NARU__RING_BITS;
}

bool naru__uring_holds(const naru__stream *stream)
{
    return stream->cold && (stream->cold->held_end || naru__buf_size(&stream->cold->held) > 0);
}

static void ready(naru__source *source, unsigned events);

/* Without a receive under way, the end of a socket that nobody reads is epoll's to tell. */
static void arrange_epoll(naru__stream *stream, bool reads)
{
    bool blocked = naru__stream_has(stream, NARU__BLOCKED) && !naru__stream_has(stream, NARU__BROKEN);
    bool unread = !reads && !(stream->ring & (NARU__RECEIVING | NARU__HUNG_UP));
    unsigned wanted = blocked ? (unsigned)NARU__READY_OUT : 0;
    if (!blocked && !unread) {
        naru__stream_unwatch(stream);
    } else if (naru__stream_has(stream, NARU__ADDED)) {
        if (wanted != stream->armed) {
            naru__backend_set(stream->loop, &stream->source, stream->fd, wanted);
        }
        stream->armed = (uint8_t)wanted;
    } else {
        stream->source.ready = ready;
        if (!naru__backend_add(stream->loop, &stream->source, stream->fd, wanted)) {
            naru__stream_unwatchable(stream, errno);
            return;
        }
        stream->armed = (uint8_t)wanted;
        naru__stream_mark(stream, NARU__ADDED);
    }
}

static void arrange(naru__stream *stream)
{
    bool over = naru__stream_has(stream, NARU__DEAD | NARU__CLOSED);
    if ((stream->ring & (NARU__RECEIVING | NARU__CANCELLED)) == NARU__RECEIVING &&
        (over || (naru__stream_has(stream, NARU__PAUSED) && naru__uring_holds(stream)))) {
        stop_receiving(stream);
    }
    if (over || stream->fd < 0) {
        return;
    }
    bool reads = !naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED);
    if (reads && !(stream->ring & NARU__RECEIVING) && !naru__uring_holds(stream)) {
        start_receiving(stream);
    }
    arrange_epoll(stream, reads);
}

static bool needs_arranging(const naru__stream *stream)
{
    return stream->ring != NARU__RECEIVING ||
           naru__stream_has(stream, NARU__ADDED | NARU__BLOCKED | NARU__PAUSED | NARU__DEAD);
}

bool naru__uring_watch(naru__stream *stream)
{
    naru__stream_flush_later(stream);
    return true;
}

void naru__uring_adopt(naru__stream *stream)
{
    naru__stream_unwatch(stream);
    naru__stream_flush_later(stream);
}

void naru__uring_update(naru__stream *stream)
{
    naru__stream_flush_later(stream);
}

/* ---- what epoll tells ---------------------------------------------------------------------------------- */

static void ready(naru__source *source, unsigned events)
{
    naru__stream *stream = NARU__OWNER(source, naru__stream, source);
    naru__stream_flush_later(stream);
    if (events & NARU__READY_OUT) {
        naru__stream_unmark(stream, NARU__BLOCKED);
    }
    bool ended = (events & (NARU__READY_BROKEN | NARU__READY_HANGUP)) != 0;
    if (!ended || stream->ring & NARU__RECEIVING) {
        return; /* the receive tells it too */
    }
    if (naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED)) {
        stream->ring = (stream->ring | NARU__HUNG_UP) & NARU__RING_BITS;
        naru__stream_ready_unread(stream, events);
    }
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static void hand_on(naru__stream *stream, uint8_t *bytes, size_t size)
{
    if (stream->tls) {
        naru__stream_tls_received(stream, bytes, size);
    } else {
        naru__stream_hand_over(stream, bytes, size);
    }
}

static bool reads_now(const naru__stream *stream)
{
    return !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__PAUSED | NARU__READ_ENDED);
}

/* What still comes after a pause has begun is kept. The receive itself is called off only now: most pauses are over
 * before anything comes. */
static void hold(naru__stream *stream, const uint8_t *bytes, size_t size)
{
    naru__stream_cold *cold = naru__stream_cold_get(stream);
    if (cold && !cold->held.allocator) {
        naru_buf_init(&cold->held, &stream->loop->cache.allocator);
    }
    if (!cold || naru_buf_append(&cold->held, (naru_span){bytes, size}) != NARU_OK) {
        naru__stream_fail(stream, NARU_ERR_MEMORY, ENOMEM, NULL);
        return;
    }
    cold->held_end = size == 0;
    naru__stream_flush_later(stream);
}

void naru__uring_forget_held(naru__stream *stream)
{
    if (stream->cold && stream->cold->held.allocator) {
        naru_buf_deinit(&stream->cold->held);
    }
}

void naru__uring_resumed(naru__stream *stream)
{
    naru__stream_cold *cold = stream->cold;
    if (!cold || !naru__uring_holds(stream)) {
        return;
    }
    while (reads_now(stream) && naru__buf_size(&cold->held) > 0) {
        size_t size = naru__buf_size(&cold->held);
        size = size < stream->loop->receive_bytes ? size : stream->loop->receive_bytes;
        hand_on(stream, cold->held.data + cold->held.begin, size);
        naru_buf_take(&cold->held, size);
    }
    if (naru__buf_size(&cold->held) == 0) {
        naru_buf_deinit(&cold->held);
        if (cold->held_end && reads_now(stream)) {
            cold->held_end = false;
            naru__stream_receive_failed(stream, 0, 0);
        }
    }
    naru__stream_flush_later(stream); /* to receive again */
}

static void received_bytes(naru__stream *stream, uint8_t *bytes, size_t size)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        naru__stream_owed(stream);
    }
    if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__READ_ENDED)) {
        return;
    }
    if (naru__stream_has(stream, NARU__PAUSED)) {
        hold(stream, bytes, size);
    } else {
        hand_on(stream, bytes, size);
    }
}

/* An end or an error; or the receive has ended for reasons of its own, and is to go on. */
static void received_nothing(naru__stream *stream, int result)
{
    if (result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN) {
        return;
    }
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        naru__stream_owed(stream);
    }
    if (naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__READ_ENDED)) {
        return;
    }
    if (result == 0 && naru__stream_has(stream, NARU__PAUSED)) {
        hold(stream, NULL, 0);
    } else {
        naru__stream_receive_failed(stream, result < 0 ? -1 : 0, -result);
    }
}

static void receiving_ended(naru_loop *loop, naru__stream *stream)
{
    stream->ring &= NARU__HUNG_UP;
    if (!naru__stream_has(stream, NARU__CLOSED)) {
        naru__stream_flush_later(stream);
    } else if (!naru__stream_has(stream, NARU__DIRTY)) {
        loop->ring->some_gone = true;
    }
}

void naru__uring_stream_received(naru_loop *loop, naru__stream *stream, const struct io_uring_cqe *cqe)
{
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        receiving_ended(loop, stream);
    }
    if (!(cqe->flags & IORING_CQE_F_BUFFER)) {
        received_nothing(stream, cqe->res);
        return;
    }
    uint8_t *bytes;
    bool used_up = naru__uring_received(loop->ring, cqe, &bytes);
    if (cqe->res > 0) {
        received_bytes(stream, bytes, (size_t)cqe->res);
    } else {
        received_nothing(stream, cqe->res);
    }
    if (used_up) {
        naru__uring_give_back(loop->ring, cqe);
    }
}

/* ---- out ----------------------------------------------------------------------------------------------- */

static void name_send(naru__uring *ring, struct io_uring_sqe *sqe, naru__stream *stream, size_t bytes)
{
    sqe->fd = stream->fd;
    sqe->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = (uint64_t)ring->sends_count << 4 | NARU__URING_SEND;
    ring->sends[ring->sends_count++] = (naru__uring_send){stream, bytes};
}

/* false: not at the moment. */
static bool queue_send(naru_loop *loop, naru__stream *stream, naru_span bytes)
{
    struct io_uring_sqe *sqe = naru__uring_has_room(loop->ring) ? next_submission(loop) : NULL;
    if (!sqe) {
        return false;
    }
    size_t size = bytes.size < SEND_BYTES_MAX ? bytes.size : (size_t)SEND_BYTES_MAX;
    sqe->opcode = IORING_OP_SEND;
    sqe->addr = (uint64_t)(uintptr_t)bytes.data;
    sqe->len = (uint32_t)size;
    name_send(loop->ring, sqe, stream, size);
    return true;
}

/* The same of several pieces, which stay named until the submission. */
static bool queue_gathered(naru_loop *loop, naru__stream *stream)
{
    naru__uring *ring = loop->ring;
    naru__uring_gather *gather = naru__uring_gathers(ring);
    struct io_uring_sqe *sqe = gather && naru__uring_has_room(ring) ? next_submission(loop) : NULL;
    if (!sqe) {
        return false;
    }
    gather += ring->sends_count;
    size_t bytes;
    size_t count = naru__stream_out_gather(stream, gather->parts, NARU__URING_GATHER_MAX, &bytes);
    gather->message = (struct msghdr){.msg_iov = gather->parts, .msg_iovlen = count};
    sqe->opcode = IORING_OP_SENDMSG;
    sqe->addr = (uint64_t)(uintptr_t)&gather->message;
    sqe->len = 1;
    name_send(ring, sqe, stream, bytes);
    return true;
}

static bool queue_plain(naru_loop *loop, naru__stream *stream)
{
    naru_span front = naru__stream_out_front(stream);
    bool one = front.size == naru__stream_queued(stream);
    return one ? queue_send(loop, stream, front) : queue_gathered(loop, stream);
}

void naru__uring_stream_sent(naru__stream *stream, size_t size)
{
    if (stream->tls) {
        naru__stream_tls_sent(stream, size);
        return;
    }
    naru__stream_out_took(stream, size);
    if (naru__stream_queued(stream) > 0) {
        naru__stream_flush_later(stream);
    }
}

static void put_with_rest(naru__uring *ring, naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__RESTS)) {
        return;
    }
    if (ring->rest_count == sizeof ring->rest / sizeof ring->rest[0]) {
        naru__stream_flush_later(stream); /* a turn later, then */
        return;
    }
    naru__stream_mark(stream, NARU__RESTS);
    ring->rest[ring->rest_count++] = stream;
}

static void take_from_rest(naru__uring *ring, naru__stream *stream)
{
    for (size_t i = 0; naru__stream_has(stream, NARU__RESTS) && i < ring->rest_count; i++) {
        if (ring->rest[i] == stream) {
            ring->rest[i] = ring->rest[--ring->rest_count];
            naru__stream_unmark(stream, NARU__RESTS);
        }
    }
}

void naru__uring_stream_sent_less(naru__stream *stream, int result)
{
    if (result >= 0 || result == -EAGAIN || result == -EINTR) {
        naru__stream_mark(stream, NARU__BLOCKED);
        if (result > 0 && stream->tls) {
            naru_buf_take(&stream->tls->out, (size_t)result);
        } else if (result > 0) {
            naru__stream_out_took(stream, (size_t)result);
        }
        arrange_epoll(stream, !naru__stream_has(stream, NARU__PAUSED | NARU__READ_ENDED));
        return;
    }
    stream->system_error = -result;
    naru__stream_mark(stream, NARU__BROKEN);
    put_with_rest(stream->loop->ring, stream);
}

static void flush(naru_loop *loop, naru__stream *stream)
{
    if (stream->phase < NARU__STREAM_TLS || loop->ring->broken ||
        naru__stream_has(stream, NARU__BLOCKED | NARU__BROKEN)) {
        naru__stream_over_flush(stream);
        return;
    }
    if (naru__stream_has(stream, NARU__DEAD | NARU__SHUT)) {
        naru__stream_out_drop(stream);
    } else if (stream->tls) {
        const naru_buf *records = naru__stream_tls_records(stream);
        if (records && naru__buf_size(records) > 0 && !queue_send(loop, stream, naru_buf_span(records))) {
            naru__stream_tls_flush(stream);
        }
    } else if (naru__stream_queued(stream) > 0) {
        if (!queue_plain(loop, stream)) {
            naru__stream_flush_plain(stream);
        }
    } else if (stream->out) {
        naru__stream_reclaim_out(stream);
    }
}

/* ---- the end of a turn --------------------------------------------------------------------------------- */

/* What the kernel may still name has to stay until it has done so. */
static void free_or_wait(naru_loop *loop, naru__stream *stream)
{
    take_from_rest(loop->ring, stream);
    if (stream->ring & NARU__RECEIVING) {
        if (!(stream->ring & NARU__CANCELLED)) {
            stop_receiving(stream);
        }
        if (!naru__stream_has(stream, NARU__DIRTY)) { /* else there is no room to call it off: it comes again */
            stream->dirty_next = loop->ring->gone;
            loop->ring->gone = stream;
        }
        return;
    }
    naru__stream_free(stream);
}

void naru__uring_bury_gone(naru_loop *loop, bool all)
{
    naru__stream **link = &loop->ring->gone;
    loop->ring->some_gone = false;
    while (*link) {
        naru__stream *stream = *link;
        if (all || !(stream->ring & NARU__RECEIVING)) {
            *link = stream->dirty_next;
            naru__stream_free(stream);
        } else {
            link = &stream->dirty_next;
        }
    }
}

/* Those that have to know what has left. They may have been closed since. */
static void end_turn_of_rest(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    naru__uring_settle(loop);
    for (size_t i = 0; i < ring->rest_count; i++) {
        naru__stream *stream = ring->rest[i];
        naru__stream_unmark(stream, NARU__RESTS);
        if (!naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
            naru__stream_end_turn_rest(stream);
        }
    }
    ring->rest_count = 0;
}

static void end_turn(naru_loop *loop, naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        naru__uring_settle(loop);
        naru__stream_owed(stream);
        if (naru__stream_has(stream, NARU__CLOSED)) {
            return;
        }
    }
    if (needs_arranging(stream)) {
        arrange(stream);
    }
    flush(loop, stream);
    if (naru__stream_has(stream, NARU__DRAIN | NARU__SHUTDOWN | NARU__BROKEN | NARU__UNWATCHED) &&
        !naru__stream_has(stream, NARU__DEAD | NARU__CLOSED)) {
        if (loop->ring->rest_count >= NARU__URING_SQ_MAX) {
            end_turn_of_rest(loop);
        }
        put_with_rest(loop->ring, stream);
    }
}

void naru__uring_streams_end_turn(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    naru__stream *stream = loop->dirty;
    loop->dirty = NULL;
    loop->dirty_end = &loop->dirty;
    while (stream) {
        naru__stream *next = stream->dirty_next;
        naru__stream_unmark(stream, NARU__DIRTY);
        if (naru__stream_has(stream, NARU__CLOSED)) {
            free_or_wait(loop, stream);
        } else {
            end_turn(loop, stream);
        }
        stream = next;
    }
    if (!ring->hold) {
        naru__uring_ask_epoll(loop); /* whoever waits for the ring's descriptor is to hear of the rest too */
        naru__uring_settle(loop);
    }
    if (ring->rest_count > 0) {
        end_turn_of_rest(loop);
    }
    if (ring->some_gone) {
        naru__uring_bury_gone(loop, false);
    }
}
