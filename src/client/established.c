/* An open connection behind the WHATWG interface: the connection's events become the client's, in its states.
 *
 * Source: WHATWG WebSockets 4 (feedback from the protocol). */
#include "client/client.h"

/* Messages are for an open client only: after close() they are dropped, though the session still reads them. */
static naru_client *listening(void *user)
{
    naru_client *client = user;
    return naru_client_state(client) == NARU_OPEN && !client->freed ? client : NULL;
}

static void opened(naru_conn *conn, void *user)
{
    naru_client *client = user;
    client->state = NARU_OPEN;
    client->was_open = true;
    if (client->paused) {
        naru_conn_pause(conn);
    }
    if (client->handler.on_open) {
        naru__client_enter(client);
        client->handler.on_open(client, client->user);
        naru__client_leave(client);
    }
}

static void got_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)conn;
    naru_client *client = listening(user);
    if (client && client->handler.on_message) {
        naru__client_enter(client);
        client->handler.on_message(client, kind, data, client->user);
        naru__client_leave(client);
    }
}

static void got_part(naru_conn *conn, const naru_ws_event *part, void *user)
{
    (void)conn;
    naru_client *client = listening(user);
    if (client && client->handler.on_part) {
        naru__client_enter(client);
        client->handler.on_part(client, part, client->user);
        naru__client_leave(client);
    }
}

static void got_ping(naru_conn *conn, naru_span data, void *user)
{
    (void)conn;
    naru_client *client = listening(user);
    if (client && client->handler.on_ping) {
        naru__client_enter(client);
        client->handler.on_ping(client, data, client->user);
        naru__client_leave(client);
    }
}

static void got_pong(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user)
{
    (void)conn;
    naru_client *client = listening(user);
    if (client && client->handler.on_pong) {
        naru__client_enter(client);
        client->handler.on_pong(client, data, rtt_ms, client->user);
        naru__client_leave(client);
    }
}

static void drained(naru_conn *conn, void *user)
{
    (void)conn;
    naru_client *client = listening(user);
    if (client && client->handler.on_drain) {
        naru__client_enter(client);
        client->handler.on_drain(client, client->user);
        naru__client_leave(client);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static void tell_failure(naru_client *client, const naru_fault *fault)
{
    naru_client_failure failure = {.phase = NARU_PHASE_OPEN, .status = fault->status, .fault = *fault};
    failure.text = fault->text;
    if (client->aborted || fault->status == NARU_OK) {
        failure.status = NARU_ERR_CLOSED;
        failure.text = client->aborted ? "the application aborted the connection" : naru_status_text(NARU_ERR_CLOSED);
    }
    if (client->handler.on_error) {
        client->handler.on_error(client, &failure, client->user);
    }
}

/* WHATWG: error first, if the connection had to be failed; losing it without its closing handshake is that
 * (6455 7.2.1). */
static void closed(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    naru_client *client = user;
    client->state = NARU_CLOSED;
    naru__client_marks_settle(client, info->clean);
    naru__client_enter(client);
    if (client->aborted || info->fault.status != NARU_OK || info->code == 1006) {
        tell_failure(client, &info->fault);
    }
    if (client->handler.on_close) {
        client->handler.on_close(client, info, client->user);
    }
    naru__client_leave(client);
}

static void gone(naru_conn *conn, const naru_close_info *info)
{
    (void)info;
    naru_client *client = naru__conn_terms_of(conn)->owner;
    naru__client_enter(client);
    client->conn = NULL;
    naru__client_leave(client);
}

/* It only looks on, so nothing can happen to the client meanwhile. */
static void saw_frame(naru_conn *conn, const naru_ws_frame *frame, void *user)
{
    (void)conn;
    naru_client *client = user;
    if (client->handler.on_frame) {
        client->handler.on_frame(client, frame, client->user);
    }
}

#define BRIDGE                                                                                                         \
    .on_open = opened, .on_message = got_message, .on_part = got_part, .on_ping = got_ping, .on_pong = got_pong,       \
    .on_drain = drained, .on_close = closed
static const naru_conn_handler bridge = {BRIDGE};
static const naru_conn_handler bridge_with_frames = {BRIDGE, .on_frame = saw_frame};

void naru__client_establish(naru_client *client, naru_span protocol, const naru_ws_deflate *deflate, naru_input rest)
{
    const naru_conn_handler *handler = client->handler.on_frame ? &bridge_with_frames : &bridge;
    client->terms.allocator = naru_loop_allocator(client->loop);
    client->terms.owner = client;
    client->terms.on_gone = gone;
    client->conn = naru__conn_new(client->stream, NARU_WS_CLIENT, &client->terms, deflate, protocol, handler, client);
    if (!client->conn) {
        naru_client_failure failure = {.phase = NARU_PHASE_HANDSHAKE, .status = NARU_ERR_MEMORY};
        naru__client_fail(client, &failure, "no memory for the connection");
        return;
    }
    client->stream = NULL;
    client->protocol = protocol;
    naru__client_opening_free(client);
    naru__conn_start(client->conn, rest.data, rest.size);
}
