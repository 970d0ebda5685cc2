/* From a request without an id to a session. Source: the engine.io package, version 6: Server.handshake. */
#include "engine_inside.h"

#include "base/buf.h"
#include <string.h>

enum { ID_TRIES = 4 };

/* ---- ids ------------------------------------------------------------------------------------------------------ */

/* 15 bytes in base64url: 11 of chance, and a counter that keeps them apart. */
static bool make_id(naru_eio_server *eio, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[15];
    naru_entropy *entropy = naru__loop_entropy(eio->loop);
    if (entropy->size - entropy->used < 11) {
        return false;
    }
    memcpy(bytes, entropy->bytes + entropy->used, 11);
    entropy->used += 11;
    uint32_t count = eio->ids++;
    if (eio->elsewhere) {
        count = eio->index << 24 | (count & 0xffffff);
    }
    for (size_t i = 0; i < 4; i++) {
        bytes[11 + i] = (uint8_t)(count >> (24 - 8 * i));
    }
    for (size_t i = 0; i < 5; i++) {
        uint32_t group = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
        for (size_t j = 0; j < 4; j++) {
            out[4 * i + j] = digits[group >> (18 - 6 * j) & 63];
        }
    }
    out[20] = 0;
    return true;
}

static bool id_valid(const char *id)
{
    size_t size = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return size > 0 && size <= NARU__EIO_ID_BYTES_MAX && id[size] == 0;
}

static bool generate_id(naru_eio_server *eio, naru_request *request, char *out)
{
    const naru_eio_options *options = &eio->options;
    for (int i = 0; i < ID_TRIES; i++) {
        bool own = !options->generate_id;
        size_t out_bytes = NARU__EIO_ID_BYTES_MAX + 1 - (eio->elsewhere ? NARU__EIO_MARK_BYTES : 0);
        bool made = own ? make_id(eio, out) : options->generate_id(request, out, out_bytes, options->user);
        out[own ? NARU__EIO_ID_BYTES_MAX : out_bytes - 1] = 0;
        if (!made || (!own && !id_valid(out))) {
            return false;
        }
        if (eio->elsewhere && options->generate_id) {
            naru__eio_mark_id(eio, out);
        }
        if (!naru__eio_table_find(eio, naru_span_of(out))) {
            return true;
        }
    }
    return false;
}

/* ---- the open packet ------------------------------------------------------------------------------------------ */

/* Text that grows within its room; what does not fit makes it no text at all. */
typedef struct text {
    char *bytes;
    size_t size, bytes_max;
    bool cut;
} text;

static void put(text *to, naru_span part)
{
    if (to->cut || part.size > to->bytes_max - to->size) {
        to->cut = true;
        return;
    }
    memcpy(to->bytes + to->size, part.data, part.size);
    to->size += part.size;
}

static void put_text(text *to, const char *part)
{
    put(to, naru_span_of(part));
}

static void put_number(text *to, uint64_t number)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(to, (naru_span){digits + at, sizeof digits - at});
}

/* By hand: it is written for each session, and a printf costs more than all the rest of it. */
size_t naru__eio_open_json(const naru_eio *session, char *out, size_t out_bytes)
{
    const naru_eio_options *options = &session->server->options;
    bool upgrades = session->core.transport == NARU__ENGINE_POLLING && !options->forbid_upgrades &&
                    (options->transports & NARU_EIO_WEBSOCKET) != 0;
    text json = {.bytes = out, .bytes_max = out_bytes};
    put_text(&json, "{\"sid\":\"");
    put(&json, naru_eio_id(session));
    put_text(&json,
             upgrades ? "\",\"upgrades\":[\"websocket\"],\"pingInterval\":" : "\",\"upgrades\":[],\"pingInterval\":");
    put_number(&json, options->ping_interval_ms);
    put_text(&json, ",\"pingTimeout\":");
    put_number(&json, options->ping_timeout_ms);
    put_text(&json, ",\"maxPayload\":");
    put_number(&json, options->payload_bytes_max);
    put_text(&json, "}");
    return json.cut ? 0 : json.size;
}

/* The request's head is the session's until the application has seen it. */
void naru__eio_begin(naru_eio *session)
{
    const naru_eio_server *eio = session->server;
    session->begun = true;
    session->server->open++;
    if (eio->handler->on_connection) {
        eio->handler->on_connection(session, session->user);
    }
}

/* ---- beginning ------------------------------------------------------------------------------------------------ */

static void full(naru_eio_server *eio, naru_request *request, int status)
{
    naru_eio_connection_error error = {NARU_EIO_BAD_REQUEST, naru_http_reason(status), "SESSIONS_LIMIT"};
    if (eio->options.connection_error) {
        eio->options.connection_error(request, &error, eio->options.user);
    }
    (void)naru_request_add_field(request, "Retry-After", naru_span_of("5"));
    naru__eio_respond(eio, NULL, request, status, NULL, naru_span_of(naru_http_reason(status)));
}

static void on_left(void *user)
{
    naru_eio *session = user;
    session->get = NULL;
    naru__eio_discard(session);
}

static void begin_polling(naru_eio *session, naru_request *request, bool later)
{
    session->get = request;
    if (later) {
        naru_request_on_cancel(request, on_left, session);
        naru__eio_settle_later(session);
        return;
    }
    naru__eio_settle(session);
}

/* on_connection comes with on_open; the head is kept for it. */
static void begin_websocket(naru_eio *session, naru_request *request)
{
    naru_eio_server *eio = session->server;
    naru_conn *conn = NULL;
    if (naru__eio_accept(eio, session, request, &conn) < 0) {
        naru__eio_discard(session);
        naru__eio_respond(eio, NULL, request, 503, NULL, (naru_span){0});
        return;
    }
    session->begins = false;
    session->conn = conn;
    session->head = request->head;
    request->head = NULL;
}

static naru_eio *make(naru_eio_server *eio, naru_request *request, const naru__eio_question *question, const char *id,
                      void *user)
{
    bool polling = question->transport == NARU_EIO_POLLING;
    naru__eio_address *address = NULL;
    naru_status status = naru__eio_address_enter(eio, request, polling, &address);
    if (status < 0) {
        full(eio, request, status == NARU_ERR_TOO_MANY ? 429 : 503);
        return NULL;
    }
    naru_eio *session = naru__eio_new(eio, request, question, id, user);
    if (!session) {
        naru__eio_address_leave(eio, address, polling);
        full(eio, request, 503);
        return NULL;
    }
    session->address = address;
    session->begins = true;
    return session;
}

static void open_session(naru_eio_server *eio, naru_request *request, void *user, bool later)
{
    char id[NARU__EIO_ID_BYTES_MAX + 1];
    naru__eio_question question;
    naru__eio_question_read(&question, naru_request_head(request));
    if (question.revision == 0 || (question.revision == 3 && !eio->options.allow_eio3)) {
        naru__eio_refuse(eio, request, NARU_EIO_UNSUPPORTED_PROTOCOL_VERSION, NULL, NULL);
        return;
    }
    if (eio->closing || eio->buckets_used >= eio->options.sessions_max) {
        full(eio, request, 503);
        return;
    }
    if (!generate_id(eio, request, id)) {
        naru__eio_refuse(eio, request, NARU_EIO_BAD_REQUEST, NULL, "ID_GENERATION_ERROR");
        return;
    }
    naru_eio *session = make(eio, request, &question, id, user);
    if (!session) {
        return;
    }
    if (question.transport == NARU_EIO_WEBSOCKET) {
        begin_websocket(session, request);
    } else {
        begin_polling(session, request, later);
    }
}

void naru__eio_handshake(naru_eio_server *eio, naru_request *request, void *user, bool later)
{
    if (eio->options.allow_request) {
        eio->options.allow_request(request, eio->options.user);
    } else {
        open_session(eio, request, user, later);
    }
}

static bool answerable(const naru_request *request)
{
    return naru__exchange_of(request)->phase == NARU__EXCHANGE_ASKED;
}

naru_status naru_eio_allow(naru_eio_server *eio, naru_request *request, void *session_user)
{
    if (!answerable(request)) {
        return NARU_ERR_STATE;
    }
    open_session(eio, request, session_user, true);
    return NARU_OK;
}

naru_status naru_eio_deny(naru_eio_server *eio, naru_request *request, const char *message)
{
    if (!answerable(request)) {
        return NARU_ERR_STATE;
    }
    naru__eio_refuse(eio, request, NARU_EIO_FORBIDDEN, message, NULL);
    return NARU_OK;
}
