/* Queries of Engine.IO's URLs: EIO, transport, sid, b64, j; the rest is the application's.
 * Source: WHATWG URL 5.1; the Engine.IO protocol. */
#include "engine_inside.h"

#include "base/ascii.h"
#include <string.h>

static size_t size_until(naru_span text, uint8_t byte)
{
    const uint8_t *at = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;
    return at ? (size_t)(at - text.data) : text.size;
}

/* errors NARU_ERR_TOO_BIG, NARU_ERR_PROTOCOL */
static naru_status decode(naru_span text, char *out, size_t out_bytes, size_t *size_out)
{
    size_t size = 0;
    for (size_t at = 0; at < text.size; at++) {
        uint8_t byte = text.data[at] == '+' ? ' ' : text.data[at];
        if (byte == '%') {
            int high = text.size - at > 2 ? naru__ascii_hex(text.data[at + 1]) : -1;
            int low = high >= 0 ? naru__ascii_hex(text.data[at + 2]) : -1;
            if (low < 0 || high + low == 0) {
                return NARU_ERR_PROTOCOL;
            }
            byte = (uint8_t)(high * 16 + low);
            at += 2;
        }
        if (size + 1 >= out_bytes) {
            return NARU_ERR_TOO_BIG;
        }
        out[size++] = (char)byte;
    }
    out[size] = 0;
    *size_out = size;
    return NARU_OK;
}

static bool named(naru_span encoded, const char *name)
{
    char decoded[64];
    size_t size = 0;
    bool plain = size_until(encoded, '%') == encoded.size && size_until(encoded, '+') == encoded.size;
    return naru_span_equal(encoded, naru_span_of(name)) ||
           (!plain && decode(encoded, decoded, sizeof decoded, &size) == NARU_OK && strcmp(decoded, name) == 0);
}

naru_status naru__eio_query_find(naru_span query, const char *name, char *out, size_t out_bytes)
{
    while (query.size > 0) {
        size_t end = size_until(query, '&');
        naru_span pair = {query.data, end};
        query = naru__span_from(query, end < query.size ? end + 1 : end);
        size_t equals = size_until(pair, '=');
        if (named(naru__span_first(pair, equals), name)) {
            size_t size = 0;
            naru_span value = naru__span_from(pair, equals < pair.size ? equals + 1 : equals);
            return decode(value, out, out_bytes, &size);
        }
    }
    return NARU_ERR_REFUSED;
}

/* What does not even fit is no value that could mean anything. */
static bool find(naru_span query, const char *name, char *out, size_t out_bytes)
{
    naru_status status = naru__eio_query_find(query, name, out, out_bytes);
    if (status < 0) {
        out[0] = 0;
    }
    return status != NARU_ERR_REFUSED;
}

static void keep_digits(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (naru__ascii_digit((uint8_t)*at)) {
            *to++ = *at;
        }
    }
    *to = 0;
}

void naru__eio_question_read(naru__eio_question *question, const naru_http_head *head)
{
    char text[16];
    naru_span raw = naru_http_head_query(head);
    *question = (naru__eio_question){.raw = raw};
    if (find(raw, "transport", text, sizeof text)) {
        question->transport = strcmp(text, "polling") == 0     ? NARU_EIO_POLLING
                              : strcmp(text, "websocket") == 0 ? NARU_EIO_WEBSOCKET
                                                               : 0;
    }
    if (find(raw, "EIO", text, sizeof text)) {
        question->revision = strcmp(text, "4") == 0 ? 4 : strcmp(text, "3") == 0 ? 3 : 0;
    }
    question->has_sid = find(raw, "sid", question->sid, sizeof question->sid);
    question->base64 = find(raw, "b64", text, sizeof text) && text[0] != 0;
    question->jsonp = find(raw, "j", question->index, sizeof question->index);
    keep_digits(question->index);
}
