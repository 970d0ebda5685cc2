/* The HTTP exchange with the server: the request goes out once the stream is ready, a 101 that holds becomes a
 * connection, a redirect that may be followed is, and any other answer is a failure.
 *
 * Not for: what makes a 101 good (ws/).
 * Source: RFC 6455 4.1, WHATWG WebSockets 4. */
#include "base/buf.h"
#include "client/client.h"

static void answered(naru_client *client, naru_input *in)
{
    naru_span protocol = {0};
    naru_ws_deflate deflate = {0};
    naru_fault fault = {0};
    naru_status status = naru_ws_response_check(&client->opening->offer, client->head, &protocol, &deflate, &fault);
    if (status == NARU_OK) {
        naru__client_establish(client, protocol, &deflate, *in);
    } else if (naru_http_head_status(client->head) == 101) {
        naru__client_fail_answer(client, status, &fault);
    } else if (naru__client_is_redirect(client)) {
        naru__client_redirect(client);
    } else {
        naru__client_refusal_start(client, in);
    }
}

/* ---- the stream's events ------------------------------------------------------------------------------------ */

void naru__client_send_request(naru_client *client)
{
    naru__stream *stream = client->stream;
    if (naru_buf_append(naru__stream_out(stream), naru_buf_span(&client->opening->request))) {
        naru_client_failure failure = {.phase = NARU_PHASE_HANDSHAKE, .status = NARU_ERR_MEMORY};
        naru__client_fail(client, &failure, "no memory for the request");
        return;
    }
    naru__stream_flush_later(stream);
}

static void on_ready(naru__stream *stream)
{
    if (naru__stream_chose_http2(stream)) {
        naru__client_multiplex(stream->owner);
    } else {
        naru__client_send_request(stream->owner);
    }
}

static void on_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_client *client = stream->owner;
    naru_input in = {bytes, size};
    if (client->opening->refused) {
        naru__client_refusal_data(client, &in);
    } else if (naru__client_read_answer(client, &in) == NARU_OK) {
        answered(client, &in);
    }
}

void naru__client_stream_ended(naru_client *client, naru_status why)
{
    if (client->opening->refused) {
        naru__client_refused(client);
        return;
    }
    bool in_proxy = client->opening->route.in_proxy;
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = why};
    const char *text = naru__stream_error(client->stream, &failure.system_error);
    if (why == NARU_END) {
        failure.status = NARU_ERR_CLOSED;
        text = "";
    }
    const char *begin = in_proxy ? "to the proxy" : "";
    if (failure.phase == NARU_PHASE_PROXY) {
        begin = "the proxy ended the connection before its answer was complete";
    } else if (failure.phase == NARU_PHASE_HANDSHAKE) {
        begin = "the server ended the connection before its answer was complete";
    }
    naru__client_fail(client, &failure, "%s%s%s", begin, *begin && text && *text ? ": " : "", text ? text : "");
}

static void on_end(naru__stream *stream, naru_status why)
{
    const naru_client *client = stream->owner;
    if (why == NARU_ERR_UNSUPPORTED && client->opening->http2) {
        naru__client_set_out_plainly(stream->owner);
    } else {
        naru__client_stream_ended(stream->owner, why);
    }
}

const naru__stream_handler naru__client_handshake = {.on_ready = on_ready, .on_data = on_data, .on_end = on_end};
