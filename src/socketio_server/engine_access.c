/* Questions to a session. */
#include "engine_inside.h"

#include <string.h>

static const uint8_t *texts(const naru_eio *session)
{
    return (const uint8_t *)(session + 1) + session->server->extra_bytes;
}

naru_span naru_eio_id(const naru_eio *session)
{
    return (naru_span){texts(session), session->id_bytes};
}

naru_span naru_eio_query(const naru_eio *session)
{
    return (naru_span){texts(session) + session->id_bytes, session->query_bytes};
}

naru_span naru_eio_address(const naru_eio *session)
{
    return (naru_span){texts(session) + session->id_bytes + session->query_bytes, session->address_bytes};
}

static naru_span headers(const naru_eio *session)
{
    size_t before = (size_t)session->id_bytes + session->query_bytes + session->address_bytes;
    return (naru_span){texts(session) + before, session->headers_bytes};
}

naru_eio_transport_kind naru_eio_transport(const naru_eio *session)
{
    return session->core.transport == NARU__ENGINE_POLLING ? NARU_EIO_POLLING : NARU_EIO_WEBSOCKET;
}

const char *naru_eio_transport_name(const naru_eio *session)
{
    return naru_eio_transport(session) == NARU_EIO_POLLING ? "polling" : "websocket";
}

int naru_eio_revision(const naru_eio *session)
{
    return session->core.revision;
}

bool naru_eio_is_upgrading(const naru_eio *session)
{
    return session->core.probe;
}

bool naru_eio_is_open(const naru_eio *session)
{
    return session->core.state == NARU__ENGINE_IS_OPEN;
}

bool naru_eio_writable(const naru_eio *session)
{
    if (!naru_eio_is_open(session)) {
        return false;
    }
    if (session->conn) {
        return naru_conn_queued_bytes(session->conn) <= session->server->conn.options.queue_high_bytes;
    }
    return session->core.get && session->core.queue.bytes <= session->core.options->queue_high_bytes;
}

uint64_t naru_eio_queued_bytes(const naru_eio *session)
{
    return session->core.queue.bytes + (session->conn ? naru_conn_queued_bytes(session->conn) : 0);
}

bool naru_eio_is_tls(const naru_eio *session)
{
    return session->tls;
}

uint64_t naru_eio_since_ms(const naru_eio *session)
{
    return session->since_ms;
}

const naru_http_head *naru_eio_head(const naru_eio *session)
{
    return session->head;
}

/* The next of those that are kept. */
static bool next_header(naru_span *rest, naru_span *name_out, naru_span *value_out)
{
    if (rest->size == 0) {
        return false;
    }
    size_t name = strlen((const char *)rest->data);
    size_t value = strlen((const char *)rest->data + name + 1);
    *name_out = (naru_span){rest->data, name};
    *value_out = (naru_span){rest->data + name + 1, value};
    rest->data += name + value + 2;
    rest->size -= name + value + 2;
    return true;
}

bool naru_eio_header(const naru_eio *session, const char *name, naru_span *value_out)
{
    naru_span rest = headers(session), found, value;
    if (session->head) {
        return naru_http_head_find(session->head, name, value_out);
    }
    while (next_header(&rest, &found, &value)) {
        if (naru_span_equal_nocase(found, naru_span_of(name))) {
            *value_out = value;
            return true;
        }
    }
    return false;
}

void naru_eio_headers(const naru_eio *session, void (*field)(naru_span name, naru_span value, void *user), void *user)
{
    naru_span rest = headers(session), name, value;
    for (size_t i = 0; session->head && i < naru_http_head_count(session->head); i++) {
        naru_http_field of = naru_http_head_at(session->head, i);
        field(of.name, of.value, user);
    }
    while (!session->head && next_header(&rest, &name, &value)) {
        field(name, value, user);
    }
}

naru_status naru_eio_query_value(const naru_eio *session, const char *name, char *out, size_t out_bytes)
{
    return naru__eio_query_find(naru_eio_query(session), name, out, out_bytes);
}

naru_eio_server *naru_eio_get_server(const naru_eio *session)
{
    return session->server;
}

naru_loop *naru_eio_loop(const naru_eio *session)
{
    return session->server->loop;
}

void naru_eio_set_user(naru_eio *session, void *user)
{
    session->user = user;
}

void *naru_eio_user(const naru_eio *session)
{
    return session->user;
}

void *naru__eio_extra(naru_eio *session)
{
    return session + 1;
}

void naru__eio_server_set_owner(naru_eio_server *eio, void *owner)
{
    eio->owner = owner;
}

void *naru__eio_server_owner(const naru_eio_server *eio)
{
    return eio->owner;
}

const char *naru_eio_close_text(naru_eio_close_reason reason)
{
    static const char *const reasons[] = {"transport close", "transport error", "ping timeout",
                                          "parse error",     "forced close",    "server shutting down"};
    return reasons[reason];
}
