/* The short way in: a whole, final, uncompressed message of at most 64 KiB that lies in the input while
 * nothing is under way. Nearly all messages are that, and this file is all they cost. Anything else,
 * mistakes too, goes the long way. Not for: what the long way does (receive.c). Source: RFC 6455 5.2. */
#include "base/mask.h"
#include "frame.h"
#include "message.h"

enum { MASK_BYTES = 4, HEAD_MIN = 2, HEAD_16 = 4 };

/* The size of the head of a whole message, and its payload's; 0: go the long way. */
static inline size_t short_head(const naru_input *in, bool masked, size_t *length_out)
{
    const uint8_t *head = in->data;
    if (in->size < HEAD_16 || (uint8_t)(head[0] - (NARU__WS_FIN | NARU_WS_TEXT)) > 1) {
        return 0;
    }
    size_t mask = masked ? MASK_BYTES : 0;
    size_t length = (size_t)(head[1] ^ (masked ? NARU__WS_MASKED : 0));
    size_t size = HEAD_MIN + mask;
    if (length >= NARU__WS_LENGTH_16) {
        size_t wide = (size_t)head[2] << 8 | head[3];
        if (length != NARU__WS_LENGTH_16 || wide < NARU__WS_LENGTH_16) {
            return 0;
        }
        length = wide;
        size = HEAD_16 + mask;
    }
    *length_out = length;
    return size + length <= in->size ? size : 0;
}

/* Text is unmasked and checked in one pass over the memory. false: it is none. */
static inline bool unmask(bool text, bool masked, uint8_t *bytes, size_t size)
{
    if (!text) {
        if (masked) {
            naru__mask(bytes, bytes, size, bytes - MASK_BYTES, 0);
        }
        return true;
    }
    if (!masked) {
        return naru_utf8_valid((naru_span){bytes, size});
    }
    naru__utf8 utf8 = {0};
    return naru__mask_utf8(bytes, size, bytes - MASK_BYTES, 0, &utf8, NULL) && naru__utf8_complete(&utf8);
}

naru_status naru_ws_next(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    if ((ws->flags & NARU__WS_SLOW) != 0 || !naru__ws_turn_ready(ws, turn)) {
        return naru__ws_receive(ws, in, turn, event_out);
    }
    if (in->size == 0 && !ws->cold) {
        return NARU_MORE;
    }
    const naru_ws_options *options = ws->options;
    size_t length;
    bool masked = ws->role == NARU_WS_SERVER;
    size_t head = short_head(in, masked, &length);
    if (head == 0 || length > options->message_bytes_max || length > options->frame_bytes_max) {
        return naru__ws_receive(ws, in, turn, event_out);
    }
    naru_ws_kind kind = (naru_ws_kind)(in->data[0] & NARU__WS_OPCODE);
    uint8_t *to = in->data + head;
    naru_span payload = {to, length};
    in->data += head + length;
    in->size -= head + length;
    ws->offset += head + length;
    ws->heard_ms = turn->now_ms;
    if (!unmask(kind == NARU_WS_TEXT && !options->trust_utf8, masked, to, length)) {
        return naru__ws_fail_text(ws, payload, turn);
    }
    *event_out = (naru_ws_event){
        .type = NARU_WS_EVENT_MESSAGE, .kind = kind, .first = true, .last = true, .rtt_ms = -1, .data = payload};
    return NARU_OK;
}
