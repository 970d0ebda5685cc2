/* What both halves of the opening handshake share. Source: RFC 6455 1.3, 4. */
#ifndef NARU_WS_HANDSHAKE_H
#define NARU_WS_HANDSHAKE_H

#include <naru/ws.h>

enum { NARU__WS_KEY_CHARS = 24, NARU__WS_KEY_BYTES = 16, NARU__WS_ACCEPT_CHARS = 28 };

/* 6455 4.2.2: key and the fixed text, hashed; NUL-terminated. */
void naru__ws_accept(naru_span key, char accept_out[NARU__WS_ACCEPT_CHARS + 1]);
/* Exactly one field of that name, with exactly that value without case? */
bool naru__ws_field_is(const naru_http_head *head, const char *name, const char *value);
/* Append "name: value". */
NARU_MUST_USE naru_status naru__ws_field_write(naru_buf *out, const char *name, naru_span value);

#endif
