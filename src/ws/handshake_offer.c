/* The request of the opening handshake as a client writes it.
 * Not for: checking one (handshake_request.c). Source: RFC 6455 4.1, RFC 7692 7.1, WHATWG WebSockets 3.1. */
#include "base/buf.h"
#include "extension.h"
#include "handshake.h"

/* WHATWG 3.1: each a token, none twice, without regard to case. */
static bool protocols_valid(const naru_span *protocols, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!naru_http_is_token(protocols[i])) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (naru_span_equal_nocase(protocols[i], protocols[k])) {
                return false;
            }
        }
    }
    return true;
}

static naru_status write_line(naru_buf *out, const naru_url *url)
{
    naru_buf target;
    naru_buf_init(&target, out->allocator);
    naru_status status = naru_buf_append(&target, url->path);
    if (status == NARU_OK && url->query_given) {
        status = naru__buf_append_byte(&target, '?');
    }
    if (status == NARU_OK) {
        status = naru_buf_append(&target, url->query);
    }
    if (status == NARU_OK) {
        status = naru_http_write_request(out, "GET", naru_buf_span(&target));
    }
    naru_buf_deinit(&target);
    return status;
}

/* 6455 4.1: the port only if it is not the scheme's own. */
static naru_status write_host(naru_buf *out, const naru_url *url)
{
    if (!url->port_given) {
        return naru__ws_field_write(out, "Host", url->host);
    }
    uint8_t digits[6];
    size_t at = sizeof digits;
    for (unsigned port = url->port; at == sizeof digits || port != 0; port /= 10) {
        digits[--at] = (uint8_t)('0' + port % 10);
    }
    digits[--at] = ':';
    naru_buf host;
    naru_buf_init(&host, out->allocator);
    naru_status status = naru_buf_append(&host, url->host);
    if (status == NARU_OK) {
        status = naru_buf_append(&host, (naru_span){digits + at, sizeof digits - at});
    }
    if (status == NARU_OK) {
        status = naru__ws_field_write(out, "Host", naru_buf_span(&host));
    }
    naru_buf_deinit(&host);
    return status;
}

static naru_status write_protocols(naru_buf *out, const naru_span *protocols, size_t count)
{
    if (count == 0) {
        return NARU_OK;
    }
    naru_buf list;
    naru_buf_init(&list, out->allocator);
    naru_status status = naru_buf_append(&list, protocols[0]);
    for (size_t i = 1; i < count && status == NARU_OK; i++) {
        status = naru_buf_append(&list, naru_span_of(", "));
        if (status == NARU_OK) {
            status = naru_buf_append(&list, protocols[i]);
        }
    }
    if (status == NARU_OK) {
        status = naru__ws_field_write(out, "Sec-WebSocket-Protocol", naru_buf_span(&list));
    }
    naru_buf_deinit(&list);
    return status;
}

static naru_status write_fixed(naru_buf *out, const char *key)
{
    const char *const fields[][2] = {{"Connection", "Upgrade"},
                                     {"Upgrade", "websocket"},
                                     {"Sec-WebSocket-Version", "13"},
                                     {"Sec-WebSocket-Key", key}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        naru_status status = naru__ws_field_write(out, fields[i][0], naru_span_of(fields[i][1]));
        if (status != NARU_OK) {
            return status;
        }
    }
    return NARU_OK;
}

static naru_status write_offer(naru_buf *out, const naru_ws_deflate_options *deflate)
{
    if (!deflate->enabled) {
        return NARU_OK;
    }
    char text[NARU__WS_DEFLATE_TEXT_MAX];
    size_t size = naru__ws_deflate_offer(deflate, text);
    return naru__ws_field_write(out, "Sec-WebSocket-Extensions", (naru_span){(const uint8_t *)text, size});
}

static naru_status write_request(naru_buf *out, const naru_url *url, const naru_ws_offer *offer)
{
    naru_status status = write_line(out, url);
    if (status == NARU_OK) {
        status = write_host(out, url);
    }
    if (status == NARU_OK) {
        status = write_fixed(out, offer->key);
    }
    if (status == NARU_OK) {
        status = write_protocols(out, offer->protocols, offer->protocols_count);
    }
    return status == NARU_OK ? write_offer(out, &offer->deflate) : status;
}

naru_status naru_ws_request_write(naru_buf *out, const naru_url *url, const naru_span *protocols,
                                  size_t protocols_count, const naru_ws_options *options, naru_entropy *entropy,
                                  naru_ws_offer *offer_out)
{
    if (!protocols_valid(protocols, protocols_count)) {
        return NARU_ERR_ARGUMENT;
    }
    if (!entropy || entropy->size - entropy->used < NARU__WS_KEY_BYTES) {
        return NARU_ERR_ENTROPY;
    }
    naru_ws_offer offer = {.protocols = protocols, .protocols_count = protocols_count, .deflate = options->deflate};
    naru_span nonce = {entropy->bytes + entropy->used, NARU__WS_KEY_BYTES};
    offer.key[naru_base64_encode(nonce, offer.key)] = '\0';
    size_t before = naru__buf_size(out);
    naru_status status = write_request(out, url, &offer);
    if (status != NARU_OK) {
        naru__buf_truncate(out, before);
        return status;
    }
    entropy->used += NARU__WS_KEY_BYTES;
    *offer_out = offer;
    return NARU_OK;
}
