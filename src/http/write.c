/* Writing heads, such that nothing can be smuggled into one: what would not be read back is not written.
 * On failure the buf is as it was. Source: RFC 9112 3, 4, 5. */
#include <naru/http.h>

#include <string.h>

#include "base/ascii.h"
#include "chars.h"

/* All parts or none. */
static naru_status append_all(naru_buf *out, const naru_span *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > SIZE_MAX - size) {
            return NARU_ERR_MEMORY;
        }
        size += parts[i].size;
    }
    uint8_t *room = naru_buf_reserve(out, size);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            memcpy(room, parts[i].data, parts[i].size);
        }
        room += parts[i].size;
    }
    naru_buf_commit(out, size);
    return NARU_OK;
}

naru_status naru_http_write_status(naru_buf *out, int status, const char *reason)
{
    naru_span text = naru_span_of(reason ? reason : naru_http_reason(status));
    if (status < 100 || status > 999 || !naru__chars_all(text, NARU__CHAR_FIELD)) {
        return NARU_ERR_ARGUMENT;
    }
    const uint8_t digits[] = {(uint8_t)('0' + status / 100), (uint8_t)('0' + status / 10 % 10),
                              (uint8_t)('0' + status % 10)};
    const naru_span parts[] = {
        naru_span_of("HTTP/1.1 "), {digits, sizeof digits}, naru_span_of(" "), text, naru_span_of("\r\n")};
    return append_all(out, parts, sizeof parts / sizeof parts[0]);
}

naru_status naru_http_write_request(naru_buf *out, const char *method, naru_span target)
{
    naru_span name = naru_span_of(method);
    if (!naru_http_is_token(name) || target.size == 0 || !naru__chars_all(target, NARU__CHAR_TARGET)) {
        return NARU_ERR_ARGUMENT;
    }
    const naru_span parts[] = {name, naru_span_of(" "), target, naru_span_of(" HTTP/1.1\r\n")};
    return append_all(out, parts, sizeof parts / sizeof parts[0]);
}

naru_status naru_http_write_field(naru_buf *out, naru_span name, naru_span value)
{
    if (!naru_http_is_token(name) || !naru_http_is_field_value(value)) {
        return NARU_ERR_ARGUMENT;
    }
    const naru_span parts[] = {name, naru_span_of(": "), value, naru_span_of("\r\n")};
    return append_all(out, parts, sizeof parts / sizeof parts[0]);
}

naru_status naru_http_write_end(naru_buf *out)
{
    return naru_buf_append(out, naru_span_of("\r\n"));
}
