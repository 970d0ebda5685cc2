/* Streams that a carrier carries. Their NARU__BLOCKED never goes, so that no backend ever sends for them; what a
 * backend would do at the end of a turn is the carrier's.
 *
 * Not for: what owners call (stream.c). Source: none. */
#include "io/stream_over.h"

#include <assert.h>
#include <errno.h>

#include "stream_core.h"

naru__stream *naru__stream_over(naru_loop *loop, const naru__carrier *carrier, void *bearer)
{
    assert(naru__loop_owns_thread(loop));
    const naru_allocator *allocator = &loop->cache.allocator;
    naru__stream *stream = naru__stream_new(loop, NULL, NULL);
    if (!stream) {
        return NULL;
    }
    stream->phase = NARU__STREAM_READY;
    if (!naru__stream_cold_get(stream)) {
        naru__stream_discard(stream);
        return NULL;
    }
    stream->cold->carrier = carrier;
    stream->cold->bearer = bearer;
    naru_buf_init(&stream->cold->held, allocator);
    naru__stream_mark(stream, NARU__BLOCKED);
    loop->active++;
    return stream;
}

static const naru__carrier *carrier_of(const naru__stream *stream)
{
    return stream->fd < 0 && stream->cold ? stream->cold->carrier : NULL;
}

void *naru__stream_bearer(const naru__stream *stream)
{
    return carrier_of(stream) ? stream->cold->bearer : NULL;
}

void naru__stream_over_announce(naru__stream *stream)
{
    naru__stream_mark(stream, NARU__ANNOUNCE);
    naru__stream_flush_later(stream);
}

/* ---- what a stream asks its carrier ---------------------------------------------------------------------- */

const naru__stream *naru__stream_beneath(const naru__stream *stream)
{
    const naru__carrier *carrier = carrier_of(stream);
    return carrier ? carrier->beneath(stream) : NULL;
}

void naru__stream_over_flush(naru__stream *stream)
{
    const naru__carrier *carrier = carrier_of(stream);
    if (!carrier || naru__stream_has(stream, NARU__DEAD)) {
        return;
    }
    if (naru__stream_has(stream, NARU__SHUT)) {
        naru__stream_out_drop(stream); /* written behind the end */
    }
    naru__uring_settle(stream->loop); /* the carrier is about to append to another stream's queue */
    carrier->flush(stream);
}

void naru__stream_over_shut(naru__stream *stream)
{
    const naru__carrier *carrier = carrier_of(stream);
    if (carrier) {
        carrier->shut(stream);
    }
}

bool naru__stream_over_holds(const naru__stream *stream)
{
    return carrier_of(stream) && (stream->cold->held_end || naru__buf_size(&stream->cold->held) > 0);
}

void naru__stream_over_let_go(naru__stream *stream)
{
    const naru__carrier *carrier = carrier_of(stream);
    if (carrier) {
        carrier->closed(stream);
        stream->cold->carrier = NULL;
    }
}

/* ---- in -------------------------------------------------------------------------------------------------- */

static bool reads_now(const naru__stream *stream)
{
    return !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__PAUSED | NARU__READ_ENDED);
}

static bool is_over(const naru__stream *stream)
{
    return naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__READ_ENDED);
}

void naru__stream_over_resumed(naru__stream *stream)
{
    const naru__carrier *carrier = carrier_of(stream);
    if (!carrier || !reads_now(stream)) {
        return;
    }
    naru_buf held = stream->cold->held;
    naru_buf_init(&stream->cold->held, held.allocator);
    if (naru__buf_size(&held) > 0) {
        naru__stream_hand_over(stream, held.data + held.begin, naru__buf_size(&held));
        if (!naru__stream_has(stream, NARU__CLOSED)) {
            carrier->released(stream);
        }
    }
    naru_buf_deinit(&held);
    if (stream->cold->held_end && reads_now(stream)) {
        stream->cold->held_end = false;
        naru__stream_end_read(stream);
    }
}

bool naru__stream_over_receive(naru__stream *stream, naru_span bytes)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        (void)naru__stream_owed(stream);
    }
    if (is_over(stream)) {
        return true;
    }
    if (reads_now(stream) && naru__buf_size(&stream->cold->held) == 0) {
        naru__stream_hand_over(stream, (uint8_t *)(uintptr_t)bytes.data, bytes.size);
        return true;
    }
    if (naru_buf_append(&stream->cold->held, bytes) != NARU_OK) {
        naru__stream_fail(stream, NARU_ERR_MEMORY, ENOMEM, NULL);
        return true;
    }
    return false;
}

void naru__stream_over_end(naru__stream *stream)
{
    if (naru__stream_has(stream, NARU__ANNOUNCE | NARU__RESUMED)) {
        (void)naru__stream_owed(stream);
    }
    if (is_over(stream)) {
        return;
    }
    if (reads_now(stream) && naru__buf_size(&stream->cold->held) == 0) {
        naru__stream_end_read(stream);
    } else {
        stream->cold->held_end = true;
    }
}

void naru__stream_over_fail(naru__stream *stream, naru_status why, int system_error, const char *text)
{
    if (!naru__stream_has(stream, NARU__CLOSED | NARU__DEAD)) {
        naru__stream_fail(stream, why, system_error, text);
    }
}

/* ---- out ------------------------------------------------------------------------------------------------- */

naru_span naru__stream_over_front(const naru__stream *stream)
{
    return naru__stream_out_front(stream);
}

void naru__stream_over_took(naru__stream *stream, size_t bytes)
{
    naru__stream_out_took(stream, bytes);
    if (naru__stream_has(stream, NARU__DRAIN | NARU__SHUTDOWN)) {
        naru__stream_flush_later(stream); /* they are looked at behind a flush */
    }
}

bool naru__stream_over_is_shut(const naru__stream *stream)
{
    return naru__stream_has(stream, NARU__SHUT);
}
