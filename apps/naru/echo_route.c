/* The echo on the server's side: type and bytes unchanged, and no more read than can be sent.
 *
 * Source: none. */
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

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    /* Text was checked on its way in. */
    naru_status status = naru_conn_send(conn, kind, data, kind == NARU_WS_TEXT ? NARU_WS_VALID : 0);
    if (status == NARU_FULL) {
        naru_conn_pause(conn);
    } else if (status == NARU_ERR_MEMORY) {
        naru_conn_abort(conn);
    }
}

static void on_drain(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_resume(conn);
}

const naru_ws_route echo_route = {
    .on_request = on_request,
    .handler = {.on_message = on_message, .on_drain = on_drain},
};
