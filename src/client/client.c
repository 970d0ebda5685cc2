/* A client's life and the calls of its owner: state, send, close, abort, free.
 *
 * Not for: how it comes to be open (open.c), the events (established.c, fail.c). Source: WHATWG WebSockets 3.1. */
#include "base/memory.h"
#include "client/client.h"

enum { REASON_BYTES_MAX = 123 }; /* 6455 5.5: what a control frame holds behind the code */

/* ---- freeing ------------------------------------------------------------------------------------------------ */

void naru__client_opening_free(naru_client *client)
{
    naru__client_opening *opening = client->opening;
    if (!opening) {
        return;
    }
    const naru_allocator *allocator = naru_loop_allocator(client->loop);
    naru__loop_defer_cancel(client->loop, &opening->arm);
    naru__loop_timer_stop(client->loop, &opening->timer);
    naru__route_deinit(&opening->route);
    naru_buf_deinit(&opening->request);
    naru_buf_deinit(&opening->fields);
    naru_buf_deinit(&opening->credentials);
    naru_buf_deinit(&opening->names);
    naru_buf_deinit(&opening->body);
    naru__free(allocator, opening->protocols, opening->protocols_count * sizeof(naru_span));
    naru__free(allocator, opening, sizeof *opening);
    client->opening = NULL;
}

void naru__client_stop(naru_client *client)
{
    naru__loop_defer_cancel(client->loop, &client->finish);
    if (client->opening) {
        naru__loop_defer_cancel(client->loop, &client->opening->arm);
        naru__loop_timer_stop(client->loop, &client->opening->timer);
        naru__route_stop(&client->opening->route);
    }
    if (client->stream) {
        naru__stream_close(client->stream);
        client->stream = NULL;
    }
}

/* The struct itself stays for the rest of the turn: functions that called the application may still look at it. */
static void release(naru_client *client)
{
    naru__client_stop(client);
    naru__client_opening_free(client);
    naru__http2_abandon(client->http2);
    naru_http_head_free(client->head);
    naru_url_deinit(&client->url);
    naru_buf_deinit(&client->marks);
    client->head = NULL;
    naru__loop_free_later(client->loop, client, sizeof *client);
}

void naru__client_enter(naru_client *client)
{
    client->calling++;
}

void naru__client_leave(naru_client *client)
{
    client->calling--;
    if (client->freed && client->calling == 0 && !client->conn) {
        release(client);
    }
}

void naru_client_free(naru_client *client)
{
    if (!client || client->freed) {
        return;
    }
    client->freed = true;
    client->handler = (naru_client_handler){0};
    naru__client_enter(client);
    naru__client_stop(client);
    if (client->conn) {
        naru__conn_destroy(client->conn);
    }
    naru__client_leave(client);
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

naru_ready_state naru_client_state(const naru_client *client)
{
    bool open = client->state == NARU_OPEN;
    bool ending = open && client->conn && naru_conn_state(client->conn) != NARU_WS_OPEN;
    return ending ? NARU_CLOSING : (naru_ready_state)client->state;
}

/* May something be sent now? WHATWG: what comes after the closing handshake has begun is counted and thrown away. */
static naru_status ready_to_send(naru_client *client, uint64_t payload_bytes)
{
    switch (naru_client_state(client)) {
    case NARU_CONNECTING:
        return NARU_ERR_STATE;
    case NARU_OPEN:
        return naru__client_mark_reserve(client);
    case NARU_CLOSING:
    case NARU_CLOSED:
    default:
        client->unsent_bytes += payload_bytes;
        return NARU_END;
    }
}

naru_status naru_client_send(naru_client *client, naru_ws_kind kind, naru_span data, unsigned flags)
{
    naru_status status = ready_to_send(client, data.size);
    if (status) {
        return status;
    }
    uint64_t before = naru__client_queue_end(client);
    status = naru_conn_send(client->conn, kind, data, flags);
    if (status == NARU_OK || status == NARU_FULL) {
        naru__client_mark(client, before, data.size);
    }
    return status;
}

naru_status naru_client_send_prepared(naru_client *client, naru_prepared *prepared)
{
    naru_span data = naru_prepared_data(prepared);
    naru_status status = ready_to_send(client, data.size);
    if (status) {
        return status;
    }
    uint64_t before = naru__client_queue_end(client);
    status = naru_conn_send_prepared(client->conn, prepared);
    if (status == NARU_OK || status == NARU_FULL) {
        naru__client_mark(client, before, data.size);
    }
    return status;
}

naru_status naru_client_send_part(naru_client *client, naru_ws_kind kind, naru_span data, bool last, unsigned flags)
{
    naru_status status = ready_to_send(client, data.size);
    if (status) {
        return status;
    }
    uint64_t before = naru__client_queue_end(client);
    status = naru_conn_send_part(client->conn, kind, data, last, flags);
    if (status == NARU_OK || status == NARU_FULL) {
        naru__client_mark(client, before, data.size);
    }
    return status;
}

naru_status naru_client_ping(naru_client *client, naru_span data)
{
    return naru_client_state(client) == NARU_OPEN ? naru_conn_ping(client->conn, data) : NARU_ERR_STATE;
}

naru_status naru_client_pong(naru_client *client, naru_span data)
{
    return naru_client_state(client) == NARU_OPEN ? naru_conn_pong(client->conn, data) : NARU_ERR_STATE;
}

/* ---- ending ------------------------------------------------------------------------------------------------- */

/* WHATWG 3.1, close: the checks come first, whatever the state. */
static naru_status check_close(uint16_t code, naru_span reason)
{
    if (code != 0 && code != 1000 && (code < 3000 || code > 4999)) {
        return NARU_ERR_ARGUMENT;
    }
    if (reason.size > REASON_BYTES_MAX || (code == 0 && reason.size > 0)) {
        return NARU_ERR_ARGUMENT;
    }
    return naru_utf8_valid(reason) ? NARU_OK : NARU_ERR_UTF8;
}

static void give_up(naru_client *client, const char *text)
{
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = NARU_ERR_CLOSED};
    client->state = NARU_CLOSING;
    naru__client_fail(client, &failure, "%s", text);
}

naru_status naru_client_close(naru_client *client, uint16_t code, naru_span reason)
{
    naru_status status = check_close(code, reason);
    if (status) {
        return status;
    }
    if (client->state == NARU_CONNECTING) {
        give_up(client, "the application closed the client before it was open");
        return NARU_OK;
    }
    if (naru_client_state(client) != NARU_OPEN) {
        return NARU_OK;
    }
    client->state = NARU_CLOSING;
    naru_client_resume(client);
    status = naru_conn_close(client->conn, code, reason);
    if (status < 0) {
        naru_client_abort(client);
    }
    return status < 0 ? status : NARU_OK;
}

void naru_client_abort(naru_client *client)
{
    if (client->opening && client->state != NARU_CLOSED) {
        give_up(client, "the application aborted the client before it was open");
    } else if (client->conn && client->state != NARU_CLOSED) {
        client->aborted = true;
        client->state = NARU_CLOSING;
        naru_conn_abort(client->conn);
    }
}

void naru_client_pause(naru_client *client)
{
    client->paused = true;
    if (client->conn && naru_client_state(client) == NARU_OPEN) {
        naru_conn_pause(client->conn);
    }
}

void naru_client_resume(naru_client *client)
{
    bool paused = client->paused;
    client->paused = false;
    if (paused && client->conn && client->state != NARU_CLOSED) {
        naru_conn_resume(client->conn);
    }
}

/* ---- what it knows ------------------------------------------------------------------------------------------ */

naru_span naru_client_url(const naru_client *client)
{
    return naru_buf_span(&client->url.text);
}

bool naru_client_is_http2(const naru_client *client)
{
    return client->was_open && client->multiplexed;
}

naru_span naru_client_protocol(const naru_client *client)
{
    return client->protocol;
}

const naru_http_head *naru_client_response(const naru_client *client)
{
    return client->was_open ? client->head : NULL;
}

naru_span naru_client_extensions(const naru_client *client)
{
    naru_span extensions = {0};
    const naru_http_head *head = naru_client_response(client);
    if (head) {
        (void)naru_http_head_find(head, "Sec-WebSocket-Extensions", &extensions);
    }
    return extensions;
}
