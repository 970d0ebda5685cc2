/* May this request be what it wants to be? The checks, their order and their codes are those of engine.io.
 * Source: the engine.io package, version 6: Server.verify. */
#include "engine_inside.h"

#include "server/origin.h"

/* One that has WebSocket already is no mismatch for an upgrade: that is accepted, and closed. */
static bool fits_session(const naru_eio *session, const naru_request *request, const naru__eio_question *question)
{
    bool upgrade = naru_request_is_upgrade(request);
    if (session->post == request) {
        return true;
    }
    return upgrade ? question->transport == NARU_EIO_WEBSOCKET : session->core.transport == question->transport;
}

static naru_status refuse(naru_eio_server *eio, naru_request *request, naru_eio_error code, const char *context)
{
    naru__eio_refuse(eio, request, code, NULL, context);
    return NARU_ERR_REFUSED;
}

/* A deadline that has passed holds, though its timer has not had its turn yet. */
static naru_eio *find(naru_eio_server *eio, naru_span id)
{
    naru_eio *session = naru__eio_table_find(eio, id);
    if (session && naru__engine_heartbeat_due(&session->core, naru__eio_now(session))) {
        naru__engine_session_tick(&session->core, naru__eio_now(session));
        naru__eio_settle(session);
    }
    return session && !session->gone ? session : NULL;
}

static naru_status verify_session(naru_eio_server *eio, naru_request *request, const naru__eio_question *question,
                                  naru_eio **session_out)
{
    naru_eio *session = find(eio, naru_span_of(question->sid));
    if (!session) {
        return refuse(eio, request, NARU_EIO_UNKNOWN_SID, NULL);
    }
    bool forbidden = naru_request_is_upgrade(request) && eio->options.forbid_upgrades;
    if (forbidden || !fits_session(session, request, question)) {
        return refuse(eio, request, NARU_EIO_BAD_REQUEST, "TRANSPORT_MISMATCH");
    }
    if (session->core.revision != question->revision) {
        return refuse(eio, request, NARU_EIO_BAD_REQUEST, "PROTOCOL_MISMATCH");
    }
    *session_out = session;
    return NARU_OK;
}

/* A page may have a WebSocket where the server lets all pages in, or where CORS names it. */
static bool origin_allowed(naru_eio_server *eio, const naru_request *request)
{
    naru_span origin;
    const naru_http_head *head = naru_request_head(request);
    if (!naru_request_is_upgrade(request) || naru__origin_allowed(head, &eio->server->options)) {
        return true;
    }
    return naru_http_head_find(head, "Origin", &origin) && naru__eio_cors_allows(eio, origin);
}

naru_status naru__eio_verify(naru_eio_server *eio, naru_request *request, const naru__eio_question *question,
                             naru_eio **session_out)
{
    bool upgrade = naru_request_is_upgrade(request);
    if ((question->transport & eio->options.transports) == 0) {
        return refuse(eio, request, NARU_EIO_UNKNOWN_TRANSPORT, NULL);
    }
    if (!origin_allowed(eio, request)) {
        naru__eio_respond(eio, NULL, request, 403, "text/html", naru_span_of("Forbidden"));
        return NARU_ERR_REFUSED;
    }
    if (question->has_sid) {
        return verify_session(eio, request, question, session_out);
    }
    if (!naru_span_equal(naru_http_head_method(naru_request_head(request)), naru_span_of("GET"))) {
        return refuse(eio, request, NARU_EIO_BAD_HANDSHAKE_METHOD, NULL);
    }
    if ((question->transport == NARU_EIO_WEBSOCKET) != upgrade) {
        return refuse(eio, request, NARU_EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR");
    }
    *session_out = NULL;
    return NARU_OK;
}
