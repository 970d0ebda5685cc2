/* Each message to everyone, in the order in which it came.
 *
 * Who reads too slowly is closed by the queue's policy (1013), so that one of them never holds up the rest.
 * Source: none. */
#include "broadcast.h"

#include <stdlib.h>

struct broadcast_member {
    broadcast_circle *circle;
    naru_conn *conn;
    broadcast_member *previous;
    broadcast_member *next;
};

static void on_open(naru_conn *conn, void *user)
{
    broadcast_circle *circle = user;
    broadcast_member *member = calloc(1, sizeof *member);
    naru_conn_set_user(conn, member);
    if (!member) {
        (void)naru_conn_close(conn, 1013, naru_span_of("no memory for one more"));
        return;
    }
    *member = (broadcast_member){.circle = circle, .conn = conn, .next = circle->first};
    if (circle->first) {
        circle->first->previous = member;
    }
    circle->first = member;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    const broadcast_member *sender = user;
    (void)conn;
    if (!sender) {
        return;
    }
    unsigned flags = kind == NARU_WS_TEXT ? NARU_WS_VALID : 0;
    for (broadcast_member *member = sender->circle->first; member; member = member->next) {
        (void)naru_conn_send(member->conn, kind, data, flags);
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    broadcast_member *member = user;
    (void)conn;
    (void)info;
    if (!member) {
        return;
    }
    if (member->previous) {
        member->previous->next = member->next;
    } else {
        member->circle->first = member->next;
    }
    if (member->next) {
        member->next->previous = member->previous;
    }
    free(member);
}

const naru_ws_route broadcast_route = {
    .handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close},
};
