/* The end of an opening that failed: one failure, told once, at the end of the turn.
 *
 * Not for: connections that were open (established.c). Source: WHATWG WebSockets 4, when the connection is closed. */
#include "client/client.h"
#include <stdarg.h>
#include <stdio.h>

naru_client_phase naru__client_get_phase(const naru_client *client)
{
    if (client->opening && client->opening->route.lookup) {
        return NARU_PHASE_NAME;
    }
    switch (client->stream ? naru__stream_get_phase(client->stream) : NARU__STREAM_CONNECT) {
    case NARU__STREAM_NAME:
        return NARU_PHASE_NAME;
    case NARU__STREAM_CONNECT:
        return NARU_PHASE_CONNECT;
    case NARU__STREAM_TLS:
        return NARU_PHASE_TLS;
    case NARU__STREAM_READY:
    case NARU__STREAM_ENDED:
    default:
        return client->opening && client->opening->route.in_proxy ? NARU_PHASE_PROXY : NARU_PHASE_HANDSHAKE;
    }
}

void naru__client_fail(naru_client *client, const naru_client_failure *failure, const char *format, ...)
{
    naru__client_opening *opening = client->opening;
    if (opening->failed) {
        return;
    }
    opening->failed = true;
    opening->failure = *failure;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(opening->text, sizeof opening->text, format, arguments);
    va_end(arguments);
    opening->failure.text = opening->text;
    opening->failure.proxy = opening->route.in_proxy;
    opening->failure.redirects = opening->redirects;
    naru_fault *fault = &opening->failure.fault;
    if (fault->status == NARU_OK) {
        *fault =
            (naru_fault){.status = failure->status, .rule = "RFC 6455 4.1", .text = naru_status_text(failure->status)};
    }
    fault->close_code = 1006;
    fault->http_status = (uint16_t)failure->http_status;
    naru__client_stop(client);
    naru__loop_defer(client->loop, &client->finish);
}

static void tell_error(naru_client *client, naru__client_opening *opening)
{
    if (opening->refused) {
        opening->failure.head = client->head;
        opening->failure.body = naru_buf_span(&opening->body);
    }
    if (client->handler.on_error) {
        client->handler.on_error(client, &opening->failure, client->user);
    }
}

void naru__client_finish(naru__deferred *deferred)
{
    naru_client *client = (naru_client *)(void *)((char *)deferred - offsetof(naru_client, finish));
    client->state = NARU_CLOSED;
    naru__client_enter(client);
    naru_close_info info = {.code = 1006, .fault = client->opening->failure.fault};
    tell_error(client, client->opening);
    if (client->handler.on_close) {
        client->handler.on_close(client, &info, client->user);
    }
    naru__client_opening_free(client);
    naru__client_leave(client);
}
