/* A socket goes: it is connected no more at once, and the application hears of it from the loop, its rooms standing
 * until it has heard "disconnecting".
 *
 * Not for: sessions that end (client.c). Source: socket.io's Socket._onclose. */
#include "ack.h"
#include "outgoing.h"

const char *naru_sio_reason_text(naru_sio_reason reason)
{
    static const char *const texts[] = {
        [NARU_SIO_TRANSPORT_ERROR] = "transport error",
        [NARU_SIO_TRANSPORT_CLOSE] = "transport close",
        [NARU_SIO_FORCED_CLOSE] = "forced close",
        [NARU_SIO_PING_TIMEOUT] = "ping timeout",
        [NARU_SIO_PARSE_ERROR] = "parse error",
        [NARU_SIO_SERVER_SHUTTING_DOWN] = "server shutting down",
        [NARU_SIO_FORCED_SERVER_CLOSE] = "forced server close",
        [NARU_SIO_CLIENT_NAMESPACE_DISCONNECT] = "client namespace disconnect",
        [NARU_SIO_SERVER_NAMESPACE_DISCONNECT] = "server namespace disconnect",
    };
    return (size_t)reason < sizeof texts / sizeof *texts ? texts[reason] : "";
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void call_list(naru_sio_socket *socket, naru__sio_hook_list *list)
{
    naru__sio_hook hook;
    naru__sio_hook_walk walk = naru__sio_walk_begin(list);
    while (naru__sio_walk_next(&walk, &hook)) {
        ((naru_sio_on_left *)hook.fn)(socket, (naru_sio_reason)socket->reason, hook.user);
    }
    naru__sio_walk_end(&walk);
}

static void call_hooks(naru_sio_socket *socket, naru__sio_hook_kind kind)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        call_list(socket, &hooks->lists[kind]);
    }
}

static void tell(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    const naru__sio_watch *watch = nsp->io->watch;
    naru_sio_reason reason = (naru_sio_reason)socket->reason;
    call_hooks(socket, NARU__SIO_HOOK_DISCONNECTING);
    naru__sio_recovery_left(socket, reason);
    naru__sio_rooms_leave_all(socket);
    naru__sio_await_gone(socket);
    socket->state = NARU__SIO_GONE;
    call_hooks(socket, NARU__SIO_HOOK_DISCONNECT);
    if (watch && watch->disconnected) {
        watch->disconnected(socket, reason);
    }
    socket->client = NULL;
    naru__sio_namespace_left(nsp);
    naru_sio_socket_unref(socket);
}

static void tell_all(naru__deferred *deferred)
{
    naru_sio *io = (naru_sio *)((char *)deferred - offsetof(naru_sio, end));
    while (io->ending) {
        naru_sio_socket *socket = io->ending;
        io->ending = socket->next;
        if (!io->ending) {
            io->ending_end = &io->ending;
        }
        tell(socket);
    }
}

void naru__sio_end_init(naru_sio *io)
{
    io->end.run = tell_all;
    io->ending_end = &io->ending;
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

static void unlink_from_client(naru_sio_socket *socket)
{
    naru_sio_socket **at = &socket->client->sockets;
    while (*at != socket) {
        at = &(*at)->next_of_client;
    }
    *at = socket->next_of_client;
    socket->client->sockets_count--;
}

static void unlink_from_namespace(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    *(socket->previous ? &socket->previous->next : &nsp->sockets) = socket->next;
    *(socket->next ? &socket->next->previous : &nsp->last_socket) = socket->previous;
    socket->next = socket->previous = NULL;
    nsp->sockets_count--;
    naru__sio_map_remove(&nsp->ids, naru__sio_id(socket));
}

/* Nobody was told that it is there. */
static void end_asking(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    socket->state = NARU__SIO_GONE;
    naru__sio_restore_undo(socket);
    unlink_from_client(socket);
    socket->client = NULL;
    naru__sio_rooms_leave_all(socket);
    naru__sio_namespace_left(nsp);
    naru_sio_socket_unref(socket);
}

void naru__sio_socket_end(naru_sio_socket *socket, naru_sio_reason reason)
{
    naru_sio *io = socket->nsp->io;
    if (socket->state == NARU__SIO_ASKING) {
        end_asking(socket);
    } else if (socket->state == NARU__SIO_CONNECTED) {
        socket->state = NARU__SIO_ENDING;
        socket->reason = (uint8_t)reason;
        naru__sio_holds_drop(socket);
        unlink_from_client(socket);
        unlink_from_namespace(socket);
        *io->ending_end = socket;
        io->ending_end = &socket->next;
        naru__loop_defer(io->loop, &io->end);
    }
}

void naru__sio_end_tell(naru_sio *io)
{
    tell_all(&io->end);
}

/* ---- the application's way -------------------------------------------------------------------------------------- */

static void say_disconnect(naru_sio_socket *socket)
{
    naru__sio_out out;
    naru__sio_out_init(&out, socket->nsp->io, NARU__SIO_DISCONNECT, naru__sio_name(socket->nsp));
    if (naru__sio_out_write_json(&out, (naru_span){0}, NULL, 0) == NARU_OK) {
        (void)naru__sio_out_send(&out, socket->client);
    }
    naru__sio_out_deinit(&out);
}

static void leave_one(naru_sio_socket *socket, naru_sio_reason reason)
{
    if (socket->state != NARU__SIO_CONNECTED) {
        return;
    }
    say_disconnect(socket);
    naru__sio_client_note_left(socket->client, naru__sio_name(socket->nsp));
    naru__sio_socket_end(socket, reason);
}

void naru_sio_disconnect(naru_sio_socket *socket, bool close)
{
    naru__sio_client *client = socket->client;
    if (!client || socket->state == NARU__SIO_ENDING) {
        return;
    }
    if (!close) {
        leave_one(socket, NARU_SIO_SERVER_NAMESPACE_DISCONNECT);
        return;
    }
    /* Each namespace is told before the session goes, so that the client does not come back by itself. */
    naru_sio_socket *next;
    for (naru_sio_socket *at = client->sockets; at; at = next) {
        next = at->next_of_client;
        leave_one(at, NARU_SIO_SERVER_NAMESPACE_DISCONNECT);
    }
    naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
}
