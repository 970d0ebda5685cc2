/* An event to those who listen, an answer to who waits for it.
 *
 * Order, as in socket.io's Socket.onevent: the catch-all listeners, then the packet middleware, then the event's
 * listeners; a parent namespace's before the namespace's, these before the socket's own. Source: socket.io. */
#include "ack.h"

naru__sio_hooks *naru__sio_hooks_next(naru_sio_namespace *nsp, const naru__sio_hooks *last)
{
    if (!last && nsp->parent) {
        return &nsp->parent->hooks;
    }
    return last == &nsp->hooks ? NULL : &nsp->hooks;
}

static void call_list(naru__sio_hook_list *list, naru_sio_socket *socket, const naru_sio_event *event)
{
    if (!list || list->count == 0) {
        return;
    }
    naru__sio_hook hook;
    naru__sio_hook_walk walk = naru__sio_walk_begin(list);
    while (naru__sio_walk_next(&walk, &hook)) {
        ((naru_sio_listener *)hook.fn)(socket, event, hook.user);
    }
    naru__sio_walk_end(&walk);
}

void naru__sio_call_any(naru_sio_socket *socket, const naru_sio_event *event, bool outgoing)
{
    naru__sio_hook_kind kind = outgoing ? NARU__SIO_HOOK_ANY_OUTGOING : NARU__SIO_HOOK_ANY;
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        call_list(&hooks->lists[kind], socket, event);
    }
    if (socket->hooks) {
        call_list(&socket->hooks->lists[kind], socket, event);
    }
}

static void call_listeners(naru_sio_socket *socket, const naru_sio_event *event)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        call_list(naru__sio_hooks_event(hooks, event->name), socket, event);
    }
    if (socket->hooks) {
        call_list(naru__sio_hooks_event(socket->hooks, event->name), socket, event);
    }
}

static void call_errors(naru_sio_socket *socket, naru_status status)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_ERROR]);
        while (naru__sio_walk_next(&walk, &hook)) {
            ((void (*)(naru_sio_socket *, naru_status, void *))hook.fn)(socket, status, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
}

static naru_status ask_middleware(naru_sio_socket *socket, const naru_sio_event *event)
{
    naru_status status = NARU_OK;
    naru__sio_hooks *hooks = NULL;
    while (status == NARU_OK && (hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_PACKET]);
        while (status == NARU_OK && naru__sio_walk_next(&walk, &hook)) {
            status = ((naru_sio_packet_middleware *)hook.fn)(socket, event, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
    return status;
}

static void dispatch(naru_sio_socket *socket, const naru_sio_event *event)
{
    const naru__sio_watch *watch = socket->nsp->io->watch;
    if (watch && watch->event) {
        watch->event(socket, event, false);
    }
    naru__sio_call_any(socket, event, false);
    naru_status status = ask_middleware(socket, event);
    if (status) {
        call_errors(socket, status);
    } else if (naru_sio_socket_connected(socket)) {
        call_listeners(socket, event);
    }
}

void naru__sio_hear_event(naru_sio_socket *socket, const naru__sio_message *message)
{
    naru_sio_event event;
    naru__sio_event_state state;
    const naru__sio_packet *packet = &message->packet;
    naru__sio_event_init(&event, &state, socket->nsp->io, packet, message->attachments, false);
    event.socket = socket;
    event.wants_answer = packet->has_id;
    event.id = packet->id;
    naru_sio_socket_ref(socket);
    dispatch(socket, &event);
    naru__sio_event_deinit(&event);
    naru_sio_socket_unref(socket);
}

void naru__sio_hear_answer(naru_sio_socket *socket, const naru__sio_message *message)
{
    naru_sio_event event;
    naru__sio_event_state state;
    const naru__sio_packet *packet = &message->packet;
    naru__sio_event_init(&event, &state, socket->nsp->io, packet, message->attachments, true);
    naru__sio_answered(socket, packet->id, &event);
    naru__sio_event_deinit(&event);
}
