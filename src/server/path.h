/* From the path that was sent to the one path that access rules, routes and files all look at. Source: RFC 3986 5.2.4.
 */
#ifndef NARU_SERVER_PATH_H
#define NARU_SERVER_PATH_H

#include <naru/base.h>

/* Append the path decoded once, and then without dot segments; `//` stays. Nothing is decoded twice.
 *
 * shapes    raw: as sent, without the query; empty is "/".
 * errors    NARU_ERR_PROTOCOL: a bad escape, NUL, not UTF-8, not a path; *text_out says which. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__path_read(naru_span raw, naru_buf *out, const char **text_out);
/* Append path with everything escaped that has a meaning in a URL or none. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__path_write(naru_span path, naru_buf *out);

#endif
