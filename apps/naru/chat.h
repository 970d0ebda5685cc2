/* The room behind /chat. */
#ifndef NARU_APP_CHAT_H
#define NARU_APP_CHAT_H

#include <naru/server.h>

typedef struct chat_member chat_member;

/* One loop's room; all zero is an empty one. */
typedef struct chat_room {
    chat_member *first;
    uint32_t members;
    uint32_t next_id;
} chat_room;

/* The room is the route's user, and must outlive its connections. */
extern const naru_ws_route chat_route;

#endif
