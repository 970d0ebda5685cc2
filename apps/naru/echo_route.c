/* The echo on the server's side: type and bytes unchanged, and no more read than can be sent.
 *
 * Source: none. */
#include "echo_patience.h"
#include "echo_route.h"

static void on_request(naru_request *request, void *user)
{
    naru_span protocol = {0};
    (void)user;
    (void)naru_request_protocol(request, 0, &protocol);
    if (naru_request_accept(request, protocol, NULL, NULL) != NARU_OK) {
        (void)naru_request_reject(request, 500);
    }
}

/* No more is read than can be sent. */
static inline void sent(naru_conn *conn, naru_status status)
{
    if (status == NARU_OK) {
        return;
    }
    if (status == NARU_FULL) {
        naru_conn_pause(conn);
    } else if (status == NARU_ERR_MEMORY) {
        naru_conn_abort(conn);
    }
}

/* What comes back as NARU_WS_VALID is text that was checked on its way in. */
static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    sent(conn, naru_conn_send(conn, kind, data, NARU_WS_VALID));
}

/* A long message, which is one frame, goes back as one while it comes. */
static void on_part(naru_conn *conn, const naru_ws_event *part, void *user)
{
    naru_status status = NARU_OK;
    if (part->first) {
        status = naru_conn_send_begin(conn, part->kind, part->data.size + part->left);
    }
    if (status >= 0) {
        status = naru_conn_send_part(conn, part->kind, part->data, part->last, NARU_WS_VALID);
    }
    if (status == NARU_FULL && !part->last) {
        echo_patience_begin(conn, user);
    } else {
        sent(conn, status);
    }
}

static void on_drain(naru_conn *conn, void *user)
{
    echo_patience_end(user);
    naru_conn_resume(conn);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    (void)info;
    echo_patience_free(user);
}

const naru_ws_route echo_route = {
    .on_request = on_request,
    .handler = {.on_message = on_message, .on_part = on_part, .on_drain = on_drain, .on_close = on_close},
};
