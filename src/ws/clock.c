/* Time: when something is due, and doing it. Deadlines are worked out from when things happened, so that a
 * message costs no timer. Not for: waiting; the caller has the clock. Source: RFC 6455 5.5.2, 7.1.1. */
#include <string.h>

#include "base/ascii.h"
#include "control.h"

static uint64_t after(uint64_t ms, uint32_t wait_ms)
{
    if (wait_ms == NARU_NEVER) {
        return UINT64_MAX;
    }
    return ms > UINT64_MAX - wait_ms ? UINT64_MAX : ms + wait_ms;
}
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool awaits_pong(const naru_ws *ws)
{
    return (ws->flags & NARU__WS_PINGED) != 0;
}
/* While a pong's time runs no other ping leaves. */
static uint64_t ping_due(const naru_ws *ws)
{
    if (naru__ws_in_begun_frame(ws)) {
        return UINT64_MAX;
    }
    if (!awaits_pong(ws)) {
        return after(ws->heard_ms, ws->options->ping_interval_ms);
    }
    bool patient = ws->options->pong_timeout_ms == NARU_NEVER;
    return patient ? after(ws->heard_ms, ws->options->ping_interval_ms) : UINT64_MAX;
}
static uint64_t pong_due(const naru_ws *ws)
{
    return awaits_pong(ws) ? after(ws->heard_ms, ws->options->pong_timeout_ms) : UINT64_MAX;
}
static uint64_t message_due(const naru_ws *ws)
{
    bool streamed = ws->options->delivery == NARU_WS_CHUNKS || (ws->message & NARU__WS_STREAMED) != 0;
    bool timed = (ws->flags & NARU__WS_TIMED) != 0 && ws->cold && !streamed;
    return timed ? after(ws->cold->begun_ms, ws->options->message_timeout_ms) : UINT64_MAX;
}
static uint64_t release_due(const naru_ws *ws)
{
    const naru__ws_cold *cold = ws->cold;
    bool held = cold && cold->own.bytes;
    return held ? after(cold->own_ms, ws->options->deflate.idle_release_ms) : UINT64_MAX;
}

uint64_t naru_ws_deadline_ms(const naru_ws *ws)
{
    if (ws->state != NARU_WS_OPEN) {
        return after(ws->heard_ms, ws->options->close_timeout_ms);
    }
    uint64_t silence = earlier(ping_due(ws), pong_due(ws));
    return earlier(earlier(silence, message_due(ws)), release_due(ws));
}

void naru__ws_touch(naru_ws *ws, uint64_t now_ms)
{
    if (ws->state == NARU_WS_OPEN) {
        ws->heard_ms = now_ms;
        ws->flags &= (uint16_t)~NARU__WS_PINGED;
    }
}

/* Eight letters that differ from ping to ping and tell nothing of our clock. */
static naru_status send_ping(naru_ws *ws, const naru_ws_turn *turn)
{
    uint32_t number = (ws->rtt_hash ^ (uint32_t)ws->offset) * 1664525U + 1013904223U;
    uint8_t payload[8];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t) "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    }
    naru_status status = naru_ws_ping(ws, (naru_span){payload, sizeof payload}, turn);
    if (status == NARU_OK) {
        ws->heard_ms = turn->now_ms;
        ws->flags |= NARU__WS_PINGED | NARU__WS_SLOW; /* whatever comes next goes the long way, which notices */
    }
    return status;
}

/* We may forget at any time what we said, the peer will not mind. What it said, it may still refer to. */
static void release(naru_ws *ws)
{
    naru__ws_window_free(&ws->cold->own, naru__ws_allocator(ws));
    if (!ws->cold->delivered) { /* else an event may still point there */
        naru__ws_cool(ws);
    }
}

void naru__ws_give_back(naru_ws *ws)
{
    if (ws->state == NARU_WS_OPEN && release_due(ws) != UINT64_MAX) {
        release(ws);
    }
}

static naru_status tick_closing(naru_ws *ws, const naru_ws_turn *turn)
{
    static const naru__ws_rule late = {NARU_ERR_TIMEOUT, 1006, "6455 7.1.1", "The peer did not close in time."};
    if (turn->now_ms < naru_ws_deadline_ms(ws)) {
        return NARU_OK;
    }
    return ws->state == NARU_WS_CLOSING ? naru__ws_fail(ws, &late, ws->offset, turn) : NARU_ERR_TIMEOUT;
}

naru_status naru_ws_tick(naru_ws *ws, const naru_ws_turn *turn)
{
    static const naru__ws_rule slow = {NARU_ERR_TIMEOUT, 1008, "naru message_timeout_ms",
                                       "A message took longer than allowed."};
    static const naru__ws_rule dead = {NARU_ERR_TIMEOUT, 1006, "naru pong_timeout_ms", "Nothing came after our ping."};
    if (ws->state != NARU_WS_OPEN) {
        return tick_closing(ws, turn);
    }
    uint64_t now_ms = turn->now_ms;
    if (now_ms < naru_ws_deadline_ms(ws)) {
        return NARU_OK;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    if (now_ms >= message_due(ws)) {
        return naru__ws_fail(ws, &slow, ws->offset, turn);
    }
    if (now_ms >= pong_due(ws)) {
        return naru__ws_fail(ws, &dead, ws->offset, turn);
    }
    if (now_ms >= release_due(ws)) {
        release(ws);
    }
    if (now_ms < ping_due(ws)) {
        return NARU_OK;
    }
    return send_ping(ws, turn) == NARU_OK ? NARU_OK : naru__ws_fail_memory(ws, turn);
}
