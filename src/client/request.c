/* The client's request: naru_ws_request_write's own fields, then credentials, origin and the application's. The last
 * three are kept as bytes, since each redirect needs a request anew.
 *
 * Not for: how credentials are written (credentials.c). Source: RFC 6455 4.1, RFC 7617 2. */
#include "base/ascii.h"
#include "base/buf.h"
#include "base/memory.h"
#include "client/client.h"
#include "client/credentials.h"
#include <string.h>

/* What naru writes itself, or what would change the meaning of the request: it has no body. */
static const char *const own_names[] = {"Host",           "Upgrade",           "Connection",
                                        "Content-Length", "Transfer-Encoding", "Trailer"};

/* What it writes because it was told to by other means. */
typedef struct own_fields {
    bool origin, authorization, cookies;
} own_fields;

static bool is_own_name(naru_span name, const own_fields *own)
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
    return (own->origin && naru_span_equal_nocase(name, naru_span_of("Origin"))) ||
           (own->cookies && naru_span_equal_nocase(name, naru_span_of("Cookie"))) ||
           (own->authorization && naru_span_equal_nocase(name, naru_span_of("Authorization")));
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

/* ---- fields ------------------------------------------------------------------------------------------------- */

static naru_status refuse(const char **reason_out, const char *reason)
{
    *reason_out = reason;
    return NARU_ERR_ARGUMENT;
}

/* RFC 7617: the URL's user name and password, percent-decoded. */
static naru_status write_url_user(naru_buf *out, const naru_url *url, const char **reason_out)
{
    naru_buf user;
    naru_buf password;
    naru_buf_init(&user, out->allocator);
    naru_buf_init(&password, out->allocator);
    naru_status status = naru_url_decode(url->username, &user);
    if (!status) {
        status = naru_url_decode(url->password, &password);
    }
    if (status == NARU_ERR_ARGUMENT) {
        refuse(reason_out, "the URL's user name or password is not properly percent-encoded");
    }
    if (!status) {
        status = naru__credentials_write(out, "Authorization", naru_buf_span(&user), naru_buf_span(&password));
    }
    naru_buf_deinit(&password);
    naru_buf_deinit(&user);
    return status;
}

static naru_status write_given_user(naru_buf *out, const naru_client_options *options, const char **reason_out)
{
    naru_span user = naru_span_of(options->user);
    naru_span password = naru_span_of(options->password);
    if (!naru__credentials_valid(user, password)) {
        return refuse(reason_out, "the user has a colon, or the user or the password control characters");
    }
    return naru__credentials_write(out, "Authorization", user, password);
}

static naru_status write_cookies(naru_buf *out, const naru_client_options *options, const char **reason_out)
{
    naru_status status = naru__cookies_write(out, options->cookies, options->cookies_count);
    return status == NARU_ERR_ARGUMENT ? refuse(reason_out, "a cookie has characters that RFC 6265 forbids") : status;
}

/* What belongs to one origin only, also when the application writes the fields itself. */
static bool is_credential(naru_span name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Proxy-Authorization"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (naru_span_equal_nocase(name, naru_span_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static naru_status write_given_field(naru__client_opening *opening, const naru_http_field *field,
                                     const char **reason_out)
{
    naru_buf *to = is_credential(field->name) ? &opening->credentials : &opening->fields;
    naru_status status = naru_http_write_field(to, field->name, field->value);
    return status == NARU_ERR_ARGUMENT ? refuse(reason_out, "a field's name or value has characters that HTTP forbids")
                                       : status;
}

static naru_status write_origin(naru_buf *out, const char *origin, const char **reason_out)
{
    naru_status status = origin ? naru_http_write_field(out, naru_span_of("Origin"), naru_span_of(origin)) : NARU_OK;
    return status == NARU_ERR_ARGUMENT ? refuse(reason_out, "the origin has characters that HTTP forbids") : status;
}

static naru_status write_credentials(naru_client *client, const naru_client_options *options, const char **reason_out)
{
    naru_buf *out = &client->opening->credentials;
    naru_status status = NARU_OK;
    if (options->user) {
        status = write_given_user(out, options, reason_out);
    } else if (options->password) {
        status = refuse(reason_out, "there is a password without a user");
    } else if (client->url.username.size + client->url.password.size > 0) {
        status = write_url_user(out, &client->url, reason_out);
    }
    return status ? status : write_cookies(out, options, reason_out);
}

static naru_status write_given_fields(naru_client *client, const naru_client_options *options, const char **reason_out)
{
    own_fields own = {.origin = options->origin != NULL, .cookies = options->cookies_count > 0};
    own.authorization = options->user || client->url.username.size + client->url.password.size > 0;
    for (size_t i = 0; i < options->fields_count; i++) {
        const naru_http_field *field = &options->fields[i];
        if (is_own_name(field->name, &own)) {
            return refuse(reason_out, "a field is one that naru writes itself");
        }
        naru_status status = write_given_field(client->opening, field, reason_out);
        if (status) {
            return status;
        }
    }
    return NARU_OK;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

naru_status naru__client_request_prepare(naru_client *client, const naru_client_options *options,
                                         const char **reason_out)
{
    naru__client_opening *opening = client->opening;
    naru_status status = check_protocols(options, reason_out);
    if (!status) {
        status = copy_protocols(opening, options);
    }
    if (!status) {
        status = write_credentials(client, options, reason_out);
    }
    if (!status) {
        status = write_origin(&opening->fields, options->origin, reason_out);
    }
    return status ? status : write_given_fields(client, options, reason_out);
}

naru_status naru__client_request_make(naru_client *client)
{
    naru__client_opening *opening = client->opening;
    naru_buf *out = &opening->request;
    naru_buf_take(out, naru__buf_size(out));
    naru_status status =
        naru_ws_request_write(out, &client->url, opening->protocols, opening->protocols_count,
                              &client->terms.options.ws, naru__loop_entropy(client->loop), &opening->offer);
    if (!status) {
        status = naru_buf_append(out, naru_buf_span(&opening->credentials));
    }
    if (!status) {
        status = naru_buf_append(out, naru_buf_span(&opening->fields));
    }
    return status ? status : naru_http_write_end(out);
}
