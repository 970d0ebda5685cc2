/* The request of the opening handshake as a server checks it.
 * Not for: writing one (handshake_offer.c), the answer (handshake_response.c), policy such as Origin.
 * Source: RFC 6455 4.2.1, RFC 7692 5. */
#include "base/ascii.h"
#include "extension.h"
#include "handshake.h"

/* More is not a request anyone means, and comparing each with each must stay cheap. */
enum { PROTOCOLS_MAX = 128 };

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
    static const refusal wanted = {426, "6455 4.2.1",
                                   "This is a WebSocket endpoint: Upgrade and Connection must ask for it."};
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

/* ---- subprotocols -------------------------------------------------------------------------------------- */

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

/* 6455 4.1: tokens, each once. The field is case-sensitive, so only the same spelling is the same
 * protocol. */
static bool protocols_good(const naru_http_head *head)
{
    naru_span seen[PROTOCOLS_MAX];
    size_t count = 0;
    protocol_walk walk = {.head = head};
    naru_span protocol;
    if (naru_http_head_count_of(head, "sec-websocket-protocol") == 0) {
        return true;
    }
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
    return count > 0;
}

static const refusal *check_request(const naru_http_head *head, const naru_ws_options *options,
                                    naru_ws_request *request)
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

naru_status naru_ws_request_check(const naru_http_head *head, const naru_ws_options *options,
                                  naru_ws_request *request_out, naru_fault *fault_out)
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
