/* Percent-encoding and the sets of characters it is used for. Source: WHATWG URL 1.3. */
#ifndef NARU_HTTP_PERCENT_H
#define NARU_HTTP_PERCENT_H

#include <naru/base.h>

typedef enum naru__percent_set {
    NARU__PERCENT_PATH,
    NARU__PERCENT_QUERY, /* of special schemes */
    NARU__PERCENT_FRAGMENT,
    NARU__PERCENT_USERINFO
} naru__percent_set;

/* Append text, with the characters of that set percent-encoded. errors NARU_ERR_MEMORY: part of it may be
 * there. */
NARU_MUST_USE naru_status naru__percent_append(naru_buf *out, naru_span text, naru__percent_set set);

/* The value of the `%xx` at the front, or -1. */
int naru__percent_byte(naru_span text);

#endif
