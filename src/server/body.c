/* The body of a plain request: how much of it may come, and what becomes of one that is too long. What is only a little
 * too long is read to its end and dropped, so that the connection lives on; the rest ends it.
 *
 * Not for: heads and routes (intake.c). Source: RFC 9112 6, RFC 9110 10.1.1, 15.5.14. */
#include "server/exchange.h"

#include "base/buf.h"

/* How far past the limit a body is still worth reading. */
enum { SKIPPED_BYTES_MAX = 64 * 1024 };

static const char too_big[] = "the body is too big";

bool naru__body_expected(const naru_http_head *head)
{
    naru_span length;
    if (naru_http_head_count_of(head, "Transfer-Encoding") > 0) {
        return true;
    }
    return naru_http_head_find(head, "Content-Length", &length) && !naru_span_equal(length, naru_span_of("0"));
}

static uint64_t limit_of(const naru__exchange *exchange)
{
    uint64_t own = exchange->request.route->body_bytes_max;
    return own > 0 ? own : exchange->server->options.body_bytes_max;
}

static uint64_t readable(uint64_t limit)
{
    return limit < UINT64_MAX - SKIPPED_BYTES_MAX ? limit + SKIPPED_BYTES_MAX : UINT64_MAX;
}

static bool expects(const naru_http_head *head)
{
    return naru_http_head_minor(head) > 0 && naru_http_head_count_of(head, "Expect") > 0;
}

/* 9110 10.1.1: a body that is waited for is asked for, unless it is on its way already. */
static void expect(naru__exchange *exchange, const naru_input *in)
{
    naru_span value;
    const naru_http_head *head = exchange->request.head;
    if (!expects(head) || !naru_http_head_find(head, "Expect", &value)) {
        return;
    }
    if (!naru_span_equal_nocase(value, naru_span_of("100-continue"))) {
        naru__exchange_refuse(exchange, 417, "only Expect: 100-continue is known", true);
        return;
    }
    if (in->size > 0 || !naru__body_expected(head)) {
        return;
    }
    if (naru_buf_append(naru__stream_out(exchange->stream), naru_span_of("HTTP/1.1 100 Continue\r\n\r\n")) < 0) {
        naru__exchange_drop(exchange);
        return;
    }
    naru__stream_flush_later(exchange->stream);
}

/* An answer before the body ends the connection, since nobody goes through what follows. false: there was one. */
static bool ask_head(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    bool keep = exchange->keep;
    exchange->keep = false;
    exchange->phase = NARU__EXCHANGE_ASKED;
    exchange->calling = true;
    request->route->on_head(request, request->route->user);
    exchange->calling = false;
    if (exchange->phase != NARU__EXCHANGE_ASKED) {
        return false;
    }
    exchange->keep = keep;
    exchange->phase = NARU__EXCHANGE_HEAD;
    return true;
}

void naru__body_begin(naru__exchange *exchange, const naru_input *in)
{
    const naru_http_head *head = exchange->request.head;
    uint64_t limit = limit_of(exchange);
    if (exchange->request.route->on_head && naru__body_expected(head) && !ask_head(exchange)) {
        return;
    }
    naru_status status = naru_http_body_start(&exchange->body, head, true, readable(limit));
    if (status < 0) {
        bool big = status == NARU_ERR_TOO_BIG;
        naru__exchange_refuse(exchange, big ? 413 : 400, big ? too_big : "the body's length is not clear", true);
        return;
    }
    exchange->skipping = exchange->body.left > limit;
    /* 9110 10.1.1: one who waits to be asked may send no body after a refusal: nobody could tell what comes next. */
    if (exchange->skipping && expects(head)) {
        naru__exchange_refuse(exchange, 413, too_big, true);
        return;
    }
    exchange->phase = NARU__EXCHANGE_BODY;
    expect(exchange, in);
}

/* errors NARU_ERR_MEMORY */
static naru_status take(naru__exchange *exchange, naru_span piece)
{
    naru_buf *body = &exchange->request.body;
    if (!exchange->skipping && piece.size > limit_of(exchange) - naru__buf_size(body)) {
        exchange->skipping = true;
        naru_buf_deinit(body);
    }
    return exchange->skipping ? NARU_OK : naru_buf_append(body, piece);
}

static void complete(naru__exchange *exchange)
{
    if (exchange->skipping) {
        naru__exchange_refuse(exchange, 413, too_big, false);
    } else {
        naru__exchange_ask(exchange);
    }
}

bool naru__body_read(naru__exchange *exchange, naru_input *in)
{
    naru_span piece = {0};
    naru_status status = naru_http_body_next(&exchange->body, in, &piece);
    if (status == NARU_OK) {
        status = take(exchange, piece);
        if (status < 0) {
            naru__exchange_drop(exchange);
        }
        return status == NARU_OK;
    }
    if (status == NARU_MORE) {
        return false;
    }
    if (status == NARU_END) {
        complete(exchange);
        return true;
    }
    bool big = status == NARU_ERR_TOO_BIG;
    naru__exchange_refuse(exchange, big ? 413 : 400, big ? too_big : "the body's chunks are broken", true);
    return false;
}
