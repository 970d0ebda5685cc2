/* A connection's beginning and its cold part. Not for: what happens while it lives (receive.c, send.c) and its end
 * (close.c). */
#include "base/memory.h"
#include "conn/inside.h"

#include <string.h>

static naru__conn_cold *make_cold(naru_conn *conn, naru_span protocol)
{
    const naru_allocator *allocator = naru__conn_allocator(conn);
    naru__conn_cold *cold = naru__alloc_zero(allocator, sizeof *cold + protocol.size);
    conn->cold = cold;
    if (!cold) {
        return NULL;
    }
    naru_buf_init(&cold->held, allocator);
    cold->protocol_bytes = (uint16_t)protocol.size;
    if (protocol.size > 0) {
        memcpy(cold->protocol, protocol.data, protocol.size);
    }
    return cold;
}

naru__conn_cold *naru__conn_cold_get(naru_conn *conn)
{
    return conn->cold ? conn->cold : make_cold(conn, (naru_span){NULL, 0});
}

void naru__conn_cold_free(naru_conn *conn)
{
    const naru_allocator *allocator = naru_loop_allocator(conn->stream->loop);
    naru__conn_cold *cold = conn->cold;
    if (!cold) {
        return;
    }
    naru_buf_deinit(&cold->held);
    naru__free(allocator, cold->marks, cold->marks_capacity * sizeof *cold->marks);
    naru__free(allocator, cold->reason, cold->reason_bytes);
    naru__free(allocator, cold, sizeof *cold + cold->protocol_bytes);
    conn->cold = NULL;
}

/* What the short ways leave out: parts, the owner's interest in each message, what is noted of each. */
static void choose_ways(naru_conn *conn)
{
    const naru_conn_handler *handler = conn->handler;
    bool server = conn->ws.role == NARU_WS_SERVER;
    bool metered = naru__conn_terms_of(conn)->on_received != NULL;
    conn->short_in = server && !metered && !conn->timed && handler->on_message &&
                     naru__conn_options(conn)->ws.delivery == NARU_WS_MESSAGES;
    conn->short_out = !conn->timed && !conn->marked;
}

naru_conn *naru__conn_new(naru__stream *stream, naru_ws_role role, const naru__conn_terms *terms,
                          const naru_ws_deflate *deflate, naru_span protocol, const naru_conn_handler *handler,
                          void *user)
{
    const naru_conn_options *options = &terms->options;
    naru_conn *conn = (naru_conn *)(void *)stream;
    if (protocol.size > UINT16_MAX) {
        return NULL;
    }
    memset(&conn->ws, 0, sizeof *conn - offsetof(naru_conn, ws));
    naru__ws_init(&conn->ws, role, &options->ws, deflate, naru_loop_now_ms(stream->loop));
    conn->timed = options->idle_timeout_ms > 0 || options->age_max_ms > 0;
    if ((conn->timed || protocol.size > 0) && !make_cold(conn, protocol)) {
        return NULL;
    }
    conn->handler = handler;
    conn->user = user;
    conn->compressed = deflate && deflate->enabled;
    conn->marked = handler->on_frame || options->queue_policy == NARU_QUEUE_DROP_OLDEST;
    naru__ws_observe(&conn->ws, handler->on_frame != NULL);
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
