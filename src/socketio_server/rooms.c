/* Rooms: each is a channel of the namespace's hub, each socket that is in one a subscriber. The room of a socket's own
 * id is none of them: it is looked up, so that a socket that joins nothing costs nothing.
 *
 * Not for: sending to them (target.c). Source: socket.io-adapter's Adapter. */
#include "base/memory.h"
#include "group.h"
#include <string.h>

/* Rooms are walked, never published to: what goes to a room must not overtake, or be overtaken by, what goes to one of
 * its sockets. */
static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    (void)subscriber, (void)publication, (void)user;
}

static const naru_subscriber_calls calls = {.deliver = deliver};

static naru_status make_hub(naru_sio_namespace *nsp)
{
    naru_hub_options options = {.allocator = nsp->io->allocator,
                                .channel_bytes_max = UINT16_MAX,
                                .channels_max = UINT32_MAX,
                                .subscriptions_max = nsp->io->options.rooms_per_socket_max};
    naru_entropy *entropy = naru__loop_entropy(nsp->io->loop);
    memcpy(options.key, entropy->bytes + entropy->used, sizeof options.key);
    entropy->used += sizeof options.key;
    return naru_hub_new(&options, &nsp->rooms);
}

static naru_status make_subscriber(naru_sio_socket *socket)
{
    naru_status status = socket->nsp->rooms ? NARU_OK : make_hub(socket->nsp);
    if (status == NARU_OK) {
        socket->subscriber = naru_subscriber_new(socket->nsp->rooms, &calls, socket);
        status = socket->subscriber ? NARU_OK : NARU_ERR_MEMORY;
    }
    return status;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void tell(naru_sio_socket *socket, naru_sio_room_change change, naru_span room)
{
    bool about_one = change == NARU_SIO_JOIN_ROOM || change == NARU_SIO_LEAVE_ROOM;
    const naru__sio_watch *watch = socket->nsp->io->watch;
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_ROOM]);
        while (naru__sio_walk_next(&walk, &hook)) {
            ((naru_sio_on_room *)hook.fn)(socket->nsp, change, room, about_one ? socket : NULL, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
    if (about_one && watch && watch->room) {
        watch->room(socket, room, change == NARU_SIO_JOIN_ROOM);
    }
}

/* ---- joining and leaving ---------------------------------------------------------------------------------------- */

naru_status naru_sio_join(naru_sio_socket *socket, naru_span room)
{
    if (socket->state > NARU__SIO_CONNECTED) {
        return NARU_ERR_STATE;
    }
    if (naru_sio_in_room(socket, room)) {
        return NARU_OK;
    }
    naru_status status = socket->subscriber ? NARU_OK : make_subscriber(socket);
    if (status) {
        return status;
    }
    bool is_new = naru_hub_channel_count(socket->nsp->rooms, room) == 0;
    status = naru_hub_subscribe(socket->subscriber, room);
    if (status) {
        return status;
    }
    if (is_new) {
        tell(socket, NARU_SIO_CREATE_ROOM, room);
    }
    tell(socket, NARU_SIO_JOIN_ROOM, room);
    return NARU_OK;
}

void naru_sio_leave(naru_sio_socket *socket, naru_span room)
{
    if (!socket->subscriber || naru_hub_unsubscribe(socket->subscriber, room)) {
        return;
    }
    tell(socket, NARU_SIO_LEAVE_ROOM, room);
    if (naru_hub_channel_count(socket->nsp->rooms, room) == 0) {
        tell(socket, NARU_SIO_DELETE_ROOM, room);
    }
}

static bool leave_one(naru_subscriber *subscriber, naru_span channel, void *user)
{
    (void)subscriber;
    naru_sio_leave(user, channel);
    return true;
}

void naru__sio_rooms_leave_all(naru_sio_socket *socket)
{
    if (socket->subscriber) {
        naru_subscriber_each_channel(socket->subscriber, leave_one, socket);
        naru_subscriber_free(socket->subscriber);
        socket->subscriber = NULL;
    }
}

void naru__sio_rooms_free(naru_sio_namespace *nsp)
{
    naru_hub_free(nsp->rooms);
    nsp->rooms = NULL;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

bool naru_sio_in_room(const naru_sio_socket *socket, naru_span room)
{
    return naru_span_equal(room, naru__sio_id(socket)) ||
           (socket->subscriber && naru_hub_subscribes(socket->subscriber, room));
}

typedef struct room_walk {
    void (*each)(naru_span room, void *user);
    void *user;
} room_walk;

static bool show_one(naru_subscriber *subscriber, naru_span channel, void *user)
{
    (void)subscriber;
    const room_walk *walk = user;
    walk->each(channel, walk->user);
    return true;
}

void naru_sio_each_room(naru_sio_socket *socket, void (*each)(naru_span room, void *user), void *user)
{
    room_walk walk = {each, user};
    naru__sio_member *member = socket->nsp->io->member;
    each(naru__sio_id(socket), user);
    if (!socket->subscriber) {
        return;
    }
    /* What other loops have done with it waits meanwhile. */
    if (member) {
        member->walking++;
    }
    naru_subscriber_each_channel(socket->subscriber, show_one, &walk);
    if (member) {
        member->walking--;
    }
}
