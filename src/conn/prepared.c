/* Messages that are made once and sent on many connections.
 *
 * A prepared message holds its plain frame, and a compressed one for each class of windows that somebody wanted. The
 * first connection of a class makes it; two that do so at once, on two threads, settle it by a compare-and-swap.
 *
 * Not for: the frames themselves (ws/frozen.c), how shared bytes wait (io/stream_out.c). Source: RFC 6455; C17 7.17. */
#include "base/memory.h"
#include "conn/inside.h"
#include "ws/frame.h"
#include "ws/frozen.h"
#include "ws/observe.h"

#include <stdatomic.h>

struct naru_prepared {
    atomic_size_t references;
    naru_ws_kind kind;
    unsigned flags;
    naru_span data;    /* in plain */
    naru__shot *plain; /* the whole frame */
    /* By class; NULL: not made yet. Where it would not be smaller, plain stands for it. 0 is never looked at. */
    _Atomic(naru__shot *) deflated[NARU__WS_FROZEN_CLASSES];
};

/* ---- its life ------------------------------------------------------------------------------------------- */

naru_status naru_prepared_new(naru_ws_kind kind, naru_span data, unsigned flags, naru_prepared **out)
{
    if (kind != NARU_WS_TEXT && kind != NARU_WS_BINARY) {
        return NARU_ERR_ARGUMENT;
    }
    if (kind == NARU_WS_TEXT && (flags & NARU_WS_VALID) == 0 && !naru_utf8_valid(data)) {
        return NARU_ERR_UTF8;
    }
    const naru_allocator *allocator = naru_allocator_default();
    naru_prepared *prepared = naru__alloc_zero(allocator, sizeof *prepared);
    naru__shot *plain = prepared ? naru__ws_freeze(kind, data) : NULL;
    if (!plain) {
        naru__free(allocator, prepared, sizeof *prepared);
        return NARU_ERR_MEMORY;
    }
    atomic_init(&prepared->references, 1);
    prepared->kind = kind;
    prepared->flags = flags | NARU_WS_VALID;
    prepared->plain = plain;
    prepared->data = (naru_span){plain->bytes + (plain->size - data.size), data.size};
    *out = prepared;
    return NARU_OK;
}

naru_prepared *naru_prepared_ref(naru_prepared *prepared)
{
    atomic_fetch_add_explicit(&prepared->references, 1, memory_order_relaxed);
    return prepared;
}

void naru_prepared_unref(naru_prepared *prepared)
{
    if (!prepared || atomic_fetch_sub_explicit(&prepared->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (unsigned i = 0; i < NARU__WS_FROZEN_CLASSES; i++) {
        naru__shot *made = atomic_load_explicit(&prepared->deflated[i], memory_order_relaxed);
        naru__shot_unref(made == prepared->plain ? NULL : made);
    }
    naru__shot_unref(prepared->plain);
    naru__free(naru_allocator_default(), prepared, sizeof *prepared);
}

naru_span naru_prepared_data(const naru_prepared *prepared)
{
    return prepared->data;
}

naru_ws_kind naru_prepared_kind(const naru_prepared *prepared)
{
    return prepared->kind;
}

/* ---- its frames ----------------------------------------------------------------------------------------- */

/* errors NULL: no memory. */
static naru__shot *make_deflated(naru_prepared *prepared, const naru_ws *ws, unsigned frozen_class)
{
    naru_status status;
    naru__shot *made = naru__ws_freeze_deflated(ws, prepared->kind, prepared->data, frozen_class, &status);
    if (status != NARU_OK) {
        return NULL;
    }
    naru__shot *mine = made ? made : prepared->plain;
    naru__shot *theirs = NULL;
    if (atomic_compare_exchange_strong_explicit(&prepared->deflated[frozen_class], &theirs, mine, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return mine;
    }
    naru__shot_unref(made);
    return theirs;
}

/* errors NULL: no memory. */
static naru__shot *frame_for(naru_prepared *prepared, const naru_ws *ws)
{
    unsigned frozen_class = naru__ws_frozen_class(ws, prepared->data.size, prepared->flags);
    if (frozen_class == 0) {
        return prepared->plain;
    }
    naru__shot *made = atomic_load_explicit(&prepared->deflated[frozen_class], memory_order_acquire);
    return made ? made : make_deflated(prepared, ws, frozen_class);
}

/* ---- out ------------------------------------------------------------------------------------------------ */

/* Small ones are cheaper to copy than to name. */
static naru_status queue_frame(naru_conn *conn, naru__shot *frame, naru_span bytes)
{
    return bytes.size < NARU__SHOT_BYTES_MIN ? naru_buf_append(naru__stream_out(conn->stream), bytes)
                                             : naru__stream_write_shot(conn->stream, frame, bytes);
}

static naru_status send_or_queue(naru_conn *conn, naru__shot *frame, bool now)
{
    naru_span bytes = naru__shot_span(frame);
    size_t sent = now ? naru__stream_send_now(conn->stream, bytes) : 0;
    return sent == bytes.size ? NARU_OK : queue_frame(conn, frame, (naru_span){bytes.data + sent, bytes.size - sent});
}

static naru_status send_frame(naru_conn *conn, naru_prepared *prepared, bool now)
{
    naru__shot *frame = frame_for(prepared, &conn->ws);
    uint64_t begin = naru__conn_queue_end(conn);
    naru_status status = frame ? send_or_queue(conn, frame, now) : NARU_ERR_MEMORY;
    if (status != NARU_OK) {
        return status;
    }
    if (frame != prepared->plain) {
        naru__ws_frozen_sent(&conn->ws);
    }
    naru__ws_observe_frozen(&conn->ws, naru__shot_span(frame));
    naru__conn_count_out(conn, prepared->data.size, true);
    if (naru__conn_options(conn)->queue_policy == NARU_QUEUE_DROP_OLDEST && naru__stream_queued(conn->stream) > 0) {
        naru__conn_queue_mark(conn, begin);
    }
    return NARU_OK;
}

static inline naru_status send_prepared(naru_conn *conn, naru_prepared *prepared, bool now)
{
    if (conn->ws.role == NARU_WS_CLIENT) {
        return naru_conn_send(conn, prepared->kind, prepared->data, prepared->flags);
    }
    naru_status status = naru__conn_send_admit(conn, prepared->data.size);
    if (status == NARU_OK && conn->ws.sending != 0) {
        status = NARU_ERR_STATE;
    }
    if (status != NARU_OK) {
        return status;
    }
    status = send_frame(conn, prepared, now);
    bool through = now && status == NARU_OK && !conn->ws.cold && naru__stream_queued(conn->stream) == 0;
    return through ? NARU_OK : naru__conn_send_answer(conn, status);
}

naru_status naru_conn_send_prepared(naru_conn *conn, naru_prepared *prepared)
{
    return send_prepared(conn, prepared, false);
}

naru_status naru__conn_send_prepared_now(naru_conn *conn, naru_prepared *prepared)
{
    return send_prepared(conn, prepared, true);
}
