/* Messages out: to a WebSocket at once, to a polling session's queue. Source: the Engine.IO protocol. */
#include "engine_inside.h"

#include "base/buf.h"
#include <string.h>

enum { FRAME_KEPT_BYTES = 64 << 10 };

static bool on_websocket(const naru_eio *session)
{
    return session->core.state == NARU__ENGINE_IS_OPEN && session->conn;
}

/* ---- one message for one session ------------------------------------------------------------------------------- */

/* With its type in front, without a block of its own. */
static naru_status send_typed(naru_eio *session, naru_ws_kind kind, naru_span data, unsigned flags)
{
    naru_buf *frame = &session->server->frame;
    naru_buf_take(frame, naru__buf_size(frame));
    naru_status status = naru__buf_append_byte(frame, kind == NARU_WS_TEXT ? '4' : 0x04);
    status = status < 0 ? status : naru_buf_append(frame, data);
    status = status < 0 ? status : naru_conn_send(session->conn, kind, naru_buf_span(frame), flags | NARU_WS_VALID);
    if (frame->capacity > FRAME_KEPT_BYTES) {
        naru_buf_deinit(frame);
    }
    return status;
}

static naru_status send_shared(naru_eio *session, naru_ws_kind kind, naru_span data, unsigned flags)
{
    naru__eio_shared *shared = naru__eio_shared_new(session->server, kind, data, flags);
    if (!shared) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru__eio_send_shared(session, shared);
    naru__eio_shared_unref(shared);
    return status;
}

naru_status naru_eio_send(naru_eio *session, naru_ws_kind kind, naru_span data, unsigned flags)
{
    bool text = kind == NARU_WS_TEXT;
    if (session->core.state != NARU__ENGINE_IS_OPEN) {
        return NARU_ERR_STATE;
    }
    if (text && !(flags & NARU_WS_VALID) && !naru_utf8_valid(data)) {
        return NARU_ERR_UTF8;
    }
    if (!on_websocket(session) || (!text && session->core.base64)) {
        return send_shared(session, kind, data, flags);
    }
    if (!text && session->core.revision == 4) {
        return naru_conn_send(session->conn, kind, data, flags);
    }
    return send_typed(session, kind, data, flags);
}

naru_status naru__eio_send_typed(naru_eio *session, naru_span data, unsigned flags)
{
    if (!on_websocket(session)) {
        return naru_eio_send(session, NARU_WS_TEXT, data, flags | NARU_WS_VALID);
    }
    naru_span typed = {data.data - 1, data.size + 1};
    return naru_conn_send(session->conn, NARU_WS_TEXT, typed, flags | NARU_WS_VALID);
}

/* ---- one message for many --------------------------------------------------------------------------------------- */

naru__eio_shared *naru__eio_shared_blank(naru_eio_server *eio, naru_ws_kind kind, size_t bytes, unsigned flags,
                                         uint8_t **data_out)
{
    naru__eio_shared *shared = naru__engine_message_new(eio->allocator, kind == NARU_WS_BINARY, bytes, data_out);
    if (shared) {
        shared->flags = flags;
    }
    return shared;
}

naru__eio_shared *naru__eio_shared_new(naru_eio_server *eio, naru_ws_kind kind, naru_span data, unsigned flags)
{
    uint8_t *to = NULL;
    naru__eio_shared *shared = naru__eio_shared_blank(eio, kind, data.size, flags, &to);
    if (shared && data.size > 0) {
        memcpy(to, data.data, data.size);
    }
    return shared;
}

naru__eio_shared *naru__eio_shared_ref(naru__eio_shared *shared)
{
    return naru__engine_message_ref(shared);
}

void naru__eio_shared_unref(naru__eio_shared *shared)
{
    naru__engine_message_unref(shared);
}

naru_status naru__eio_send_shared(naru_eio *session, naru__eio_shared *shared)
{
    if (on_websocket(session)) {
        return naru__eio_conn_send(session, shared);
    }
    naru_status status = naru__engine_session_send(&session->core, shared);
    if (session->core.actions != 0) {
        naru__eio_settle_later(session);
    }
    return status;
}
