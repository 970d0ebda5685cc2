/* Registering: what the application says about whom it wants to hear of.
 *
 * Not for: the lists (hooks.c), calling (dispatch.c). Source: none. */
#include "base/memory.h"
#include "sio.h"

static naru_status add(naru_sio_namespace *nsp, naru__sio_hook_kind kind, naru__sio_hook_fn *fn, void *user)
{
    return naru__sio_hooks_add(&nsp->hooks, kind, fn, user, false);
}

naru_status naru_sio_use(naru_sio_namespace *nsp, naru_sio_middleware *middleware, void *user)
{
    return add(nsp, NARU__SIO_HOOK_MIDDLEWARE, (naru__sio_hook_fn *)middleware, user);
}

naru_status naru_sio_use_packet(naru_sio_namespace *nsp, naru_sio_packet_middleware *middleware, void *user)
{
    return add(nsp, NARU__SIO_HOOK_PACKET, (naru__sio_hook_fn *)middleware, user);
}

naru_status naru_sio_on_connection(naru_sio_namespace *nsp, naru_sio_on_socket *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_CONNECTION, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_disconnecting(naru_sio_namespace *nsp, naru_sio_on_left *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_DISCONNECTING, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_disconnect(naru_sio_namespace *nsp, naru_sio_on_left *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_DISCONNECT, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_drain(naru_sio_namespace *nsp, naru_sio_on_socket *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_DRAIN, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_rooms(naru_sio_namespace *nsp, naru_sio_on_room *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_ROOM, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_error(naru_sio_namespace *nsp,
                              void (*fn)(naru_sio_socket *socket, naru_status status, void *user), void *user)
{
    return add(nsp, NARU__SIO_HOOK_ERROR, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_on_expired(naru_sio_namespace *nsp, void (*fn)(naru_span id, naru_span data, void *user),
                                void *user)
{
    return add(nsp, NARU__SIO_HOOK_EXPIRED, (naru__sio_hook_fn *)fn, user);
}

/* ---- a namespace's events --------------------------------------------------------------------------------------- */

naru_status naru_sio_on(naru_sio_namespace *nsp, const char *event, naru_sio_listener *fn, void *user)
{
    if (naru__sio_name_reserved(naru_span_of(event))) {
        return NARU_ERR_ARGUMENT;
    }
    return naru__sio_hooks_add_event(&nsp->hooks, naru_span_of(event), (naru__sio_hook_fn *)fn, user, false);
}

void naru_sio_off(naru_sio_namespace *nsp, const char *event, naru_sio_listener *fn)
{
    naru__sio_hooks_remove_event(&nsp->hooks, naru_span_of(event), (naru__sio_hook_fn *)fn);
}

naru_status naru_sio_on_any(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_ANY, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_prepend_any(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user)
{
    return naru__sio_hooks_add(&nsp->hooks, NARU__SIO_HOOK_ANY, (naru__sio_hook_fn *)fn, user, true);
}

void naru_sio_off_any(naru_sio_namespace *nsp, naru_sio_listener *fn)
{
    naru__sio_hooks_remove(&nsp->hooks, NARU__SIO_HOOK_ANY, (naru__sio_hook_fn *)fn);
}

naru_status naru_sio_on_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user)
{
    return add(nsp, NARU__SIO_HOOK_ANY_OUTGOING, (naru__sio_hook_fn *)fn, user);
}

naru_status naru_sio_prepend_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user)
{
    return naru__sio_hooks_add(&nsp->hooks, NARU__SIO_HOOK_ANY_OUTGOING, (naru__sio_hook_fn *)fn, user, true);
}

void naru_sio_off_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn)
{
    naru__sio_hooks_remove(&nsp->hooks, NARU__SIO_HOOK_ANY_OUTGOING, (naru__sio_hook_fn *)fn);
}

/* ---- a socket's own --------------------------------------------------------------------------------------------- */

static naru__sio_hooks *own_hooks(naru_sio_socket *socket)
{
    naru_sio *io = socket->nsp->io;
    if (!socket->hooks) {
        socket->hooks = naru__alloc(io->allocator, sizeof *socket->hooks);
        if (socket->hooks) {
            naru__sio_hooks_init(socket->hooks, io->allocator, &io->sip);
        }
    }
    return socket->hooks;
}

static naru_status own_add(naru_sio_socket *socket, const char *event, naru_sio_listener *fn, void *user, bool once)
{
    if (naru__sio_name_reserved(naru_span_of(event))) {
        return NARU_ERR_ARGUMENT;
    }
    naru__sio_hooks *hooks = own_hooks(socket);
    return hooks ? naru__sio_hooks_add_event(hooks, naru_span_of(event), (naru__sio_hook_fn *)fn, user, once)
                 : NARU_ERR_MEMORY;
}

naru_status naru_sio_socket_on(naru_sio_socket *socket, const char *event, naru_sio_listener *fn, void *user)
{
    return own_add(socket, event, fn, user, false);
}

naru_status naru_sio_socket_once(naru_sio_socket *socket, const char *event, naru_sio_listener *fn, void *user)
{
    return own_add(socket, event, fn, user, true);
}

void naru_sio_socket_off(naru_sio_socket *socket, const char *event, naru_sio_listener *fn)
{
    if (socket->hooks) {
        naru__sio_hooks_remove_event(socket->hooks, naru_span_of(event), (naru__sio_hook_fn *)fn);
    }
}

naru_status naru_sio_socket_on_any(naru_sio_socket *socket, naru_sio_listener *fn, void *user)
{
    naru__sio_hooks *hooks = own_hooks(socket);
    return hooks ? naru__sio_hooks_add(hooks, NARU__SIO_HOOK_ANY, (naru__sio_hook_fn *)fn, user, false)
                 : NARU_ERR_MEMORY;
}

void naru_sio_socket_off_any(naru_sio_socket *socket, naru_sio_listener *fn)
{
    if (socket->hooks) {
        naru__sio_hooks_remove(socket->hooks, NARU__SIO_HOOK_ANY, (naru__sio_hook_fn *)fn);
    }
}
