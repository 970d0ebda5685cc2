/* A message out whose size is known before its bytes are: one frame, its head first, its payload in pieces.
 *
 * Nothing may stand inside a frame. A pong that falls due meanwhile waits for its end, the newest only (6455 5.5.3); no
 * ping leaves; a Close cannot, so that a connection that has to end then ends without one.
 * Source: RFC 6455 5.4, 5.5. */
#include "base/buf.h"
#include "control.h"
#include "frame.h"
#include "message.h"

naru_status naru_ws_send_begin(naru_ws *ws, naru_ws_kind kind, uint64_t bytes, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = ws->state == NARU_WS_OPEN && ws->sending == 0 ? naru__ws_warm(ws) : NULL;
    naru_status status = naru_ws_send_head(ws, kind, bytes, turn);
    if (status != NARU_OK || bytes == 0) {
        return status;
    }
    if (!cold) {
        naru__buf_truncate(turn->out, naru__buf_size(turn->out) - naru__ws_head_size(bytes));
        return NARU_ERR_MEMORY;
    }
    cold->begun_left = bytes;
    ws->sending = (uint8_t)(kind | NARU__WS_BEGUN_FRAME);
    cold->sending_utf8 = (naru__utf8){0};
    return NARU_OK;
}

naru_status naru__ws_begun_check(const naru_ws *ws, naru_ws_kind kind, size_t bytes, bool last)
{
    bool fits = bytes <= ws->cold->begun_left && last == (bytes == ws->cold->begun_left);
    return fits && (ws->sending & NARU__WS_KIND) == (uint8_t)kind ? NARU_OK : NARU_ERR_ARGUMENT;
}

naru_status naru__ws_begun_taken(naru_ws *ws, size_t bytes, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = ws->cold;
    cold->begun_left -= bytes;
    if (cold->begun_left > 0) {
        return NARU_OK;
    }
    ws->sending = 0;
    naru_status status = NARU_OK;
    if (cold->pong_owed) {
        cold->pong_owed = false;
        status = naru_ws_pong(ws, (naru_span){cold->pong.data, cold->pong.size}, turn);
        naru__ws_bytes_free(&cold->pong, naru__ws_allocator(ws));
    }
    if (status == NARU_ERR_MEMORY) {
        return naru__ws_fail_memory(ws, turn);
    }
    naru__ws_cool(ws);
    return NARU_OK;
}

naru_status naru__ws_begun_pong(naru_ws *ws, naru_span payload)
{
    naru__ws_bytes *pong = &ws->cold->pong;
    pong->size = 0;
    ws->cold->pong_owed = true;
    return naru__ws_bytes_append(pong, payload, NARU__WS_CONTROL_MAX, naru__ws_allocator(ws));
}

naru_status naru__ws_begun_piece(naru_ws *ws, naru_ws_kind kind, naru_span data, bool last, const naru_ws_turn *turn)
{
    naru_status status = naru__ws_begun_check(ws, kind, data.size, last);
    if (status == NARU_OK) {
        status = naru_buf_append(turn->out, data);
    }
    return status == NARU_OK ? naru__ws_begun_taken(ws, data.size, turn) : status;
}
