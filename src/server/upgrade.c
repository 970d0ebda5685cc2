/* From a request to a WebSocket: the checks, the application's decision, the 101, and the hand-over of the stream,
 * after which nothing of HTTP is left. Source: RFC 6455 4.2. */
#include "server/exchange.h"

#include "base/buf.h"
#include "server/guest.h"
#include "server/origin.h"
#include "server/respond.h"

static bool known(const char *const *protocols, naru_span asked)
{
    for (size_t i = 0; protocols && protocols[i]; i++) {
        if (naru_span_equal(naru_span_of(protocols[i]), asked)) {
            return true;
        }
    }
    return false;
}

/* A route without a callback takes everybody, and the first protocol asked for that it knows. */
static void accept_now(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    naru_span protocol = {0};
    naru_span asked;
    for (size_t i = 0; protocol.size == 0 && naru_ws_request_protocol(&request->ws, i, &asked); i++) {
        protocol = known(request->route->ws.protocols, asked) ? asked : protocol;
    }
    exchange->phase = NARU__EXCHANGE_ASKED;
    if (naru_request_accept(request, protocol, NULL, request->route->user) != NARU_OK) {
        naru__exchange_refuse(exchange, 503, "no room for another connection", true);
    }
}

static const naru__conn_terms *conn_terms(const naru__exchange *exchange)
{
    const naru__conn_terms *own = exchange->request.route->conn;
    return own ? own : &exchange->server->conn_terms;
}

void naru__upgrade_ask(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    const naru_server_options *options = &exchange->server->options;
    naru_fault fault = {0};
    if (naru_ws_request_check(request->head, &conn_terms(exchange)->options.ws, &request->ws, &fault) < 0) {
        request->rule = fault.rule;
        naru__exchange_refuse(exchange, fault.http_status ? fault.http_status : 400, fault.text, true);
        return;
    }
    if (!request->route->own_origin && !naru__origin_allowed(request->head, options)) {
        naru__exchange_refuse(exchange, 403, "pages of this origin may not connect", true);
        return;
    }
    if (!naru__exchange_admit(exchange)) {
        return;
    }
    request->upgrade = true;
    if (request->route->on_request) {
        naru__exchange_ask(exchange);
    } else {
        accept_now(exchange);
    }
}

/* A Date is left out: it would tell a cache's age, and nobody caches a 101 (9110 6.6.1). */
static naru_status write_accept(naru_buf *out, const naru__exchange *exchange, naru_span protocol)
{
    const naru_request *request = &exchange->request;
    naru_status status = naru_ws_response_write(out, &request->ws, protocol);
    if (status >= 0 && exchange->server->name) {
        status = naru_http_write_field(out, naru_span_of("Server"), naru_span_of(exchange->server->name));
    }
    status = status < 0 ? status : naru_buf_append(out, naru_buf_span(&request->fields));
    return status < 0 ? status : naru_http_write_end(out);
}

/* Until it is started, at the end of the callback or of the turn, the stream still reports to the exchange. */
static bool make_conn(naru__exchange *exchange, naru_span protocol, const naru_conn_handler *handler, void *user)
{
    naru__stream *stream = exchange->stream;
    const naru__stream_handler *own = stream->handler;
    exchange->conn = naru__conn_new(stream, NARU_WS_SERVER, conn_terms(exchange), &exchange->request.ws.deflate,
                                    protocol, handler, user);
    exchange->conn_handler = stream->handler;
    stream->handler = own;
    stream->owner = exchange;
    return exchange->conn != NULL;
}

naru_status naru_request_accept(naru_request *request, naru_span protocol, const naru_conn_handler *handler, void *user)
{
    naru__exchange *exchange = naru__exchange_of(request);
    naru_loop *loop = exchange->server->loop;
    if (exchange->phase != NARU__EXCHANGE_ASKED || !request->upgrade || naru__server_refuses(exchange->server)) {
        return NARU_ERR_STATE;
    }
    naru_buf *out = naru__stream_out(exchange->stream);
    size_t before = naru__buf_size(out);
    naru_status status = write_accept(out, exchange, protocol);
    if (status >= 0 && !make_conn(exchange, protocol, handler ? handler : &request->route->ws.handler, user)) {
        status = NARU_ERR_MEMORY;
    }
    if (status < 0) {
        naru__buf_truncate(out, before);
        return status;
    }
    exchange->phase = NARU__EXCHANGE_ACCEPTED;
    naru__loop_timer_stop(loop, &exchange->timer);
    naru__stream_flush_later(exchange->stream);
    if (!exchange->taking) {
        naru__loop_defer(loop, &exchange->work);
    }
    return NARU_OK;
}

void naru__upgrade_start(naru__exchange *exchange, uint8_t *bytes, size_t size)
{
    naru_server *server = exchange->server;
    naru_conn *conn = exchange->conn;
    naru__stream *stream = exchange->stream;
    naru_status ended = exchange->ended;
    naru_buf held = exchange->held;
    naru_buf_init(&exchange->held, server->allocator);
    stream->handler = exchange->conn_handler;
    stream->owner = conn;
    naru__server_adopt(server, conn);
    naru__guest *guest = naru__exchange_take_guest(exchange);
    naru__exchange_free(exchange);
    naru__stream_tell(stream, guest ? &guest->peer : NULL); /* it was told before, so that there is room for it */
    if (guest && guest->meter) {
        guest->meter->conn = conn;
    }
    naru__conn_start(conn, bytes, size);
    naru_buf_deinit(&held);
    if (ended != NARU_OK && !naru__conn_is_gone(conn)) {
        stream->handler->on_end(stream, ended);
    }
    if (server->stopping && !naru__conn_is_gone(conn)) {
        naru__spread_late(server, conn);
    }
}
