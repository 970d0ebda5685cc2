/* A connection's beginning and its cold part. Not for: what happens while it lives (receive.c, send.c) and its end
 * (close.c). */
#include "base/memory.h"
#include "conn/inside.h"

#include <string.h>

naru__conn_cold *naru__conn_cold_get(naru_conn *conn)
{
    if (!conn->cold) {
        conn->cold = naru__alloc_zero(conn->ws.allocator, sizeof *conn->cold);
        if (conn->cold) {
            naru_buf_init(&conn->cold->held, conn->ws.allocator);
        }
    }
    return conn->cold;
}

void naru__conn_cold_free(naru_conn *conn)
{
    naru__conn_cold *cold = conn->cold;
    if (!cold) {
        return;
    }
    naru_buf_deinit(&cold->held);
    naru__free(conn->ws.allocator, cold->marks, cold->marks_capacity * sizeof *cold->marks);
    naru__free(conn->ws.allocator, cold, sizeof *cold);
    conn->cold = NULL;
}

/* What the short ways leave out: parts, the owner's interest in each message, what is noted of each. */
static void choose_ways(naru_conn *conn)
{
    const naru_conn_handler *handler = conn->handler;
    bool server = conn->ws.role == NARU_WS_SERVER;
    bool metered = conn->owner_calls && conn->owner_calls->on_received;
    conn->short_in =
        server && !metered && !conn->timed && handler->on_message && conn->options->ws.delivery == NARU_WS_MESSAGES;
    conn->short_out = !conn->timed && !conn->marked;
}

naru_conn *naru__conn_new(naru__stream *stream, naru_ws_role role, const naru_conn_options *options,
                          const naru_ws_deflate *deflate, naru_span protocol, const naru_conn_handler *handler,
                          void *user, const naru__conn_owner *owner_calls, void *owner)
{
    const naru_allocator *allocator = naru_loop_allocator(stream->loop);
    if (protocol.size > UINT16_MAX) {
        return NULL;
    }
    naru_conn shape = {.timed = options->idle_timeout_ms > 0 || options->age_max_ms > 0,
                       .protocol_bytes = (uint16_t)protocol.size};
    naru_conn *conn = naru__alloc_zero(allocator, naru__conn_bytes(&shape));
    if (!conn) {
        return NULL;
    }
    naru__ws_init(&conn->ws, role, &options->ws, deflate, naru_loop_now_ms(stream->loop), allocator);
    conn->stream = stream;
    conn->options = options;
    conn->handler = handler;
    conn->user = user;
    conn->owner_calls = owner_calls;
    conn->owner = owner;
    conn->timer.fire = naru__conn_on_timer;
    conn->compressed = deflate && deflate->enabled;
    conn->marked = handler->on_frame || options->queue_policy == NARU_QUEUE_DROP_OLDEST;
    naru__ws_observe(&conn->ws, handler->on_frame != NULL);
    conn->timed = shape.timed;
    conn->protocol_bytes = shape.protocol_bytes;
    if (protocol.size > 0) {
        memcpy(naru__conn_protocol_of(conn), protocol.data, protocol.size);
    }
    choose_ways(conn);
    stream->handler = &naru__conn_stream_handler;
    stream->owner = conn;
    return conn;
}

void naru__conn_start(naru_conn *conn, uint8_t *bytes, size_t size)
{
    conn->phase = NARU__CONN_OPEN;
    if (conn->timed) {
        naru__conn_life_begin(conn);
    }
    if (conn->handler->on_open) {
        conn->handler->on_open(conn, conn->user);
    }
    if (size > 0 && conn->phase == NARU__CONN_OPEN) {
        naru__conn_on_data(conn->stream, bytes, size);
    }
    if (conn->phase == NARU__CONN_OPEN) {
        naru__conn_take_held(conn);
        naru__conn_settle(conn);
    }
}

void naru__conn_destroy(naru_conn *conn)
{
    if (conn->phase == NARU__CONN_GONE) {
        return;
    }
    conn->end_status = NARU_ERR_CLOSED;
    naru__conn_finish(conn);
}
