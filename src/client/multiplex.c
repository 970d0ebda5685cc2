/* A WebSocket over HTTP/2: the stream that TLS has made carries one of HTTP/2, which takes its place for the handshake
 * and for the connection behind it.
 *
 * Not for: HTTP/2 itself (http2/). Source: RFC 8441 3, RFC 9113 3.2. */
#include "client/client.h"

enum { HEAD_BYTES_MAX = 16384 };

static void on_gone(naru__http2 *http2)
{
    naru_client *client = naru__http2_user(http2);
    client->http2 = NULL;
}

static const naru__http2_calls calls = {.on_gone = on_gone};

void naru__client_multiplex(naru_client *client)
{
    /* The opening's own deadline is over all of it. */
    naru__http2_options options = {
        .head_bytes_max = HEAD_BYTES_MAX, .head_timeout_ms = NARU_NEVER, .idle_timeout_ms = NARU_NEVER};
    naru__http2_abandon(client->http2); /* of a server that redirected */
    client->http2 = naru__http2_join(client->stream, &options, &calls, client);
    naru__stream *stream = client->http2 ? naru__http2_open(client->http2) : NULL;
    if (stream) {
        stream->handler = &naru__client_handshake;
        stream->owner = client;
        client->stream = stream;
        client->multiplexed = true;
        return;
    }
    naru_client_failure failure = {.phase = NARU_PHASE_HANDSHAKE, .status = NARU_ERR_MEMORY};
    if (client->http2) {
        client->stream = NULL; /* it goes with the other */
        naru__http2_abandon(client->http2);
        client->http2 = NULL;
    }
    naru__client_fail(client, &failure, "no memory for HTTP/2");
}

void naru__client_set_out_plainly(naru_client *client)
{
    const char *reason = "";
    client->opening->http2 = false;
    client->multiplexed = false;
    naru__stream_close(client->stream);
    client->stream = NULL;
    naru_status status = naru__client_set_out(client, &reason);
    if (status) {
        naru_client_failure failure = {.phase = NARU_PHASE_CONNECT, .status = status};
        naru__client_fail(client, &failure, "no way back to HTTP/1.1: %s",
                          status == NARU_ERR_ARGUMENT ? reason : naru_status_text(status));
    }
}
