/* Writing answers. Whatever fails leaves the queue as it was, so that another answer may still be tried.
 * Source: RFC 9110 6.4, 6.6.1, 8.6; RFC 9112 6.3, 9.3. */
#include "server/respond.h"

#include "base/buf.h"
#include <stdio.h>
#include <string.h>

bool naru__request_is_head(const naru_request *request)
{
    return request->complete && naru_span_equal(naru_http_head_method(request->head), naru_span_of("HEAD"));
}

naru_status naru__request_field(naru_request *request, const char *name, naru_span value)
{
    return naru_http_write_field(&request->fields, naru_span_of(name), value);
}

static naru_status write_field(naru_buf *out, const char *name, naru_span value)
{
    return naru_http_write_field(out, naru_span_of(name), value);
}

/* 9112 9.3: 1.1 goes on unless told otherwise, 1.0 ends unless told otherwise. */
static naru_status write_connection(naru_buf *out, const naru__exchange *exchange)
{
    const naru_request *request = &exchange->request;
    if (!exchange->keep || exchange->server->stopping) {
        return write_field(out, "Connection", naru_span_of("close"));
    }
    if (request->complete && naru_http_head_minor(request->head) == 0) {
        return write_field(out, "Connection", naru_span_of("keep-alive"));
    }
    return NARU_OK;
}

static naru_status write_length(naru_buf *out, const naru__answer *answer)
{
    char digits[24];
    if (answer->status == 204 || answer->status == 304) {
        return NARU_OK;
    }
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)answer->body_bytes);
    return write_field(out, "Content-Length", (naru_span){(const uint8_t *)digits, (size_t)size});
}

static naru_status write_head(naru_buf *out, naru__exchange *exchange, const naru__answer *answer)
{
    naru_server *server = exchange->server;
    naru_status status = naru_http_write_status(out, answer->status, naru_http_reason(answer->status));
    status = status < 0 ? status : write_field(out, "Date", naru__server_date(server));
    if (status >= 0 && server->name) {
        status = write_field(out, "Server", naru_span_of(server->name));
    }
    if (status >= 0 && answer->type) {
        status = write_field(out, "Content-Type", naru_span_of(answer->type));
    }
    status = status < 0 ? status : write_length(out, answer);
    status = status < 0 ? status : write_connection(out, exchange);
    status = status < 0 ? status : naru_buf_append(out, naru_buf_span(&exchange->request.fields));
    return status < 0 ? status : naru_http_write_end(out);
}

naru_status naru__respond_head(naru__exchange *exchange, const naru__answer *answer)
{
    naru_buf *out = naru__stream_out(exchange->stream);
    size_t before = naru__buf_size(out);
    naru_status status = write_head(out, exchange, answer);
    if (status < 0) {
        naru__buf_truncate(out, before);
    }
    return status;
}

naru_status naru__respond_body(naru__exchange *exchange, int status, const char *type, naru_span body)
{
    naru_buf *out = naru__stream_out(exchange->stream);
    size_t before = naru__buf_size(out);
    bool none = status == 204 || status == 205 || status == 304;
    naru__answer answer = {status, none ? NULL : type, none ? 0 : body.size};
    naru_status done = naru__respond_head(exchange, &answer);
    if (done < 0 || none || naru__request_is_head(&exchange->request)) {
        return done;
    }
    done = naru_buf_append(out, body);
    if (done < 0) {
        naru__buf_truncate(out, before);
    }
    return done;
}

naru_status naru__respond_text(naru__exchange *exchange, int status, const char *text)
{
    char line[160];
    int size = snprintf(line, sizeof line, "%s\n", text);
    size_t bytes = size < 0 ? 0 : (size_t)size < sizeof line ? (size_t)size : sizeof line - 1;
    return naru__respond_body(exchange, status, "text/plain; charset=utf-8", (naru_span){(const uint8_t *)line, bytes});
}
