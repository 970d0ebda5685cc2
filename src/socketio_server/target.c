/* See target.h; and the values that an application says it with.
 *
 * Not for: what is done with them (emit.c, many.c). Source: socket.io's BroadcastOperator, socket.io-adapter's apply.
 * */
#include "target.h"

#include "base/memory.h"
#include <string.h>

/* ---- making one ------------------------------------------------------------------------------------------------- */

naru_sio_target naru_sio_all(naru_sio_namespace *nsp)
{
    return (naru_sio_target){.nsp = nsp};
}

naru_sio_target naru_sio_to(naru_sio_namespace *nsp, naru_span room)
{
    return naru_sio_and(naru_sio_all(nsp), room);
}

naru_sio_target naru_sio_broadcast(const naru_sio_socket *socket)
{
    return (naru_sio_target){.nsp = socket->nsp, .sender = socket};
}

naru_sio_target naru_sio_socket_to(const naru_sio_socket *socket, naru_span room)
{
    return naru_sio_and(naru_sio_broadcast(socket), room);
}

naru_sio_target naru_sio_only(const naru_sio_socket *socket)
{
    return (naru_sio_target){.nsp = socket->nsp, .only = socket};
}

naru_sio_target naru_sio_and(naru_sio_target target, naru_span room)
{
    if (target.rooms_count == NARU_SIO_TARGET_ROOMS) {
        target.overflow = true;
    } else {
        target.rooms[target.rooms_count++] = room;
    }
    return target;
}

naru_sio_target naru_sio_except(naru_sio_target target, naru_span room)
{
    if (target.except_count == NARU_SIO_TARGET_ROOMS) {
        target.overflow = true;
    } else {
        target.except[target.except_count++] = room;
    }
    return target;
}

naru_sio_target naru_sio_volatile(naru_sio_target target)
{
    target.is_volatile = true;
    return target;
}

naru_sio_target naru_sio_local(naru_sio_target target)
{
    target.is_local = true;
    return target;
}

naru_sio_target naru_sio_compress(naru_sio_target target, bool compress)
{
    target.no_compress = !compress;
    return target;
}

naru_sio_target naru_sio_timeout(naru_sio_target target, uint32_t timeout_ms)
{
    target.timeout_ms = timeout_ms;
    return target;
}

bool naru__sio_target_good(const naru_sio_target *target)
{
    return !target->overflow;
}

/* ---- walking ---------------------------------------------------------------------------------------------------- */

typedef struct walk {
    const naru_sio_target *target;
    naru__sio_each_fn *each;
    void *user;
} walk;

static size_t rooms_of(const naru_sio_target *target)
{
    return target->rooms_count + target->rooms_more_count;
}

static naru_span room_at(const naru_sio_target *target, size_t index)
{
    return index < target->rooms_count ? target->rooms[index] : target->rooms_more[index - target->rooms_count];
}

static bool excepted(const naru_sio_target *target, const naru_sio_socket *socket)
{
    if (socket == target->sender || socket->state != NARU__SIO_CONNECTED) {
        return true;
    }
    for (size_t i = 0; i < target->except_count; i++) {
        if (naru_sio_in_room(socket, target->except[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < target->except_more_count; i++) {
        if (naru_sio_in_room(socket, target->except_more[i])) {
            return true;
        }
    }
    return false;
}

static void meet(const walk *w, naru_sio_socket *socket)
{
    if (!excepted(w->target, socket)) {
        w->each(socket, w->user);
    }
}

static bool meet_subscriber(naru_subscriber *subscriber, void *user)
{
    meet(user, naru_subscriber_user(subscriber));
    return true;
}

static void walk_all(const walk *w)
{
    naru_sio_socket *next;
    for (naru_sio_socket *socket = w->target->nsp->sockets; socket; socket = next) {
        next = socket->next;
        meet(w, socket);
    }
}

/* Is it in one of the rooms before that place, or in any of those that are channels? Then it has been met. */
static bool met(const naru_sio_target *target, const naru_sio_socket *socket, size_t place)
{
    for (size_t i = 0; i < rooms_of(target); i++) {
        naru_span room = room_at(target, i);
        bool own = naru_span_equal(room, naru__sio_id(socket));
        if (own ? i < place : naru_sio_in_room(socket, room)) {
            return true;
        }
    }
    return false;
}

static void walk_ids(const walk *w)
{
    for (size_t i = 0; i < rooms_of(w->target); i++) {
        naru_sio_socket *socket = naru_sio_socket_by_id(w->target->nsp, room_at(w->target, i));
        if (socket && !met(w->target, socket, i)) {
            meet(w, socket);
        }
    }
}

static naru_status walk_rooms(walk *w)
{
    const naru_sio_target *target = w->target;
    naru_hub *hub = target->nsp->rooms;
    size_t count = rooms_of(target);
    const naru_allocator *allocator = target->nsp->io->allocator;
    const naru_span *rooms = target->rooms_count == 0 ? target->rooms_more : target->rooms;
    naru_span *joined = NULL;
    if (target->rooms_count > 0 && target->rooms_more_count > 0) {
        joined = naru__alloc(allocator, count * sizeof *joined);
        if (!joined) {
            return NARU_ERR_MEMORY;
        }
        memcpy(joined, target->rooms, target->rooms_count * sizeof *joined);
        memcpy(joined + target->rooms_count, target->rooms_more, target->rooms_more_count * sizeof *joined);
        rooms = joined;
    }
    if (hub) {
        naru_audience audience = {.channels = rooms, .channels_count = count};
        naru_hub_each_subscriber(hub, &audience, meet_subscriber, w);
    }
    walk_ids(w);
    naru__free(allocator, joined, joined ? count * sizeof *joined : 0);
    return NARU_OK;
}

naru_status naru__sio_target_walk(const naru_sio_target *target, naru__sio_each_fn *each, void *user)
{
    walk w = {target, each, user};
    if (!naru__sio_target_good(target)) {
        return NARU_ERR_ARGUMENT;
    }
    if (target->only) {
        naru_sio_socket *only = naru_sio_socket_by_id(target->nsp, naru__sio_id(target->only));
        if (only == target->only) {
            meet(&w, only);
        }
        return NARU_OK;
    }
    if (rooms_of(target) > 0) {
        return walk_rooms(&w);
    }
    walk_all(&w);
    return NARU_OK;
}

/* ---- parents ---------------------------------------------------------------------------------------------------- */

naru_sio_namespace *naru__sio_next_child(const naru_sio_namespace *parent, naru_sio_namespace *last)
{
    naru_sio_namespace *at = last ? last->next : parent->io->namespaces;
    while (at && at->parent != parent) {
        at = at->next;
    }
    return at;
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static void add(naru_sio_socket *socket, void *user)
{
    naru__sio_snapshot *snapshot = user;
    if (snapshot->count == snapshot->capacity) {
        size_t capacity = snapshot->capacity ? snapshot->capacity * 2 : 16;
        void *moved = snapshot->allocator->resize(snapshot->allocator->user, snapshot->sockets,
                                                  snapshot->capacity * sizeof *snapshot->sockets,
                                                  capacity * sizeof *snapshot->sockets);
        if (!moved) {
            snapshot->status = NARU_ERR_MEMORY;
            return;
        }
        snapshot->sockets = moved;
        snapshot->capacity = capacity;
    }
    snapshot->sockets[snapshot->count++] = naru_sio_socket_ref(socket);
}

static naru_status take_children(naru__sio_snapshot *snapshot, const naru_sio_target *target)
{
    naru_sio_target of_child = *target;
    naru_status status = NARU_OK;
    naru_sio_namespace *child = NULL;
    while (status == NARU_OK && (child = naru__sio_next_child(target->nsp, child)) != NULL) {
        of_child.nsp = child;
        status = naru__sio_target_walk(&of_child, add, snapshot);
    }
    return status;
}

naru_status naru__sio_snapshot_take(naru__sio_snapshot *snapshot, const naru_sio_target *target)
{
    *snapshot = (naru__sio_snapshot){.allocator = target->nsp->io->allocator};
    bool parent = target->nsp->kind == NARU__SIO_PARENT;
    naru_status status = parent ? take_children(snapshot, target) : naru__sio_target_walk(target, add, snapshot);
    status = status ? status : snapshot->status;
    if (status) {
        naru__sio_snapshot_free(snapshot);
    }
    return status;
}

void naru__sio_snapshot_free(naru__sio_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        naru_sio_socket_unref(snapshot->sockets[i]);
    }
    naru__free(snapshot->allocator, snapshot->sockets, snapshot->capacity * sizeof *snapshot->sockets);
    *snapshot = (naru__sio_snapshot){.allocator = snapshot->allocator};
}
