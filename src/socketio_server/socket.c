/* A client in one namespace: its life, its ids and what the application keeps of it.
 *
 * Not for: how it comes (connect.c) and goes (leave.c), what it said when it came (handshake.c). Source: none. */
#include "base/memory.h"
#include "sio.h"
#include <string.h>

/* ---- ids -------------------------------------------------------------------------------------------------------- */

/* 15 random bytes in the alphabet of base64url: what brokers of Socket.IO know a socket's id by is its 20 characters.
 * */
void naru__sio_draw_id(naru_sio *io, char out[NARU_SIO_ID_SIZE])
{
    enum { ID_BYTES = 15 };
    naru_entropy *entropy = naru__loop_entropy(io->loop);
    naru_base64_encode((naru_span){entropy->bytes + entropy->used, ID_BYTES}, out);
    entropy->used += ID_BYTES;
    for (int i = 0; i < NARU_SIO_ID_SIZE; i++) {
        out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
    }
}

static bool is_revision_3(const naru__sio_client *client)
{
    return naru_eio_revision(client->session) == 3;
}

/* Protocol 4: the session's id, with the namespace's name before it unless that is "/". */
static size_t id_bytes(const naru__sio_client *client, const naru_sio_namespace *nsp)
{
    if (!is_revision_3(client)) {
        return NARU_SIO_ID_SIZE;
    }
    size_t session = naru_eio_id(client->session).size;
    return nsp->name_bytes == 1 ? session : nsp->name_bytes + 1 + session;
}

static void write_id(naru_sio_socket *socket)
{
    if (!is_revision_3(socket->client)) {
        naru__sio_draw_id(socket->nsp->io, socket->ids);
        return;
    }
    char *at = socket->ids;
    naru_span session = naru_eio_id(socket->client->session);
    if (socket->nsp->name_bytes > 1) {
        memcpy(at, socket->nsp->name, socket->nsp->name_bytes);
        at[socket->nsp->name_bytes] = '#';
        at += socket->nsp->name_bytes + 1;
    }
    memcpy(at, session.data, session.size);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static size_t block_bytes(size_t id)
{
    return sizeof(naru_sio_socket) + id + NARU_SIO_ID_SIZE;
}

static bool set_auth(naru_sio_socket *socket, naru_span auth)
{
    if (auth.size == 0) {
        return true;
    }
    socket->auth = naru__alloc(socket->nsp->io->allocator, auth.size);
    if (socket->auth) {
        memcpy(socket->auth, auth.data, auth.size);
        socket->auth_bytes = (uint32_t)auth.size;
    }
    return socket->auth != NULL;
}

naru_sio_socket *naru__sio_socket_new(naru__sio_client *client, naru_sio_namespace *nsp, naru_span auth)
{
    const naru_allocator *allocator = nsp->io->allocator;
    size_t id = id_bytes(client, nsp);
    naru_sio_socket *socket = id <= UINT16_MAX ? naru__alloc_zero(allocator, block_bytes(id)) : NULL;
    if (!socket) {
        return NULL;
    }
    socket->nsp = nsp;
    socket->client = client;
    socket->references = 1;
    socket->id_bytes = (uint16_t)id;
    if (!set_auth(socket, auth)) {
        naru__free(allocator, socket, block_bytes(id));
        return NULL;
    }
    write_id(socket);
    socket->next_of_client = client->sockets;
    client->sockets = socket;
    client->sockets_count++;
    nsp->users++;
    nsp->references++;
    return socket;
}

static void data_free(naru_sio_socket *socket)
{
    if (socket->data) {
        naru_buf_deinit(socket->data);
        naru__free(socket->nsp->io->allocator, socket->data, sizeof *socket->data);
        socket->data = NULL;
    }
}

naru_sio_socket *naru_sio_socket_ref(naru_sio_socket *socket)
{
    socket->references++;
    return socket;
}

void naru_sio_socket_unref(naru_sio_socket *socket)
{
    if (!socket || --socket->references > 0) {
        return;
    }
    naru_sio_namespace *nsp = socket->nsp;
    const naru_allocator *allocator = nsp->io->allocator;
    if (socket->hooks) {
        naru__sio_hooks_deinit(socket->hooks);
        naru__free(allocator, socket->hooks, sizeof *socket->hooks);
    }
    data_free(socket);
    naru__free(allocator, socket->auth, socket->auth_bytes);
    naru__free(allocator, socket, block_bytes(socket->id_bytes));
    naru__sio_namespace_release(nsp);
}

/* ---- what can be asked ------------------------------------------------------------------------------------------ */

naru_span naru_sio_socket_id(const naru_sio_socket *socket)
{
    return naru__sio_id(socket);
}

naru_sio_namespace *naru_sio_socket_namespace(const naru_sio_socket *socket)
{
    return socket->nsp;
}

naru_eio *naru_sio_socket_session(const naru_sio_socket *socket)
{
    return socket->client ? socket->client->session : NULL;
}

bool naru_sio_socket_connected(const naru_sio_socket *socket)
{
    return socket->state == NARU__SIO_CONNECTED && !socket->client->ending;
}

bool naru_sio_socket_recovered(const naru_sio_socket *socket)
{
    return socket->recovered;
}

uint64_t naru_sio_socket_queued_bytes(const naru_sio_socket *socket)
{
    return socket->client ? naru_eio_queued_bytes(socket->client->session) : 0;
}

naru_sio_socket *naru_sio_socket_by_id(naru_sio_namespace *nsp, naru_span id)
{
    return naru__sio_map_get(&nsp->ids, id);
}

void naru_sio_socket_set_user(naru_sio_socket *socket, void *user)
{
    socket->user = user;
}

void *naru_sio_socket_user(const naru_sio_socket *socket)
{
    return socket->user;
}

naru_status naru_sio_socket_set_data(naru_sio_socket *socket, naru_span json)
{
    const naru_allocator *allocator = socket->nsp->io->allocator;
    const naru__sio_watch *watch = socket->nsp->io->watch;
    naru_json value;
    naru_json_limits limits = {.bytes_max = SIZE_MAX};
    if (naru_json_read(json, &limits, &value, NULL)) {
        return NARU_ERR_ARGUMENT;
    }
    naru_buf copy;
    naru_buf_init(&copy, allocator);
    naru_buf *data = socket->data ? socket->data : naru__alloc_zero(allocator, sizeof *data);
    if (!data || naru_buf_append(&copy, value.text)) {
        if (data != socket->data) {
            naru__free(allocator, data, sizeof *data);
        }
        return NARU_ERR_MEMORY;
    }
    naru_buf_deinit(data);
    *data = copy;
    socket->data = data;
    if (watch && watch->changed && socket->state == NARU__SIO_CONNECTED) {
        watch->changed(socket);
    }
    return NARU_OK;
}

naru_span naru_sio_socket_data(const naru_sio_socket *socket)
{
    return socket->data ? naru_buf_span(socket->data) : naru_span_of("{}");
}
