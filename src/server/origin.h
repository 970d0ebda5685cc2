/* May the page that asks for a WebSocket have one? Source: RFC 6455 10.2, RFC 6454 7. */
#ifndef NARU_SERVER_ORIGIN_H
#define NARU_SERVER_ORIGIN_H

#include <naru/server.h>

bool naru__origin_allowed(const naru_http_head *head, const naru_server_options *options);

#endif
