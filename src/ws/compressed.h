/* Messages that come compressed. Source: RFC 7692 6.2, 7.2.2. */
#ifndef NARU_WS_COMPRESSED_H
#define NARU_WS_COMPRESSED_H

#include "session.h"

/* A compressed message's next frame begins; its payload has that many bytes. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__ws_compressed_frame(naru_ws *ws, uint64_t payload_bytes);
/* As naru__ws_message_take. */
NARU_MUST_USE naru_status naru__ws_compressed_take(naru_ws *ws, naru_input *in, const naru_ws_turn *turn,
                                                   naru_ws_event *event_out);
/* Most bytes that a compressed message may have on the wire. A message can be made of blocks that hold
 * nothing, so the limit on what comes out of it does not bound what goes in. */
uint64_t naru__ws_wire_bytes_max(const naru_ws_options *options);

#endif
