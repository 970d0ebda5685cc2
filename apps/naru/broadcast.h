/* /broadcast: each message goes to everyone there, its sender too. */
#ifndef NARU_APP_BROADCAST_H
#define NARU_APP_BROADCAST_H

#include <naru/server.h>

typedef struct broadcast_member broadcast_member;

/* One loop's listeners; all zero is nobody. The route's user, which must outlive its connections. */
typedef struct broadcast_circle {
    broadcast_member *first;
} broadcast_circle;

extern const naru_ws_route broadcast_route;

#endif
