/* Connection state recovery: a namespace's log and sessions (socketio/recovery.h) joined to its sockets.
 *
 * What a client missed is sent before its CONNECT: it gives that to its listeners before it says "connect".
 * Not for: events into the log (emit.c). Source: Socket.IO 4.6, "Connection state recovery". */
#include "base/memory.h"
#include "outgoing.h"
#include <string.h>

bool naru__sio_recovers(const naru_sio_namespace *nsp)
{
    return nsp->io->options.recovery.enabled && nsp->kind != NARU__SIO_PARENT;
}

/* ---- the log's life --------------------------------------------------------------------------------------------- */

static void expire(naru__loop_timer *timer);

static bool make(naru_sio_namespace *nsp)
{
    const naru_sio_recovery_options *from = &nsp->io->options.recovery;
    naru__sio_recovery_options options = {.away_ms_max = from->disconnection_max_ms,
                                          .log_bytes_max = (size_t)from->bytes_max,
                                          .events_max = from->packets_max,
                                          .sessions_max = from->sessions_max};
    char epoch[NARU_SIO_ID_SIZE];
    if (nsp->recovery) {
        return true;
    }
    naru__sio_draw_id(nsp->io, epoch);
    nsp->expiry.fire = expire;
    return naru__sio_recovery_new((naru_span){(uint8_t *)epoch, sizeof epoch}, &options, nsp->io->allocator,
                                  &nsp->recovery) == NARU_OK;
}

void naru__sio_recovery_deinit(naru_sio_namespace *nsp)
{
    naru__loop_timer_stop(nsp->io->loop, &nsp->expiry);
    naru__sio_recovery_free(nsp->recovery);
    nsp->recovery = NULL;
}

static void watch_time(naru_sio_namespace *nsp)
{
    uint64_t at_ms = naru__sio_recovery_expire_at_ms(nsp->recovery);
    if (at_ms != UINT64_MAX && !nsp->dropped) {
        naru__loop_timer_start(nsp->io->loop, &nsp->expiry, at_ms);
    }
}

/* Nobody is there, and nobody will come back. */
static bool is_over(const naru_sio_namespace *nsp)
{
    return nsp->users == 0 && naru__sio_recovery_expire_at_ms(nsp->recovery) == UINT64_MAX;
}

static void tell_expired(naru_sio_namespace *nsp, naru_span id, naru_span data)
{
    naru__sio_hooks *hooks = NULL;
    while ((hooks = naru__sio_hooks_next(nsp, hooks)) != NULL) {
        naru__sio_hook hook;
        naru__sio_hook_walk walk = naru__sio_walk_begin(&hooks->lists[NARU__SIO_HOOK_EXPIRED]);
        while (naru__sio_walk_next(&walk, &hook)) {
            ((void (*)(naru_span, naru_span, void *))hook.fn)(id, data, hook.user);
        }
        naru__sio_walk_end(&walk);
    }
}

/* The session is good until the next call on the recovery, which a callback may make: it gets a copy. */
static void expired(naru_sio_namespace *nsp, const naru__sio_recovery_session *session)
{
    naru_buf copy;
    naru_buf_init(&copy, nsp->io->allocator);
    if (naru_buf_append(&copy, session->sid) == NARU_OK && naru_buf_append(&copy, session->data) == NARU_OK) {
        naru_span all = naru_buf_span(&copy);
        size_t id = session->sid.size;
        tell_expired(nsp, (naru_span){all.data, id}, (naru_span){all.data + id, all.size - id});
    }
    naru_buf_deinit(&copy);
}

static void expire(naru__loop_timer *timer)
{
    naru_sio_namespace *nsp = (naru_sio_namespace *)((char *)timer - offsetof(naru_sio_namespace, expiry));
    naru__sio_recovery_session session;
    while (naru__sio_recovery_expire(nsp->recovery, naru_loop_now_ms(nsp->io->loop), &session)) {
        expired(nsp, &session);
    }
    watch_time(nsp);
    if (is_over(nsp)) {
        naru__sio_namespace_over(nsp);
    }
}

/* ---- going ------------------------------------------------------------------------------------------------------ */

static bool may_come_back(naru_sio_reason reason)
{
    return reason != NARU_SIO_PARSE_ERROR && reason != NARU_SIO_CLIENT_NAMESPACE_DISCONNECT &&
           reason != NARU_SIO_SERVER_NAMESPACE_DISCONNECT;
}

typedef struct room_list {
    naru_span *rooms;
    uint32_t count;
} room_list;

static void add_room(naru_span room, void *user)
{
    room_list *list = user;
    list->rooms[list->count++] = room;
}

static void save(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    const naru_allocator *allocator = nsp->io->allocator;
    size_t rooms_max = 1 + (socket->subscriber ? naru_subscriber_channels_count(socket->subscriber) : 0);
    room_list list = {.rooms = naru__alloc(allocator, rooms_max * sizeof(naru_span))};
    if (!list.rooms) {
        naru__sio_recovery_leave(nsp->recovery, naru__sio_pid(socket), socket);
        return;
    }
    naru_sio_each_room(socket, add_room, &list);
    naru__sio_recovery_session session = {.pid = naru__sio_pid(socket),
                                          .sid = naru__sio_id(socket),
                                          .rooms = list.rooms,
                                          .rooms_count = list.count,
                                          .data = naru_sio_socket_data(socket),
                                          .position = socket->position};
    naru_status status = naru__sio_recovery_save(nsp->recovery, &session, socket, naru_loop_now_ms(nsp->io->loop));
    (void)status; /* not kept: it comes back as somebody new */
    naru__free(allocator, list.rooms, rooms_max * sizeof(naru_span));
    watch_time(nsp);
}

void naru__sio_recovery_left(naru_sio_socket *socket, naru_sio_reason reason)
{
    if (socket->pid_bytes == 0 || !socket->nsp->recovery) {
        return;
    }
    if (may_come_back(reason)) {
        save(socket);
    } else {
        naru__sio_recovery_leave(socket->nsp->recovery, naru__sio_pid(socket), socket);
    }
}

/* ---- coming ----------------------------------------------------------------------------------------------------- */

bool naru__sio_recovery_begin(naru_sio_socket *socket)
{
    naru_sio_namespace *nsp = socket->nsp;
    if (naru_eio_revision(socket->client->session) == 3) {
        return true;
    }
    if (!make(nsp)) {
        return false;
    }
    naru__sio_draw_id(nsp->io, socket->ids + socket->id_bytes);
    socket->pid_bytes = NARU_SIO_ID_SIZE;
    socket->position = naru__sio_recovery_position(nsp->recovery);
    return naru__sio_recovery_enter(nsp->recovery, naru__sio_pid(socket), socket) == NARU_OK;
}

static void send_missed(naru_sio_socket *socket, const naru__sio_recovery_event *event)
{
    naru__sio_out out;
    naru__sio_out_init(&out, socket->nsp->io, NARU__SIO_EVENT, naru__sio_name(socket->nsp));
    if (naru__sio_out_write_json(&out, event->data, event->attachments, event->attachments_count) ||
        naru__sio_out_send(&out, socket->client) < 0) {
        naru__sio_client_close(socket->client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    naru__sio_out_deinit(&out);
}

/* A session that was restored, as long as its socket is not let in: where to replay from, and what to give back.
 * Behind it the spans of its rooms, and their names. */
struct naru__sio_returning {
    uint64_t after;
    naru__sio_recovery_session session; /* its pid, sid and data are the socket's */
    size_t bytes;
};

/* The session's texts are the recovery's until it is called again: what is needed is copied. */
static bool remember(naru_sio_socket *socket, const naru__sio_recovery_restored *restored)
{
    const naru__sio_recovery_session *session = &restored->session;
    size_t bytes = sizeof(struct naru__sio_returning) + session->rooms_count * sizeof(naru_span);
    for (uint32_t i = 0; i < session->rooms_count; i++) {
        bytes += session->rooms[i].size;
    }
    struct naru__sio_returning *returning = naru__alloc(socket->nsp->io->allocator, bytes);
    if (!returning) {
        return false;
    }
    naru_span *rooms = (naru_span *)(returning + 1);
    uint8_t *at = (uint8_t *)(rooms + session->rooms_count);
    for (uint32_t i = 0; i < session->rooms_count; i++) {
        rooms[i] = (naru_span){at, session->rooms[i].size};
        if (rooms[i].size > 0) {
            memcpy(at, session->rooms[i].data, rooms[i].size);
        }
        at += rooms[i].size;
    }
    *returning = (struct naru__sio_returning){.after = restored->after, .session = *session, .bytes = bytes};
    returning->session.rooms = rooms;
    returning->session.pid = naru__sio_pid(socket);
    returning->session.sid = naru__sio_id(socket);
    socket->returning = returning;
    return true;
}

static void forget(naru_sio_socket *socket)
{
    naru__free(socket->nsp->io->allocator, socket->returning, socket->returning->bytes);
    socket->returning = NULL;
}

static bool become(naru_sio_socket *socket, const naru__sio_recovery_restored *restored)
{
    const naru__sio_recovery_session *session = &restored->session;
    if (session->sid.size != socket->id_bytes || session->pid.size != NARU_SIO_ID_SIZE) {
        return false;
    }
    memcpy(socket->ids, session->sid.data, session->sid.size);
    memcpy(socket->ids + socket->id_bytes, session->pid.data, session->pid.size);
    socket->pid_bytes = NARU_SIO_ID_SIZE;
    socket->position = session->position;
    socket->recovered = true;
    if (!naru_span_equal(session->data, naru_span_of("{}")) && naru_sio_socket_set_data(socket, session->data)) {
        return false;
    }
    bool good = remember(socket, restored);
    for (uint32_t i = 0; good && i < socket->returning->session.rooms_count; i++) {
        good = naru_sio_join(socket, socket->returning->session.rooms[i]) == NARU_OK;
    }
    return good;
}

void naru__sio_replay(naru_sio_socket *socket)
{
    naru__sio_recovery_event event;
    if (!socket->returning) {
        return;
    }
    const naru__sio_recovery *recovery = socket->nsp->recovery;
    uint64_t position = socket->returning->after;
    while (recovery && naru__sio_recovery_replay(recovery, &socket->returning->session, &position, &event)) {
        send_missed(socket, &event);
    }
    /* The middleware took so long that the log has lost some of it: then it is nobody's session. */
    if (!recovery || position != naru__sio_recovery_position(recovery)) {
        naru__sio_client_close(socket->client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    forget(socket);
}

void naru__sio_restore_undo(naru_sio_socket *socket)
{
    if (!socket->returning) {
        return;
    }
    socket->returning->session.data = naru_sio_socket_data(socket);
    if (socket->nsp->recovery) {
        naru_status status = naru__sio_recovery_give_back(socket->nsp->recovery, &socket->returning->session, socket);
        (void)status; /* not kept: it comes back as somebody new */
        watch_time(socket->nsp);
    }
    forget(socket);
}

/* Its old connection still looks alive: it is let go, and kept as one that went away. One that is ending, of which only
 * the application has not heard, is kept or not by its own reason. */
static void let_go(naru_sio_socket *ghost)
{
    naru__sio_client *client = ghost->client;
    if (ghost->returning) { /* a middleware is still being asked about it */
        naru__sio_socket_end(ghost, NARU_SIO_TRANSPORT_CLOSE);
        naru__sio_client_close(client, NARU_SIO_TRANSPORT_CLOSE);
        return;
    }
    if (ghost->state != NARU__SIO_CONNECTED) {
        naru__sio_recovery_left(ghost, (naru_sio_reason)ghost->reason);
        return;
    }
    naru__sio_recovery_left(ghost, NARU_SIO_TRANSPORT_CLOSE);
    naru__sio_socket_end(ghost, NARU_SIO_TRANSPORT_CLOSE);
    naru__sio_client_close(client, NARU_SIO_TRANSPORT_CLOSE);
}

static naru_status ask(naru_sio_socket *socket, naru_span pid, naru_span offset, naru__sio_recovery_restored *out)
{
    naru_sio_namespace *nsp = socket->nsp;
    uint64_t now_ms = naru_loop_now_ms(nsp->io->loop);
    naru_status status = naru__sio_recovery_restore(nsp->recovery, pid, offset, socket, now_ms, out);
    if (status == NARU_ERR_STATE && out->ghost != socket) {
        let_go(out->ghost);
        status = naru__sio_recovery_restore(nsp->recovery, pid, offset, socket, now_ms, out);
    }
    return status;
}

/* A string of the CONNECT's data. false: it is something else. */
static bool auth_text(naru_json auth, const char *key, char *out, size_t capacity, naru_span *text_out)
{
    naru_json value;
    size_t size = 0;
    if (!naru_json_find(auth, key, &value) || naru_json_string_copy(value, out, capacity, &size)) {
        return false;
    }
    *text_out = (naru_span){(uint8_t *)out, size};
    return true;
}

bool naru__sio_restore(naru_sio_socket *socket)
{
    naru_json auth = {{(uint8_t *)socket->auth, socket->auth_bytes}};
    char pid_text[NARU__SIO_PID_BYTES_MAX], offset_text[NARU__SIO_OFFSET_BYTES_MAX];
    naru_span pid, offset = {0};
    naru_json strange;
    if (!socket->auth || naru_eio_revision(socket->client->session) == 3 || !socket->nsp->recovery ||
        !auth_text(auth, "pid", pid_text, sizeof pid_text, &pid)) {
        return false;
    }
    if (!auth_text(auth, "offset", offset_text, sizeof offset_text, &offset) &&
        naru_json_find(auth, "offset", &strange)) {
        return false;
    }
    naru__sio_recovery_restored restored;
    if (ask(socket, pid, offset, &restored)) {
        return false;
    }
    if (!become(socket, &restored)) {
        naru__sio_client_close(socket->client, NARU_SIO_FORCED_SERVER_CLOSE);
    }
    return true;
}
