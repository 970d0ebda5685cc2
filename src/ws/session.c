/* A session's life: made, moved from state to state, failed, freed; its cold part comes and goes here.
 * Not for: bytes (receive.c, send.c), time (clock.c). Source: RFC 6455 7. */
#include "session.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "control.h"
#include "deflate.h"
#include "message.h"

static const naru_fault no_fault = {NARU_OK, 0, 0, 0, NULL, NULL};

static void agree(naru_ws *ws, const naru_ws_deflate *deflate)
{
    bool server = ws->role == NARU_WS_SERVER;
    ws->own_bits = server ? deflate->server_window_bits : deflate->client_window_bits;
    ws->peer_bits = server ? deflate->client_window_bits : deflate->server_window_bits;
    if (server ? deflate->server_no_context_takeover : deflate->client_no_context_takeover) {
        ws->flags |= NARU__WS_OWN_FRESH;
    }
    if (server ? deflate->client_no_context_takeover : deflate->server_no_context_takeover) {
        ws->flags |= NARU__WS_PEER_FRESH;
    }
}

void naru__ws_init(naru_ws *ws, naru_ws_role role, const naru_ws_options *options, const naru_ws_deflate *deflate,
                   uint64_t now_ms)
{
    *ws = (naru_ws){.options = options, .role = (uint8_t)role, .heard_ms = now_ms};
    if (deflate && deflate->enabled) {
        agree(ws, deflate);
    }
    naru__ws_observe(ws, options->on_frame != NULL);
}

void naru__ws_observe(naru_ws *ws, bool on)
{
    unsigned bits = NARU__WS_OBSERVED | NARU__WS_SLOW;
    ws->flags = (uint16_t)((ws->flags & ~bits) | (on ? bits : 0));
}

static void drop_cold(naru_ws *ws)
{
    naru__ws_cold *cold = ws->cold;
    if (!cold) {
        return;
    }
    const naru_allocator *allocator = naru__ws_allocator(ws);
    naru__ws_bytes_free(&cold->message, allocator);
    naru__ws_bytes_free(&cold->pong, allocator);
    naru__ws_bytes_free(&cold->control, allocator);
    naru__ws_inflater_free(cold->inflater);
    naru__ws_window_free(&cold->own, allocator);
    naru__ws_window_free(&cold->peer, allocator);
    naru__free(allocator, cold, sizeof *cold);
    ws->cold = NULL;
}

void naru__ws_deinit(naru_ws *ws)
{
    drop_cold(ws);
}

naru_ws *naru_ws_new(naru_ws_role role, const naru_ws_options *options, const naru_ws_deflate *deflate, uint64_t now_ms,
                     const naru_allocator *allocator)
{
    allocator = naru__allocator_or_default(allocator);
    naru__ws_lone *lone = naru__alloc(allocator, sizeof *lone);
    if (!lone) {
        return NULL;
    }
    naru__ws_init(&lone->ws, role, options, deflate, now_ms);
    lone->ws.flags |= NARU__WS_LONE;
    lone->allocator = allocator;
    return &lone->ws;
}

void naru_ws_free(naru_ws *ws)
{
    if (!ws) {
        return;
    }
    naru__ws_deinit(ws);
    naru__free(naru__ws_allocator(ws), ws, sizeof(naru__ws_lone));
}

naru__ws_cold *naru__ws_warm(naru_ws *ws)
{
    if (!ws->cold) {
        ws->cold = naru__alloc_zero(naru__ws_allocator(ws), sizeof *ws->cold);
    }
    return ws->cold;
}

void naru__ws_cool(naru_ws *ws)
{
    naru__ws_cold *cold = ws->cold;
    if (!cold) {
        return;
    }
    if (ws->message == 0) {
        naru__ws_bytes_free(&cold->message, naru__ws_allocator(ws));
    } else if (cold->delivered) {
        cold->message.size = 0; /* the next chunk or frame of the same message comes here */
    }
    cold->delivered = false;
    bool under_way = ws->message != 0 || (ws->flags & NARU__WS_IN_FRAME) != 0 || cold->head_bytes > 0;
    under_way |= naru__ws_in_begun_frame(ws) || !naru__utf8_complete(&cold->sending_utf8);
    if (!under_way && !cold->message.data && !cold->own.bytes && !cold->peer.bytes) {
        drop_cold(ws);
    }
}

/* 6455 7.1: from where one may go where. */
static bool may_move(naru_ws_state from, naru_ws_state to)
{
    switch (from) {
    case NARU_WS_OPEN:
        return to != NARU_WS_OPEN;
    case NARU_WS_CLOSING:
        return to == NARU_WS_CLOSED || to == NARU_WS_FAILED;
    case NARU_WS_CLOSED:
    case NARU_WS_FAILED:
        return false;
    }
    return false;
}

void naru__ws_move(naru_ws *ws, naru_ws_state state)
{
    assert(may_move((naru_ws_state)ws->state, state));
    (void)may_move;
    ws->state = (uint8_t)state;
    ws->flags |= NARU__WS_SLOW;
}

naru_status naru__ws_fail(naru_ws *ws, const naru__ws_rule *rule, uint64_t offset, const naru_ws_turn *turn)
{
    if (ws->state == NARU_WS_OPEN && turn) {
        ws->heard_ms = turn->now_ms;
        if (rule->close_code != 1006) {
            /* Without memory for the Close the transport's end must say it. */
            naru_span reason = naru_span_of(ws->options->bare_close ? "" : rule->text);
            naru_status sent = naru__ws_close_append(ws, rule->close_code, reason, turn);
            (void)sent;
        }
    }
    naru__ws_move(ws, NARU_WS_FAILED);
    drop_cold(ws);
    ws->fault = (naru_fault){rule->status, rule->close_code, 0, offset, rule->rule, rule->text};
    return rule->status;
}

naru_status naru__ws_fail_memory(naru_ws *ws, const naru_ws_turn *turn)
{
    static const naru__ws_rule memory = {NARU_ERR_MEMORY, 1011, "6455 7.4.1", "No memory was left."};
    return naru__ws_fail(ws, &memory, ws->offset, turn);
}

naru_status naru_ws_end(naru_ws *ws)
{
    static const naru__ws_rule cut = {NARU_ERR_CLOSED, 1006, "6455 7.1.5", "The stream ended without a Close."};
    switch ((naru_ws_state)ws->state) {
    case NARU_WS_CLOSED:
        return NARU_END;
    case NARU_WS_FAILED:
        return ws->fault.status;
    case NARU_WS_OPEN:
    case NARU_WS_CLOSING:
        break;
    }
    return naru__ws_fail(ws, &cut, ws->offset, NULL);
}

naru_ws_state naru_ws_get_state(const naru_ws *ws)
{
    return (naru_ws_state)ws->state;
}

const naru_fault *naru_ws_fault(const naru_ws *ws)
{
    return ws->state == NARU_WS_FAILED ? &ws->fault : &no_fault;
}

uint16_t naru_ws_close_code(const naru_ws *ws)
{
    return ws->state == NARU_WS_CLOSED ? ws->close_code : 0;
}
