/* What is done with many sockets at once: looking, joining, leaving, disconnecting; and the word to other nodes, of
 * which there are none.
 *
 * Not for: events (emit.c). Source: socket.io's BroadcastOperator, Namespace.serverSideEmit. */
#include "ack.h"
#include "target.h"

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
    naru_status status = each(&target, join_one, &all);
    return status ? status : all.status;
}

static void leave_one(naru_sio_socket *socket, void *user)
{
    naru_sio_leave(socket, *(const naru_span *)user);
}

naru_status naru_sio_sockets_leave(naru_sio_target target, naru_span room)
{
    return each(&target, leave_one, &room);
}

static void disconnect_one(naru_sio_socket *socket, void *user)
{
    naru_sio_disconnect(socket, *(const bool *)user);
}

naru_status naru_sio_disconnect_sockets(naru_sio_target target, bool close)
{
    return each(&target, disconnect_one, &close);
}

naru_status naru_sio_server_side_emit(naru_sio_namespace *nsp, const char *event, naru_sio_args args,
                                      naru_sio_on_responses *on_responses, void *user)
{
    static const char *const reserved[] = {"connect", "connection", "new_namespace"};
    (void)args;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (naru_span_equal(naru_span_of(event), naru_span_of(reserved[i]))) {
            return NARU_ERR_ARGUMENT;
        }
    }
    if (!on_responses) {
        return NARU_OK;
    }
    naru__sio_poll *poll = naru__sio_poll_new(nsp->io, 1, on_responses, user);
    if (!poll) {
        return NARU_ERR_MEMORY;
    }
    naru__sio_poll_start(poll);
    return NARU_OK;
}
