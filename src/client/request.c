/* The client's request: naru_ws_request_write's own fields, then authorization, origin and the application's.
 *
 * Source: RFC 6455 4.1, RFC 7617 2. */
#include "base/ascii.h"
#include "base/memory.h"
#include "client/client.h"
#include <string.h>

/* What naru writes itself, or what would change the meaning of the request: it has no body. */
static const char *const own_names[] = {"Host",           "Upgrade",           "Connection",
                                        "Content-Length", "Transfer-Encoding", "Trailer"};

static bool is_own_name(naru_span name, bool has_origin, bool has_authorization)
{
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(own_names[i]))) {
            return true;
        }
    }
    naru_span prefix = naru_span_of("Sec-WebSocket-");
    if (name.size >= prefix.size && naru_span_equal_nocase(naru__span_first(name, prefix.size), prefix)) {
        return true;
    }
    return (has_origin && naru_span_equal_nocase(name, naru_span_of("Origin"))) ||
           (has_authorization && naru_span_equal_nocase(name, naru_span_of("Authorization")));
}

/* ---- protocols ---------------------------------------------------------------------------------------------- */

static naru_status check_protocols(const naru_client_options *options, const char **reason_out)
{
    for (size_t i = 0; i < options->protocols_count; i++) {
        naru_span name = naru_span_of(options->protocols[i]);
        if (!naru_http_is_token(name)) {
            *reason_out = "a subprotocol is not a token";
            return NARU_ERR_ARGUMENT;
        }
        for (size_t j = 0; j < i; j++) {
            if (naru_span_equal_nocase(name, naru_span_of(options->protocols[j]))) {
                *reason_out = "a subprotocol is given twice";
                return NARU_ERR_ARGUMENT;
            }
        }
    }
    return NARU_OK;
}

/* The answer is compared with them long after the caller's have gone. */
static naru_status copy_protocols(naru__client_opening *opening, const naru_client_options *options)
{
    size_t count = options->protocols_count;
    if (count == 0) {
        return NARU_OK;
    }
    const naru_allocator *allocator = naru_loop_allocator(opening->client->loop);
    opening->protocols =
        count > SIZE_MAX / sizeof(naru_span) ? NULL : naru__alloc(allocator, count * sizeof(naru_span));
    if (!opening->protocols) {
        return NARU_ERR_MEMORY;
    }
    opening->protocols_count = count;
    for (size_t i = 0; i < count; i++) {
        naru_status status = naru_buf_append(&opening->names, naru_span_of(options->protocols[i]));
        if (status) {
            return status;
        }
    }
    const uint8_t *at = naru_buf_span(&opening->names).data;
    for (size_t i = 0; i < count; i++) {
        opening->protocols[i] = (naru_span){at, strlen(options->protocols[i])};
        at += opening->protocols[i].size;
    }
    return NARU_OK;
}

/* ---- authorization ------------------------------------------------------------------------------------------ */

static naru_status append_credentials(naru_buf *out, const naru_url *url)
{
    naru_status status = naru_url_decode(url->username, out);
    if (!status) {
        status = naru_buf_append(out, naru_span_of(":"));
    }
    return status ? status : naru_url_decode(url->password, out);
}

static naru_status append_basic(naru_buf *out, naru_span credentials)
{
    naru_status status = naru_buf_append(out, naru_span_of("Basic "));
    if (status) {
        return status;
    }
    uint8_t *to = naru_buf_reserve(out, 4 * ((credentials.size + 2) / 3));
    if (!to) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_commit(out, naru_base64_encode(credentials, (char *)to));
    return NARU_OK;
}

/* RFC 7617: the URL's user name and password, percent-decoded. */
static naru_status write_authorization(naru_buf *request, const naru_url *url)
{
    naru_buf credentials;
    naru_buf value;
    naru_buf_init(&credentials, request->allocator);
    naru_buf_init(&value, request->allocator);
    naru_status status = append_credentials(&credentials, url);
    if (!status) {
        status = append_basic(&value, naru_buf_span(&credentials));
    }
    if (!status) {
        status = naru_http_write_field(request, naru_span_of("Authorization"), naru_buf_span(&value));
    }
    naru_buf_deinit(&value);
    naru_buf_deinit(&credentials);
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static naru_status write_fields(naru_client *client, const naru_client_options *options, const char **reason_out)
{
    naru_buf *request = &client->opening->request;
    bool has_authorization = client->url.username.size + client->url.password.size > 0;
    if (has_authorization) {
        *reason_out = "the URL's user name or password is not properly percent-encoded";
        naru_status status = write_authorization(request, &client->url);
        if (status) {
            return status;
        }
    }
    if (options->origin) {
        *reason_out = "the origin has characters that HTTP forbids";
        naru_status status = naru_http_write_field(request, naru_span_of("Origin"), naru_span_of(options->origin));
        if (status) {
            return status;
        }
    }
    for (size_t i = 0; i < options->fields_count; i++) {
        const naru_http_field *field = &options->fields[i];
        if (is_own_name(field->name, options->origin != NULL, has_authorization)) {
            *reason_out = "a field is one that naru writes itself";
            return NARU_ERR_ARGUMENT;
        }
        *reason_out = "a field's name or value has characters that HTTP forbids";
        naru_status status = naru_http_write_field(request, field->name, field->value);
        if (status) {
            return status;
        }
    }
    return naru_http_write_end(request);
}

naru_status naru__client_request_make(naru_client *client, const naru_client_options *options, const char **reason_out)
{
    naru__client_opening *opening = client->opening;
    naru_status status = check_protocols(options, reason_out);
    if (!status) {
        status = copy_protocols(opening, options);
    }
    if (!status) {
        *reason_out = "the request cannot be written";
        status = naru_ws_request_write(&opening->request, &client->url, opening->protocols, opening->protocols_count,
                                       &client->options.ws, naru__loop_entropy(client->loop), &opening->offer);
    }
    return status ? status : write_fields(client, options, reason_out);
}
