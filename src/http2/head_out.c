/* The head that a lane's owner wrote becomes HEADERS, without what belongs to an HTTP/1.1 connection.
 *
 * Source: RFC 9113 8.2.2, 8.3, RFC 8441 4 and 5. */
#include "inside.h"

#include <string.h>

#include "base/buf.h"
#include "ws/handshake.h"

enum { PSEUDO_MAX = 5, FIELDS_MAX = NARU__HTTP2_FIELDS_MAX + PSEUDO_MAX };

typedef struct field_list {
    nghttp2_nv list[FIELDS_MAX];
    size_t count;
} field_list;

static void add(field_list *fields, naru_span name, naru_span value)
{
    fields->list[fields->count++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                                                 .namelen = name.size,
                                                 .value = (uint8_t *)(uintptr_t)value.data,
                                                 .valuelen = value.size};
}

static bool is_one_of(naru_span name, const char *const *names)
{
    for (; *names; names++) {
        if (naru_span_equal_nocase(name, naru_span_of(*names))) {
            return true;
        }
    }
    return false;
}

/* errors NARU_ERR_PROTOCOL: more than there is room for. */
static naru_status add_others(field_list *fields, const naru_http_head *head, const char *const *dropped)
{
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        if (is_one_of(field.name, dropped)) {
            continue;
        }
        if (fields->count == FIELDS_MAX) {
            return NARU_ERR_PROTOCOL;
        }
        add(fields, field.name, field.value);
    }
    return NARU_OK;
}

static naru_status judge(int result)
{
    return result >= 0 ? NARU_OK : result == NGHTTP2_ERR_NOMEM ? NARU_ERR_MEMORY : NARU_ERR_PROTOCOL;
}

/* ---- a server's ---------------------------------------------------------------------------------------------- */

static const char *const dropped_of_response[] = {
    "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "Transfer-Encoding", "Sec-WebSocket-Accept", NULL};
static const char *const dropped_with_key[] = {"Connection", "Keep-Alive",        "Proxy-Connection",
                                               "Upgrade",    "Transfer-Encoding", NULL};

/* *empty_out: nothing follows the head. */
static naru_status find_body(naru__http2_lane *lane, int http_status, bool *empty_out)
{
    *empty_out = false;
    if (http_status == 101) {
        lane->out = NARU__LANE_OUT_TUNNEL;
        return lane->websocket ? NARU_OK : NARU_ERR_PROTOCOL; /* 9113 8.6: there is none here but for :protocol */
    }
    lane->websocket = false;
    lane->out = NARU__LANE_OUT_BODY;
    naru_status status = naru_http_body_start(&lane->body, lane->head, !lane->no_body, UINT64_MAX);
    naru_input none = {NULL, 0};
    naru_span piece;
    *empty_out = status == NARU_OK && naru_http_body_next(&lane->body, &none, &piece) == NARU_END;
    return status;
}

static naru_status submit_response(naru__http2_lane *lane, const field_list *fields, bool empty)
{
    nghttp2_session *session = lane->http2->session;
    nghttp2_data_provider data = {.source.ptr = lane, .read_callback = naru__lane_read};
    if (empty) {
        lane->out = NARU__LANE_OUT_ENDED;
    }
    return judge(nghttp2_submit_response(session, lane->id, fields->list, fields->count, empty ? NULL : &data));
}

static naru_status send_interim(naru__http2_lane *lane, const field_list *fields)
{
    return judge(nghttp2_submit_headers(lane->http2->session, NGHTTP2_FLAG_NONE, lane->id, NULL, fields->list,
                                        fields->count, NULL));
}

/* 9110 7.8 lets a server answer an upgrade plainly, but here 2xx would say that the WebSocket is open. */
static naru_status turn_down(naru__http2_lane *lane)
{
    field_list fields = {.count = 0};
    add(&fields, naru_span_of(":status"), naru_span_of("404"));
    lane->turned_down = true;
    return submit_response(lane, &fields, true);
}

naru_status naru__lane_send_response(naru__http2_lane *lane)
{
    int http_status = naru_http_head_status(lane->head);
    int told = http_status == 101 ? 200 : http_status;
    uint8_t digits[3] = {(uint8_t)('0' + told / 100), (uint8_t)('0' + told / 10 % 10), (uint8_t)('0' + told % 10)};
    field_list fields = {.count = 0};
    bool interim = http_status < 200 && http_status != 101, empty = false;
    if (lane->websocket && http_status >= 200 && http_status <= 299) {
        lane->websocket = false;
        return turn_down(lane);
    }
    add(&fields, naru_span_of(":status"), (naru_span){digits, sizeof digits});
    naru_status status = add_others(&fields, lane->head, lane->keyed ? dropped_with_key : dropped_of_response);
    if (status == NARU_OK && !interim) {
        status = find_body(lane, http_status, &empty);
    }
    if (status != NARU_OK) {
        return status;
    }
    return interim ? send_interim(lane, &fields) : submit_response(lane, &fields, empty);
}

/* ---- a client's ---------------------------------------------------------------------------------------------- */

static const char *const dropped_of_request[] = {
    "Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", NULL};

naru_status naru__lane_send_request(naru__http2_lane *lane)
{
    naru__http2 *http2 = lane->http2;
    field_list fields = {.count = 0};
    nghttp2_data_provider data = {.source.ptr = lane, .read_callback = naru__lane_read};
    naru_span host = {0}, key = {0};
    if (!naru_http_head_find(lane->head, "Host", &host) ||
        !naru_http_head_find(lane->head, "Sec-WebSocket-Key", &key)) {
        return NARU_ERR_PROTOCOL;
    }
    naru__ws_accept(key, lane->accept);
    add(&fields, naru_span_of(":method"), naru_span_of("CONNECT"));
    add(&fields, naru_span_of(":protocol"), naru_span_of("websocket"));
    add(&fields, naru_span_of(":scheme"), naru_span_of(naru__stream_is_tls(http2->beneath) ? "https" : "http"));
    add(&fields, naru_span_of(":path"), naru_http_head_target(lane->head));
    add(&fields, naru_span_of(":authority"), host);
    naru_status status = add_others(&fields, lane->head, dropped_of_request);
    if (status != NARU_OK) {
        return status;
    }
    lane->out = NARU__LANE_OUT_TUNNEL;
    lane->websocket = true;
    lane->id = nghttp2_submit_request(http2->session, NULL, fields.list, fields.count, &data, lane);
    return judge(lane->id);
}
