/* Control frames, both ways: pings and their answers, the closing handshake, and the rate that a peer may
 * keep up. Not for: timers (clock.c), heads (frame.c, receive.c). Source: RFC 6455 5.5, 7.1, 7.4. */
#include "control.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "frame.h"
#include "observe.h"

enum { CODE_BYTES = 2, REASON_MAX = NARU__WS_CONTROL_MAX - CODE_BYTES, NO_CODE = 1005, RATE_WINDOW_MS = 1000 };

bool naru_ws_close_code_valid(uint16_t code)
{
    /* 6455 7.4: 1004 is reserved, 1005, 1006 and 1015 never leave; the registry goes up to 1014. */
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static naru_status append(naru_ws *ws, uint8_t opcode, naru_span payload, const naru_ws_turn *turn)
{
    if (naru__ws_in_begun_frame(ws)) {
        return opcode == NARU__WS_PONG ? naru__ws_begun_pong(ws, payload) : NARU_OK;
    }
    naru_entropy *entropy = ws->role == NARU_WS_CLIENT ? turn->entropy : NULL;
    size_t at = naru__buf_size(turn->out);
    naru_status status = naru__ws_frame_append(turn->out, NARU__WS_FIN | opcode, payload, entropy);
    naru__ws_observe_sent(ws, status, turn->out, at);
    return status;
}

naru_status naru__ws_close_append(naru_ws *ws, uint16_t code, naru_span reason, const naru_ws_turn *turn)
{
    uint8_t payload[NARU__WS_CONTROL_MAX];
    size_t size = 0;
    if (code != 0) {
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        if (reason.size > 0) {
            memcpy(payload + CODE_BYTES, reason.data, reason.size);
        }
        size = CODE_BYTES + reason.size;
    }
    return append(ws, NARU__WS_CLOSE, (naru_span){payload, size}, turn);
}

/* ---- what we start ------------------------------------------------------------------------------------- */

naru_status naru_ws_close(naru_ws *ws, uint16_t code, naru_span reason, const naru_ws_turn *turn)
{
    if (ws->state != NARU_WS_OPEN || naru__ws_in_begun_frame(ws)) {
        return NARU_ERR_STATE;
    }
    bool good = code == 0 ? reason.size == 0 : naru_ws_close_code_valid(code) && reason.size <= REASON_MAX;
    if (!good) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru_utf8_valid(reason)) {
        return NARU_ERR_UTF8;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    naru_status status = naru__ws_close_append(ws, code, reason, turn);
    if (status == NARU_OK) {
        ws->heard_ms = turn->now_ms;
        naru__ws_move(ws, NARU_WS_CLOSING);
    }
    return status;
}

static naru_status send_small(naru_ws *ws, uint8_t opcode, naru_span data, const naru_ws_turn *turn)
{
    if (ws->state != NARU_WS_OPEN) {
        return NARU_ERR_STATE;
    }
    if (data.size > NARU__WS_CONTROL_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    return append(ws, opcode, data, turn);
}

/* FNV-1a. A peer that finds two payloads with the same hash has only lied about its own round trip. */
static uint32_t hash(naru_span data)
{
    uint32_t sum = 2166136261U;
    for (size_t i = 0; i < data.size; i++) {
        sum = (sum ^ data.data[i]) * 16777619U;
    }
    return sum;
}

naru_status naru_ws_ping(naru_ws *ws, naru_span data, const naru_ws_turn *turn)
{
    if (naru__ws_in_begun_frame(ws)) {
        return NARU_ERR_STATE;
    }
    naru_status status = send_small(ws, NARU__WS_PING, data, turn);
    if (status == NARU_OK) {
        ws->rtt_ms = (uint32_t)turn->now_ms;
        ws->rtt_hash = hash(data);
        ws->flags |= NARU__WS_RTT;
    }
    return status;
}

naru_status naru_ws_pong(naru_ws *ws, naru_span data, const naru_ws_turn *turn)
{
    return send_small(ws, NARU__WS_PONG, data, turn);
}

/* ---- what the peer sends ------------------------------------------------------------------------------- */

static bool within_rate(naru_ws *ws, uint64_t now_ms)
{
    uint32_t now = (uint32_t)now_ms;
    if ((ws->flags & NARU__WS_CONTROLLED) == 0 || now - ws->control_ms >= RATE_WINDOW_MS) {
        ws->flags |= NARU__WS_CONTROLLED;
        ws->control_ms = now;
        ws->control_count = 0;
    }
    if (ws->options->control_rate_max == NARU_NEVER) {
        return true;
    }
    if (ws->control_count >= ws->options->control_rate_max) {
        return false;
    }
    ws->control_count++;
    return true;
}

static naru_status take_ping(naru_ws *ws, naru_span payload, const naru_ws_turn *turn, naru_ws_event *event)
{
    /* 6455 5.5.3: the same bytes. Behind our own Close nothing more is said. */
    if (!ws->options->manual_pong && ws->state == NARU_WS_OPEN && append(ws, NARU__WS_PONG, payload, turn) != NARU_OK) {
        return naru__ws_fail_memory(ws, turn);
    }
    event->type = NARU_WS_EVENT_PING;
    return NARU_OK;
}

static void take_pong(naru_ws *ws, naru_span payload, const naru_ws_turn *turn, naru_ws_event *event)
{
    event->type = NARU_WS_EVENT_PONG;
    if ((ws->flags & NARU__WS_RTT) != 0 && hash(payload) == ws->rtt_hash) {
        uint32_t passed_ms = (uint32_t)turn->now_ms - ws->rtt_ms;
        event->rtt_ms = passed_ms <= INT32_MAX ? (int32_t)passed_ms : INT32_MAX;
        ws->flags &= (uint16_t)~NARU__WS_RTT;
    }
}

static const naru__ws_rule *check_close(naru_span payload, uint64_t *offset)
{
    static const naru__ws_rule size_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.5.1", "A Close of one byte."};
    static const naru__ws_rule code_rule = {NARU_ERR_PROTOCOL, 1002, "6455 7.4", "A Close's code may not be sent."};
    static const naru__ws_rule text_rule = {NARU_ERR_UTF8, 1007, "6455 5.5.1", "A Close's reason is not UTF-8."};
    if (payload.size == 0) {
        return NULL;
    }
    if (payload.size < CODE_BYTES) {
        return &size_rule;
    }
    if (!naru_ws_close_code_valid((uint16_t)(payload.data[0] << 8 | payload.data[1]))) {
        return &code_rule;
    }
    naru_span reason = naru__span_from(payload, CODE_BYTES);
    naru__utf8 utf8 = {0};
    size_t good = reason.size;
    if (naru__utf8_feed(&utf8, reason, &good) && naru__utf8_complete(&utf8)) {
        return NULL;
    }
    *offset += CODE_BYTES + good;
    return &text_rule;
}

static naru_status take_close(naru_ws *ws, naru_span payload, uint64_t offset, const naru_ws_turn *turn,
                              naru_ws_event *event)
{
    const naru__ws_rule *broken = check_close(payload, &offset);
    if (broken) {
        return naru__ws_fail(ws, broken, offset, turn);
    }
    /* 6455 5.5.1: echo it, unless ours is out already. */
    if (ws->state == NARU_WS_OPEN) {
        if (append(ws, NARU__WS_CLOSE, payload, turn) != NARU_OK) {
            return naru__ws_fail_memory(ws, turn);
        }
        ws->heard_ms = turn->now_ms;
    }
    naru__ws_move(ws, NARU_WS_CLOSED);
    bool coded = payload.size > 0;
    ws->close_code = coded ? (uint16_t)(payload.data[0] << 8 | payload.data[1]) : NO_CODE;
    event->type = NARU_WS_EVENT_CLOSE;
    event->close_code = ws->close_code;
    event->data = coded ? naru__span_from(payload, CODE_BYTES) : payload;
    return NARU_OK;
}

naru_status naru__ws_control_take(naru_ws *ws, uint8_t opcode, naru_span payload, uint64_t offset,
                                  const naru_ws_turn *turn, naru_ws_event *event_out)
{
    static const naru__ws_rule rate = {NARU_ERR_TOO_MANY, 1008, "naru control_rate_max",
                                       "More control frames in a second than allowed."};
    *event_out = (naru_ws_event){.first = true, .last = true, .rtt_ms = -1, .data = payload};
    if (opcode == NARU__WS_CLOSE) {
        return take_close(ws, payload, offset, turn, event_out);
    }
    if (!within_rate(ws, turn->now_ms)) {
        return naru__ws_fail(ws, &rate, offset, turn);
    }
    if (opcode == NARU__WS_PING) {
        return take_ping(ws, payload, turn, event_out);
    }
    take_pong(ws, payload, turn, event_out);
    return NARU_OK;
}
