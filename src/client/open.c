/* new WebSocket(url, protocols): check every argument, write the request, set out.
 *
 * Not for: what happens then (route.c, handshake.c). Source: WHATWG WebSockets 3.1. */
#include "base/memory.h"
#include "client/client.h"

enum { HANDSHAKE_TIMEOUT_MS = 30000, MESSAGE_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- options ------------------------------------------------------------------------------------------------ */

static naru_status fill_options(naru_conn_options *options, const char **reason_out)
{
    if (options->ws.message_bytes_max == 0) {
        options->ws.message_bytes_max = MESSAGE_BYTES_MAX;
    }
    if (options->queue_bytes_max == 0) {
        options->queue_bytes_max = NARU_UNLIMITED;
        options->queue_policy = NARU_QUEUE_REFUSE;
    }
    naru_status status = naru__conn_options_fill(options);
    if (status) {
        *reason_out = "an option of the connection is out of its range";
    }
    return status;
}

/* ---- time --------------------------------------------------------------------------------------------------- */

static void timed_out_in_body(naru_client *client)
{
    const naru__client_opening *opening = client->opening;
    naru_client_failure failure = {.phase = naru__client_get_phase(client),
                                   .status = NARU_ERR_REFUSED,
                                   .http_status = naru_http_head_status(client->head)};
    naru__client_fail(client, &failure, "the %s answered %d instead of %s, and its body did not come in %u ms",
                      opening->route.in_proxy ? "proxy" : "server", failure.http_status,
                      opening->route.in_proxy ? "2xx" : "101", opening->timeout_ms);
}

static void timed_out(naru__loop_timer *timer)
{
    static const char *const doing[] = {[NARU_PHASE_URL] = "",
                                        [NARU_PHASE_NAME] = "resolving the name",
                                        [NARU_PHASE_CONNECT] = "connecting",
                                        [NARU_PHASE_PROXY] = "waiting for the proxy's answer",
                                        [NARU_PHASE_TLS] = "in the TLS handshake",
                                        [NARU_PHASE_HANDSHAKE] = "waiting for the server's answer",
                                        [NARU_PHASE_OPEN] = ""};
    naru__client_opening *opening =
        (naru__client_opening *)(void *)((char *)timer - offsetof(naru__client_opening, timer));
    naru_client *client = opening->client;
    if (opening->refused) {
        timed_out_in_body(client);
        return;
    }
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = NARU_ERR_TIMEOUT};
    bool to_proxy = opening->route.in_proxy && failure.phase != NARU_PHASE_PROXY;
    naru__client_fail(client, &failure, "timed out after %u ms, %s%s", opening->timeout_ms, doing[failure.phase],
                      to_proxy ? " to the proxy" : "");
}

static void arm_timer(naru__deferred *deferred)
{
    naru__client_opening *opening =
        (naru__client_opening *)(void *)((char *)deferred - offsetof(naru__client_opening, arm));
    naru_loop *loop = opening->client->loop;
    naru__loop_timer_start(loop, &opening->timer, naru_loop_now_ms(loop) + opening->timeout_ms);
}

/* ---- making one --------------------------------------------------------------------------------------------- */

static bool make_opening(naru_client *client, const naru_client_options *options)
{
    const naru_allocator *allocator = naru_loop_allocator(client->loop);
    naru__client_opening *opening = naru__alloc_zero(allocator, sizeof *opening);
    if (!opening) {
        return false;
    }
    client->opening = opening;
    opening->client = client;
    opening->timer.fire = timed_out;
    opening->arm.run = arm_timer;
    opening->timeout_ms = options->handshake_timeout_ms ? options->handshake_timeout_ms : HANDSHAKE_TIMEOUT_MS;
    opening->redirects_max = options->redirects_max;
    opening->allow_bad_ports = options->allow_bad_ports;
    opening->http2 = options->http2;
    naru_buf_init(&opening->request, allocator);
    naru_buf_init(&opening->fields, allocator);
    naru_buf_init(&opening->credentials, allocator);
    naru_buf_init(&opening->names, allocator);
    naru_buf_init(&opening->body, allocator);
    client->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, allocator);
    return client->head != NULL;
}

static naru_status parse_url(naru_client *client, const char *url, const naru_client_options *options,
                             const char **reason_out)
{
    naru__route *route = &client->opening->route;
    const naru_allocator *allocator = naru_loop_allocator(client->loop);
    if (!url || !naru__client_is_unix_url(url)) {
        return naru__client_url_parse(&client->url, url, options->base_url, allocator, reason_out);
    }
    if (options->address) {
        *reason_out = "a ws+unix URL and an address are two places to connect to";
        return NARU_ERR_ARGUMENT;
    }
    route->has_address = true;
    return naru__client_unix_url_parse(&client->url, url, &route->address, allocator, reason_out);
}

static naru_status prepare(naru_client *client, const char *url, const naru_client_options *options,
                           const char **reason_out)
{
    if (!make_opening(client, options)) {
        return NARU_ERR_MEMORY;
    }
    naru__client_opening *opening = client->opening;
    naru_status status = fill_options(&client->terms.options, reason_out);
    if (!status) {
        status = naru__route_init(&opening->route, options, naru_loop_allocator(client->loop));
    }
    if (!status) {
        status = parse_url(client, url, options, reason_out);
    }
    if (!status) {
        status = naru__client_request_prepare(client, options, reason_out);
    }
    if (!status) {
        status = naru__client_request_make(client);
    }
    if (!status) {
        status = naru__client_set_out(client, reason_out);
    }
    if (!status && !opening->failed && opening->timeout_ms != NARU_NEVER) {
        naru__loop_defer(client->loop, &opening->arm);
    }
    return status;
}

static naru_client *make_client(naru_loop *loop, const naru_client_options *options, const naru_client_handler *handler,
                                void *user)
{
    const naru_allocator *allocator = naru_loop_allocator(loop);
    naru_client *client = naru__alloc_zero(allocator, sizeof *client);
    if (client) {
        client->loop = loop;
        client->handler = handler ? *handler : (naru_client_handler){0};
        client->user = user;
        client->terms.options = options->conn;
        client->finish.run = naru__client_finish;
        naru_buf_init(&client->marks, allocator);
    }
    return client;
}

naru_status naru_client_open(naru_loop *loop, const char *url, const naru_client_options *options,
                             const naru_client_handler *handler, void *user, naru_client **client_out,
                             const char **reason_out)
{
    static const naru_client_options defaults;
    options = options ? options : &defaults;
    naru_client *client = make_client(loop, options, handler, user);
    const char *reason = "";
    naru_status status = client ? prepare(client, url, options, &reason) : NARU_ERR_MEMORY;
    if (status && reason_out) {
        *reason_out = status == NARU_ERR_ARGUMENT ? reason : naru_status_text(status);
    }
    if (status) {
        naru_client_free(client);
        return status;
    }
    *client_out = client;
    return NARU_OK;
}
