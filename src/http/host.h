/* Hosts, as HTTP fields and as URLs write them. */
#ifndef NARU_HTTP_HOST_H
#define NARU_HTTP_HOST_H

#include <naru/base.h>

/* host or host:port, as in a Host field: IPv6 in brackets, else letters, digits and the signs of a reg-name,
 * nothing percent-encoded; a port of 0 to 65535, which may be empty unless port_required. Source: RFC
 * 9110 7.2, RFC 3986 3.2. */
bool naru__host_port_valid(naru_span text, bool port_required);

/* Append a URL's host in its canonical form: lower case, IPv4 dotted, IPv6 in brackets and compressed.
 * errors    NARU_ERR_ARGUMENT: no host, and *reason_out says why. NARU_ERR_UNSUPPORTED: non-ASCII.
 *           NARU_ERR_MEMORY.
 * source    WHATWG URL 3.5 */
NARU_MUST_USE naru_status naru__host_append(naru_buf *out, naru_span text, const char **reason_out);

#endif
