/* A block of HTTP/2 fields becomes the head that HTTP/1.1 would have brought. What nghttp2 has let through is checked
 * once more by the writer, so that nothing can be smuggled into the text.
 *
 * Not for: HPACK and the order of fields (nghttp2), what the head means (server/, client/).
 * Source: RFC 9113 8.2, 8.3, RFC 8441 4 and 5. */
#include "inside.h"

#include <string.h>

#include "base/buf.h"

/* 6455 4.2.1 wants one; that both ends know each other's HTTP is proven by :protocol already (8441 5). */
static const char any_key[] = "AAAAAAAAAAAAAAAAAAAAAA==";

static bool is(naru_span text, const char *other)
{
    return naru_span_equal(text, naru_span_of(other));
}

/* ---- field by field ---------------------------------------------------------------------------------------- */

void naru__intake_init(naru__http2 *http2)
{
    naru__http2_intake *intake = &http2->intake;
    for (size_t i = 0; i < NARU__PSEUDO_COUNT; i++) {
        naru_buf_init(&intake->pseudo[i], http2->allocator);
    }
    naru_buf_init(&intake->fields, http2->allocator);
    naru_buf_init(&intake->cookie, http2->allocator);
    naru_buf_init(&intake->host, http2->allocator);
}

void naru__intake_forget(naru__http2 *http2)
{
    naru__http2_intake *intake = &http2->intake;
    for (size_t i = 0; i < NARU__PSEUDO_COUNT; i++) {
        naru_buf_deinit(&intake->pseudo[i]);
    }
    naru_buf_deinit(&intake->fields);
    naru_buf_deinit(&intake->cookie);
    naru_buf_deinit(&intake->host);
    intake->id = 0;
}

void naru__intake_begin(naru__http2 *http2, int32_t id)
{
    naru__intake_forget(http2);
    http2->intake.id = id;
    http2->intake.status = NARU_OK;
    http2->intake.has_length = http2->intake.has_key = false;
    http2->intake.since_ms = naru_loop_now_ms(http2->loop);
}

static naru_buf *pseudo_of(naru__http2_intake *intake, naru_span name)
{
    static const char *const names[NARU__PSEUDO_COUNT] = {":method", ":authority", ":path", ":protocol", ":status"};
    for (size_t i = 0; i < NARU__PSEUDO_COUNT; i++) {
        if (is(name, names[i])) {
            return &intake->pseudo[i];
        }
    }
    return NULL;
}

static size_t taken_bytes(const naru__http2_intake *intake)
{
    size_t bytes = naru__buf_size(&intake->fields) + naru__buf_size(&intake->cookie);
    for (size_t i = 0; i < NARU__PSEUDO_COUNT; i++) {
        bytes += naru__buf_size(&intake->pseudo[i]);
    }
    return bytes;
}

/* 9113 8.2.3: pairs may come in fields of their own, and are one field elsewhere. */
static naru_status take_cookie(naru__http2_intake *intake, naru_span value)
{
    naru_status status = NARU_OK;
    if (naru__buf_size(&intake->cookie) > 0) {
        status = naru_buf_append(&intake->cookie, naru_span_of("; "));
    }
    return status == NARU_OK ? naru_buf_append(&intake->cookie, value) : status;
}

/* The Accept of a server that sends one all the same (8441 5) is not the one that our key wants. */
static bool is_dropped(const naru__http2 *http2, naru_span name)
{
    return is(name, http2->server ? "te" : "sec-websocket-accept");
}

static naru_status take(naru__http2 *http2, naru_span name, naru_span value)
{
    naru__http2_intake *intake = &http2->intake;
    if (name.size > 0 && name.data[0] == ':') {
        naru_buf *to = pseudo_of(intake, name);
        return to ? naru_buf_append(to, value) : NARU_OK;
    }
    if (http2->server && is(name, "cookie")) {
        return take_cookie(intake, value);
    }
    if (http2->server && is(name, "host")) {
        return naru__buf_size(&intake->host) > 0 ? NARU_ERR_PROTOCOL : naru_buf_append(&intake->host, value);
    }
    if (is_dropped(http2, name)) {
        return NARU_OK;
    }
    intake->has_length = intake->has_length || is(name, "content-length");
    intake->has_key = intake->has_key || is(name, "sec-websocket-key");
    naru_status status = naru_http_write_field(&intake->fields, name, value);
    return status == NARU_ERR_ARGUMENT ? NARU_ERR_PROTOCOL : status;
}

/* Of a head that is too large enough is kept for whoever reads it to see that. */
void naru__intake_take(naru__http2 *http2, naru_span name, naru_span value)
{
    naru__http2_intake *intake = &http2->intake;
    if (intake->status == NARU_OK && taken_bytes(intake) <= http2->options.head_bytes_max) {
        intake->status = take(http2, name, value);
    }
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static naru_status write_field(naru_buf *out, const char *name, naru_span value)
{
    naru_status status = naru_http_write_field(out, naru_span_of(name), value);
    return status == NARU_ERR_ARGUMENT ? NARU_ERR_PROTOCOL : status;
}

static naru_status write_line(naru__http2_lane *lane, naru_buf *out)
{
    naru__http2_intake *intake = &lane->http2->intake;
    naru_buf *method = &intake->pseudo[NARU__PSEUDO_METHOD];
    naru_span target = naru_buf_span(&intake->pseudo[NARU__PSEUDO_PATH]);
    if (naru__buf_append_byte(method, '\0') != NARU_OK) {
        return NARU_ERR_MEMORY;
    }
    const char *name = (const char *)naru_buf_span(method).data;
    lane->no_body = strcmp(name, "HEAD") == 0;
    if (lane->websocket) {
        name = "GET";
    } else if (strcmp(name, "CONNECT") == 0) {
        target = naru_buf_span(&intake->pseudo[NARU__PSEUDO_AUTHORITY]);
    }
    if (target.size == 0 || (strcmp(name, "CONNECT") != 0 && target.data[0] != '/' && !is(target, "*"))) {
        return NARU_ERR_PROTOCOL;
    }
    naru_status status = naru_http_write_request(out, name, target);
    return status == NARU_ERR_ARGUMENT ? NARU_ERR_PROTOCOL : status;
}

/* 9113 8.3.1: a Host that says something else than :authority makes the request malformed. */
static naru_status write_host(const naru__http2_intake *intake, naru_buf *out)
{
    naru_span authority = naru_buf_span(&intake->pseudo[NARU__PSEUDO_AUTHORITY]);
    naru_span host = naru_buf_span(&intake->host);
    if (authority.size > 0 && host.size > 0 && !naru_span_equal_nocase(authority, host)) {
        return NARU_ERR_PROTOCOL;
    }
    if (authority.size + host.size == 0) {
        return NARU_OK; /* whoever reads it misses it */
    }
    return write_field(out, "Host", authority.size > 0 ? authority : host);
}

/* A client may have sent a key, which 8441 5 does not ask for; undici does, and waits for its Accept. */
static naru_status write_upgrade(naru__http2_lane *lane, naru_buf *out)
{
    naru_status status = write_field(out, "Upgrade", naru_span_of("websocket"));
    if (status == NARU_OK) {
        status = write_field(out, "Connection", naru_span_of("Upgrade"));
    }
    lane->keyed = lane->http2->intake.has_key;
    return status == NARU_OK && !lane->keyed ? write_field(out, "Sec-WebSocket-Key", naru_span_of(any_key)) : status;
}

/* How the body that follows is told of. */
static naru_status write_framing(naru__http2_lane *lane, bool ended, naru_buf *out)
{
    bool chunks = !ended && !lane->websocket && !lane->http2->intake.has_length;
    lane->in = chunks ? NARU__LANE_IN_CHUNKS : NARU__LANE_IN_PLAIN;
    return chunks ? write_field(out, "Transfer-Encoding", naru_span_of("chunked")) : NARU_OK;
}

static naru_status write_request(naru__http2_lane *lane, bool ended, naru_buf *out)
{
    const naru__http2_intake *intake = &lane->http2->intake;
    naru_span cookie = naru_buf_span(&intake->cookie);
    naru_status status = write_line(lane, out);
    if (status == NARU_OK) {
        status = write_host(intake, out);
    }
    if (status == NARU_OK) {
        status = naru_buf_append(out, naru_buf_span(&intake->fields));
    }
    if (status == NARU_OK && cookie.size > 0) {
        status = write_field(out, "Cookie", cookie);
    }
    if (status == NARU_OK && lane->websocket) {
        status = write_upgrade(lane, out);
    }
    if (status == NARU_OK) {
        status = write_framing(lane, ended, out);
    }
    return status == NARU_OK ? naru_http_write_end(out) : status;
}

naru_status naru__intake_request(naru__http2_lane *lane, bool ended, naru_buf *text_out)
{
    const naru__http2_intake *intake = &lane->http2->intake;
    naru_span protocol = naru_buf_span(&intake->pseudo[NARU__PSEUDO_PROTOCOL]);
    lane->websocket = is(protocol, "websocket");
    if (intake->status == NARU_OK && protocol.size > 0 && !lane->websocket) {
        return NARU_ERR_UNSUPPORTED;
    }
    naru_status status = intake->status == NARU_OK ? write_request(lane, ended, text_out) : intake->status;
    if (status != NARU_OK) {
        naru_buf_deinit(text_out);
    }
    return status;
}

/* ---- responses ----------------------------------------------------------------------------------------------- */

/* nghttp2 has seen to it that it is three digits. */
static int status_of(const naru__http2_intake *intake)
{
    naru_span digits = naru_buf_span(&intake->pseudo[NARU__PSEUDO_STATUS]);
    int status = 0;
    for (size_t i = 0; i < digits.size && i < 3; i++) {
        status = status * 10 + (digits.data[i] - '0');
    }
    return status;
}

static naru_status write_switch(const naru__http2_lane *lane, naru_buf *out)
{
    naru_status status = naru_http_write_status(out, 101, NULL);
    if (status == NARU_OK) {
        status = write_field(out, "Upgrade", naru_span_of("websocket"));
    }
    if (status == NARU_OK) {
        status = write_field(out, "Connection", naru_span_of("Upgrade"));
    }
    return status == NARU_OK ? write_field(out, "Sec-WebSocket-Accept", naru_span_of(lane->accept)) : status;
}

static naru_status write_response(naru__http2_lane *lane, naru_buf *out)
{
    int http_status = status_of(&lane->http2->intake);
    bool opened = http_status >= 200 && http_status <= 299; /* 8441 5: 2xx stands for 101 */
    naru_status status = opened ? write_switch(lane, out) : naru_http_write_status(out, http_status, NULL);
    lane->in = http_status >= 200 ? NARU__LANE_IN_PLAIN : NARU__LANE_IN_HEAD;
    if (status == NARU_OK) {
        status = naru_buf_append(out, naru_buf_span(&lane->http2->intake.fields));
    }
    return status == NARU_OK ? naru_http_write_end(out) : status;
}

naru_status naru__intake_response(naru__http2_lane *lane, naru_buf *text_out)
{
    naru_status status = lane->http2->intake.status;
    status = status == NARU_OK ? write_response(lane, text_out) : status;
    if (status != NARU_OK) {
        naru_buf_deinit(text_out);
    }
    return status == NARU_ERR_ARGUMENT ? NARU_ERR_PROTOCOL : status;
}
