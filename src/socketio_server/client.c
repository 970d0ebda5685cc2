/* What a session of the engine is to Socket.IO: its packets come in here, and which namespaces it is in.
 *
 * Whoever breaks a rule of the protocol loses the whole session, as with the official server; but packets for a
 * namespace that we have sent it out of may have been on their way, and are dropped. Source: socket.io's Client,
 * Socket.IO protocol 5. */
#include "base/memory.h"
#include "engine.h"
#include "group.h"

enum { LEFT_MAX = 16 };

/* From the session's start to its first namespace. */
struct naru__sio_wait {
    naru__loop_timer timer;
    naru__sio_client *client;
};

/* ---- ending ----------------------------------------------------------------------------------------------------- */

void naru__sio_client_close(naru__sio_client *client, naru_sio_reason reason)
{
    if (!client->ending) {
        client->ending = true;
        client->has_reason = true;
        client->reason = (uint8_t)reason;
        naru_eio_close(client->session);
    }
}

static void wait_end(naru__sio_client *client)
{
    if (client->wait) {
        naru__loop_timer_stop(client->io->loop, &client->wait->timer);
        naru__free(client->io->allocator, client->wait, sizeof *client->wait);
        client->wait = NULL;
    }
}

static void wait_over(naru__loop_timer *timer)
{
    naru__sio_client *client = ((naru__sio_wait *)timer)->client;
    wait_end(client);
    naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
}

static bool wait_begin(naru__sio_client *client)
{
    naru_sio *io = client->io;
    client->wait = naru__alloc_zero(io->allocator, sizeof *client->wait);
    if (!client->wait) {
        return false;
    }
    client->wait->timer.fire = wait_over;
    client->wait->client = client;
    naru__loop_timer_start(io->loop, &client->wait->timer, naru_loop_now_ms(io->loop) + io->options.connect_timeout_ms);
    return true;
}

void naru__sio_client_joined(naru__sio_client *client)
{
    wait_end(client);
}

/* ---- namespaces it is in, and was in ---------------------------------------------------------------------------- */

naru_sio_socket *naru__sio_client_socket(const naru__sio_client *client, naru_span nsp)
{
    naru_sio_socket *socket = client->sockets;
    while (socket && !naru_span_equal(naru__sio_name(socket->nsp), nsp)) {
        socket = socket->next_of_client;
    }
    return socket;
}

void naru__sio_client_note_left(naru__sio_client *client, naru_span nsp)
{
    if (!client->left) {
        client->left = naru__alloc_zero(client->io->allocator, LEFT_MAX * sizeof *client->left);
    }
    if (client->left) {
        client->left[client->left_count++ % LEFT_MAX] = naru__sip(&client->io->sip, nsp);
    }
}

static bool was_sent_out_of(const naru__sio_client *client, naru_span nsp)
{
    uint64_t hash = client->left ? naru__sip(&client->io->sip, nsp) : 0;
    for (int i = 0; client->left && i < LEFT_MAX; i++) {
        if (client->left[i] == hash) {
            return true;
        }
    }
    return false;
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static void hear(naru__sio_client *client, naru_sio_socket *socket, const naru__sio_message *message)
{
    switch (message->packet.type) {
    case NARU__SIO_EVENT:
    case NARU__SIO_BINARY_EVENT:
        naru__sio_hear_event(socket, message);
        return;
    case NARU__SIO_ACK:
    case NARU__SIO_BINARY_ACK:
        naru__sio_hear_answer(socket, message);
        return;
    case NARU__SIO_DISCONNECT:
        naru__sio_socket_end(socket, NARU_SIO_CLIENT_NAMESPACE_DISCONNECT);
        return;
    default:
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
}

/* A second CONNECT is an offence, but clients that connect by themselves and are told to as well send two at once. */
static bool is_repeated(const naru_sio_socket *socket, const naru__sio_packet *packet)
{
    uint32_t now_ms = (uint32_t)naru_loop_now_ms(socket->nsp->io->loop);
    return packet->type == NARU__SIO_CONNECT && (socket->state == NARU__SIO_ASKING || socket->came_ms == now_ms);
}

static void take_packet(naru__sio_client *client, const naru__sio_message *message)
{
    const naru__sio_packet *packet = &message->packet;
    naru_sio_socket *socket = naru__sio_client_socket(client, packet->nsp);
    if (socket && is_repeated(socket, packet)) {
        return;
    }
    if (socket && socket->state == NARU__SIO_CONNECTED) {
        hear(client, socket, message);
    } else if (!socket && packet->type == NARU__SIO_CONNECT && naru__sio_seeks(client, packet->nsp)) {
        return;
    } else if (!socket && packet->type == NARU__SIO_CONNECT) {
        naru__sio_connect(client, packet->nsp, packet->query, packet->data);
    } else if (socket || !was_sent_out_of(client, packet->nsp)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
}

/* Attachments must follow: from here on the client has an intake of its own. */
static naru_status keep_intake(naru__sio_client *client)
{
    naru_sio *io = client->io;
    if (client->intake) {
        return NARU_OK;
    }
    client->intake = naru__alloc(io->allocator, sizeof *client->intake);
    if (!client->intake) {
        return NARU_ERR_MEMORY;
    }
    *client->intake = io->intake;
    naru__sio_intake_init(&io->intake, NARU__SIO_AUTO, &io->limits, io->allocator);
    return NARU_OK;
}

static void free_intake(naru__sio_client *client)
{
    if (client->intake) {
        naru__sio_intake_deinit(client->intake);
        naru__free(client->io->allocator, client->intake, sizeof *client->intake);
        client->intake = NULL;
    }
}

/* A packet has been handled, or was none: the server's intake is as new, the client's own is gone. */
static void rest(naru__sio_client *client, bool failed)
{
    naru_sio *io = client->io;
    if (client->intake) {
        free_intake(client);
    } else if (failed) {
        naru__sio_intake_deinit(&io->intake);
        naru__sio_intake_init(&io->intake, NARU__SIO_AUTO, &io->limits, io->allocator);
    } else {
        naru__sio_intake_rest(&io->intake);
    }
}

static naru__sio_intake *intake_for(naru__sio_client *client)
{
    if (client->intake) {
        return client->intake;
    }
    client->io->intake.encoding = (naru__sio_encoding)client->encoding;
    client->io->intake.limits.query = naru_eio_revision(client->session) == 3;
    return &client->io->intake;
}

static void on_message(naru_eio *session, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru__sio_client *client = naru__eio_extra(session);
    if (client->io->member) {
        naru__sio_group_look(client->io);
    }
    if (client->ending) {
        return;
    }
    const naru__sio_watch *watch = client->io->watch;
    if (watch && watch->traffic) {
        watch->traffic(client->io, false, data.size);
    }
    naru__sio_intake *intake = intake_for(client);
    naru__sio_message message;
    naru_status status = kind == NARU_WS_TEXT ? naru__sio_intake_text(intake, data, &message, NULL)
                                              : naru__sio_intake_bytes(intake, data, &message, NULL);
    client->encoding = (uint8_t)intake->encoding;
    bool dropped = naru__sio_flood(client, data.size, status == NARU_OK);
    if (status == NARU_MORE) {
        status = keep_intake(client);
    } else if (status == NARU_OK) {
        if (!dropped) {
            take_packet(client, &message);
        }
        rest(client, false);
    }
    if (status < 0) {
        rest(client, true);
        naru__sio_client_close(client, NARU_SIO_FORCED_CLOSE);
    }
}

/* ---- the session's life ----------------------------------------------------------------------------------------- */

static void link_in(naru__sio_client *client)
{
    naru_sio *io = client->io;
    client->next = io->clients;
    client->link = &io->clients;
    if (client->next) {
        client->next->link = &client->next;
    }
    io->clients = client;
    if (io->member) {
        atomic_fetch_add_explicit(&io->member->clients, 1, memory_order_relaxed);
    }
}

static void on_connection(naru_eio *session, void *user)
{
    (void)user;
    naru__sio_client *client = naru__eio_extra(session);
    client->io = naru__eio_server_owner(naru_eio_get_server(session));
    client->session = session;
    link_in(client);
    if (client->io->watch && client->io->watch->session) {
        client->io->watch->session(client->io, NULL);
    }
    if (!wait_begin(client) || naru__sio_flood_begin(client)) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    /* Protocol 4: everybody is in "/" from the start. */
    if (naru_eio_revision(session) == 3) {
        naru__sio_connect(client, naru_span_of("/"), (naru_span){0}, (naru_json){{0}});
    }
}

static void on_upgrade(naru_eio *session, void *user)
{
    (void)user;
    naru__sio_client *client = naru__eio_extra(session);
    const naru__sio_watch *watch = client->io->watch;
    for (naru_sio_socket *socket = client->sockets; watch && watch->upgraded && socket;
         socket = socket->next_of_client) {
        if (socket->state == NARU__SIO_CONNECTED) {
            watch->upgraded(socket);
        }
    }
}

static void tell_drained(naru_sio_socket *socket)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(socket->nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_DRAIN]);
        while (naru__sio_walk_next(&walk, &hook)) {
            ((naru_sio_on_socket *)hook.fn)(socket, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
}

/* A listener may disconnect its socket, and then the walk has lost its place: the rest hear of the next drain. */
static void on_drain(naru_eio *session, void *user)
{
    (void)user;
    naru__sio_client *client = naru__eio_extra(session);
    naru_sio_socket *next = NULL;
    for (naru_sio_socket *socket = client->sockets; socket; socket = next) {
        naru_sio_socket_ref(socket);
        if (socket->state == NARU__SIO_CONNECTED) {
            tell_drained(socket);
        }
        bool there = socket->state == NARU__SIO_CONNECTED || socket->state == NARU__SIO_ASKING;
        next = there ? socket->next_of_client : NULL;
        naru_sio_socket_unref(socket);
    }
}

static naru_sio_reason reason_of(naru_eio_close_reason reason)
{
    switch (reason) {
    case NARU_EIO_TRANSPORT_CLOSE:
        return NARU_SIO_TRANSPORT_CLOSE;
    case NARU_EIO_TRANSPORT_ERROR:
        return NARU_SIO_TRANSPORT_ERROR;
    case NARU_EIO_PING_TIMEOUT:
        return NARU_SIO_PING_TIMEOUT;
    case NARU_EIO_PARSE_ERROR:
        return NARU_SIO_PARSE_ERROR;
    case NARU_EIO_FORCED_CLOSE:
        return NARU_SIO_FORCED_CLOSE;
    case NARU_EIO_SERVER_SHUTDOWN:
        return NARU_SIO_SERVER_SHUTTING_DOWN;
    }
    return NARU_SIO_TRANSPORT_ERROR;
}

static void on_close(naru_eio *session, naru_eio_close_reason reason, const char *description, void *user)
{
    (void)description, (void)user;
    naru__sio_client *client = naru__eio_extra(session);
    naru_sio *io = client->io;
    client->ending = true;
    naru__sio_seeks_drop(client);
    while (client->sockets) {
        naru__sio_socket_end(client->sockets, client->has_reason ? (naru_sio_reason)client->reason : reason_of(reason));
    }
    /* Here, while what the session knows can still be asked. */
    naru__sio_end_tell(io);
    if (io->watch && io->watch->session) {
        io->watch->session(io, naru_eio_close_text(reason));
    }
    wait_end(client);
    free_intake(client);
    naru__sio_flood_end(client);
    naru__free(io->allocator, client->left, LEFT_MAX * sizeof *client->left);
    client->left = NULL;
    if (io->member) {
        atomic_fetch_sub_explicit(&io->member->clients, 1, memory_order_relaxed);
    }
    *client->link = client->next;
    if (client->next) {
        client->next->link = client->link;
    }
}

const naru_eio_handler naru__sio_engine_handler = {.on_connection = on_connection,
                                                   .on_message = on_message,
                                                   .on_upgrade = on_upgrade,
                                                   .on_drain = on_drain,
                                                   .on_close = on_close};
