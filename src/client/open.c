/* new WebSocket(url, protocols): check every argument, write the request, start to dial.
 *
 * Not for: what happens then (handshake.c). Source: WHATWG WebSockets 3.1, WHATWG Fetch 2.9 (bad ports). */
#include "base/memory.h"
#include "client/client.h"
#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_TIMEOUT_MS = 30000,
    MESSAGE_BYTES_MAX = 64 * 1024 * 1024,
    HOST_BYTES_MAX = 1024 /* of an address to dial; names have at most 253, paths of sockets 107 */
};

typedef struct target {
    char host[HOST_BYTES_MAX];
    char tls_name[HOST_BYTES_MAX];
    uint16_t port;
} target;

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

/* ---- where to ----------------------------------------------------------------------------------------------- */

/* Copy text with its NUL, without the brackets of an IPv6 address. */
static bool copy_host(char *to, naru_span text)
{
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']') {
        text = (naru_span){text.data + 1, text.size - 2};
    }
    if (text.size == 0 || text.size >= HOST_BYTES_MAX) {
        return false;
    }
    memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

/* "unix:PATH" or "HOST:PORT". */
static bool parse_address(target *to, const char *address)
{
    if (strncmp(address, "unix:", 5) == 0) {
        return address[5] != '\0' && copy_host(to->host, naru_span_of(address));
    }
    const char *colon = strrchr(address, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    to->port = (uint16_t)port;
    naru_span host = {(const uint8_t *)address, (size_t)(colon - address)};
    bool bare_ipv6 = host.size > 0 && memchr(host.data, ':', host.size) && host.data[0] != '[';
    return *end == '\0' && port >= 1 && port <= UINT16_MAX && !bare_ipv6 && copy_host(to->host, host);
}

static naru_status find_target(target *to, const naru_client *client, const char *address, const char **reason_out)
{
    to->port = client->url.port;
    if (!copy_host(to->tls_name, client->url.host) || !copy_host(to->host, client->url.host)) {
        *reason_out = "the URL's host is too long";
        return NARU_ERR_ARGUMENT;
    }
    if (address && !parse_address(to, address)) {
        *reason_out = "the address is neither unix:PATH nor HOST:PORT";
        return NARU_ERR_ARGUMENT;
    }
    return NARU_OK;
}

/* ---- dialling ----------------------------------------------------------------------------------------------- */

static void timed_out(naru__loop_timer *timer)
{
    static const char *const doing[] = {
        "", "resolving the name", "connecting", "in the TLS handshake", "waiting for the server's answer", ""};
    naru__client_opening *opening =
        (naru__client_opening *)(void *)((char *)timer - offsetof(naru__client_opening, timer));
    naru_client *client = opening->client;
    naru_client_failure failure = {.phase = naru__client_get_phase(client), .status = NARU_ERR_TIMEOUT};
    if (opening->refused) {
        failure.status = NARU_ERR_REFUSED;
        failure.http_status = naru_http_head_status(client->head);
        naru__client_fail(client, &failure, "the server answered %d instead of 101, and its body did not come in %u ms",
                          failure.http_status, opening->timeout_ms);
        return;
    }
    naru__client_fail(client, &failure, "timed out after %u ms, %s", opening->timeout_ms, doing[failure.phase]);
}

static void arm_timer(naru__deferred *deferred)
{
    naru__client_opening *opening =
        (naru__client_opening *)(void *)((char *)deferred - offsetof(naru__client_opening, arm));
    naru_loop *loop = opening->client->loop;
    naru__loop_timer_start(loop, &opening->timer, naru_loop_now_ms(loop) + opening->timeout_ms);
}

static bool has_bad_port(const naru_client *client, const naru_client_options *options)
{
    return !options->allow_bad_ports && naru_url_bad_port(client->url.port);
}

/* For wss: the application's context, or the default one. false: the opening has failed. */
static bool choose_tls(naru_client *client, const naru_client_options *options)
{
    naru__client_opening *opening = client->opening;
    if (!naru_span_equal(client->url.scheme, naru_span_of("wss"))) {
        return true;
    }
    if (options->tls) {
        opening->tls = naru_tls_ref(options->tls);
        return true;
    }
    char reason[200] = "";
    naru_status status = naru__client_default_tls(&opening->tls, reason, sizeof reason);
    if (status) {
        naru_client_failure failure = {.phase = NARU_PHASE_TLS, .status = status};
        naru__client_fail(client, &failure, "no TLS with the system's authorities: %s", reason);
    }
    return status == NARU_OK;
}

static naru_status start(naru_client *client, const naru_client_options *options, const target *to)
{
    naru__client_opening *opening = client->opening;
    if (has_bad_port(client, options)) {
        naru_client_failure failure = {.phase = NARU_PHASE_URL, .status = NARU_ERR_REFUSED};
        naru__client_fail(client, &failure, "port %u is one that browsers refuse to connect to", client->url.port);
        return NARU_OK;
    }
    if (!choose_tls(client, options)) {
        return NARU_OK;
    }
    naru__dial dial = {.host = to->host, .port = to->port, .tls = opening->tls, .tls_name = to->tls_name};
    client->stream = naru__stream_connect(client->loop, &dial, &naru__client_handshake, client);
    if (!client->stream) {
        return NARU_ERR_MEMORY;
    }
    if (opening->timeout_ms != NARU_NEVER) {
        naru__loop_defer(client->loop, &opening->arm);
    }
    return NARU_OK;
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
    naru_buf_init(&opening->request, allocator);
    naru_buf_init(&opening->names, allocator);
    naru_buf_init(&opening->body, allocator);
    client->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, allocator);
    return client->head != NULL;
}

static naru_status prepare(naru_client *client, const char *url, const naru_client_options *options,
                           const char **reason_out)
{
    target to = {.port = 0};
    if (!make_opening(client, options)) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = fill_options(&client->options, reason_out);
    if (!status) {
        status =
            naru__client_url_parse(&client->url, url, options->base_url, naru_loop_allocator(client->loop), reason_out);
    }
    if (!status) {
        status = find_target(&to, client, options->address, reason_out);
    }
    if (!status) {
        status = naru__client_request_make(client, options, reason_out);
    }
    return status ? status : start(client, options, &to);
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
        client->options = options->conn;
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
