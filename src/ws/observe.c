/* Frames as they are on the wire, told to who looks on: those that the session writes by itself too.
 * Not for: events (next.c, receive.c). Source: RFC 6455 5.2. */
#include "observe.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/mask.h"

enum { MASK_BYTES = 4, RSV_SHIFT = 4, RSV_BITS = 7 };

static void tell(naru_ws *ws, uint8_t first, naru_ws_frame *frame)
{
    frame->fin = (first & NARU__WS_FIN) != 0;
    frame->rsv = (uint8_t)(first >> RSV_SHIFT & RSV_BITS);
    frame->opcode = first & NARU__WS_OPCODE;
    frame->wire_bytes = frame->payload_bytes + naru__ws_head_size(frame->payload_bytes);
    frame->wire_bytes += frame->masked ? MASK_BYTES : 0;
    ws->options->on_frame(ws, frame, ws->options->on_frame_user);
}

void naru__ws_tell_received(naru_ws *ws, uint64_t payload_bytes, naru_span control)
{
    naru_ws_frame frame = {.masked = ws->role == NARU_WS_SERVER, .payload_bytes = payload_bytes, .control = control};
    tell(ws, ws->cold->frame, &frame);
}

void naru__ws_tell_sent(naru_ws *ws, const uint8_t *head)
{
    uint8_t control[NARU__WS_CONTROL_MAX];
    naru_ws_frame frame = {
        .sent = true, .masked = (head[1] & NARU__WS_MASKED) != 0, .payload_bytes = naru__ws_head_length(head)};
    if ((head[0] & NARU__WS_CONTROL) != 0) {
        const uint8_t *payload = head + naru__ws_head_bytes(head[1]);
        frame.control = (naru_span){payload, (size_t)frame.payload_bytes};
        if (frame.masked) {
            naru__mask(control, payload, frame.control.size, payload - MASK_BYTES, 0);
            frame.control.data = control;
        }
    }
    tell(ws, head[0], &frame);
}
