/* Who looks on at the frames of a session. Not for: deciding anything. Source: RFC 6455 5.2. */
#ifndef NARU_WS_OBSERVE_H
#define NARU_WS_OBSERVE_H

#include "frame.h"
#include "session.h"

/* The frame whose head was read last; control: the payload of a control frame, which is whole by then. */
void naru__ws_tell_received(naru_ws *ws, uint64_t payload_bytes, naru_span control);
/* A frame of ours, which is whole from its head on. */
void naru__ws_tell_sent(naru_ws *ws, const uint8_t *head);

static inline void naru__ws_observe_received(naru_ws *ws, uint64_t payload_bytes, naru_span control)
{
    if (ws->flags & NARU__WS_OBSERVED) {
        naru__ws_tell_received(ws, payload_bytes, control);
    }
}
/* status: of what appended it; nothing is told of what failed. */
static inline void naru__ws_observe_sent(naru_ws *ws, naru_status status, const naru_buf *out, size_t at)
{
    if ((ws->flags & NARU__WS_OBSERVED) && status == NARU_OK) {
        naru__ws_tell_sent(ws, out->data + out->begin + at);
    }
}
static inline void naru__ws_observe_frozen(naru_ws *ws, naru_span frame)
{
    if (ws->flags & NARU__WS_OBSERVED) {
        naru__ws_tell_sent(ws, frame.data);
    }
}

#endif
