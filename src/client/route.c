/* The way to a URL's server: which address, which proxy and whether TLS to either; then dial, ask the proxy, and hand
 * the stream to the handshake.
 *
 * Not for: the proxies' languages (proxy_http.c, proxy_socks5.c). Source: RFC 6455 4.1, WHATWG Fetch 2.9 (bad
 * ports). */
#include "base/buf.h"
#include "client/client.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

naru_status naru__route_init(naru__route *route, const naru_client_options *options, const naru_allocator *allocator)
{
    route->given_tls = options->tls ? naru_tls_ref(options->tls) : NULL;
    route->given_proxy_tls = options->proxy_tls ? naru_tls_ref(options->proxy_tls) : NULL;
    route->has_address = options->address != NULL;
    naru_buf_init(&route->address, allocator);
    naru_status status = naru_buf_append(&route->address, naru_span_of(options->address));
    return status ? status : naru__proxies_choose(&route->proxies, options, allocator);
}

void naru__route_stop(naru__route *route)
{
    naru__lookup_cancel(route->lookup);
    route->lookup = NULL;
}

void naru__route_deinit(naru__route *route)
{
    naru__route_stop(route);
    naru_tls_unref(route->given_tls);
    naru_tls_unref(route->tls);
    naru_tls_unref(route->given_proxy_tls);
    naru_tls_unref(route->proxy_tls);
    naru_buf_deinit(&route->address);
    naru__proxies_deinit(&route->proxies);
    naru__proxy_deinit(&route->proxy);
}

/* ---- where to ----------------------------------------------------------------------------------------------- */

static bool is_unix(const char *host)
{
    return strncmp(host, "unix:", 5) == 0;
}

/* "unix:PATH" or "HOST:PORT". */
static bool parse_address(naru__route *route, const char *address)
{
    if (is_unix(address)) {
        return address[5] != '\0' && naru__host_copy(route->host, naru_span_of(address));
    }
    const char *colon = strrchr(address, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    route->port = (uint16_t)port;
    naru_span host = {(const uint8_t *)address, (size_t)(colon - address)};
    bool bare_ipv6 = host.size > 0 && memchr(host.data, ':', host.size) && host.data[0] != '[';
    return *end == '\0' && port >= 1 && port <= UINT16_MAX && !bare_ipv6 && naru__host_copy(route->host, host);
}

static naru_status find_address(naru__route *route, const naru_url *url, const char **reason_out)
{
    char address[NARU__HOST_BYTES_MAX] = "";
    naru_span given = naru_buf_span(&route->address);
    route->port = url->port;
    if (!naru__host_copy(route->tls_name, url->host) || !naru__host_copy(route->host, url->host)) {
        *reason_out = "the URL's host is too long";
        return NARU_ERR_ARGUMENT;
    }
    if (!route->has_address) {
        return NARU_OK;
    }
    if (given.size >= sizeof address) {
        *reason_out = "the address is too long";
        return NARU_ERR_ARGUMENT;
    }
    memcpy(address, given.size > 0 ? given.data : (const uint8_t *)"", given.size);
    address[given.size] = '\0';
    if (!parse_address(route, address)) {
        *reason_out = "the address is neither unix:PATH nor HOST:PORT";
        return NARU_ERR_ARGUMENT;
    }
    return NARU_OK;
}

static naru_status find_proxy(naru__route *route, const naru_url *url, const naru_allocator *allocator,
                              const char **reason_out)
{
    naru_span text = naru__proxies_find(&route->proxies, url);
    naru__proxy_deinit(&route->proxy);
    bool direct = text.size == 0 || (route->has_address && is_unix(route->host));
    return direct ? NARU_OK : naru__proxy_parse(&route->proxy, text, allocator, reason_out);
}

/* If it is wanted: the application's context, or the default one. false: the opening has failed. */
static bool choose_context(naru_client *client, bool wanted, naru_tls *given, naru_tls **tls_out)
{
    naru_tls_unref(*tls_out);
    *tls_out = NULL;
    if (!wanted || given) {
        *tls_out = wanted ? naru_tls_ref(given) : NULL;
        return true;
    }
    char reason[200] = "";
    naru_status status = naru__client_default_tls(tls_out, reason, sizeof reason);
    if (status) {
        naru_client_failure failure = {.phase = NARU_PHASE_TLS, .status = status};
        naru__client_fail(client, &failure, "no TLS with the system's authorities: %s", reason);
    }
    return status == NARU_OK;
}

static bool choose_tls(naru_client *client)
{
    naru__route *route = &client->opening->route;
    bool secure = naru_span_equal(client->url.scheme, naru_span_of("wss"));
    return choose_context(client, secure, route->given_tls, &route->tls) &&
           choose_context(client, route->proxy.secure, route->given_proxy_tls, &route->proxy_tls);
}

static bool port_allowed(naru_client *client)
{
    uint16_t port = client->url.port;
    if (client->opening->allow_bad_ports || !naru_url_bad_port(port)) {
        return true;
    }
    naru_client_failure failure = {.phase = NARU_PHASE_URL, .status = NARU_ERR_REFUSED};
    naru__client_fail(client, &failure, "port %u is one that browsers refuse to connect to", port);
    return false;
}

/* ---- asking the proxy --------------------------------------------------------------------------------------- */

static void fail_in_proxy(naru_client *client, naru_status status, const char *text)
{
    naru_client_failure failure = {.phase = NARU_PHASE_PROXY, .status = status};
    if (client->opening->route.proxy.kind == NARU__PROXY_SOCKS5) {
        failure.fault = (naru_fault){.status = status, .rule = "RFC 1928", .text = naru_status_text(status)};
    } else {
        failure.fault = (naru_fault){.status = status, .rule = "RFC 9110 9.3.6", .text = naru_status_text(status)};
    }
    naru__client_fail(client, &failure, "the proxy does not connect: %s", text);
}

static void proxy_ready(naru__stream *stream)
{
    naru_client *client = stream->owner;
    naru__route *route = &client->opening->route;
    naru_status status =
        route->proxy.kind == NARU__PROXY_HTTP
            ? naru__proxy_http_write(naru__stream_out(stream), &route->proxy, route->host, route->port)
            : naru__socks5_start(&route->socks5, &route->proxy, route->host, route->port, naru__stream_out(stream));
    if (status) {
        fail_in_proxy(client, status, route->socks5.text ? route->socks5.text : naru_status_text(status));
        return;
    }
    naru__stream_flush_later(stream);
}

/* The way to the server is open; what the proxy says from here on is the server's. */
static void proxy_done(naru_client *client, const naru_input *rest)
{
    naru__route *route = &client->opening->route;
    /* Neither a TLS nor an HTTP server speaks first: what is already here was sent by somebody else. */
    if (rest->size > 0) {
        fail_in_proxy(client, NARU_ERR_PROTOCOL, "it sent more than its answer");
        return;
    }
    if (naru__stream_out_size(client->stream) > 0) {
        fail_in_proxy(client, NARU_ERR_PROTOCOL, "it answered before it was asked");
        return;
    }
    if (naru__client_next_answer(client)) {
        return;
    }
    route->in_proxy = false;
    client->opening->interim = 0;
    client->stream->handler = &naru__client_handshake;
    if (!route->tls) {
        naru__client_send_request(client);
    } else if (naru__stream_start_tls(client->stream, route->tls, route->tls_name)) {
        naru_client_failure failure = {.phase = NARU_PHASE_TLS, .status = NARU_ERR_TLS};
        naru__client_fail(client, &failure, "TLS cannot be set up for this host name");
    } else if (client->opening->http2) {
        naru__stream_offer_http2(client->stream);
    }
}

static void http_data(naru_client *client, naru_input *in)
{
    if (client->opening->refused) {
        naru__client_refusal_data(client, in);
    } else if (naru__client_read_answer(client, in) != NARU_OK) {
        return;
    } else if (naru__proxy_http_agrees(client->head)) {
        proxy_done(client, in);
    } else {
        naru__client_refusal_start(client, in);
    }
}

static bool tell_next_address(naru_client *client);

static void socks5_data(naru_client *client, naru_input *in)
{
    naru__socks5 *socks5 = &client->opening->route.socks5;
    naru_status status = naru__socks5_feed(socks5, in, naru__stream_out(client->stream));
    if (status < 0 && socks5->reply != 0 && tell_next_address(client)) {
        return;
    }
    if (status < 0) {
        fail_in_proxy(client, status, socks5->text);
    } else if (status == NARU_OK) {
        proxy_done(client, in);
    } else {
        naru__stream_flush_later(client->stream);
    }
}

static void proxy_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_client *client = stream->owner;
    naru_input in = {bytes, size};
    if (client->opening->route.proxy.kind == NARU__PROXY_HTTP) {
        http_data(client, &in);
    } else {
        socks5_data(client, &in);
    }
}

static void proxy_end(naru__stream *stream, naru_status why)
{
    naru__client_stream_ended(stream->owner, why);
}

static const naru__stream_handler in_proxy = {.on_ready = proxy_ready, .on_data = proxy_data, .on_end = proxy_end};

/* ---- dialling ------------------------------------------------------------------------------------------------ */

static naru_status dial(naru_client *client)
{
    naru__route *route = &client->opening->route;
    naru__dial to = {.host = route->host, .port = route->port, .tls = route->tls, .tls_name = route->tls_name};
    to.http2 = client->opening->http2;
    route->in_proxy = route->proxy.kind != NARU__PROXY_NONE;
    if (route->in_proxy) {
        to = (naru__dial){.host = route->proxy.host,
                          .port = route->proxy.port,
                          .tls = route->proxy_tls,
                          .tls_name = route->proxy.host};
    }
    client->stream =
        naru__stream_connect(client->loop, &to, route->in_proxy ? &in_proxy : &naru__client_handshake, client);
    return client->stream ? NARU_OK : NARU_ERR_MEMORY;
}

/* A proxy connects to one address at a time: they are told in the system's order (RFC 6724). */
static bool take_address(naru__route *route)
{
    const naru__address *address = &route->addresses[route->addresses_told++];
    const void *bytes = address->any.sa_family == AF_INET6 ? (const void *)&address->ipv6.sin6_addr
                                                           : (const void *)&address->ipv4.sin_addr;
    return inet_ntop(address->any.sa_family, bytes, route->host, sizeof route->host) != NULL;
}

/* The proxy could not connect to the last one: another connection to it, another address. false: there is none. */
static bool tell_next_address(naru_client *client)
{
    naru__route *route = &client->opening->route;
    if (route->addresses_told >= route->addresses_count) {
        return false;
    }
    naru__stream_close(client->stream);
    client->stream = NULL;
    if (!take_address(route) || dial(client) != NARU_OK) {
        fail_in_proxy(client, NARU_ERR_MEMORY, naru_status_text(NARU_ERR_MEMORY));
    }
    return true;
}

static void resolved(void *user, const naru__lookup_answer *answer)
{
    naru_client *client = user;
    naru__route *route = &client->opening->route;
    naru_client_failure failure = {.phase = NARU_PHASE_NAME, .status = answer->status};
    route->lookup = NULL; /* it frees itself */
    if (answer->count == 0) {
        naru__client_fail(client, &failure, "host name \"%s\" does not resolve: %s", route->host, answer->error);
        return;
    }
    while (route->addresses_count < answer->count && route->addresses_count < NARU__CLIENT_ADDRESSES_MAX) {
        route->addresses[route->addresses_count] = answer->addresses[route->addresses_count];
        route->addresses_count++;
    }
    failure.status = take_address(route) ? dial(client) : NARU_ERR_NAME;
    if (failure.status != NARU_OK) {
        naru__client_fail(client, &failure, "no way to the proxy: %s", naru_status_text(failure.status));
    }
}

/* ---- setting out -------------------------------------------------------------------------------------------- */

naru_status naru__client_set_out(naru_client *client, const char **reason_out)
{
    naru__route *route = &client->opening->route;
    route->in_proxy = false;
    naru_status status = find_address(route, &client->url, reason_out);
    if (!status) {
        status = find_proxy(route, &client->url, naru_loop_allocator(client->loop), reason_out);
    }
    if (status || !port_allowed(client) || !choose_tls(client)) {
        return status;
    }
    route->addresses_count = route->addresses_told = 0;
    if (route->proxy.kind == NARU__PROXY_SOCKS5 && route->proxy.resolves_here) {
        route->lookup = naru__lookup_start(client->loop, route->host, route->port, resolved, client);
        return route->lookup ? NARU_OK : NARU_ERR_MEMORY;
    }
    return dial(client);
}
