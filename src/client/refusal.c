/* An answer other than the one that was wanted: a failure that carries its status, its head and the first of its
 * body.
 *
 * Source: RFC 9110 15, WHATWG WebSockets 4. */
#include "base/buf.h"
#include "client/client.h"

static const char *by_proxy(const naru_client *client, int http_status)
{
    if (http_status != 407) {
        return "";
    }
    return client->opening->route.proxy.has_credentials ? "; it does not accept this user and password"
                                                        : "; it wants a user and a password";
}

/* What an answer that leads elsewhere lacks to be followed. */
static const char *by_server(const naru_client *client, int http_status)
{
    if (http_status < 300 || http_status >= 400) {
        return "";
    }
    return client->opening->redirects_max == 0 ? "; redirects are not followed" : "; it is no redirect to follow";
}

void naru__client_refused(naru_client *client)
{
    bool in_proxy = client->opening->route.in_proxy;
    int http_status = naru_http_head_status(client->head);
    naru_client_failure failure = {
        .phase = naru__client_get_phase(client), .status = NARU_ERR_REFUSED, .http_status = http_status};
    const char *phrase = naru_http_reason(http_status);
    naru__client_fail(client, &failure, "the %s answered %d%s%s %s%s", in_proxy ? "proxy" : "server", http_status,
                      *phrase ? " " : "", phrase, in_proxy ? "to CONNECT" : "instead of 101",
                      in_proxy ? by_proxy(client, http_status) : by_server(client, http_status));
}

/* Room for the next piece of the body? What does not fit any more does not matter. */
static bool keep_piece(naru_buf *body, naru_span piece)
{
    size_t room = NARU__CLIENT_BODY_BYTES_MAX - naru__buf_size(body);
    naru_span kept = {piece.data, piece.size < room ? piece.size : room};
    return naru_buf_append(body, kept) == NARU_OK && kept.size < room;
}

void naru__client_refusal_data(naru_client *client, naru_input *in)
{
    naru__client_opening *opening = client->opening;
    naru_span piece;
    naru_status status;
    do {
        status = naru_http_body_next(&opening->framing, in, &piece);
    } while (status == NARU_OK && keep_piece(&opening->body, piece));
    if (status != NARU_MORE) {
        naru__client_refused(client);
    }
}

void naru__client_refusal_start(naru_client *client, naru_input *in)
{
    naru__client_opening *opening = client->opening;
    opening->refused = true;
    if (naru_http_body_start(&opening->framing, client->head, true, NARU_UNLIMITED)) {
        naru__client_refused(client);
        return;
    }
    naru__client_refusal_data(client, in);
}
