/* Bytes that arrived of an incomplete message. Source: none. */
#ifndef NARU_WS_MESSAGE_H
#define NARU_WS_MESSAGE_H

#include "session.h"

/* Append. total: how much the content is going to be as far as is known; memory is taken by what has
 * arrived, at most twice that, and exactly `total` once half of it is there. errors NARU_ERR_MEMORY:
 * unchanged. */
NARU_MUST_USE naru_status naru__ws_bytes_append(naru__ws_bytes *bytes, naru_span piece, uint64_t total,
                                                const naru_allocator *allocator);
/* Room for at least `least` more bytes. errors NARU_ERR_MEMORY: unchanged. */
NARU_MUST_USE naru_status naru__ws_bytes_room(naru__ws_bytes *bytes, size_t least, const naru_allocator *allocator);
void naru__ws_bytes_free(naru__ws_bytes *bytes, const naru_allocator *allocator);

/* naru_ws_next for all input and every state. */
NARU_MUST_USE naru_status naru__ws_receive(naru_ws *ws, naru_input *in, const naru_ws_turn *turn,
                                           naru_ws_event *event_out);
/* Payload of a data frame is in `in`, or its end is reached: take what is there. NARU_OK: an event.
 * NARU_MORE: none yet, in is empty or a frame ended without one. */
NARU_MUST_USE naru_status naru__ws_message_take(naru_ws *ws, naru_input *in, const naru_ws_turn *turn,
                                                naru_ws_event *event_out);

/* Fill the event with a piece of the message under way; with `last` none is under way any more. The second
 * form delivers what cold->message holds. */
void naru__ws_message_event(naru_ws *ws, naru_span data, bool last, naru_ws_event *event_out);
void naru__ws_message_event_kept(naru_ws *ws, bool last, naru_ws_event *event_out);
/* The mask as the byte `bytes` further on sees it. */
void naru__ws_mask_turn(uint8_t mask[4], size_t bytes);

/* A text that breaks off or is no UTF-8. */
extern const naru__ws_rule naru__ws_text_rule;
/* Fail for a whole text that ends where the stream stands. */
naru_status naru__ws_fail_text(naru_ws *ws, naru_span text, const naru_ws_turn *turn);

#endif
