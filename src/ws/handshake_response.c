/* The answer of the opening handshake: a server writes it or a refusal, a client checks it.
 * Not for: the request (handshake_request.c), redirects. Source: RFC 6455 4.1, 4.2.2; WHATWG WebSockets
 * 3.2. */
#include "base/ascii.h"
#include "base/buf.h"
#include "extension.h"
#include "handshake.h"

#include <string.h>

/* ---- server -------------------------------------------------------------------------------------------- */

static bool asked_for(const naru_ws_request *request, naru_span protocol)
{
    naru_span asked;
    for (size_t i = 0; naru_ws_request_protocol(request, i, &asked); i++) {
        if (naru_span_equal(asked, protocol)) {
            return true;
        }
    }
    return false;
}

/* What every 101 has, in one piece. */
static naru_status write_accept(naru_buf *out, const char accept[NARU__WS_ACCEPT_CHARS])
{
    static const char fixed[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: ";
    enum { FIXED = sizeof fixed - 1, BYTES = FIXED + NARU__WS_ACCEPT_CHARS + 2 };
    uint8_t *room = naru_buf_reserve(out, BYTES);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    memcpy(room, fixed, FIXED);
    memcpy(room + FIXED, accept, NARU__WS_ACCEPT_CHARS);
    memcpy(room + FIXED + NARU__WS_ACCEPT_CHARS, "\r\n", 2);
    naru_buf_commit(out, BYTES);
    return NARU_OK;
}

static naru_status write_answer(naru_buf *out, const naru_ws_request *request, naru_span protocol)
{
    naru_status status = write_accept(out, request->accept);
    if (status == NARU_OK && protocol.size > 0) {
        status = naru__ws_field_write(out, "Sec-WebSocket-Protocol", protocol);
    }
    if (status == NARU_OK && request->deflate.enabled) {
        char text[NARU__WS_DEFLATE_TEXT_MAX];
        size_t size = naru__ws_deflate_answer(&request->deflate, text);
        status = naru__ws_field_write(out, "Sec-WebSocket-Extensions", (naru_span){(const uint8_t *)text, size});
    }
    return status;
}

naru_status naru_ws_response_write(naru_buf *out, const naru_ws_request *request, naru_span protocol)
{
    if (protocol.size > 0 && !asked_for(request, protocol)) {
        return NARU_ERR_ARGUMENT;
    }
    size_t before = naru__buf_size(out);
    naru_status status = write_answer(out, request, protocol);
    if (status != NARU_OK) {
        naru__buf_truncate(out, before);
    }
    return status;
}

/* 9110 15.5.22: a 426 names what to upgrade to, and 7.8: Upgrade stands in Connection. 6455 4.4: with the
 * version we know. */
static naru_status write_refusal_fields(naru_buf *out, uint16_t http_status)
{
    if (http_status == 405) {
        naru_status status = naru__ws_field_write(out, "Allow", naru_span_of("GET"));
        return status == NARU_OK ? naru__ws_field_write(out, "Connection", naru_span_of("close")) : status;
    }
    if (http_status != 426) {
        return naru__ws_field_write(out, "Connection", naru_span_of("close"));
    }
    naru_status status = naru__ws_field_write(out, "Upgrade", naru_span_of("websocket"));
    if (status == NARU_OK) {
        status = naru__ws_field_write(out, "Sec-WebSocket-Version", naru_span_of("13"));
    }
    return status == NARU_OK ? naru__ws_field_write(out, "Connection", naru_span_of("Upgrade, close")) : status;
}

static naru_status write_body(naru_buf *out, naru_span text)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    for (size_t size = text.size + 2; size != 0; size /= 10) {
        digits[--at] = (uint8_t)('0' + size % 10);
    }
    naru_status status = naru__ws_field_write(out, "Content-Type", naru_span_of("text/plain; charset=utf-8"));
    if (status == NARU_OK) {
        status = naru__ws_field_write(out, "Content-Length", (naru_span){digits + at, sizeof digits - at});
    }
    if (status == NARU_OK) {
        status = naru_http_write_end(out);
    }
    if (status == NARU_OK) {
        status = naru_buf_append(out, text);
    }
    return status == NARU_OK ? naru_http_write_end(out) : status; /* the text's own line end */
}

naru_status naru_ws_refusal_write(naru_buf *out, const naru_fault *fault)
{
    size_t before = naru__buf_size(out);
    naru_status status = naru_http_write_status(out, fault->http_status, NULL);
    if (status == NARU_OK) {
        status = write_refusal_fields(out, fault->http_status);
    }
    if (status == NARU_OK) {
        status = write_body(out, naru_span_of(fault->text));
    }
    if (status != NARU_OK) {
        naru__buf_truncate(out, before);
    }
    return status;
}

/* ---- client -------------------------------------------------------------------------------------------- */

typedef struct mistake {
    const char *rule;
    const char *text;
} mistake;

static const mistake *check_upgrade(const naru_http_head *head, const char *key)
{
    static const mistake version = {"6455 4.1", "The server answered the handshake with HTTP/1.0."};
    static const mistake upgrade = {"6455 4.1", "The answer's Upgrade is not websocket."};
    static const mistake connection = {"6455 4.1", "The answer's Connection lacks Upgrade."};
    static const mistake accepted = {"6455 4.1", "The answer's Sec-WebSocket-Accept does not match the key."};
    char accept[NARU__WS_ACCEPT_CHARS + 1];
    naru_span found;
    if (naru_http_head_minor(head) < 1) {
        return &version;
    }
    if (!naru__ws_field_is(head, "upgrade", "websocket")) {
        return &upgrade;
    }
    if (!naru_http_head_has_token(head, "connection", "upgrade")) {
        return &connection;
    }
    naru__ws_accept(naru_span_of(key), accept);
    bool matches = naru_http_head_count_of(head, "sec-websocket-accept") == 1 &&
                   naru_http_head_find(head, "sec-websocket-accept", &found) &&
                   naru_span_equal(found, naru_span_of(accept));
    return matches ? NULL : &accepted;
}

static bool offered(const naru_ws_offer *offer, naru_span protocol)
{
    for (size_t i = 0; i < offer->protocols_count; i++) {
        if (naru_span_equal(offer->protocols[i], protocol)) {
            return true;
        }
    }
    return false;
}

static const mistake *check_protocol(const naru_ws_offer *offer, const naru_http_head *head, naru_span *protocol_out)
{
    static const mistake twice = {"6455 11.3.4", "The answer names a subprotocol more than once."};
    static const mistake missing = {"WHATWG 3.2", "The server chose none of the subprotocols."};
    static const mistake other = {"6455 4.1", "The server chose a subprotocol that was not offered."};
    size_t count = naru_http_head_count_of(head, "sec-websocket-protocol");
    if (count > 1) {
        return &twice;
    }
    if (count == 0) {
        return offer->protocols_count > 0 ? &missing : NULL;
    }
    naru_http_head_find(head, "sec-websocket-protocol", protocol_out);
    return offered(offer, *protocol_out) ? NULL : &other;
}

static const mistake *check_answer(const naru_ws_offer *offer, const naru_http_head *head, naru_span *protocol,
                                   naru_ws_deflate *deflate)
{
    static const mistake extension = {"7692 5.1", "The server answered an extension that does not fit the offer."};
    const mistake *wrong = check_upgrade(head, offer->key);
    wrong = wrong ? wrong : check_protocol(offer, head, protocol);
    if (wrong) {
        return wrong;
    }
    return naru__ws_deflate_confirm(head, &offer->deflate, deflate) == NARU_OK ? NULL : &extension;
}

naru_status naru_ws_response_check(const naru_ws_offer *offer, const naru_http_head *head, naru_span *protocol_out,
                                   naru_ws_deflate *deflate_out, naru_fault *fault_out)
{
    int http_status = naru_http_head_status(head);
    if (http_status != 101) {
        *fault_out = (naru_fault){
            NARU_ERR_REFUSED, 0, (uint16_t)http_status, 0, "6455 4.1", "The server did not switch to WebSocket."};
        return NARU_ERR_REFUSED;
    }
    naru_span protocol = {NULL, 0};
    naru_ws_deflate deflate = {.enabled = false};
    const mistake *wrong = check_answer(offer, head, &protocol, &deflate);
    if (wrong) {
        *fault_out = (naru_fault){NARU_ERR_PROTOCOL, 0, (uint16_t)http_status, 0, wrong->rule, wrong->text};
        return NARU_ERR_PROTOCOL;
    }
    *protocol_out = protocol;
    *deflate_out = deflate;
    return NARU_OK;
}
