/* A client asks for a namespace: the middleware is asked one by one, at once or later, and then the client is let in
 * or told why not.
 *
 * Not for: coming back to an earlier session (recover.c). Source: Socket.IO protocol 5, "Connection to a namespace";
 * socket.io's Namespace._add. */
#include "base/memory.h"
#include "outgoing.h"
#include <string.h>

struct naru_sio_gate {
    naru_sio_socket *socket; /* a reference */
    uint32_t at;             /* of the middleware, the parent's before the namespace's own */
    bool calling;            /* one of them is being asked now */
    bool passed, refused;    /* what it said */
    naru__deferred go_on;
};

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static void send_json(naru__sio_client *client, naru__sio_type type, naru_span nsp, naru_span json)
{
    naru__sio_out out;
    naru__sio_out_init(&out, client->io, type, nsp);
    if (naru__sio_out_write_json(&out, json, NULL, 0) || naru__sio_out_send(&out, client) < 0) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    naru__sio_out_deinit(&out);
}

void naru__sio_connect_error(naru__sio_client *client, naru_span name, naru_span data)
{
    send_json(client, NARU__SIO_CONNECT_ERROR, name, data);
}

static void send_connected(naru_sio_socket *socket)
{
    naru__sio_client *client = socket->client;
    naru_buf json;
    naru_json_writer writer;
    naru_buf_init(&json, client->io->allocator);
    naru_json_writer_init(&writer, &json, 0);
    naru_json_write_object(&writer);
    naru_json_write_key(&writer, naru_span_of("sid"));
    naru_json_write_string(&writer, naru__sio_id(socket));
    if (socket->pid_bytes > 0) {
        naru_json_write_key(&writer, naru_span_of("pid"));
        naru_json_write_string(&writer, naru__sio_pid(socket));
    }
    naru_json_write_object_end(&writer);
    naru_status status = naru_json_writer_finish(&writer);
    naru_span data = naru_buf_span(&json);
    if (naru_eio_revision(client->session) == 3) {
        data = (naru_span){0}; /* protocol 4: no payload */
    }
    if (status) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    } else {
        send_json(client, NARU__SIO_CONNECT, naru__sio_name(socket->nsp), data);
    }
    naru_buf_deinit(&json);
}

/* ---- letting in ------------------------------------------------------------------------------------------------- */

static bool link_in(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    if (naru__sio_map_put(&nsp->ids, naru__sio_id(socket), socket)) {
        return false;
    }
    socket->previous = nsp->last_socket;
    *(nsp->last_socket ? &nsp->last_socket->next : &nsp->sockets) = socket;
    nsp->last_socket = socket;
    nsp->sockets_count++;
    return true;
}

static void tell(naru_sio_socket *socket)
{
    const naru__sio_watch *watch = socket->nsp->io->watch;
    naru__sio_hooks *hooks = NULL;
    naru_sio_socket_ref(socket);
    if (watch && watch->connected) {
        watch->connected(socket);
    }
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_CONNECTION]);
        while (naru__sio_walk_next(&walk, &hook)) {
            ((naru_sio_on_socket *)hook.fn)(socket, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
    naru_sio_socket_unref(socket);
}

static void let_in(naru_sio_socket *socket)
{
    naru__sio_client *client = socket->client;
    if (naru__sio_recovers(socket->nsp) && !socket->recovered && !naru__sio_recovery_begin(socket)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    if (!link_in(socket)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    socket->state = NARU__SIO_CONNECTED;
    socket->came_ms = (uint32_t)naru_loop_now_ms(socket->nsp->io->loop);
    naru__sio_client_joined(client);
    naru__sio_replay(socket);
    send_connected(socket);
    tell(socket);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void gate_free(naru_sio_gate *gate)
{
    naru_sio_socket *socket = gate->socket;
    naru__free(socket->nsp->io->allocator, gate, sizeof *gate);
    naru_sio_socket_unref(socket);
}

/* The middleware at that place; fn NULL: there is no more. */
static naru__sio_hook middleware_at(naru_sio_namespace *nsp, uint32_t at)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(nsp, hooks)) != NULL) {
        const naru__sio_hook_list *list = &hooks->lists[NARU__SIO_HOOK_MIDDLEWARE];
        if (at < list->count) {
            return list->hooks[at];
        }
        at -= list->count;
    }
    return (naru__sio_hook){0};
}

/* Ask until one of them takes its time. */
static void advance(naru_sio_gate *gate)
{
    naru_sio_socket *socket = gate->socket;
    do {
        naru__sio_hook hook = middleware_at(socket->nsp, gate->at++);
        if (socket->state != NARU__SIO_ASKING || socket->client->ending) {
            break;
        }
        if (!hook.fn) {
            let_in(socket);
            break;
        }
        gate->passed = false;
        gate->calling = true;
        ((naru_sio_middleware *)hook.fn)(socket, gate, hook.user);
        gate->calling = false;
        if (!gate->passed && !gate->refused) {
            return;
        }
    } while (!gate->refused);
    gate_free(gate);
}

static void go_on(naru__deferred *deferred)
{
    advance((naru_sio_gate *)((char *)deferred - offsetof(naru_sio_gate, go_on)));
}

void naru_sio_next(naru_sio_gate *gate)
{
    if (gate->calling) {
        gate->passed = true;
    } else if (gate->socket->state != NARU__SIO_ASKING) {
        gate_free(gate);
    } else {
        naru__loop_defer(gate->socket->nsp->io->loop, &gate->go_on);
    }
}

/* ---- refusing --------------------------------------------------------------------------------------------------- */

/* The data as JSON, or nothing: `[data]` without its brackets. */
static naru_span data_json(naru_buf *scratch, const naru_sio_value *data)
{
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
    uint32_t count = 0;
    naru_sio_args args = {data, data ? 1 : 0};
    if (naru__sio_args_write(scratch, NULL, args, (naru_span){0}, attachments, &count) || count > 0) {
        return (naru_span){0};
    }
    naru_span list = naru_buf_span(scratch);
    return (naru_span){list.data + 1, list.size - 2};
}

static naru_status write_refusal(naru_buf *json, const char *message, naru_span data, bool revision_3)
{
    naru_json_writer writer;
    naru_json_writer_init(&writer, json, 0);
    /* Protocol 4 has one or the other. */
    if (revision_3 && data.size > 0) {
        naru_json_write_raw(&writer, data);
    } else if (revision_3) {
        naru_json_write_string(&writer, naru_span_of(message));
    } else {
        naru_json_write_object(&writer);
        naru_json_write_key(&writer, naru_span_of("message"));
        naru_json_write_string(&writer, naru_span_of(message));
        if (data.size > 0) {
            naru_json_write_key(&writer, naru_span_of("data"));
            naru_json_write_raw(&writer, data);
        }
        naru_json_write_object_end(&writer);
    }
    return naru_json_writer_finish(&writer);
}

static void refuse(naru_sio_socket *socket, const char *message, const naru_sio_value *data)
{
    naru__sio_client *client = socket->client;
    bool revision_3 = naru_eio_revision(client->session) == 3;
    naru_buf json, scratch;
    naru_buf_init(&json, client->io->allocator);
    naru_buf_init(&scratch, client->io->allocator);
    if (write_refusal(&json, message, data_json(&scratch, data), revision_3)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    } else {
        naru__sio_connect_error(client, naru__sio_name(socket->nsp), naru_buf_span(&json));
    }
    naru_buf_deinit(&scratch);
    naru_buf_deinit(&json);
}

void naru_sio_refuse(naru_sio_gate *gate, const char *message, const naru_sio_value *data)
{
    if (gate->socket->state == NARU__SIO_ASKING && !gate->socket->client->ending) {
        refuse(gate->socket, message, data);
        naru__sio_socket_end(gate->socket, NARU_SIO_SERVER_NAMESPACE_DISCONNECT);
    }
    gate->refused = true;
    if (!gate->calling) {
        gate_free(gate);
    }
}

/* ---- the packet ------------------------------------------------------------------------------------------------- */

static void ask(naru_sio_socket *socket)
{
    naru_sio *io = socket->nsp->io;
    naru_sio_gate *gate = naru__alloc_zero(io->allocator, sizeof *gate);
    if (!gate) {
        naru__sio_client_close(socket->client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    gate->socket = naru_sio_socket_ref(socket);
    gate->go_on.run = go_on;
    advance(gate);
}

void naru__sio_connect_to(naru__sio_client *client, naru_sio_namespace *nsp, naru_span name, naru_span auth)
{
    naru_sio *io = client->io;
    if (client->ending) {
        return;
    }
    if (!nsp) {
        naru__sio_connect_error(client, name, naru_span_of("{\"message\":\"Invalid namespace\"}"));
        return;
    }
    naru_sio_socket *socket = naru__sio_socket_new(client, nsp, auth);
    if (!socket) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    /* Before the middleware, which is asked about who it is, as in socket.io. */
    if (naru__sio_recovers(nsp) && naru__sio_restore(socket) && io->options.recovery.skip_middleware) {
        let_in(socket);
    } else {
        ask(socket);
    }
}

void naru__sio_connect(naru__sio_client *client, naru_span name, naru_span query, naru_json auth)
{
    if (client->sockets_count + naru__sio_seeks_count(client) >= client->io->options.namespaces_per_client_max) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    if (query.size == 0) {
        naru__sio_seek(client, name, auth.text);
        return;
    }
    naru_buf json;
    naru_buf_init(&json, client->io->allocator);
    if (naru__sio_query_json(query, &json)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_CLOSE);
    } else {
        naru__sio_seek(client, name, naru_buf_span(&json));
    }
    naru_buf_deinit(&json);
}
