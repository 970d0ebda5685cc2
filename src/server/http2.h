/* Connections of a server that turned out to speak HTTP/2. Each of their streams gets an exchange of its own. */
#ifndef NARU_SERVER_HTTP2_H
#define NARU_SERVER_HTTP2_H

#include "http2/http2.h"
#include "server/exchange.h"

/* The exchange's stream speaks HTTP/2, as ALPN has settled. Frees the exchange. */
void naru__served_begin(naru__exchange *exchange);
/* The first bytes where HTTP/2 may begin without being announced. true: they are dealt with, and perhaps the exchange
 * is gone; false: they are HTTP/1.1's to read. source RFC 9113 3.3 */
bool naru__served_guess(naru__exchange *exchange, naru_span bytes);

/* A stop: begin no more streams. And the end, once no exchange and no WebSocket is left. */
void naru__served_leave_all(naru_server *server);
void naru__served_end_all(naru_server *server);

#endif
