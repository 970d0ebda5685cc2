/* The Engine.IO server as an object, and the ends of its sessions. */
#include "engine_inside.h"

#include "base/memory.h"
#include <string.h>

static void draw_key(naru_eio_server *eio)
{
    naru_entropy *entropy = naru__loop_entropy(eio->loop);
    if (entropy->size - entropy->used >= sizeof eio->key) {
        memcpy(&eio->key, entropy->bytes + entropy->used, sizeof eio->key);
        entropy->used += sizeof eio->key;
    }
}

naru_status naru__eio_server_new(naru_server *server, const naru_eio_options *options, const naru_eio_handler *handler,
                                 void *user, size_t extra_bytes, naru_eio_server **eio_out)
{
    size_t aligned = (extra_bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    naru_eio_server *eio = naru__alloc_zero(server->allocator, sizeof *eio);
    if (!eio) {
        return NARU_ERR_MEMORY;
    }
    eio->server = server;
    eio->loop = server->loop;
    eio->allocator = server->allocator;
    eio->options = options ? *options : (naru_eio_options){0};
    eio->handler = handler;
    eio->user = user;
    eio->extra_bytes = aligned;
    naru_buf_init(&eio->frame, eio->allocator);
    draw_key(eio);
    naru_status status = handler ? naru__eio_options_fill(eio) : NARU_ERR_ARGUMENT;
    status = status < 0 ? status : naru__eio_routes_add(eio);
    if (status < 0) {
        naru_eio_server_free(eio);
        return status;
    }
    *eio_out = eio;
    return NARU_OK;
}

naru_status naru_eio_server_new(naru_server *server, const naru_eio_options *options, const naru_eio_handler *handler,
                                void *user, naru_eio_server **eio_out)
{
    return naru__eio_server_new(server, options, handler, user, 0, eio_out);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Its terms are lent to WebSockets that are open, to some that have not begun, and to those that still say goodbye,
 * which do so by the server's. */
static void end_conn(naru_conn *conn, void *user)
{
    const naru_eio_server *eio = user;
    if (naru__conn_terms_of(conn) == &eio->conn) {
        naru__conn_destroy(conn);
    }
}

static void end_conns(naru_eio_server *eio)
{
    for (naru__exchange *exchange = eio->server->exchanges, *next = NULL; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->phase == NARU__EXCHANGE_ACCEPTED && naru__conn_terms_of(exchange->conn) == &eio->conn) {
            naru__upgrade_start(exchange, NULL, 0);
        }
    }
    naru_server_each(eio->server, end_conn, eio);
    for (naru_conn *conn = eio->server->conns; conn; conn = conn->next) {
        if (naru__conn_terms_of(conn) == &eio->conn) {
            naru__conn_change_terms(conn, &eio->server->conn_terms);
        }
    }
}

void naru_eio_server_free(naru_eio_server *eio)
{
    if (!eio) {
        return;
    }
    eio->closing = true;
    while (eio->sessions) {
        naru_eio *session = eio->sessions;
        session->aborts = true;
        session->settling = false;
        naru__engine_session_fail(&session->core, NARU__ENGINE_SHUTDOWN, NULL);
        session->begins = false;
        naru__eio_settle(session);
    }
    end_conns(eio);
    naru__eio_routes_end(eio);
    naru_buf_deinit(&eio->frame);
    naru__free(eio->allocator, eio->buckets, eio->buckets_count * sizeof(naru_eio *));
    naru__free(eio->allocator, eio, sizeof *eio);
}

void naru_eio_server_close(naru_eio_server *eio)
{
    eio->closing = true;
    for (naru_eio *session = eio->sessions; session; session = session->next) {
        naru__engine_session_close(&session->core, NARU__ENGINE_SHUTDOWN, naru_loop_now_ms(eio->loop));
        naru__eio_settle_later(session);
    }
}

void naru_eio_close(naru_eio *session)
{
    naru__eio_close_for(session, NARU_EIO_FORCED_CLOSE, NULL);
}

void naru__eio_close_for(naru_eio *session, naru_eio_close_reason reason, const char *description)
{
    if (session->core.state != NARU__ENGINE_IS_OPEN) {
        return;
    }
    naru__engine_session_close(&session->core, (naru__engine_reason)reason, naru__eio_now(session));
    session->core.description = description;
    naru__eio_settle_later(session);
}

void naru_eio_abort(naru_eio *session)
{
    session->aborts = true;
    naru__engine_session_fail(&session->core, NARU__ENGINE_FORCED_CLOSE, NULL);
    naru__eio_settle_later(session);
}

/* ---- its sessions ------------------------------------------------------------------------------------------------ */

size_t naru_eio_server_sessions(const naru_eio_server *eio)
{
    return eio->open;
}

/* The next one is known before: this one may be on its way out when the call returns, but not freed. */
void naru_eio_server_each(naru_eio_server *eio, void (*each)(naru_eio *session, void *user), void *user)
{
    for (naru_eio *session = eio->sessions, *next = NULL; session; session = next) {
        next = session->next;
        if (session->begun && naru_eio_is_open(session)) {
            each(session, user);
        }
    }
}

naru_eio *naru_eio_server_find(const naru_eio_server *eio, naru_span id)
{
    naru_eio *session = naru__eio_table_find(eio, id);
    return session && session->begun && naru_eio_is_open(session) ? session : NULL;
}
