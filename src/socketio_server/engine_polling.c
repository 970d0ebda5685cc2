/* Sessions over HTTP: GETs that hang until there is something to say, POSTs with what the client says. A client that
 * leaves a request before it is answered has broken its session. Source: the engine.io package, version 6:
 * transports/polling. */
#include "engine_inside.h"

#include "base/buf.h"

static const char plain_text[] = "text/plain; charset=UTF-8";

static void no_store(naru_request *request)
{
    (void)naru_request_add_field(request, "Cache-Control", naru_span_of("no-store"));
}

void naru__eio_drop_requests(naru_eio *session)
{
    naru_request *const requests[] = {session->get, session->post};
    session->get = NULL;
    session->post = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (requests[i]) {
            naru_request_on_cancel(requests[i], NULL, NULL);
        }
    }
}

/* ---- GET ------------------------------------------------------------------------------------------------------ */

/* A script's call for JSONP: not text/plain, which a page may refuse to run. */
static naru_status wrap(const naru__eio_question *question, naru_buf *payload)
{
    naru_buf script;
    naru_buf_init(&script, payload->allocator);
    naru_status status = naru__engine_jsonp_write(&script, naru_span_of(question->index), naru_buf_span(payload));
    if (status < 0) {
        naru_buf_deinit(&script);
        return status;
    }
    naru_buf_deinit(payload);
    *payload = script;
    return NARU_OK;
}

/* Source of the last field: engine.io, for the filters of old browsers. */
static void answer(naru_eio *session, naru_request *request, naru_buf *payload, bool octets)
{
    naru__eio_question question;
    naru_buf encoded;
    const char *type = octets ? "application/octet-stream" : plain_text;
    naru_eio_server *eio = session->server;
    naru_buf_init(&encoded, eio->allocator);
    naru__eio_question_read(&question, naru_request_head(request));
    if (question.jsonp && !octets) {
        type = "text/javascript; charset=UTF-8";
        if (wrap(&question, payload) < 0) {
            naru__eio_respond(eio, session, request, 503, NULL, (naru_span){0});
            return;
        }
        (void)naru_request_add_field(request, "X-XSS-Protection", naru_span_of("0"));
    }
    no_store(request);
    bool shorter = naru__eio_encode(eio, request, naru_buf_span(payload), &encoded);
    naru__eio_respond(eio, session, request, 200, type, naru_buf_span(shorter ? &encoded : payload));
    naru_buf_deinit(&encoded);
}

/* The client takes no bytes where JSONP carries them. */
static void look(naru_eio *session, const naru_request *request)
{
    naru__eio_question question;
    naru__eio_question_read(&question, naru_request_head(request));
    session->core.base64 = session->core.base64 || question.base64 || question.jsonp;
}

void naru__eio_answer_get(naru_eio *session)
{
    naru_buf payload;
    bool octets = false;
    naru_request *request = session->get;
    if (!request) {
        return;
    }
    session->get = NULL;
    naru_request_on_cancel(request, NULL, NULL);
    naru_buf_init(&payload, session->server->allocator);
    if (naru__engine_session_payload(&session->core, &payload, &octets) < 0) {
        naru__eio_respond(session->server, session, request, 503, NULL, (naru_span){0});
    } else {
        answer(session, request, &payload, octets);
    }
    naru_buf_deinit(&payload);
}

/* Only one of the two broke off; the other is still to be answered. */
static void on_get_broken(void *user)
{
    naru_eio *session = user;
    session->get = NULL;
    naru__engine_session_broken(&session->core);
    naru__eio_settle(session);
}

/* The server may have refused the body, as too long, say: then its connection still stands, and so does the session. */
static void on_post_broken(void *user)
{
    naru_eio *session = user;
    bool refused = naru__exchange_of(session->post)->phase != NARU__EXCHANGE_GONE;
    session->post = NULL;
    naru__engine_session_posted(&session->core);
    if (!refused) {
        naru__engine_session_fail(&session->core, NARU__ENGINE_TRANSPORT_ERROR,
                                  "data request connection closed prematurely");
    }
    naru__eio_settle(session);
}

/* The heartbeat bounds the wait: a session whose client is gone ends, and answers. */
static void hang(naru_eio *session, naru_request *request, void (*on_gone)(void *user))
{
    session->get = request;
    request->end_is_leaving = true;
    naru_request_on_cancel(request, on_gone, session);
    (void)naru_request_set_timeout(request, NARU_NEVER);
    /* Of a connection that was handed over the end may be known before what it asked for. */
    if (naru__exchange_of(request)->ended != NARU_OK) {
        naru__exchange_drop(naru__exchange_of(request));
    }
}

void naru__eio_get(naru_eio *session, naru_request *request)
{
    if (naru__engine_session_get(&session->core, naru__eio_now(session)) < 0) {
        naru__eio_respond(session->server, session, request, 400, NULL, (naru_span){0});
    } else {
        look(session, request);
        hang(session, request, on_get_broken);
    }
    naru__eio_settle(session);
}

/* ---- POST ----------------------------------------------------------------------------------------------------- */

static bool is_octets(const naru_request *request)
{
    naru_span type;
    return naru_http_head_find(naru_request_head(request), "Content-Type", &type) &&
           naru_span_equal_nocase(type, naru_span_of("application/octet-stream"));
}

static void refuse_post(naru_eio *session, naru_request *request, int status)
{
    naru__eio_respond(session->server, session, request, status, NULL, (naru_span){0});
    naru__eio_settle(session);
}

/* More than a session may be sent is no reason to end it. */
static bool is_too_big(const naru_eio *session, const naru_request *request)
{
    naru_span value;
    uint64_t bytes = 0;
    if (!naru_http_head_find(naru_request_head(request), "Content-Length", &value)) {
        return false;
    }
    for (size_t i = 0; i < value.size && bytes <= session->server->options.payload_bytes_max; i++) {
        bytes = bytes * 10 + (uint64_t)(value.data[i] - '0');
    }
    return bytes > session->server->options.payload_bytes_max;
}

/* errors NARU_ERR_REFUSED: it has been answered. */
static naru_status claim(naru_eio *session, naru_request *request)
{
    if (session->core.revision == 4 && is_octets(request)) {
        naru__engine_session_fail(&session->core, NARU__ENGINE_TRANSPORT_ERROR, "invalid content");
        refuse_post(session, request, 400);
        return NARU_ERR_REFUSED;
    }
    if (is_too_big(session, request)) {
        refuse_post(session, request, 413);
        return NARU_ERR_REFUSED;
    }
    if (naru__engine_session_post(&session->core) < 0) {
        refuse_post(session, request, 400);
        return NARU_ERR_REFUSED;
    }
    return NARU_OK;
}

void naru__eio_post_begin(naru_eio *session, naru_request *request)
{
    if (claim(session, request) == NARU_OK) {
        session->post = request;
        naru_request_on_cancel(request, on_post_broken, session);
    }
}

/* What the application does meanwhile may close the session; it is freed later. */
static void take_packets(naru_eio *session, naru_span body, bool octets)
{
    naru_buf scratch;
    naru__engine_payload payload;
    naru__engine_packet packet;
    naru_status status = NARU_OK;
    const naru_eio_handler *handler = session->server->handler;
    naru_buf_init(&scratch, session->server->allocator);
    naru__engine_payload_start(&payload, body, session->core.revision, octets);
    while ((status = naru__engine_payload_next(&payload, &scratch, &packet)) == NARU_OK) {
        status = naru__engine_session_packet(&session->core, NARU__ENGINE_POLLING, &packet, naru__eio_now(session));
        if (status == NARU_END) {
            break;
        }
        if (status == NARU_OK && handler->on_message) {
            handler->on_message(session, packet.binary ? NARU_WS_BINARY : NARU_WS_TEXT, packet.data, session->user);
        }
    }
    if (status < 0) {
        naru__engine_session_garbled(&session->core, NARU__ENGINE_POLLING);
    }
    naru_buf_deinit(&scratch);
}

static void take_body(naru_eio *session, naru_request *request, bool jsonp)
{
    naru_buf form;
    naru_span body = naru_request_body(request);
    naru_buf_init(&form, session->server->allocator);
    naru_status status = jsonp ? naru__engine_jsonp_read(body, &form) : NARU_OK;
    if (status < 0) {
        naru__engine_session_garbled(&session->core, NARU__ENGINE_POLLING);
    } else {
        take_packets(session, jsonp ? naru_buf_span(&form) : body, is_octets(request));
    }
    naru_buf_deinit(&form);
}

void naru__eio_post(naru_eio *session, naru_request *request, const naru__eio_question *question)
{
    if (session->post != request && claim(session, request) < 0) {
        return;
    }
    session->post = NULL;
    naru_request_on_cancel(request, NULL, NULL);
    naru__engine_session_posted(&session->core);
    take_body(session, request, question->jsonp);
    no_store(request);
    naru__eio_respond(session->server, session, request, 200, "text/html", naru_span_of("ok"));
    naru__eio_settle(session);
}

/* ---- the handshake's answer ------------------------------------------------------------------------------------ */

static void set_cookie(const naru_eio *session, naru_request *request)
{
    static const naru_cookie_same_site same_sites[] = {NARU_COOKIE_SAME_SITE_LAX, NARU_COOKIE_SAME_SITE_STRICT,
                                                       NARU_COOKIE_SAME_SITE_NONE, NARU_COOKIE_SAME_SITE_UNSET};
    const naru_eio_cookie *options = &session->server->options.cookie;
    if (!options->name) {
        return;
    }
    naru_buf value;
    naru_cookie cookie = {.name = naru_span_of(options->name),
                          .value = naru_eio_id(session),
                          .path = naru_span_of(options->path),
                          .domain = naru_span_of(options->domain),
                          .max_age_s = options->max_age_s,
                          .has_max_age = options->max_age_s > 0,
                          .secure = options->secure,
                          .http_only = !options->script_may_read,
                          .same_site = same_sites[options->same_site]};
    naru_buf_init(&value, session->server->allocator);
    if (naru_cookie_write(&value, &cookie) == NARU_OK) {
        (void)naru_request_add_field(request, "Set-Cookie", naru_buf_span(&value));
    }
    naru_buf_deinit(&value);
}

static naru_status add_initial(naru_eio *session, naru_buf *payload)
{
    const naru_eio_options *options = &session->server->options;
    naru__engine_style style = {.revision = session->core.revision, .base64 = true};
    if (!options->initial_packet.data) {
        return NARU_OK;
    }
    naru__eio_shared *initial =
        naru__eio_shared_new(session->server, options->initial_packet_kind, options->initial_packet, 0);
    if (!initial) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru__engine_payload_add(payload, initial, &style);
    naru__eio_shared_unref(initial);
    return status;
}

static naru_status write_open(naru_eio *session, naru_buf *payload)
{
    char json[512];
    naru__engine_style style = {.revision = session->core.revision};
    naru_span span = {(const uint8_t *)json, naru__eio_open_json(session, json, sizeof json)};
    naru_status status = naru__engine_payload_add_open(payload, span, &style);
    return status < 0 ? status : add_initial(session, payload);
}

/* The request goes with its answer, and the application looks at its head in on_connection: so it is asked first. */
void naru__eio_answer_open(naru_eio *session)
{
    naru_eio_server *eio = session->server;
    naru_request *request = session->get;
    naru_buf payload;
    session->get = NULL;
    naru_request_on_cancel(request, NULL, NULL);
    naru_buf_init(&payload, eio->allocator);
    if (write_open(session, &payload) < 0) {
        naru__eio_discard(session);
        naru__eio_respond(eio, NULL, request, 503, NULL, (naru_span){0});
        naru_buf_deinit(&payload);
        return;
    }
    look(session, request);
    set_cookie(session, request);
    session->head = request->head;
    naru__eio_begin(session);
    session->head = NULL;
    answer(session, request, &payload, false);
    session->begins = false;
    naru_buf_deinit(&payload);
}
