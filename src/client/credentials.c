/* Credentials as fields of a request: Basic authorization and cookies.
 *
 * Not for: when they are sent (request.c, redirect.c). Source: RFC 7617 2, RFC 6265 4.2.1. */
#include "client/credentials.h"
#include "base/ascii.h"
#include "base/buf.h"
#include <string.h>

/* 7617 2: user names have no colon, and neither has control characters. */
static bool has_controls(naru_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

bool naru__credentials_valid(naru_span user, naru_span password)
{
    bool has_colon = user.size > 0 && memchr(user.data, ':', user.size) != NULL;
    return !has_colon && !has_controls(user) && !has_controls(password);
}

static naru_status append_pair(naru_buf *out, naru_span user, naru_span password)
{
    naru_status status = naru_buf_append(out, user);
    if (!status) {
        status = naru_buf_append(out, naru_span_of(":"));
    }
    return status ? status : naru_buf_append(out, password);
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

naru_status naru__credentials_write(naru_buf *out, const char *name, naru_span user, naru_span password)
{
    naru_buf pair;
    naru_buf value;
    naru_buf_init(&pair, out->allocator);
    naru_buf_init(&value, out->allocator);
    naru_status status = append_pair(&pair, user, password);
    if (!status) {
        status = append_basic(&value, naru_buf_span(&pair));
    }
    if (!status) {
        status = naru_http_write_field(out, naru_span_of(name), naru_buf_span(&value));
    }
    naru_buf_deinit(&value);
    naru_buf_deinit(&pair);
    return status;
}

/* A Set-Cookie value without attributes is what a Cookie field has of it. */
static naru_status append_cookies(naru_buf *out, const naru_http_field *cookies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        naru_status status = i > 0 ? naru_buf_append(out, naru_span_of("; ")) : NARU_OK;
        if (!status) {
            status = naru_cookie_write(out, &(naru_cookie){.name = cookies[i].name, .value = cookies[i].value});
        }
        if (status) {
            return status;
        }
    }
    return NARU_OK;
}

naru_status naru__cookies_write(naru_buf *out, const naru_http_field *cookies, size_t count)
{
    if (count == 0) {
        return NARU_OK;
    }
    naru_buf value;
    naru_buf_init(&value, out->allocator);
    naru_status status = append_cookies(&value, cookies, count);
    if (!status) {
        status = naru_http_write_field(out, naru_span_of("Cookie"), naru_buf_span(&value));
    }
    naru_buf_deinit(&value);
    return status;
}
