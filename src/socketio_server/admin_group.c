/* The Admin UI of a server over several loops: a page sees the sockets of all of them, whichever it has come to, and
 * who has shown the password to one of them is known to all. What happens is told to pages everywhere anyhow, being
 * emitted to a namespace. See admin.h. */
#include "admin.h"

#include "base/memory.h"
#include "group.h"
#include <string.h>

bool naru__admin_watched(const naru__sio_admin *admin)
{
    const naru__sio_member *member = admin->io->member;
    return admin->nsp->sockets_count > 0 ||
           (member && atomic_load_explicit(&member->group->watchers, memory_order_relaxed) > 0);
}

/* ---- pages come and go ------------------------------------------------------------------------------------------ */

static void on_connection(naru_sio_socket *socket, void *user)
{
    const naru__sio_admin *admin = user;
    (void)socket;
    atomic_fetch_add_explicit(&admin->io->member->group->watchers, 1, memory_order_relaxed);
}

static void on_disconnect(naru_sio_socket *socket, naru_sio_reason reason, void *user)
{
    const naru__sio_admin *admin = user;
    (void)socket, (void)reason;
    atomic_fetch_sub_explicit(&admin->io->member->group->watchers, 1, memory_order_relaxed);
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

void naru__admin_session_tell(naru__sio_admin *admin, const char *id)
{
    naru_span text = {(const uint8_t *)id, NARU__ADMIN_SESSION_BYTES};
    naru_status status =
        naru_sio_server_side_emit(admin->nsp, "session", NARU_SIO_ARGS(naru_sio_text(text)), NULL, NULL);
    (void)status; /* without memory the others ask for the password */
}

static void on_session(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_span id;
    (void)socket;
    if (naru_sio_event_text(event, 0, &id) && id.size == NARU__ADMIN_SESSION_BYTES) {
        naru__admin_session_add(user, (const char *)id.data);
    }
}

/* ---- all sockets ------------------------------------------------------------------------------------------------ */

/* Of another loop's page. */
static void on_sockets(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru__sio_admin *admin = user;
    naru_buf json;
    (void)socket;
    naru_buf_init(&json, admin->io->allocator);
    if (naru__admin_write_sockets(admin, &json) == NARU_OK) {
        (void)naru_sio_answer(event, NARU_SIO_ARGS(naru_sio_json_with(naru_buf_span(&json), NULL, 0)));
    }
    naru_buf_deinit(&json);
}

static void write_members(naru_json_writer *json, naru_span array)
{
    naru_json list, value;
    if (naru_json_read(array, &(naru_json_limits){.bytes_max = SIZE_MAX}, &list, NULL) == NARU_OK) {
        naru_json_iter iter = naru_json_each(list);
        while (naru_json_next(&iter, NULL, &value)) {
            naru_json_write_raw(json, value.text);
        }
    }
}

/* The page shows the list that it got last, so that it is one list. user: its socket, held. */
static void on_gathered(naru_status status, const naru_sio_response *responses, size_t count, size_t expected,
                        void *user)
{
    naru_sio_socket *to = user;
    naru__sio_admin *admin = to->nsp->io->admin;
    naru_buf own;
    (void)status, (void)expected;
    if (admin && to->state == NARU__SIO_CONNECTED) {
        naru_buf_init(&own, admin->io->allocator);
        naru__admin_event event;
        naru__admin_event_begin(&event, admin);
        naru_json_write_array(&event.json);
        if (naru__admin_write_sockets(admin, &own) == NARU_OK) {
            write_members(&event.json, naru_buf_span(&own));
        }
        for (size_t i = 0; i < count; i++) {
            write_members(&event.json, naru_sio_event_arg(responses[i].answer, 0));
        }
        naru_json_write_array_end(&event.json);
        naru__admin_event_send(&event, admin, to, "all_sockets", NULL, 0);
        naru_buf_deinit(&own);
    }
    naru_sio_socket_unref(to);
}

void naru__admin_gather_sockets(naru__sio_admin *admin, naru_sio_socket *to)
{
    naru_sio_socket_ref(to);
    if (naru__sio_others(admin->io) == 0) {
        on_gathered(NARU_OK, NULL, 0, 0, to);
    } else if (naru_sio_server_side_emit(admin->nsp, "sockets", NARU_SIO_NONE, on_gathered, to)) {
        naru_sio_socket_unref(to);
    }
}

naru_status naru__admin_group_begin(naru__sio_admin *admin)
{
    if (!admin->io->member) {
        return NARU_OK;
    }
    naru_status status = naru_sio_on_connection(admin->nsp, on_connection, admin);
    status = status ? status : naru_sio_on_disconnect(admin->nsp, on_disconnect, admin);
    status = status ? status : naru_sio_on_server_side(admin->nsp, "session", on_session, admin);
    return status ? status : naru_sio_on_server_side(admin->nsp, "sockets", on_sockets, admin);
}
