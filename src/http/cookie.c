/* Cookies: the Cookie field walked, Set-Cookie written. Not for: a client's cookie jar. Source: RFC
 * 6265 4.1.1, 4.2.1, 5.4. */
#include <naru/http.h>

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "chars.h"

static size_t size_until(naru_span text, uint8_t c)
{
    const uint8_t *at = text.size > 0 ? memchr(text.data, c, text.size) : NULL;
    return at ? (size_t)(at - text.data) : text.size;
}

bool naru_cookie_next(naru_span *rest, naru_span *name_out, naru_span *value_out)
{
    while (rest->size > 0) {
        size_t size = size_until(*rest, ';');
        naru_span pair = naru__span_first(*rest, size);
        *rest = naru__span_from(*rest, size < rest->size ? size + 1 : size);
        size_t equals = size_until(pair, '=');
        naru_span name = naru__span_trim(naru__span_first(pair, equals));
        /* Browsers send back whatever a server once set, so that only what is no pair at all is passed over.
         */
        if (equals < pair.size && name.size > 0) {
            *name_out = name;
            *value_out = naru__span_trim(naru__span_from(pair, equals + 1));
            return true;
        }
    }
    return false;
}

/* 6265 4.1.1: cookie octets, which may stand in double quotes. */
static bool value_valid(naru_span value)
{
    if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"') {
        value = (naru_span){value.data + 1, value.size - 2};
    }
    return naru__chars_all(value, NARU__CHAR_COOKIE);
}

/* 6265 4.1.1: any ASCII character but controls and `;`. */
static bool attribute_valid(naru_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f || text.data[i] == ';') {
            return false;
        }
    }
    return true;
}

/* 6265 4.1.1: a host name, here of letters, digits, hyphens and underscores, perhaps with a dot in front. */
static bool domain_valid(naru_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!naru__ascii_alpha(c) && !naru__ascii_digit(c) && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return true;
}

static bool same_site_valid(const naru_cookie *cookie)
{
    switch (cookie->same_site) {
    case NARU_COOKIE_SAME_SITE_UNSET:
    case NARU_COOKIE_SAME_SITE_LAX:
    case NARU_COOKIE_SAME_SITE_STRICT:
        return true;
    case NARU_COOKIE_SAME_SITE_NONE:
        return cookie->secure;
    }
    return false;
}

static bool cookie_valid(const naru_cookie *cookie)
{
    return naru_http_is_token(cookie->name) && value_valid(cookie->value) && attribute_valid(cookie->path) &&
           domain_valid(cookie->domain) && same_site_valid(cookie);
}

static naru_status append_number(naru_buf *out, int64_t number)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    return naru_buf_append(out, (naru_span){digits + at, sizeof digits - at});
}

/* `before` and `text`, if `wanted`. */
static naru_status append_if(naru_buf *out, bool wanted, const char *before, naru_span text)
{
    if (!wanted) {
        return NARU_OK;
    }
    naru_status status = naru_buf_append(out, naru_span_of(before));
    return status == NARU_OK ? naru_buf_append(out, text) : status;
}

static naru_status append_max_age(naru_buf *out, const naru_cookie *cookie)
{
    if (!cookie->has_max_age) {
        return NARU_OK;
    }
    naru_status status = naru_buf_append(out, naru_span_of("; Max-Age="));
    return status == NARU_OK ? append_number(out, cookie->max_age_s) : status;
}

static naru_status append_same_site(naru_buf *out, naru_cookie_same_site same_site)
{
    static const char *const texts[] = {"", "; SameSite=Lax", "; SameSite=Strict", "; SameSite=None"};
    return naru_buf_append(out, naru_span_of(texts[same_site]));
}

static naru_status append_cookie(naru_buf *out, const naru_cookie *cookie)
{
    static const naru_span nothing = {NULL, 0};
    naru_status status = naru_buf_append(out, cookie->name);
    if (status == NARU_OK) {
        status = append_if(out, true, "=", cookie->value);
    }
    if (status == NARU_OK) {
        status = append_if(out, cookie->path.size > 0, "; Path=", cookie->path);
    }
    if (status == NARU_OK) {
        status = append_if(out, cookie->domain.size > 0, "; Domain=", cookie->domain);
    }
    if (status == NARU_OK) {
        status = append_max_age(out, cookie);
    }
    if (status == NARU_OK) {
        status = append_if(out, cookie->secure, "; Secure", nothing);
    }
    if (status == NARU_OK) {
        status = append_if(out, cookie->http_only, "; HttpOnly", nothing);
    }
    return status == NARU_OK ? append_same_site(out, cookie->same_site) : status;
}

naru_status naru_cookie_write(naru_buf *out, const naru_cookie *cookie)
{
    if (!cookie_valid(cookie)) {
        return NARU_ERR_ARGUMENT;
    }
    size_t before = naru__buf_size(out);
    naru_status status = append_cookie(out, cookie);
    if (status != NARU_OK) {
        naru__buf_truncate(out, before);
    }
    return status;
}
