/* Writing answers: the status line, the fields that every answer has, the request's own, and the body. */
#ifndef NARU_SERVER_RESPOND_H
#define NARU_SERVER_RESPOND_H

#include "server/exchange.h"

/* What is said about a body. type NULL: no Content-Type. */
typedef struct naru__answer {
    int status;
    const char *type;
    uint64_t body_bytes;
} naru__answer;

/* Append the head of the answer to the stream's queue. errors NARU_ERR_MEMORY, NARU_ERR_ARGUMENT: nothing was appended.
 */
NARU_MUST_USE naru_status naru__respond_head(naru__exchange *exchange, const naru__answer *answer);
/* Head and body; the body stays out where HTTP has none (HEAD, 204, 304). */
NARU_MUST_USE naru_status naru__respond_body(naru__exchange *exchange, int status, const char *type, naru_span body);
/* `text` and a line's end as the body. */
NARU_MUST_USE naru_status naru__respond_text(naru__exchange *exchange, int status, const char *text);
/* Add a field that naru_request_add_field would leave to us. */
NARU_MUST_USE naru_status naru__request_field(naru_request *request, const char *name, naru_span value);

/* May the application add it? */
bool naru__request_field_allowed(naru_span name, naru_span value);

bool naru__request_is_head(const naru_request *request);

#endif
