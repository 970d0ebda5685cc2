/* What the Admin UI tells the server to do: emit, join, leave, disconnect; in a namespace there is, to a room or to
 * all. See admin.h. */
#include "admin.h"

#include <string.h>

/* Whom an order is for: the namespace that argument `nsp` names, and the room or id in argument `filter`, if it has
 * one. */
static bool target_of(naru__sio_admin *admin, const naru_sio_event *event, size_t nsp, size_t filter,
                      naru_sio_target *target_out)
{
    naru_span name, room;
    if (!naru_sio_event_text(event, nsp, &name)) {
        return false;
    }
    naru_sio_namespace *found = naru__sio_map_get(&admin->io->names, name);
    if (!found) {
        return false;
    }
    bool some = naru_sio_event_text(event, filter, &room) && room.size > 0;
    *target_out = some ? naru_sio_to(found, room) : naru_sio_all(found);
    return true;
}

/* The arguments from that one on, as members. */
static naru_span rest_from(const naru_sio_event *event, size_t index)
{
    naru_span first = naru_sio_event_arg(event, index);
    naru_span all = naru_sio_event_json(event);
    return first.size > 0 ? (naru_span){first.data, (size_t)(all.data + all.size - first.data)} : (naru_span){0};
}

static void on_emit(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    enum { NAME_BYTES = 256 };
    naru_sio_target target;
    naru_span name;
    char text[NAME_BYTES];
    (void)socket;
    if (!target_of(user, event, 0, 1, &target) || !naru_sio_event_text(event, 2, &name) || name.size >= NAME_BYTES) {
        return;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    naru_sio_value value = naru_sio_event_args(event).values[0];
    value.text = rest_from(event, 3);
    (void)naru_sio_emit_to(target, text, (naru_sio_args){&value, 1}, NULL);
}

static void on_join(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_target target;
    naru_span room;
    (void)socket;
    if (target_of(user, event, 0, 2, &target) && naru_sio_event_text(event, 1, &room)) {
        (void)naru_sio_sockets_join(target, room);
    }
}

static void on_leave(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_target target;
    naru_span room;
    (void)socket;
    if (target_of(user, event, 0, 2, &target) && naru_sio_event_text(event, 1, &room)) {
        (void)naru_sio_sockets_leave(target, room);
    }
}

static void on_disconnect(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_target target;
    bool close = false;
    (void)socket;
    if (target_of(user, event, 0, 2, &target)) {
        (void)naru_sio_event_bool(event, 1, &close);
        (void)naru_sio_disconnect_sockets(target, close);
    }
}

naru_status naru__admin_orders_begin(naru__sio_admin *admin)
{
    naru_status status = naru_sio_on(admin->nsp, "emit", on_emit, admin);
    status = status ? status : naru_sio_on(admin->nsp, "join", on_join, admin);
    status = status ? status : naru_sio_on(admin->nsp, "leave", on_leave, admin);
    return status ? status : naru_sio_on(admin->nsp, "_disconnect", on_disconnect, admin);
}
