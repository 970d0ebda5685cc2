/* The request as the application sees it, and its plain answers. Accepting an upgrade is in upgrade.c, files in
 * files.c. */
#include "server/exchange.h"

#include "base/ascii.h"
#include "server/respond.h"
#include <string.h>

const naru_http_head *naru_request_head(const naru_request *request)
{
    return request->head;
}

naru_span naru_request_path(const naru_request *request)
{
    return naru_buf_span(&request->path);
}

naru_span naru_request_body(const naru_request *request)
{
    return naru_buf_span(&request->body);
}

bool naru_request_is_upgrade(const naru_request *request)
{
    return request->upgrade;
}

bool naru_request_is_tls(const naru_request *request)
{
    return request->forwarded_tls || naru__stream_is_tls(naru__exchange_of(request)->stream);
}

bool naru_request_is_http2(const naru_request *request)
{
    return naru__exchange_of(request)->multiplexed;
}

bool naru_request_client_subject(const naru_request *request, char *out, size_t out_bytes)
{
    return naru__stream_tls_subject(naru__exchange_of(request)->stream, out, out_bytes);
}

void naru_request_peer(const naru_request *request, char *out, size_t out_bytes)
{
    naru__exchange_peer(naru__exchange_of(request), out, out_bytes);
}

bool naru_request_protocol(const naru_request *request, size_t index, naru_span *protocol_out)
{
    return request->upgrade && naru_ws_request_protocol(&request->ws, index, protocol_out);
}

void naru_request_on_cancel(naru_request *request, void (*on_cancel)(void *user), void *user)
{
    request->on_cancel = on_cancel;
    request->cancel_user = user;
}

static bool ours(naru_span name)
{
    static const char *const names[] = {
        "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Date", NULL};
    static const char start[] = "Sec-WebSocket-";
    for (size_t i = 0; names[i]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(names[i]))) {
            return true;
        }
    }
    return name.size >= sizeof start - 1 &&
           naru_span_equal_nocase(naru__span_first(name, sizeof start - 1), naru_span_of(start));
}

bool naru__request_field_allowed(naru_span name, naru_span value)
{
    return naru_http_is_token(name) && !ours(name) && naru_http_is_field_value(value);
}

naru_status naru_request_add_field(naru_request *request, const char *name, naru_span value)
{
    if (naru__exchange_of(request)->phase != NARU__EXCHANGE_ASKED) {
        return NARU_ERR_STATE;
    }
    if (!naru__request_field_allowed(naru_span_of(name), value)) {
        return NARU_ERR_ARGUMENT;
    }
    return naru__request_field(request, name, value);
}

naru_status naru_request_respond(naru_request *request, int status, const char *content_type, naru_span body)
{
    naru__exchange *exchange = naru__exchange_of(request);
    if (exchange->phase != NARU__EXCHANGE_ASKED) {
        return NARU_ERR_STATE;
    }
    if (status < 200 || status > 599) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status done =
        naru__respond_body(exchange, status, content_type ? content_type : "text/plain; charset=utf-8", body);
    if (done == NARU_OK) {
        naru__exchange_answered(exchange);
    }
    return done;
}

naru_status naru_request_reject(naru_request *request, int status)
{
    naru__exchange *exchange = naru__exchange_of(request);
    if (exchange->phase != NARU__EXCHANGE_ASKED) {
        return NARU_ERR_STATE;
    }
    if (status < 200 || status > 599) {
        return NARU_ERR_ARGUMENT;
    }
    naru_status done = naru__respond_text(exchange, status, naru_http_reason(status));
    if (done == NARU_OK) {
        naru__exchange_answered(exchange);
    }
    return done;
}
