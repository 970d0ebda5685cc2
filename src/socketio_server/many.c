/* What is done with many sockets at once: looking, joining, leaving, disconnecting.
 *
 * Not for: events (emit.c). Source: socket.io's BroadcastOperator. */
#include "group.h"

static naru_status each(const naru_sio_target *target, naru__sio_each_fn *call, void *user)
{
    naru__sio_snapshot snapshot;
    naru_status status = naru__sio_snapshot_take(&snapshot, target);
    for (size_t i = 0; i < snapshot.count; i++) {
        if (snapshot.sockets[i]->state == NARU__SIO_CONNECTED) {
            call(snapshot.sockets[i], user);
        }
    }
    naru__sio_snapshot_free(&snapshot);
    return status;
}

naru_status naru_sio_each_socket(naru_sio_target target, naru_sio_on_socket *fn, void *user)
{
    return each(&target, fn, user);
}

/* It is done in its place among what the other loops say. */
static naru_status later(naru_status status)
{
    return status == NARU_MORE ? NARU_OK : status;
}

typedef struct joining {
    naru_span room;
    naru_status status;
} joining;

static void join_one(naru_sio_socket *socket, void *user)
{
    joining *all = user;
    naru_status status = naru_sio_join(socket, all->room);
    all->status = status ? status : all->status;
}

naru_status naru_sio_sockets_join(naru_sio_target target, naru_span room)
{
    joining all = {.room = room};
    naru_status status = naru__sio_publish_order(&target, NARU__SIO_LETTER_JOIN, room, false);
    if (status) {
        return later(status);
    }
    status = each(&target, join_one, &all);
    return status ? status : all.status;
}

static void leave_one(naru_sio_socket *socket, void *user)
{
    naru_sio_leave(socket, *(const naru_span *)user);
}

naru_status naru_sio_sockets_leave(naru_sio_target target, naru_span room)
{
    naru_status status = naru__sio_publish_order(&target, NARU__SIO_LETTER_LEAVE, room, false);
    return status ? later(status) : each(&target, leave_one, &room);
}

static void disconnect_one(naru_sio_socket *socket, void *user)
{
    naru_sio_disconnect(socket, *(const bool *)user);
}

naru_status naru_sio_disconnect_sockets(naru_sio_target target, bool close)
{
    naru_status status = naru__sio_publish_order(&target, NARU__SIO_LETTER_DISCONNECT, (naru_span){0}, close);
    return status ? later(status) : each(&target, disconnect_one, &close);
}
