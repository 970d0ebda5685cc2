/* Answering GET and HEAD with something that has validators and parts. Source: RFC 9110 8.8, 14.4, 15.3.7, 15.4.5. */
#include "server/content.h"

#include "base/buf.h"
#include "server/respond.h"
#include "server/remainder.h"
#include <stdio.h>
#include <unistd.h>

bool naru__content_method(naru__exchange *exchange, naru_status *status_out)
{
    naru_span method = naru_http_head_method(exchange->request.head);
    if (naru_span_equal(method, naru_span_of("GET")) || naru_span_equal(method, naru_span_of("HEAD"))) {
        return true;
    }
    *status_out = naru__request_field(&exchange->request, "Allow", naru_span_of("GET, HEAD"));
    if (*status_out == NARU_OK) {
        *status_out =
            naru_request_respond(&exchange->request, 405, NULL, naru_span_of("only GET and HEAD are known here\n"));
    }
    return false;
}

static naru_status range_field(naru_request *request, const naru__selection *part, uint64_t bytes)
{
    char text[96];
    if (part->status == 416) {
        (void)snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)bytes);
    } else {
        (void)snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)part->offset,
                       (unsigned long long)(part->offset + part->bytes - 1), (unsigned long long)bytes);
    }
    return naru__request_field(request, "Content-Range", naru_span_of(text));
}

static naru_status fields(naru_request *request, const naru__content *content, const naru__selection *part)
{
    naru_status status = naru__request_field(request, "ETag", naru_span_of(content->etag));
    if (status >= 0 && content->modified_s >= 0) {
        naru__date modified = {0};
        naru__date_write(&modified, content->modified_s);
        status = naru__request_field(request, "Last-Modified", naru_span_of(modified.text));
    }
    if (status >= 0 && part->status != 304) {
        status = naru__request_field(request, "Accept-Ranges", naru_span_of("bytes"));
    }
    if (status >= 0 && (part->status == 206 || part->status == 416)) {
        status = range_field(request, part, content->bytes);
    }
    return status < 0 ? status : naru__request_field(request, "X-Content-Type-Options", naru_span_of("nosniff"));
}

/* Head and content. The remainder is made first: once the head is queued there is no way back. */
static naru_status send_part(naru__exchange *exchange, const naru__content *content, const naru__selection *part)
{
    naru__answer answer = {part->status, content->type, part->bytes};
    naru__remainder *remainder = NULL;
    naru_status status =
        naru__remainder_new(exchange, content->fd, content->data, part->offset, part->bytes, &remainder);
    if (status < 0) {
        return status;
    }
    status = naru__respond_head(exchange, &answer);
    if (status < 0) {
        naru__remainder_free(remainder);
        return status;
    }
    naru__remainder_start(remainder);
    return NARU_OK;
}

static naru_status send_short(naru__exchange *exchange, const naru__content *content, int status)
{
    const char *text = status == 412 ? "it has changed" : "no such part";
    if (status == 412 || status == 416) {
        return naru__respond_text(exchange, status, text);
    }
    naru__answer answer = {status, status == 304 ? NULL : content->type, content->bytes};
    return naru__respond_head(exchange, &answer);
}

naru_status naru__content_respond(naru__exchange *exchange, const naru__content *content)
{
    naru_request *request = &exchange->request;
    size_t before = naru__buf_size(&request->fields);
    naru__selection part = naru__content_select(request->head, content);
    bool whole = part.status == 200 || part.status == 206;
    naru_status status = fields(request, content, &part);
    if (status >= 0 && whole && !naru__request_is_head(request)) {
        status = send_part(exchange, content, &part);
    } else {
        status = status < 0 ? status : send_short(exchange, content, part.status);
        if (content->fd >= 0) {
            close(content->fd);
        }
        if (status >= 0) {
            naru__exchange_answered(exchange);
        }
    }
    if (status < 0) {
        naru__buf_truncate(&request->fields, before);
    }
    return status;
}
