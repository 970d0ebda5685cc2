/* Redirects: off unless redirects_max says how many. Each is told before it is followed, and none takes
 * credentials to another origin.
 *
 * Source: RFC 9110 15.4 and 10.2.2, RFC 6455 4.1, RFC 6454 5 (origins). */
#include "client/client.h"
#include <string.h>

static void fail(naru_client *client, naru_status status, const char *what, const char *why)
{
    naru_client_failure failure = {
        .phase = NARU_PHASE_HANDSHAKE, .status = status, .http_status = naru_http_head_status(client->head)};
    client->opening->refused = true; /* its head is told */
    naru__client_fail(client, &failure, "the server answered %d, %s%s", failure.http_status, what, why);
}

bool naru__client_is_redirect(const naru_client *client)
{
    int status = naru_http_head_status(client->head);
    bool leads = (status >= 301 && status <= 303) || status == 307 || status == 308;
    return leads && client->opening->redirects_max > 0 && naru_http_head_count_of(client->head, "Location") == 1;
}

/* ---- where to ----------------------------------------------------------------------------------------------- */

static naru_status append_text(naru_buf *out, naru_span text)
{
    naru_status status = naru_buf_append(out, text);
    return status ? status : naru_buf_append(out, (naru_span){(const uint8_t *)"", 1});
}

/* 9110 10.2.2: a reference, relative to the URL that was asked. A fragment is the browser's business. */
static naru_status resolve(naru_url *to, const naru_url *from, naru_span location, const naru_allocator *allocator,
                           const char **reason_out)
{
    naru_buf text;
    naru_buf base;
    naru_buf_init(&text, allocator);
    naru_buf_init(&base, allocator);
    const uint8_t *hash = location.size > 0 ? memchr(location.data, '#', location.size) : NULL;
    location.size = hash ? (size_t)(hash - location.data) : location.size;
    naru_status status = append_text(&text, location);
    if (!status) {
        status = append_text(&base, naru_buf_span(&from->text));
    }
    if (!status) {
        status = naru__client_url_parse(to, (const char *)naru_buf_span(&text).data,
                                        (const char *)naru_buf_span(&base).data, allocator, reason_out);
    }
    naru_buf_deinit(&base);
    naru_buf_deinit(&text);
    return status;
}

/* What a server writes there, and what a relative reference inherits: credentials come from the
 * application only. */
static naru_status strip_user(naru_url *url, const naru_allocator *allocator)
{
    if (url->username.size + url->password.size == 0) {
        return NARU_OK;
    }
    const char *reason = "";
    naru_span whole = naru_buf_span(&url->text);
    naru_buf text;
    naru_buf_init(&text, allocator);
    naru_status status = naru_buf_append(&text, url->scheme);
    if (!status) {
        status = naru_buf_append(&text, naru_span_of("://"));
    }
    if (!status) {
        size_t host_at = (size_t)(url->host.data - whole.data);
        status = naru_buf_append(&text, (naru_span){url->host.data, whole.size - host_at});
    }
    naru_url_deinit(url);
    if (!status) {
        status = naru_url_parse(url, naru_buf_span(&text), allocator, &reason);
    }
    naru_buf_deinit(&text);
    return status;
}

static bool same_origin(const naru_url *a, const naru_url *b)
{
    return a->port == b->port && naru_span_equal(a->scheme, b->scheme) && naru_span_equal(a->host, b->host);
}

/* ---- going there -------------------------------------------------------------------------------------------- */

/* May it be followed? false: no, or the application has ended the client meanwhile. */
static bool ask(naru_client *client, const naru_url *to, bool drops)
{
    naru__client_opening *opening = client->opening;
    naru_client_hop hop = {.http_status = naru_http_head_status(client->head),
                           .number = opening->redirects + 1,
                           .from = naru_buf_span(&client->url.text),
                           .to = naru_buf_span(&to->text),
                           .drops_credentials = drops};
    if (!client->handler.on_redirect) {
        return true;
    }
    naru__client_enter(client);
    bool agreed = client->handler.on_redirect(client, &hop, client->user);
    bool ended = client->freed || opening->failed;
    if (!agreed && !ended) {
        fail(client, NARU_ERR_REFUSED, "and the application does not follow the redirect", "");
    }
    naru__client_leave(client);
    return agreed && !ended;
}

static void forget_origin(naru__client_opening *opening)
{
    naru_buf_deinit(&opening->credentials);
    opening->route.has_address = false; /* it stood for the host that we leave */
}

static void set_out_again(naru_client *client)
{
    const char *reason = "";
    client->opening->redirects++;
    client->opening->interim = 0;
    client->multiplexed = false;
    naru__stream_close(client->stream);
    client->stream = NULL;
    if (naru__client_next_answer(client)) {
        return;
    }
    naru_status status = naru__client_request_make(client);
    if (!status) {
        status = naru__client_set_out(client, &reason);
    }
    if (status) {
        naru_client_failure failure = {.phase = NARU_PHASE_URL, .status = status};
        naru__client_fail(client, &failure, "the redirect cannot be followed: %s",
                          status == NARU_ERR_ARGUMENT ? reason : naru_status_text(status));
    }
}

/* Takes over `to`. */
static void follow(naru_client *client, naru_url *to)
{
    bool drops = !same_origin(to, &client->url);
    if (!ask(client, to, drops)) {
        naru_url_deinit(to);
        return;
    }
    naru_url_deinit(&client->url);
    client->url = *to;
    if (drops) {
        forget_origin(client->opening);
    }
    set_out_again(client);
}

void naru__client_redirect(naru_client *client)
{
    naru__client_opening *opening = client->opening;
    const naru_allocator *allocator = naru_loop_allocator(client->loop);
    const char *reason = "";
    naru_span location = {0};
    naru_url to;
    if (opening->redirects >= opening->redirects_max) {
        fail(client, NARU_ERR_TOO_MANY, "which is one redirect too many", "");
        return;
    }
    (void)naru_http_head_find(client->head, "Location", &location);
    naru_status status = resolve(&to, &client->url, location, allocator, &reason);
    if (!status) {
        status = strip_user(&to, allocator);
    }
    if (status == NARU_ERR_MEMORY) {
        fail(client, status, "and there is no memory to follow", "");
    } else if (status) {
        fail(client, NARU_ERR_PROTOCOL, "a redirect to no place: ", reason);
    } else {
        follow(client, &to);
    }
}
