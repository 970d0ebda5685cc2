/* The Sec-WebSocket-Extensions field and what permessage-deflate makes of it. Source: RFC 6455 9.1, RFC
 * 7692 5, 7.1. */
#ifndef NARU_WS_EXTENSION_H
#define NARU_WS_EXTENSION_H

#include <naru/ws.h>

/* One parameter. value is unquoted, and cut behind its fourth character: nothing we know is longer than
 * two. */
typedef struct naru__ws_parameter {
    naru_span name;
    bool valued;
    size_t value_bytes; /* of the whole value */
    uint8_t value[4];
} naru__ws_parameter;

/* Read an extension's name off the front of a list member, then its parameters one by one.
 * errors    NARU_END: no more. NARU_ERR_PROTOCOL: off the grammar. */
NARU_MUST_USE naru_status naru__ws_extension_name(naru_span *rest, naru_span *name_out);
NARU_MUST_USE naru_status naru__ws_extension_parameter(naru_span *rest, naru__ws_parameter *parameter_out);

/* Server: is every field on the grammar, and which is the first offer that we can take? None: deflate_out
 * says so.
 * errors    NARU_ERR_PROTOCOL: off the grammar. */
NARU_MUST_USE naru_status naru__ws_deflate_accept(const naru_http_head *head, const naru_ws_deflate_options *options,
                                                  naru_ws_deflate *deflate_out);
/* Client: does the answer fit what we offered? errors NARU_ERR_PROTOCOL */
NARU_MUST_USE naru_status naru__ws_deflate_confirm(const naru_http_head *head, const naru_ws_deflate_options *options,
                                                   naru_ws_deflate *deflate_out);

enum { NARU__WS_DEFLATE_TEXT_MAX = 160 };
/* The value of the field: a client's offer, a server's answer. Each answers how many characters it wrote. */
size_t naru__ws_deflate_offer(const naru_ws_deflate_options *options, char out[NARU__WS_DEFLATE_TEXT_MAX]);
size_t naru__ws_deflate_answer(const naru_ws_deflate *deflate, char out[NARU__WS_DEFLATE_TEXT_MAX]);

#endif
