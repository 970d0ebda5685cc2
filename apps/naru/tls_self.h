/* A certificate of one's own making, for work on one machine. */
#ifndef NARU_APP_TLS_SELF_H
#define NARU_APP_TLS_SELF_H

#include <naru/tls.h>

/* http2: offer HTTP/2 too. false: reason says why, in one line. */
bool tls_self_new(bool http2, naru_tls **tls_out, char *reason, size_t reason_bytes);

#endif
