/* Sends each message back as it came: one route, for `naru echo` and for /echo of `naru serve`. */
#ifndef NARU_APP_ECHO_ROUTE_H
#define NARU_APP_ECHO_ROUTE_H

#include <naru/server.h>

/* Accepts any upgrade with the first subprotocol that was asked for. */
extern const naru_ws_route echo_route;

#endif
