/* The application's hook for what the library refuses: it may look, count, and say it in its own words. What it cannot
 * change is what keeps the connection safe: the status, and that it ends.
 *
 * Not for: refusing (closing.c). Source: RFC 9110 15.5. */
#include "server/bad.h"

#include "base/buf.h"
#include "server/respond.h"
#include <string.h>

int naru_bad_request_status(const naru_bad_request *bad)
{
    return bad->status;
}

const char *naru_bad_request_text(const naru_bad_request *bad)
{
    return bad->text;
}

const char *naru_bad_request_rule(const naru_bad_request *bad)
{
    return bad->exchange->request.rule;
}

const naru_http_head *naru_bad_request_head(const naru_bad_request *bad)
{
    const naru_request *request = &bad->exchange->request;
    return request->complete ? request->head : NULL;
}

/* The bytes are the loop's block, and there as long as they are gone through. */
naru_span naru_bad_request_start(const naru_bad_request *bad)
{
    return bad->exchange->taking ? bad->exchange->start : (naru_span){0};
}

void naru_bad_request_peer(const naru_bad_request *bad, char *out, size_t out_bytes)
{
    naru__exchange_peer(bad->exchange, out, out_bytes);
}

naru_status naru_bad_request_add_field(naru_bad_request *bad, const char *name, naru_span value)
{
    if (!naru__request_field_allowed(naru_span_of(name), value)) {
        return NARU_ERR_ARGUMENT;
    }
    return naru__request_field(&bad->exchange->request, name, value);
}

naru_status naru_bad_request_set_body(naru_bad_request *bad, const char *content_type, naru_span body)
{
    naru_span type = naru_span_of(content_type ? content_type : "text/plain; charset=utf-8");
    if (type.size >= sizeof bad->type || !naru_http_is_field_value(type) || body.size > NARU__BAD_BODY_BYTES_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    naru_buf_take(&bad->body, naru__buf_size(&bad->body));
    naru_status status = naru_buf_append(&bad->body, body);
    bad->replaced = status == NARU_OK;
    memcpy(bad->type, type.data, type.size);
    bad->type[type.size] = 0;
    return status;
}

naru_status naru__bad_answer(naru__exchange *exchange, int status, const char *text)
{
    naru_server *server = exchange->server;
    naru_bad_request bad = {.exchange = exchange, .status = status, .text = text};
    if (!server->options.on_bad_request || status < 400) {
        return naru__respond_text(exchange, status, text);
    }
    naru_buf_init(&bad.body, server->allocator);
    server->options.on_bad_request(&bad, server->options.on_bad_request_user);
    naru_status done = bad.replaced ? naru__respond_body(exchange, status, bad.type, naru_buf_span(&bad.body))
                                    : naru__respond_text(exchange, status, text);
    naru_buf_deinit(&bad.body);
    return done;
}
