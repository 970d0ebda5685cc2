/* Ping, pong and Close. Source: RFC 6455 5.5, 7. */
#ifndef NARU_WS_CONTROL_H
#define NARU_WS_CONTROL_H

#include "session.h"

/* A whole control frame came: answer it and fill the event. payload is unmasked and begins at offset in
 * the stream. */
NARU_MUST_USE naru_status naru__ws_control_take(naru_ws *ws, uint8_t opcode, naru_span payload, uint64_t offset,
                                                const naru_ws_turn *turn, naru_ws_event *event_out);
/* Append a Close; code 0: without one. The caller has seen that the turn is ready. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__ws_close_append(naru_ws *ws, uint16_t code, naru_span reason, const naru_ws_turn *turn);

#endif
