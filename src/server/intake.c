/* From bytes to a request that somebody answers: head, target, route. Everything that can be refused without the
 * application is refused here.
 *
 * Not for: bodies (body.c), what becomes of the bytes behind the request (exchange.c). Source: RFC 9112, RFC 9110. */
#include "server/exchange.h"

#include "server/budget.h"
#include "server/path.h"

void naru__exchange_ask(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    exchange->phase = NARU__EXCHANGE_ASKED;
    exchange->calling = true;
    request->route->on_request(request, request->route->user);
    exchange->calling = false;
}

/* An upgrade that no route takes may be answered plainly (9110 7.8), but bytes behind it may be frames: nothing that
 * follows is read as HTTP. A body that nobody wants ends the connection too. */
static void route(naru__exchange *exchange, const naru_input *in)
{
    naru_request *request = &exchange->request;
    const naru_server *server = exchange->server;
    bool wanted = naru_ws_request_wanted(request->head);
    naru__route_question asked = {naru_buf_span(&request->path), wanted, request->head};
    naru__route_question plain = {asked.path, false, NULL}, upgrade = {asked.path, true, NULL};
    bool has_body = naru__body_expected(request->head);
    exchange->keep = exchange->keep && !wanted;
    request->route = naru__route_find(server, &asked);
    if (wanted && request->route) {
        naru__upgrade_ask(exchange);
        return;
    }
    if (wanted && has_body) {
        naru__exchange_refuse(exchange, 400, "a body on a request for an upgrade", true);
        return;
    }
    if (wanted) {
        request->route = naru__route_find(server, &plain);
    }
    if (request->route) {
        naru__body_begin(exchange, in);
    } else if (!wanted && naru__route_find(server, &upgrade)) {
        naru__exchange_refuse(exchange, 426, "only WebSocket is spoken here", has_body);
    } else if (wanted && naru__route_find(server, &upgrade)) {
        naru__exchange_refuse(exchange, 400, "none of the subprotocols asked for is spoken here", true);
    } else {
        naru__exchange_refuse(exchange, 404, "nothing is here", has_body || wanted);
    }
}

/* 9110 9.3.7: OPTIONS of `*` asks about the server as a whole. 9.3.6: we are no proxy. true: it went on. */
static bool special_target(naru__exchange *exchange)
{
    naru_span method = naru_http_head_method(exchange->request.head);
    naru_span target = naru_http_head_target(exchange->request.head);
    if (naru_span_equal(method, naru_span_of("CONNECT"))) {
        naru__exchange_refuse(exchange, 405, "this is no proxy", true);
        return true;
    }
    if (!naru_span_equal(target, naru_span_of("*"))) {
        return false;
    }
    bool options = naru_span_equal(method, naru_span_of("OPTIONS"));
    naru__exchange_refuse(exchange, options ? 204 : 400, options ? "" : "only OPTIONS has the target *",
                          !options || naru__body_expected(exchange->request.head));
    return true;
}

/* A request that says what it wants: is there room for it, and who asks? */
static void admit(naru__exchange *exchange, const naru_input *in)
{
    naru_request *request = &exchange->request;
    if (naru__server_refuses(exchange->server)) {
        naru__exchange_refuse(exchange, 503, "the server is going away", true);
    } else if (naru__exchange_identify(exchange) < 0) {
        naru__exchange_drop(exchange);
    } else if (naru__budget_stage(exchange->server) >= NARU_BUDGET_SCARCE) {
        atomic_fetch_add(&exchange->server->budget->budget->requests_refused, 1);
        request->retry_after_s = NARU__CROWDED_RETRY_S;
        naru__exchange_refuse(exchange, 503, "memory is scarce", true);
    } else if (exchange->crowded) {
        request->retry_after_s = NARU__CROWDED_RETRY_S;
        naru__exchange_refuse(exchange, 429, "too many connections of this address", true);
    } else {
        route(exchange, in);
    }
}

static void head_complete(naru__exchange *exchange, const naru_input *in)
{
    naru_request *request = &exchange->request;
    const char *text = NULL;
    request->complete = true;
    exchange->server->counts.requests++;
    exchange->keep = naru_http_head_keeps_alive(request->head);
    if (special_target(exchange)) {
        return;
    }
    naru_status status = naru__path_read(naru_http_head_path(request->head), &request->path, &text);
    if (status == NARU_ERR_PROTOCOL) {
        naru_buf_deinit(&request->path);
        naru__exchange_refuse(exchange, 400, text, true);
    } else if (status < 0) {
        naru__exchange_drop(exchange);
    } else {
        admit(exchange, in);
    }
}

static bool begin_head(naru__exchange *exchange)
{
    naru_server *server = exchange->server;
    naru_request *request = &exchange->request;
    request->head = naru_http_head_new(NARU_HTTP_REQUEST, &server->options.http, server->allocator);
    if (!request->head) {
        naru__exchange_drop(exchange);
        return false;
    }
    if (exchange->begun) {
        naru__exchange_time(exchange, server->options.handshake_timeout_ms);
    }
    exchange->begun = true;
    return true;
}

/* May there be more to do with `in`? */
static bool read_head(naru__exchange *exchange, naru_input *in)
{
    naru_request *request = &exchange->request;
    if (!request->head && !begin_head(exchange)) {
        return false;
    }
    exchange->start = (naru_span){in->data, in->size < NARU__START_BYTES_MAX ? in->size : NARU__START_BYTES_MAX};
    naru_status status = naru_http_head_feed(request->head, in);
    if (status == NARU_MORE) {
        return false;
    }
    if (status == NARU_ERR_MEMORY) {
        naru__exchange_drop(exchange);
        return false;
    }
    if (status < 0) {
        const naru_fault *fault = naru_http_head_fault(request->head);
        request->rule = fault->rule;
        naru__exchange_refuse(exchange, fault->http_status ? fault->http_status : 400, fault->text, true);
        return false;
    }
    head_complete(exchange, in);
    return true;
}

void naru__exchange_read(naru__exchange *exchange, naru_input *in)
{
    bool more = true;
    exchange->taking = true;
    while (more) {
        if (exchange->phase == NARU__EXCHANGE_HEAD && in->size > 0) {
            more = read_head(exchange, in);
        } else if (exchange->phase == NARU__EXCHANGE_BODY) {
            more = naru__body_read(exchange, in);
        } else {
            more = false;
        }
    }
    exchange->taking = false;
    if (exchange->server->stopping) {
        naru__exchange_stop(exchange); /* it may have been stopped in a callback that was skipped then */
    }
}
