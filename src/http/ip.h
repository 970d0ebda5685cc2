/* IP addresses as URLs write them. */
#ifndef NARU_HTTP_IP_H
#define NARU_HTTP_IP_H

#include <naru/base.h>

enum { NARU__IPV6_PIECES = 8, NARU__IPV6_TEXT_BYTES_MAX = 41, NARU__IPV4_TEXT_BYTES_MAX = 15 };

/* An IPv6 address without brackets, with `::` and a dotted IPv4 end. Source: WHATWG URL 3.5, IPv6 parser. */
bool naru__ipv6_read(naru_span text, uint16_t pieces_out[NARU__IPV6_PIECES]);
/* In brackets, compressed as RFC 5952 4 says. Answers how many characters. */
size_t naru__ipv6_write(const uint16_t pieces[NARU__IPV6_PIECES], char out[NARU__IPV6_TEXT_BYTES_MAX]);

/* Is the last label a number, so that the host can be nothing but an IPv4 address? Source: WHATWG URL 3.5,
 * ends-in-a-number checker. */
bool naru__ipv4_looks_like(naru_span host);
/* One to four numbers, decimal, octal (0) or hexadecimal (0x); the last one fills what is left. */
bool naru__ipv4_read(naru_span host, uint32_t *address_out);
size_t naru__ipv4_write(uint32_t address, char out[NARU__IPV4_TEXT_BYTES_MAX]);

#endif
