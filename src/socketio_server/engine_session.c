/* A session's block, its one timer, and doing what the dry session asks for. */
#include "engine_inside.h"

#include "base/buf.h"
#include "base/memory.h"
#include <string.h>

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Moved only when it changes: most of what comes changes nothing. */
static void set_timer(naru_eio *session)
{
    naru_loop *loop = session->server->loop;
    uint64_t at_ms = session->opens_later ? session->since_ms + session->server->options.open_delay_ms
                                          : naru__engine_session_deadline_ms(&session->core);
    bool running = naru__timer_running(&session->timer.timer);
    if (at_ms == UINT64_MAX) {
        naru__loop_timer_stop(loop, &session->timer);
    } else if (!running || session->timer.timer.at_ms != at_ms) {
        naru__loop_timer_start(loop, &session->timer, at_ms);
    }
}

static void on_timer(naru__loop_timer *timer)
{
    naru_eio *session = (naru_eio *)(void *)((char *)timer - offsetof(naru_eio, timer));
    if (session->opens_later) {
        naru_conn_resume(session->conn);
        naru__eio_open_websocket(session);
        return;
    }
    naru__engine_session_tick(&session->core, naru__eio_now(session));
    naru__eio_settle(session);
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

static void say(naru_conn *conn, const char *text)
{
    if (conn) {
        (void)naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(text), NARU_WS_VALID);
    }
}

static void change_over(naru_eio *session)
{
    const naru_eio_handler *handler = session->server->handler;
    naru_status status = NARU_OK;
    session->conn = session->probe;
    session->probe = NULL;
    if (session->address) {
        session->address->polling--;
    }
    for (naru__engine_message *message = NULL; (message = naru__engine_session_pop(&session->core)) != NULL;) {
        status = status < 0 ? status : naru__eio_conn_send(session, message);
        naru__engine_message_unref(message);
    }
    if (status < 0) {
        naru__engine_session_fail(&session->core, NARU__ENGINE_TRANSPORT_ERROR, "the queue could not be handed over");
    } else if (handler->on_upgrade) {
        handler->on_upgrade(session, session->user);
    }
}

static void tell_closed(naru_eio *session)
{
    const naru_eio_handler *handler = session->server->handler;
    if (!session->begun) {
        return;
    }
    session->begun = false;
    session->server->open--;
    if (handler->on_close) {
        handler->on_close(session, (naru_eio_close_reason)session->core.reason,
                          session->core.description ? session->core.description : "", session->user);
    }
}

static void drained(naru_eio *session)
{
    if (session->begun && session->server->handler->on_drain) {
        session->server->handler->on_drain(session, session->user);
    }
}

static void perform(naru_eio *session, naru__engine_action action)
{
    switch (action) {
    case NARU__ENGINE_DO_PONG_PROBE:
        say(session->probe, "3probe");
        break;
    case NARU__ENGINE_DO_SWITCH:
        change_over(session);
        break;
    case NARU__ENGINE_DO_PING:
        say(session->conn, "2");
        break;
    case NARU__ENGINE_DO_PONG:
        say(session->conn, "3");
        break;
    case NARU__ENGINE_DO_ANSWER:
        naru__eio_answer_get(session);
        break;
    case NARU__ENGINE_DO_END_PROBE:
        naru__eio_let_go(&session->probe, false);
        break;
    case NARU__ENGINE_DO_DRAINED:
        drained(session);
        break;
    case NARU__ENGINE_DO_TELL_CLOSED:
        tell_closed(session);
        break;
    case NARU__ENGINE_DO_END:
        naru__eio_let_go(&session->conn, session->aborts);
        break;
    case NARU__ENGINE_DO_FORGET:
        naru__eio_discard(session);
        break;
    case NARU__ENGINE_DO_NONE:
        break;
    }
}

/* The handshake's answer comes before all else. What the application does in a callback is done by the loop that is
 * running already. */
void naru__eio_settle(naru_eio *session)
{
    if (session->gone || session->settling) {
        return;
    }
    session->settling = true;
    if (session->begins && session->get) {
        naru__eio_answer_open(session);
    }
    while (!session->gone) {
        naru__engine_action action = naru__engine_session_next(&session->core);
        if (action == NARU__ENGINE_DO_NONE) {
            break;
        }
        perform(session, action);
    }
    session->settling = false;
    if (!session->gone) {
        set_timer(session);
    }
}

void naru__eio_settle_later(naru_eio *session)
{
    naru__loop_defer(session->server->loop, &session->work);
}

static void on_work(naru__deferred *work)
{
    naru__eio_settle((naru_eio *)(void *)((char *)work - offsetof(naru_eio, work)));
}

/* ---- the block ------------------------------------------------------------------------------------------------- */

static bool kept(const naru_eio_options *options, naru_span name)
{
    for (size_t i = 0; i < options->keep_headers_count; i++) {
        naru_span wanted = naru_span_of(options->keep_headers[i]);
        if (naru_span_equal_nocase(wanted, name) || naru_span_equal(wanted, naru_span_of("*"))) {
            return true;
        }
    }
    return false;
}

/* Each field as its name, a NUL, its value, a NUL. out NULL: only counted. */
static size_t write_headers(const naru_eio_options *options, const naru_http_head *head, uint8_t *out)
{
    size_t size = 0;
    for (size_t i = 0; options->keep_headers_count > 0 && i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        if (!kept(options, field.name)) {
            continue;
        }
        if (out) {
            memcpy(out + size, field.name.data, field.name.size);
            out[size + field.name.size] = 0;
            memcpy(out + size + field.name.size + 1, field.value.data, field.value.size);
            out[size + field.name.size + 1 + field.value.size] = 0;
        }
        size += field.name.size + field.value.size + 2;
    }
    return size;
}

static uint8_t *append(uint8_t *to, const void *from, size_t bytes)
{
    if (bytes > 0) {
        memcpy(to, from, bytes);
    }
    return to + bytes;
}

static void write_texts(naru_eio *session, const naru_request *request, const char *id, const char *address)
{
    const naru_eio_server *eio = session->server;
    const naru_http_head *head = naru_request_head(request);
    uint8_t *to = (uint8_t *)(session + 1) + eio->extra_bytes;
    naru_span query = naru_http_head_query(head);
    to = append(to, id, session->id_bytes);
    to = append(to, query.data, session->query_bytes);
    to = append(to, address, session->address_bytes);
    (void)write_headers(&eio->options, head, to);
}

static void link_in(naru_eio_server *eio, naru_eio *session)
{
    session->next = eio->sessions;
    session->link = &eio->sessions;
    if (session->next) {
        session->next->link = &session->next;
    }
    eio->sessions = session;
}

naru_eio *naru__eio_new(naru_eio_server *eio, naru_request *request, const naru__eio_question *question, const char *id,
                        void *user)
{
    char address[128];
    const naru_http_head *head = naru_request_head(request);
    naru_request_peer(request, address, sizeof address);
    size_t headers = write_headers(&eio->options, head, NULL);
    size_t query = naru_http_head_query(head).size < UINT16_MAX ? naru_http_head_query(head).size : 0;
    size_t bytes = sizeof(naru_eio) + eio->extra_bytes + strlen(id) + query + strlen(address) + headers;
    naru_eio *session = naru__alloc_zero(eio->allocator, bytes);
    if (!session) {
        return NULL;
    }
    session->server = eio;
    session->user = user;
    session->bytes = bytes;
    session->id_bytes = (uint8_t)strlen(id);
    session->query_bytes = (uint16_t)query;
    session->address_bytes = (uint8_t)strlen(address);
    session->headers_bytes = (uint32_t)headers;
    session->since_ms = naru_loop_now_ms(eio->loop);
    session->tls = naru_request_is_tls(request);
    session->timer.fire = on_timer;
    session->work.run = on_work;
    write_texts(session, request, id, address);
    naru__engine_session_init(&session->core, &eio->engine, eio->allocator, question->revision,
                              (naru__engine_way)question->transport, session->since_ms);
    session->core.base64 = question->base64;
    if (naru__eio_table_add(eio, session) < 0) {
        naru__free(eio->allocator, session, bytes);
        return NULL;
    }
    link_in(eio, session);
    return session;
}

void naru__eio_discard(naru_eio *session)
{
    naru_eio_server *eio = session->server;
    if (session->gone) {
        return;
    }
    session->gone = true;
    naru__eio_drop_requests(session);
    naru__eio_let_go(&session->probe, session->aborts);
    naru__eio_let_go(&session->conn, session->aborts);
    naru__loop_timer_stop(eio->loop, &session->timer);
    naru__loop_defer_cancel(eio->loop, &session->work);
    naru__eio_table_remove(eio, session);
    naru__eio_address_leave(eio, session->address, session->core.transport == NARU__ENGINE_POLLING);
    naru__engine_session_deinit(&session->core);
    *session->link = session->next;
    if (session->next) {
        session->next->link = session->link;
    }
    if (!session->begins) {
        naru_http_head_free(session->head);
    }
    naru__loop_free_later(eio->loop, session, session->bytes);
}
