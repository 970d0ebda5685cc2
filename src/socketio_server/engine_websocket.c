/* Sessions over WebSocket: from the start, or after a probe. Source: the engine.io package, version 6:
 * transports/websocket; the Engine.IO protocol, "Upgrade". */
#include "engine_inside.h"

#include "base/buf.h"
#include <string.h>

enum { FRAME_KEPT_BYTES = 64 << 10 };

/* ---- sending -------------------------------------------------------------------------------------------------- */

/* For a client without binary: "b" (revision 3: and the type) and base64, as text. */
static naru_status send_base64(naru_eio *session, naru__engine_message *message)
{
    naru_buf *frame = &session->server->frame;
    naru_span text = naru__engine_message_base64(message);
    naru_buf_take(frame, naru__buf_size(frame));
    naru_status status = text.data ? NARU_OK : NARU_ERR_MEMORY;
    status = status < 0 ? status : naru_buf_append(frame, naru_span_of(session->core.revision == 3 ? "b4" : "b"));
    status = status < 0 ? status : naru_buf_append(frame, text);
    status = status < 0 ? status : naru_conn_send(session->conn, NARU_WS_TEXT, naru_buf_span(frame), NARU_WS_VALID);
    if (frame->capacity > FRAME_KEPT_BYTES) {
        naru_buf_deinit(frame);
    }
    return status;
}

static void release(void *frame)
{
    naru_prepared_unref(frame);
}

naru_status naru__eio_conn_send(naru_eio *session, naru__engine_message *message)
{
    naru__engine_form form = naru__engine_message_form(message, session->core.revision, session->core.base64);
    if (form == NARU__ENGINE_FORM_BASE64) {
        return send_base64(session, message);
    }
    naru_span frame = naru__engine_message_frame(message, form);
    naru_ws_kind kind = message->binary ? NARU_WS_BINARY : NARU_WS_TEXT;
    if (message->sends++ == 0) {
        return naru_conn_send(session->conn, kind, frame, message->flags | NARU_WS_VALID);
    }
    naru_prepared *prepared = message->frames[form];
    if (!prepared) {
        naru_status status = naru_prepared_new(kind, frame, message->flags | NARU_WS_VALID, &prepared);
        if (status < 0) {
            return status;
        }
        message->frames[form] = prepared;
        message->release_frame = release;
    }
    return naru_conn_send_prepared(session->conn, prepared);
}

/* ---- what comes ------------------------------------------------------------------------------------------------ */

static naru_status send_open(naru_eio *session)
{
    char text[512] = "0";
    const naru_eio_options *options = &session->server->options;
    size_t size = naru__eio_open_json(session, text + 1, sizeof text - 1);
    naru_span open = {(const uint8_t *)text, size + 1};
    naru_status status = naru_conn_send(session->conn, NARU_WS_TEXT, open, NARU_WS_VALID);
    if (status >= 0 && options->initial_packet.data) {
        status = naru_eio_send(session, options->initial_packet_kind, options->initial_packet, 0);
    }
    return status;
}

void naru__eio_open_websocket(naru_eio *session)
{
    session->opens_later = false;
    if (send_open(session) < 0) {
        naru__engine_session_fail(&session->core, NARU__ENGINE_TRANSPORT_ERROR, NULL);
    }
    naru__eio_begin(session);
    naru_http_head_free(session->head);
    session->head = NULL;
    naru__eio_settle(session);
}

/* Until the open packet has gone nothing is taken from a client that is made to wait for it. */
static void on_open(naru_conn *conn, void *user)
{
    naru_eio *session = user;
    if (!session || session->conn != conn) {
        return;
    }
    if (session->server->options.open_delay_ms == 0) {
        naru__eio_open_websocket(session);
        return;
    }
    naru_conn_pause(conn);
    session->opens_later = true;
    naru__eio_settle(session);
}

static void hand_on(naru_eio *session, const naru__engine_packet *packet)
{
    const naru_eio_handler *handler = session->server->handler;
    if (handler->on_message) {
        handler->on_message(session, packet->binary ? NARU_WS_BINARY : NARU_WS_TEXT, packet->data, session->user);
    }
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    naru_eio *session = user;
    naru_buf scratch;
    naru__engine_packet packet;
    if (!session) {
        return;
    }
    naru__engine_way way = conn == session->probe ? NARU__ENGINE_PROBE : NARU__ENGINE_WEBSOCKET;
    naru_buf_init(&scratch, session->server->allocator);
    naru_status status =
        naru__engine_packet_read(data, kind == NARU_WS_BINARY, session->core.revision, &scratch, &packet);
    if (status < 0) {
        naru__engine_session_garbled(&session->core, way);
    } else if (naru__engine_session_packet(&session->core, way, &packet, naru__eio_now(session)) == NARU_OK) {
        hand_on(session, &packet);
    }
    naru__eio_settle(session);
    if (scratch.data) {
        naru_buf_deinit(&scratch);
    }
}

static void on_drain(naru_conn *conn, void *user)
{
    naru_eio *session = user;
    if (session && session->conn == conn && session->server->handler->on_drain) {
        session->server->handler->on_drain(session, session->user);
        naru__eio_settle(session);
    }
}

/* A broken connection is a close like any other; only what broke a rule is an error. */
static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    naru_eio *session = user;
    if (!session) {
        return;
    }
    bool probe = conn == session->probe;
    bool clean = info->fault.status == NARU_OK || info->fault.status == NARU_ERR_CLOSED;
    if (probe) {
        session->probe = NULL;
    } else {
        session->conn = NULL;
    }
    naru__engine_session_ended(&session->core, probe ? NARU__ENGINE_PROBE : NARU__ENGINE_WEBSOCKET, clean);
    naru__eio_settle(session);
}

const naru_conn_handler naru__eio_conn_handler = {
    .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_close = on_close};

/* ---- beginning and end ----------------------------------------------------------------------------------------- */

/* The first subprotocol that is asked for is as good as any: Engine.IO gives them no meaning. */
naru_status naru__eio_accept(naru_eio_server *eio, naru_eio *session, naru_request *request, naru_conn **conn_out)
{
    naru_span protocol = {0};
    (void)naru_request_protocol(request, 0, &protocol);
    naru__eio_fields(eio, session, request);
    naru_status status = naru_request_accept(request, protocol, &naru__eio_conn_handler, session);
    if (status == NARU_OK) {
        *conn_out = naru__exchange_of(request)->conn;
    }
    return status;
}

/* One too many is accepted and closed, since a browser tells a page nothing of a refusal. */
void naru__eio_probe(naru_eio *session, naru_request *request)
{
    naru_conn *conn = NULL;
    bool wanted = naru__engine_session_probe(&session->core, naru__eio_now(session)) == NARU_OK;
    naru_status status = naru__eio_accept(session->server, session, request, &conn);
    if (status < 0) {
        naru__eio_respond(session->server, session, request, 503, NULL, (naru_span){0});
    }
    if (status < 0 && wanted) {
        naru__engine_session_ended(&session->core, NARU__ENGINE_PROBE, false);
    } else if (wanted) {
        session->probe = conn;
    } else if (conn) {
        naru__eio_let_go(&conn, false);
    }
    naru__eio_settle(session);
}

void naru__eio_let_go(naru_conn **conn, bool abort)
{
    naru_conn *gone = *conn;
    *conn = NULL;
    if (!gone) {
        return;
    }
    naru_conn_set_user(gone, NULL);
    naru_conn_resume(gone); /* one that waited for its open packet still hears the peer's Close */
    if (abort) {
        naru_conn_abort(gone);
    } else {
        (void)naru_conn_close(gone, 0, (naru_span){0});
    }
}
