/* The Admin UI on and off, and who may come in. See admin.h. */
#include "admin.h"

#include "base/memory.h"
#include "group.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- events to the page ------------------------------------------------------------------------------------------ */

void naru__admin_event_begin(naru__admin_event *event, naru__sio_admin *admin)
{
    naru_buf_init(&event->text, admin->io->allocator);
    naru_json_writer_init(&event->json, &event->text, 0);
    naru_json_write_array(&event->json);
}

void naru__admin_event_send(naru__admin_event *event, naru__sio_admin *admin, naru_sio_socket *socket, const char *name,
                            const naru_span *attachments, size_t attachments_count)
{
    naru_json_write_array_end(&event->json);
    if (naru_json_writer_finish(&event->json) == NARU_OK) {
        naru_span list = naru_buf_span(&event->text);
        naru_sio_value value = {.kind = NARU_SIO_SPREAD,
                                .text = {list.data + 1, list.size - 2},
                                .attachments = attachments,
                                .attachments_count = attachments_count};
        naru_sio_target target = socket ? naru_sio_only(socket) : naru_sio_all(admin->nsp);
        (void)naru_sio_emit_to(target, name, (naru_sio_args){&value, 1}, NULL);
    }
    naru_buf_deinit(&event->text);
}

void naru__admin_key(naru_json_writer *json, const char *key)
{
    naru_json_write_key(json, naru_span_of(key));
}

void naru__admin_string(naru_json_writer *json, const char *text)
{
    naru_json_write_string(json, naru_span_of(text));
}

uint64_t naru__admin_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void naru__admin_date(naru_json_writer *json)
{
    char text[40];
    uint64_t now_ms = naru__admin_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + size, sizeof text - size, ".%03uZ", (unsigned)(now_ms % 1000));
    naru__admin_string(json, text);
}

/* ---- who may come in --------------------------------------------------------------------------------------------- */

static naru_span auth_text(const naru_sio_socket *socket, const char *key)
{
    naru_json auth = {{(const uint8_t *)socket->auth, socket->auth_bytes}};
    naru_json value;
    naru_span text = {0};
    if (socket->auth && naru_json_find(auth, key, &value)) {
        (void)naru_json_string_plain(value, &text);
    }
    return text;
}

static bool equal_always_as_slow(naru_span a, const char *b, size_t b_bytes)
{
    unsigned difference = a.size != b_bytes;
    for (size_t i = 0; i < a.size; i++) {
        difference |= (unsigned)(a.data[i] ^ (uint8_t)b[b_bytes > 0 ? i % b_bytes : 0]);
    }
    return difference == 0;
}

static bool knows_session(const naru__sio_admin *admin, naru_span id)
{
    bool known = false;
    uint64_t now_ms = naru_loop_now_ms(admin->io->loop);
    size_t count = admin->sessions_count < NARU__ADMIN_SESSIONS ? admin->sessions_count : NARU__ADMIN_SESSIONS;
    for (size_t i = 0; i < count; i++) {
        known |= equal_always_as_slow(id, admin->sessions[i].id, NARU__ADMIN_SESSION_BYTES) &
                 (now_ms < admin->sessions[i].until_ms);
    }
    return known;
}

static void authenticate(naru_sio_socket *socket, naru_sio_gate *gate, void *user)
{
    naru__sio_admin *admin = user;
    naru_span name = auth_text(socket, "username"), password = auth_text(socket, "password");
    if (!admin->username || knows_session(admin, auth_text(socket, "sessionId"))) {
        naru_sio_next(gate);
    } else if (password.size > 0 && naru__admin_may_guess(admin, socket)) {
        /* A wrong name takes as long as a wrong password: else the time would tell which names there are. */
        bool known = equal_always_as_slow(name, admin->username, strlen(admin->username));
        naru__admin_check_password(admin, gate, password, known);
    } else {
        naru_sio_refuse(gate, "invalid credentials", NULL);
    }
}

void naru__admin_session_add(naru__sio_admin *admin, const char *id)
{
    naru__admin_session *session = &admin->sessions[admin->sessions_count++ % NARU__ADMIN_SESSIONS];
    memcpy(session->id, id, sizeof session->id);
    session->until_ms = naru_loop_now_ms(admin->io->loop) + NARU__ADMIN_SESSION_MS;
}

/* Shown the password: for a time the page need not ask for it again. */
void naru__admin_session_remember(naru__sio_admin *admin, naru_sio_socket *socket)
{
    char id[NARU_SIO_ID_SIZE];
    naru__sio_draw_id(admin->io, id);
    naru__admin_session_add(admin, id);
    naru__admin_session_tell(admin, id);
    naru__admin_guessed_right(admin, socket);
    (void)naru_sio_emit(socket, "session",
                        NARU_SIO_ARGS(naru_sio_text((naru_span){(uint8_t *)id, NARU__ADMIN_SESSION_BYTES})));
}

/* ---- the page is there ------------------------------------------------------------------------------------------- */

static void send_config(naru__sio_admin *admin, naru_sio_socket *socket)
{
    static const char *const orders[] = {"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"};
    naru__admin_event event;
    naru__admin_event_begin(&event, admin);
    naru_json_write_object(&event.json);
    naru__admin_key(&event.json, "supportedFeatures");
    naru_json_write_array(&event.json);
    for (size_t i = 0; !admin->readonly && i < sizeof orders / sizeof *orders; i++) {
        naru__admin_string(&event.json, orders[i]);
    }
    naru__admin_string(&event.json, "AGGREGATED_EVENTS");
    if (admin->development) {
        naru__admin_string(&event.json, "ALL_EVENTS");
    }
    naru_json_write_array_end(&event.json);
    naru_json_write_object_end(&event.json);
    naru__admin_event_send(&event, admin, socket, "config", NULL, 0);
}

static void on_connection(naru_sio_socket *socket, void *user)
{
    naru__sio_admin *admin = user;
    if (admin->username && !knows_session(admin, auth_text(socket, "sessionId"))) {
        naru__admin_session_remember(admin, socket);
    }
    send_config(admin, socket);
    if (admin->development) {
        naru__admin_gather_sockets(admin, socket);
    }
    naru__admin_stats_send(admin, socket);
}

/* ---- on and off -------------------------------------------------------------------------------------------------- */

static char *copy_of(const naru_allocator *allocator, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = naru__alloc(allocator, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static void free_text(const naru_allocator *allocator, char *text)
{
    naru__free(allocator, text, text ? strlen(text) + 1 : 0);
}

/* "$2b$10$" and 53 characters. */
static bool is_bcrypt(const char *hash)
{
    enum { BCRYPT_BYTES = 60 };
    return hash && strlen(hash) == BCRYPT_BYTES && hash[0] == '$' && hash[1] == '2' && strchr("aby", hash[2]) &&
           hash[3] == '$' && hash[6] == '$';
}

/* The page knows servers by it, so each loop has its own. */
static void make_server_id(const naru__sio_admin *admin, const char *given, char *out, size_t out_bytes)
{
    char host[128] = "", loop[16] = "";
    (void)gethostname(host, sizeof host - 1);
    if (admin->io->member) {
        (void)snprintf(loop, sizeof loop, "#%u", (unsigned)admin->io->member->index);
    }
    if (given) {
        (void)snprintf(out, out_bytes, "%s%s", given, loop);
    } else {
        (void)snprintf(out, out_bytes, "%s#%ld%s", host, (long)getpid(), loop);
    }
}

static bool set_texts(naru__sio_admin *admin, const naru_sio_admin_options *options)
{
    char id[256];
    const naru_allocator *allocator = admin->io->allocator;
    make_server_id(admin, options->server_id, id, sizeof id);
    admin->server_id = copy_of(allocator, id);
    if (options->username) {
        admin->username = copy_of(allocator, options->username);
        admin->password_hash = copy_of(allocator, options->password_hash);
    }
    return admin->server_id && (!options->username || (admin->username && admin->password_hash));
}

static naru_status begin(naru__sio_admin *admin, const naru_sio_admin_options *options)
{
    admin->nsp = naru_sio_of(admin->io, options->namespace_name ? options->namespace_name : "/admin");
    if (!admin->nsp || !set_texts(admin, options)) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru_sio_use(admin->nsp, authenticate, admin);
    status = status ? status : naru_sio_on_connection(admin->nsp, on_connection, admin);
    status = status || admin->readonly ? status : naru__admin_orders_begin(admin);
    status = status ? status : naru__admin_group_begin(admin);
    if (status == NARU_OK) {
        naru__admin_stats_begin(admin);
        admin->io->watch = admin->development ? &naru__admin_watch_all : &naru__admin_watch_sums;
    }
    return status;
}

naru_status naru_sio_admin(naru_sio *io, const naru_sio_admin_options *options)
{
    if (options->username ? !is_bcrypt(options->password_hash) : options->password_hash != NULL) {
        return NARU_ERR_ARGUMENT;
    }
    if (io->admin) {
        return NARU_ERR_STATE;
    }
    io->admin = naru__alloc_zero(io->allocator, sizeof *io->admin);
    if (!io->admin) {
        return NARU_ERR_MEMORY;
    }
    io->admin->io = io;
    io->admin->development = options->development;
    io->admin->readonly = options->readonly;
    return begin(io->admin, options);
}

void naru__sio_admin_free(naru_sio *io)
{
    naru__sio_admin *admin = io->admin;
    if (!admin) {
        return;
    }
    io->watch = NULL;
    io->admin = NULL;
    naru__admin_checks_end(admin);
    naru__loop_timer_stop(io->loop, &admin->timer);
    free_text(io->allocator, admin->username);
    free_text(io->allocator, admin->password_hash);
    free_text(io->allocator, admin->server_id);
    naru__free(io->allocator, admin, sizeof *admin);
}
