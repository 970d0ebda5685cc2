/* The next event: by the short way if it is a message that can take it. Not for: what either way does (short.h,
 * receive.c). Source: RFC 6455 5.2. */
#include "short.h"

naru_status naru_ws_next(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    if (!naru__ws_turn_ready(ws, turn)) {
        return naru__ws_receive(ws, in, turn, event_out);
    }
    if (in->size == 0 && naru__ws_at_rest(ws)) {
        return NARU_MORE;
    }
    naru_ws_kind kind;
    naru_span payload;
    switch (naru__ws_next_short(ws, ws->role == NARU_WS_SERVER, in, turn->now_ms, &kind, &payload)) {
    case NARU__SHORT_NOT:
        return naru__ws_receive(ws, in, turn, event_out);
    case NARU__SHORT_NO_TEXT:
        return naru__ws_fail_text(ws, payload, turn);
    case NARU__SHORT_TAKEN:
        break;
    }
    *event_out = (naru_ws_event){
        .type = NARU_WS_EVENT_MESSAGE, .kind = kind, .first = true, .last = true, .rtt_ms = -1, .data = payload};
    return NARU_OK;
}
