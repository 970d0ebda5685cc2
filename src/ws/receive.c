/* Taking the peer's bytes, whatever they are: heads are read and checked here, payload goes on to
 * message.c and control.c. Not for: the common case (next.c), sending, time. Source: RFC 6455 5. */
#include <string.h>

#include "base/mask.h"
#include "compressed.h"
#include "control.h"
#include "frame.h"
#include "message.h"
#include "observe.h"

enum { MASK_BYTES = 4 };

/* ---- heads --------------------------------------------------------------------------------------------- */

static const naru__ws_rule *check_reserved(const naru_ws *ws, uint8_t first)
{
    static const naru__ws_rule reserved_bit = {NARU_ERR_PROTOCOL, 1002, "6455 5.2", "A reserved bit is set."};
    static const naru__ws_rule opcode_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.2", "An opcode that is not defined."};
    static const naru__ws_rule compressed_rule = {NARU_ERR_PROTOCOL, 1002, "7692 6.1",
                                                  "The compression bit on a frame that begins no message."};
    uint8_t opcode = first & NARU__WS_OPCODE;
    if ((first & NARU__WS_RSV23) != 0 || ((first & NARU__WS_RSV1) != 0 && ws->peer_bits == 0)) {
        return &reserved_bit;
    }
    if ((opcode & 7) > 2) {
        return &opcode_rule;
    }
    bool begins = opcode == NARU_WS_TEXT || opcode == NARU_WS_BINARY;
    return (first & NARU__WS_RSV1) != 0 && !begins ? &compressed_rule : NULL;
}

static const naru__ws_rule *check_first(const naru_ws *ws, uint8_t first)
{
    static const naru__ws_rule control_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.5", "A control frame in fragments."};
    static const naru__ws_rule nothing_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.4", "A continuation of nothing."};
    static const naru__ws_rule inside_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.4",
                                              "A message begins inside a message."};
    static const naru__ws_rule many_rule = {NARU_ERR_TOO_MANY, 1008, "naru fragments_max",
                                            "A message of more fragments than allowed."};
    const naru__ws_rule *reserved = check_reserved(ws, first);
    if (reserved) {
        return reserved;
    }
    uint8_t opcode = first & NARU__WS_OPCODE;
    if (opcode & NARU__WS_CONTROL) {
        return (first & NARU__WS_FIN) == 0 ? &control_rule : NULL;
    }
    if (opcode != NARU__WS_CONTINUATION) {
        return ws->message != 0 ? &inside_rule : NULL;
    }
    if (ws->message == 0) {
        return &nothing_rule;
    }
    return ws->cold->fragments >= ws->options->fragments_max ? &many_rule : NULL;
}

static const naru__ws_rule *check_second(const naru_ws *ws, uint8_t first, uint8_t second)
{
    static const naru__ws_rule bare_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.1", "A client's frame is not masked."};
    static const naru__ws_rule masked_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.1", "A server's frame is masked."};
    static const naru__ws_rule long_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.5", "A control frame above 125 bytes."};
    bool masked = (second & NARU__WS_MASKED) != 0;
    if (masked != (ws->role == NARU_WS_SERVER)) {
        return masked ? &masked_rule : &bare_rule;
    }
    bool control = (first & NARU__WS_CONTROL) != 0;
    return control && (second & NARU__WS_LENGTH) > NARU__WS_CONTROL_MAX ? &long_rule : NULL;
}

/* Would the message pass its limit? Sums are not made before they are known to fit. */
static bool message_too_big(const naru_ws *ws, uint8_t first, uint64_t length)
{
    bool begins = (first & NARU__WS_OPCODE) != NARU__WS_CONTINUATION;
    bool compressed = begins ? (first & NARU__WS_RSV1) != 0 : (ws->message & NARU__WS_COMPRESSED) != 0;
    uint64_t most = compressed ? naru__ws_wire_bytes_max(ws->options) : ws->options->message_bytes_max;
    uint64_t so_far = begins ? 0 : compressed ? ws->cold->wire_bytes : ws->cold->message_bytes;
    return length > most - so_far;
}

static const naru__ws_rule *check_length(const naru_ws *ws, const uint8_t *head)
{
    static const naru__ws_rule form_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.2", "A length not in its shortest form."};
    static const naru__ws_rule sign_rule = {NARU_ERR_PROTOCOL, 1002, "6455 5.2", "A length with its highest bit set."};
    static const naru__ws_rule frame_rule = {NARU_ERR_TOO_BIG, 1009, "naru frame_bytes_max",
                                             "A frame of more bytes than allowed."};
    static const naru__ws_rule message_rule = {NARU_ERR_TOO_BIG, 1009, "naru message_bytes_max",
                                               "A message of more bytes than allowed."};
    uint64_t length = naru__ws_head_length(head);
    size_t size = naru__ws_head_bytes(head[1] & NARU__WS_LENGTH);
    if (length > INT64_MAX) {
        return &sign_rule;
    }
    if (naru__ws_head_size(length) != size) {
        return &form_rule;
    }
    if (head[0] & NARU__WS_CONTROL) {
        return NULL;
    }
    /* The message's limit first, so that the same bytes fail the same way in one frame and in many. */
    if (message_too_big(ws, head[0], length)) {
        return &message_rule;
    }
    return length > ws->options->frame_bytes_max ? &frame_rule : NULL;
}

/* Move head bytes in until `bytes` are there. */
static bool fill(naru_ws *ws, naru_input *in, size_t bytes)
{
    naru__ws_cold *cold = ws->cold;
    while (cold->head_bytes < bytes && in->size > 0) {
        cold->head[cold->head_bytes++] = *in->data++;
        in->size--;
        ws->offset++;
    }
    return cold->head_bytes >= bytes;
}

/* Is it to be handed on as it comes? Only one frame tells at its head how long the message is. */
static bool streams(const naru_ws *ws, uint64_t length)
{
    const naru_ws_options *options = ws->options;
    return options->delivery == NARU_WS_MESSAGES && options->parts_from_bytes != 0 &&
           length >= options->parts_from_bytes && ws->message == (ws->cold->frame & NARU__WS_OPCODE) &&
           (ws->cold->frame & NARU__WS_FIN) != 0;
}

static naru_status begin_frame(naru_ws *ws)
{
    naru__ws_cold *cold = ws->cold;
    uint64_t length = naru__ws_head_length(cold->head);
    size_t size = cold->head_bytes;
    cold->head_bytes = 0;
    cold->frame = cold->head[0];
    cold->frame_left = length;
    ws->flags |= NARU__WS_IN_FRAME;
    if (ws->role == NARU_WS_SERVER) {
        memmove(cold->head, cold->head + size - MASK_BYTES, MASK_BYTES);
    }
    if (cold->frame & NARU__WS_CONTROL) {
        return NARU_OK;
    }
    naru__ws_observe_received(ws, length, (naru_span){0});
    uint8_t opcode = cold->frame & NARU__WS_OPCODE;
    if (opcode != NARU__WS_CONTINUATION) {
        ws->message = (uint8_t)(opcode | (cold->frame & NARU__WS_RSV1 ? NARU__WS_COMPRESSED : 0));
        cold->message_bytes = 0;
        cold->fragments = 0;
        cold->utf8 = (naru__utf8){0};
    }
    cold->fragments++;
    if (streams(ws, length)) {
        ws->message |= NARU__WS_STREAMED;
    }
    if (ws->message & NARU__WS_COMPRESSED) {
        return naru__ws_compressed_frame(ws, length);
    }
    cold->message_bytes += length;
    return NARU_OK;
}

/* Each part of a head is checked as soon as it is there, in the same order however it is cut. */
static naru_status take_head(naru_ws *ws, naru_input *in, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = in->size > 0 ? naru__ws_warm(ws) : NULL;
    if (!cold) {
        return in->size > 0 ? naru__ws_fail_memory(ws, turn) : NARU_MORE;
    }
    uint64_t start = ws->offset - cold->head_bytes;
    if (!fill(ws, in, 1)) {
        return NARU_MORE;
    }
    const naru__ws_rule *broken = check_first(ws, cold->head[0]);
    if (broken) {
        return naru__ws_fail(ws, broken, start, turn);
    }
    if (!fill(ws, in, 2)) {
        return NARU_MORE;
    }
    broken = check_second(ws, cold->head[0], cold->head[1]);
    if (broken) {
        return naru__ws_fail(ws, broken, start + 1, turn);
    }
    if (!fill(ws, in, naru__ws_head_bytes(cold->head[1] & NARU__WS_LENGTH))) {
        return NARU_MORE;
    }
    broken = check_length(ws, cold->head);
    if (broken) {
        return naru__ws_fail(ws, broken, start + 1, turn);
    }
    if (!fill(ws, in, naru__ws_head_bytes(cold->head[1]))) {
        return NARU_MORE;
    }
    return begin_frame(ws) == NARU_OK ? NARU_OK : naru__ws_fail_memory(ws, turn);
}

/* ---- payload ------------------------------------------------------------------------------------------- */

/* A control frame's payload is at most 125 bytes: it is used where it lies, or gathered. */
static naru_status take_control(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    naru__ws_cold *cold = ws->cold;
    size_t piece = in->size < cold->frame_left ? in->size : (size_t)cold->frame_left;
    naru_span payload = {in->data, piece};
    if (ws->role == NARU_WS_SERVER && piece > 0) {
        naru__mask(in->data, in->data, piece, cold->head, 0);
        naru__ws_mask_turn(cold->head, piece);
    }
    if (cold->control.size > 0 || piece < cold->frame_left) {
        if (naru__ws_bytes_append(&cold->control, payload, NARU__WS_CONTROL_MAX, naru__ws_allocator(ws)) != NARU_OK) {
            return naru__ws_fail_memory(ws, turn);
        }
        payload = (naru_span){cold->control.data, cold->control.size};
    }
    if (piece > 0) {
        in->data += piece;
        in->size -= piece;
    }
    ws->offset += piece;
    cold->frame_left -= piece;
    if (cold->frame_left > 0) {
        return NARU_MORE;
    }
    cold->delivered |= cold->control.size > 0 && ws->message == 0;
    cold->control.size = 0;
    ws->flags &= (uint16_t)~NARU__WS_IN_FRAME;
    naru__ws_observe_received(ws, payload.size, payload);
    return naru__ws_control_take(ws, cold->frame & NARU__WS_OPCODE, payload, ws->offset - payload.size, turn,
                                 event_out);
}

static naru_status advance(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    for (;;) {
        if ((ws->flags & NARU__WS_IN_FRAME) == 0) {
            naru_status status = take_head(ws, in, turn);
            if (status != NARU_OK) {
                return status;
            }
        }
        bool control = (ws->cold->frame & NARU__WS_CONTROL) != 0;
        naru_status status =
            control ? take_control(ws, in, turn, event_out) : naru__ws_message_take(ws, in, turn, event_out);
        if (status != NARU_MORE || (ws->flags & NARU__WS_IN_FRAME) != 0) {
            return status;
        }
    }
}

/* What the next call and the clock want to know of where we stopped. */
static void settle(naru_ws *ws, naru_status status, uint64_t now_ms)
{
    const naru__ws_cold *cold = ws->cold;
    bool busy = ws->message != 0 || (ws->flags & NARU__WS_IN_FRAME) != 0 || (cold && cold->head_bytes > 0);
    bool slow = busy || (ws->flags & (NARU__WS_OBSERVED | NARU__WS_PINGED)) != 0 || ws->state != NARU_WS_OPEN ||
                (cold && cold->delivered);
    ws->flags = (uint16_t)((ws->flags & ~NARU__WS_SLOW) | (slow ? NARU__WS_SLOW : 0));
    if (!busy) {
        ws->flags &= (uint16_t)~NARU__WS_TIMED;
        if (status == NARU_MORE || (cold && !cold->delivered)) { /* else an event points there */
            naru__ws_cool(ws);
        }
    } else if (status == NARU_MORE && ws->state == NARU_WS_OPEN && (ws->flags & NARU__WS_TIMED) == 0) {
        ws->flags |= NARU__WS_TIMED;
        ws->cold->begun_ms = now_ms;
    }
}

/* The last event may have pointed at it, also in the middle of a message. */
static void forget_control(naru_ws *ws)
{
    if (ws->cold && ws->cold->control.size == 0) {
        naru__ws_bytes_free(&ws->cold->control, naru__ws_allocator(ws));
    }
}

naru_status naru__ws_receive(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    if (ws->state == NARU_WS_FAILED) {
        return ws->fault.status;
    }
    if (ws->state == NARU_WS_CLOSED) {
        *in = (naru_input){in->size > 0 ? in->data + in->size : in->data, 0};
        return NARU_END;
    }
    if (!naru__ws_turn_ready(ws, turn)) {
        return NARU_ERR_ENTROPY;
    }
    forget_control(ws);
    naru__ws_cool(ws);
    if (in->size > 0) {
        naru__ws_touch(ws, turn->now_ms);
    }
    naru_status status = advance(ws, in, turn, event_out);
    if (ws->state != NARU_WS_FAILED) {
        settle(ws, status, turn->now_ms);
    }
    return status;
}
