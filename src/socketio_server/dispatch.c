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

/* The packet middleware at that place; fn NULL: there is no more. */
static naru__sio_hook middleware_at(naru_sio_namespace *nsp, uint32_t at)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(nsp, hooks)) != NULL) {
        const naru__sio_hook_list *list = &hooks->lists[NARU__SIO_HOOK_PACKET];
        if (at < list->count) {
            return list->hooks[at];
        }
        at -= list->count;
    }
    return (naru__sio_hook){0};
}

/* NARU_MORE: the one before *at has taken the hold, and has not given it back. */
static naru_status ask_middleware(naru_sio_socket *socket, const naru_sio_event *event, uint32_t *at)
{
    naru_status status = NARU_OK;
    naru__sio_hook hook;
    while (status == NARU_OK && (hook = middleware_at(socket->nsp, *at)).fn != NULL) {
        (*at)++;
        event->state->asking = true;
        status = ((naru_sio_packet_middleware *)hook.fn)(socket, event, hook.user);
        event->state->asking = false;
        status = naru__sio_hold_verdict(event, status);
    }
    return status;
}

bool naru__sio_dispatch_on(naru_sio_socket *socket, const naru_sio_event *event, uint32_t *at, naru_status verdict)
{
    naru_status status = verdict ? verdict : ask_middleware(socket, event, at);
    if (status == NARU_MORE && naru__sio_hold_taken(event)) {
        return false;
    }
    if (status) {
        call_errors(socket, status);
    } else if (naru_sio_socket_connected(socket)) {
        call_listeners(socket, event);
    }
    return true;
}

bool naru__sio_dispatch(naru_sio_socket *socket, const naru_sio_event *event, uint32_t *at)
{
    const naru__sio_watch *watch = socket->nsp->io->watch;
    if (watch && watch->event) {
        watch->event(socket, event, false);
    }
    naru__sio_call_any(socket, event, false);
    return naru__sio_dispatch_on(socket, event, at, NARU_OK);
}

static void dispatch(naru_sio_socket *socket, const naru_sio_event *event)
{
    uint32_t at = 0;
    bool over = naru__sio_dispatch(socket, event, &at);
    if (event->state->hold) {
        naru__sio_hold_called(event->state->hold, at, over);
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
    if (!socket->holds || !naru__sio_hold_behind(socket, &event)) {
        dispatch(socket, &event);
    }
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
