/* The request of the opening handshake: a client writes it, a server checks it.
 * Not for: the answer (handshake_response.c), policy such as Origin. Source: RFC 6455 4.1, 4.2.1, RFC 7692 5. */
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "extension.h"
#include "handshake.h"

/* More is not a request anyone means, and comparing each with each must stay cheap. */
enum { PROTOCOLS_MAX = 128 };

/* ---- client ------------------------------------------------------------------------------------------------- */

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

naru_status naru_ws_request_write(naru_buf *out, const naru_url *url, const naru_span *protocols, size_t protocols_count,
                                  const naru_ws_options *options, naru_entropy *entropy, naru_ws_offer *offer_out)
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

/* ---- server ------------------------------------------------------------------------------------------------- */

typedef struct refusal {
    uint16_t http_status;
    const char *rule;
    const char *text;
} refusal;

bool naru_ws_request_wanted(const naru_http_head *head)
{
    return naru_http_head_has_token(head, "upgrade", "websocket") &&
           naru_http_head_has_token(head, "connection", "upgrade");
}

static bool announces_body(const naru_http_head *head)
{
    naru_span length;
    if (naru_http_head_count_of(head, "transfer-encoding") > 0) {
        return true;
    }
    if (!naru_http_head_find(head, "content-length", &length)) {
        return false;
    }
    for (size_t i = 0; i < length.size; i++) {
        if (length.data[i] != '0') {
            return true;
        }
    }
    return false;
}

static const refusal *check_request_line(const naru_http_head *head)
{
    static const refusal method = {405, "6455 4.2.1", "A WebSocket handshake is a GET."};
    static const refusal version = {400, "6455 4.2.1", "A WebSocket handshake needs HTTP/1.1."};
    static const refusal host = {400, "6455 4.2.1", "Exactly one Host is needed."};
    static const refusal body = {400, "6455 4.2.1", "A WebSocket handshake has no body."};
    if (!naru_span_equal(naru_http_head_method(head), naru_span_of("GET"))) {
        return &method;
    }
    if (naru_http_head_minor(head) < 1) {
        return &version;
    }
    if (naru_http_head_count_of(head, "host") != 1) {
        return &host;
    }
    return announces_body(head) ? &body : NULL;
}

/* 6455 4.2.1: the base64 of 16 bytes, spelt in the one way there is. */
static const refusal *check_key(const naru_http_head *head, naru_span *key_out)
{
    static const refusal count = {400, "6455 4.2.1", "Exactly one Sec-WebSocket-Key is needed."};
    static const refusal form = {400, "6455 4.2.1", "Sec-WebSocket-Key is not the base64 of 16 bytes."};
    uint8_t nonce[3 * NARU__WS_KEY_CHARS / 4];
    size_t size = 0;
    if (naru_http_head_count_of(head, "sec-websocket-key") != 1 ||
        !naru_http_head_find(head, "sec-websocket-key", key_out)) {
        return &count;
    }
    if (key_out->size != NARU__WS_KEY_CHARS || naru_base64_decode(*key_out, nonce, &size) != NARU_OK ||
        size != NARU__WS_KEY_BYTES) {
        return &form;
    }
    return NULL;
}

static const refusal *check_upgrade(const naru_http_head *head)
{
    static const refusal wanted = {426, "6455 4.2.1", "This is a WebSocket endpoint: Upgrade and Connection must ask for it."};
    static const refusal twice = {400, "6455 11.3.5", "Sec-WebSocket-Version is there more than once."};
    static const refusal version = {426, "6455 4.2.2", "Sec-WebSocket-Version must be 13."};
    if (!naru_ws_request_wanted(head)) {
        return &wanted;
    }
    if (naru_http_head_count_of(head, "sec-websocket-version") > 1) {
        return &twice;
    }
    return naru__ws_field_is(head, "sec-websocket-version", "13") ? NULL : &version;
}

/* ---- subprotocols ------------------------------------------------------------------------------------------- */

/* Walks the members of all Sec-WebSocket-Protocol fields. */
typedef struct protocol_walk {
    const naru_http_head *head;
    size_t next_field;
    naru_span rest;
} protocol_walk;

static bool next_protocol(protocol_walk *walk, naru_span *protocol_out)
{
    for (;;) {
        if (naru_http_list_next(&walk->rest, protocol_out)) {
            return true;
        }
        naru_http_field field;
        do {
            if (walk->next_field == naru_http_head_count(walk->head)) {
                return false;
            }
            field = naru_http_head_at(walk->head, walk->next_field++);
        } while (!naru_span_equal_nocase(field.name, naru_span_of("sec-websocket-protocol")));
        walk->rest = field.value;
    }
}

bool naru_ws_request_protocol(const naru_ws_request *request, size_t index, naru_span *protocol_out)
{
    protocol_walk walk = {.head = request->head};
    naru_span found;
    while (next_protocol(&walk, &found)) {
        if (index-- == 0) {
            *protocol_out = found;
            return true;
        }
    }
    return false;
}

/* 6455 4.1: tokens, each once. The field is case-sensitive, so only the same spelling is the same protocol. */
static bool protocols_good(const naru_http_head *head)
{
    naru_span seen[PROTOCOLS_MAX];
    size_t count = 0;
    protocol_walk walk = {.head = head};
    naru_span protocol;
    while (next_protocol(&walk, &protocol)) {
        if (count == PROTOCOLS_MAX || !naru_http_is_token(protocol)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (naru_span_equal(seen[i], protocol)) {
                return false;
            }
        }
        seen[count++] = protocol;
    }
    return count > 0 || naru_http_head_count_of(head, "sec-websocket-protocol") == 0;
}

static const refusal *check_request(const naru_http_head *head, const naru_ws_options *options, naru_ws_request *request)
{
    static const refusal protocols = {400, "6455 4.2.1", "Sec-WebSocket-Protocol is not a list of different tokens."};
    static const refusal extensions = {400, "6455 9.1", "Sec-WebSocket-Extensions is off its grammar."};
    naru_span key;
    const refusal *refused = check_request_line(head);
    refused = refused ? refused : check_upgrade(head);
    refused = refused ? refused : check_key(head, &key);
    if (refused) {
        return refused;
    }
    if (!protocols_good(head)) {
        return &protocols;
    }
    if (naru__ws_deflate_accept(head, &options->deflate, &request->deflate) != NARU_OK) {
        return &extensions;
    }
    naru__ws_accept(key, request->accept);
    naru_http_head_find(head, "sec-websocket-protocol", &request->protocols);
    return NULL;
}

naru_status naru_ws_request_check(const naru_http_head *head, const naru_ws_options *options, naru_ws_request *request_out,
                                  naru_fault *fault_out)
{
    naru_ws_request request = {.head = head};
    const refusal *refused = check_request(head, options, &request);
    if (refused) {
        *fault_out = (naru_fault){NARU_ERR_PROTOCOL, 0, refused->http_status, 0, refused->rule, refused->text};
        return NARU_ERR_PROTOCOL;
    }
    *request_out = request;
    return NARU_OK;
}
