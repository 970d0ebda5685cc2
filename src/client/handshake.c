/* The HTTP exchange: the request goes out once the stream is ready, interim answers are skipped, a 101 that
 * holds becomes a connection, and any other answer is a failure that carries its status, head and the begin of
 * its body.
 *
 * Not for: what makes a 101 good (ws/).
 * Source: RFC 6455 4.1, RFC 9110 15.2, WHATWG WebSockets 4 (redirects are errors). */
#include "base/buf.h"
#include "client/client.h"

static void fail_plain(naru_client *client, naru_status status, const char *text)
{
    naru_client_failure failure = {.phase = NARU_PHASE_HANDSHAKE, .status = status};
    naru__client_fail(client, &failure, "%s", text);
}

/* The peer's answer breaks a rule; fault says which. */
static void fail_fault(naru_client *client, naru_status status, const naru_fault *fault)
{
    naru_client_failure failure = {.phase = NARU_PHASE_HANDSHAKE, .status = status, .fault = *fault};
    naru__client_fail(client, &failure, "the server's answer is bad: %s (%s)", fault->text ? fault->text : "no detail",
                      fault->rule ? fault->rule : "RFC 6455 4.1");
}

/* ---- an answer other than 101 ------------------------------------------------------------------------------- */

static void refused(naru_client *client)
{
    int http_status = naru_http_head_status(client->head);
    naru_client_failure failure = {
        .phase = NARU_PHASE_HANDSHAKE, .status = NARU_ERR_REFUSED, .http_status = http_status};
    const char *phrase = naru_http_reason(http_status);
    const char *redirect = http_status >= 300 && http_status < 400 ? "; redirects are not followed" : "";
    naru__client_fail(client, &failure, "the server answered %d%s%s instead of 101%s", http_status, *phrase ? " " : "",
                      phrase, redirect);
}

/* Room for the next piece of the body? What does not fit any more does not matter. */
static bool keep_piece(naru_buf *body, naru_span piece)
{
    size_t room = NARU__CLIENT_BODY_BYTES_MAX - naru__buf_size(body);
    naru_span kept = {piece.data, piece.size < room ? piece.size : room};
    return naru_buf_append(body, kept) == NARU_OK && kept.size < room;
}

static void read_body(naru_client *client, naru_input *in)
{
    naru__client_opening *opening = client->opening;
    naru_span piece;
    naru_status status;
    do {
        status = naru_http_body_next(&opening->framing, in, &piece);
    } while (status == NARU_OK && keep_piece(&opening->body, piece));
    if (status != NARU_MORE) {
        refused(client);
    }
}

static void start_body(naru_client *client, naru_input *in)
{
    naru__client_opening *opening = client->opening;
    opening->refused = true;
    if (naru_http_body_start(&opening->framing, client->head, true, NARU_UNLIMITED)) {
        refused(client);
        return;
    }
    read_body(client, in);
}

/* ---- the head ----------------------------------------------------------------------------------------------- */

static void answered(naru_client *client, naru_input *in)
{
    naru_span protocol = {0};
    naru_ws_deflate deflate = {0};
    naru_fault fault = {0};
    naru_status status = naru_ws_response_check(&client->opening->offer, client->head, &protocol, &deflate, &fault);
    if (status == NARU_OK) {
        naru__client_establish(client, protocol, &deflate, *in);
    } else if (naru_http_head_status(client->head) != 101) {
        start_body(client, in);
    } else {
        fail_fault(client, status, &fault);
    }
}

/* RFC 9110 15.2: a client must be able to read 1xx answers that it did not ask for. */
static bool skip_interim(naru_client *client)
{
    naru_http_head_free(client->head);
    client->head = NULL;
    if (++client->opening->interim > NARU__CLIENT_INTERIM_MAX) {
        fail_plain(client, NARU_ERR_TOO_MANY, "the server sent too many interim answers (1xx)");
        return false;
    }
    client->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, naru_loop_allocator(client->loop));
    if (!client->head) {
        fail_plain(client, NARU_ERR_MEMORY, "no memory for the server's answer");
    }
    return client->head != NULL;
}

static void read_head(naru_client *client, naru_input *in)
{
    for (;;) {
        naru_status status = naru_http_head_feed(client->head, in);
        if (status == NARU_MORE) {
            return;
        }
        if (status) {
            fail_fault(client, status, naru_http_head_fault(client->head));
            return;
        }
        int http_status = naru_http_head_status(client->head);
        if (http_status >= 200 || http_status == 101) {
            answered(client, in);
            return;
        }
        if (!skip_interim(client)) {
            return;
        }
    }
}

/* ---- the stream's events ------------------------------------------------------------------------------------ */

static void on_ready(naru__stream *stream)
{
    naru_client *client = stream->owner;
    if (naru_buf_append(&stream->out, naru_buf_span(&client->opening->request))) {
        fail_plain(client, NARU_ERR_MEMORY, "no memory for the request");
        return;
    }
    naru__stream_flush_later(stream);
}

static void on_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_client *client = stream->owner;
    naru_input in = {bytes, size};
    if (client->opening->refused) {
        read_body(client, &in);
    } else {
        read_head(client, &in);
    }
}

static void on_end(naru__stream *stream, naru_status why)
{
    naru_client *client = stream->owner;
    if (client->opening->refused) {
        refused(client);
        return;
    }
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = why};
    const char *text = naru__stream_error(stream, &failure.system_error);
    if (why == NARU_END) {
        failure.status = NARU_ERR_CLOSED;
        text = "";
    }
    bool in_exchange = failure.phase == NARU_PHASE_HANDSHAKE;
    const char *begin = in_exchange ? "the server ended the connection before its answer was complete" : "";
    naru__client_fail(client, &failure, "%s%s%s", begin, in_exchange && text && *text ? ": " : "", text ? text : "");
}

const naru__stream_handler naru__client_handshake = {.on_ready = on_ready, .on_data = on_data, .on_end = on_end};
