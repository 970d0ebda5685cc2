/* SHA-1, for the one thing WebSocket needs it for: the accept key, which is no secret. Source: RFC 3174. */
#ifndef NARU_BASE_SHA1_H
#define NARU_BASE_SHA1_H

#include <naru/base.h>

void naru__sha1(naru_span text, uint8_t digest_out[20]);

#endif
