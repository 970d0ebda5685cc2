/* HTTP/2 beside HTTP/1.1: how it is found out, and how a stream of it becomes an exchange like any other. Each counts
 * for the server and for its address as a connection does.
 *
 * Not for: HTTP/2 itself (http2/). Source: RFC 9113 3.2, 3.3, 6.8. */
#include "server/http2.h"

#include "base/memory.h"
#include "server/deal.h"
#include "server/guest.h"
#include <string.h>

struct naru__served {
    naru__served *next, **link;
    naru_server *server;
    naru__http2 *http2;
    naru__guest *guest; /* what the connection counts for; NULL: nothing */
    naru__peer peer;    /* not known: a Unix socket */
};

/* ---- streams --------------------------------------------------------------------------------------------------- */

static bool on_stream(naru__http2 *http2, naru__stream *stream)
{
    naru__served *served = naru__http2_user(http2);
    naru_server *server = served->server;
    if (naru__server_refuses(server) || server->connections >= server->options.connections_max) {
        return false;
    }
    naru__arrival arrival = {.fd = -1, .over = stream, .peer = served->peer};
    arrival.until_ms = naru_loop_now_ms(server->loop) + server->options.handshake_timeout_ms;
    naru__hand_takes(server->hand);
    naru__server_took(server);
    if (naru__server_receive(server, &arrival) < 0) {
        naru__server_released(server);
        return false;
    }
    server->counts.http2_streams++;
    return true;
}

static void on_gone(naru__http2 *http2)
{
    naru__served *served = naru__http2_user(http2);
    naru_server *server = served->server;
    *served->link = served->next;
    if (served->next) {
        served->next->link = served->link;
    }
    (void)naru__stream_tell(naru__http2_beneath(http2), NULL); /* taking it back never fails */
    naru__guest_free(server, served->guest);
    naru__loop_free_later(server->loop, served, sizeof *served);
    naru__server_released(server);
}

static const naru__http2_calls calls = {.on_stream = on_stream, .on_gone = on_gone};

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static naru__http2 *speak(naru__exchange *exchange, naru__served *served)
{
    const naru_server_options *options = &exchange->server->options;
    naru__http2_options limits = {
        .streams_max = options->http2_streams_max,
        .head_bytes_max = options->http.head_bytes_max ? options->http.head_bytes_max : 16384,
        .head_timeout_ms = options->handshake_timeout_ms,
        .idle_timeout_ms = options->idle_timeout_ms,
    };
    return naru__http2_serve(exchange->stream, &limits, &calls, served);
}

/* NULL: no memory, and the exchange is gone with its connection. */
static naru__http2 *begin(naru__exchange *exchange)
{
    naru_server *server = exchange->server;
    naru__served *served = naru__alloc_zero(server->allocator, sizeof *served);
    naru__http2 *http2 = served ? speak(exchange, served) : NULL;
    if (!http2) {
        naru__free(server->allocator, served, sizeof *served);
        naru__exchange_drop(exchange);
        return NULL;
    }
    served->server = server;
    served->http2 = http2;
    served->guest = exchange->guest;
    served->peer = exchange->peer;
    served->next = server->served;
    served->link = &server->served;
    if (served->next) {
        served->next->link = &served->next;
    }
    server->served = served;
    server->counts.http2_connections++;
    exchange->guest = NULL; /* the stream goes on telling of it */
    naru__exchange_free(exchange);
    if (server->stopping) {
        naru__http2_leave(http2);
    }
    return http2;
}

void naru__served_begin(naru__exchange *exchange)
{
    (void)begin(exchange);
}

bool naru__served_guess(naru__exchange *exchange, naru_span bytes)
{
    const naru_span preface = {(const uint8_t *)naru__http2_preface, NARU__HTTP2_PREFACE_BYTES};
    uint8_t seen[NARU__HTTP2_PREFACE_BYTES];
    size_t before = exchange->preface_bytes;
    size_t left = preface.size - before;
    size_t size = bytes.size < left ? bytes.size : left;
    if (memcmp(bytes.data, preface.data + before, size) != 0) {
        memcpy(seen, preface.data, before);
        naru_input in = {seen, before};
        exchange->may_be_http2 = false;
        naru__exchange_read(exchange, &in);
        return false;
    }
    exchange->preface_bytes = (uint8_t)(before + size);
    if (size < left) {
        return true;
    }
    naru_buf held = exchange->held; /* the bytes may lie there */
    naru_buf_init(&exchange->held, exchange->server->allocator);
    naru__http2 *http2 = begin(exchange);
    if (http2) {
        naru__http2_receive(http2, preface);
        naru__http2_receive(http2, (naru_span){bytes.data + size, bytes.size - size});
    }
    naru_buf_deinit(&held);
    return true;
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

void naru__served_leave_all(naru_server *server)
{
    for (naru__served *served = server->served; served; served = served->next) {
        naru__http2_leave(served->http2);
    }
}

void naru__served_end_all(naru_server *server)
{
    while (server->served) {
        naru__http2_destroy(server->served->http2);
    }
}
