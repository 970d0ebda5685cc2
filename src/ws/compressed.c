/* Compressed data frames become messages: inflated in small steps, each checked against the limit before
 * the next. A fault found in inflated bytes is placed at the payload of the frame that held it, however
 * the bytes came in. Not for: zlib (deflate.c), heads (receive.c). Source: RFC 7692 6.2, 7.2.2; RFC 6455
 * 8.1. */
#include "compressed.h"

#include "base/mask.h"
#include "deflate.h"
#include "frame.h"
#include "message.h"

enum {
    STEP_BYTES = 16384,
    ROOM_MIN = 512,
    TAIL_BYTES = 4,
    WIRE_SLACK_BYTES = 1024,
    BITS_MIN = 9 /* who was told 8 may have a zlib that makes 9 of it */
};

uint64_t naru__ws_wire_bytes_max(const naru_ws_options *options)
{
    uint64_t most = options->message_bytes_max;
    uint64_t slack = most / 8 + WIRE_SLACK_BYTES;
    return most > UINT64_MAX - slack ? UINT64_MAX : most + slack;
}

naru_status naru__ws_compressed_frame(naru_ws *ws, uint64_t payload_bytes)
{
    naru__ws_cold *cold = naru__ws_warm(ws);
    if (!cold) {
        return NARU_ERR_MEMORY;
    }
    if (!cold->inflater) {
        cold->inflater = naru__ws_inflater_new(naru__ws_allocator(ws), ws->peer_bits, &cold->peer);
    }
    bool begins = (ws->cold->frame & NARU__WS_OPCODE) != NARU__WS_CONTINUATION;
    cold->wire_bytes = begins ? payload_bytes : cold->wire_bytes + payload_bytes;
    cold->frame_offset = ws->offset;
    cold->tail_bytes = 0;
    cold->pending = false;
    return cold->inflater ? NARU_OK : NARU_ERR_MEMORY;
}

static naru_status fail_in_frame(naru_ws *ws, const naru__ws_rule *rule, const naru_ws_turn *turn)
{
    return naru__ws_fail(ws, rule, ws->cold->frame_offset, turn);
}

static naru_status fail_inflate(naru_ws *ws, naru_status status, const naru_ws_turn *turn)
{
    static const naru__ws_rule garbage = {NARU_ERR_DEFLATE, 1007, "7692 7.2.2",
                                          "A compressed message does not inflate."};
    return status == NARU_ERR_MEMORY ? naru__ws_fail_memory(ws, turn) : fail_in_frame(ws, &garbage, turn);
}

/* What came out last: is it allowed? The text up to the limit is judged before the limit, as if the bytes
 * had come one by one, so that the same message fails the same way however it is cut. */
static naru_status check_output(naru_ws *ws, naru_span output, const naru_ws_turn *turn)
{
    static const naru__ws_rule big = {NARU_ERR_TOO_BIG, 1009, "naru message_bytes_max",
                                      "A message inflates to more than allowed."};
    uint64_t left = ws->options->message_bytes_max - ws->cold->message_bytes;
    naru_span allowed = {output.data, output.size < left ? output.size : (size_t)left};
    bool text = (ws->message & NARU__WS_KIND) == NARU_WS_TEXT && !ws->options->trust_utf8;
    if (text && !naru__utf8_feed(&ws->cold->utf8, allowed, NULL)) {
        return fail_in_frame(ws, &naru__ws_text_rule, turn);
    }
    ws->cold->message_bytes += allowed.size;
    return output.size > left ? fail_in_frame(ws, &big, turn) : NARU_OK;
}

/* What the peer's next message may refer to. 7692 7.1.1.1: nothing, where each of them stands alone. */
static naru_status remember(naru_ws *ws, naru_span output, const naru_ws_turn *turn)
{
    uint32_t most = (uint32_t)1 << (ws->peer_bits > BITS_MIN ? ws->peer_bits : BITS_MIN);
    bool fresh = (ws->flags & NARU__WS_PEER_FRESH) != 0;
    if (fresh || naru__ws_window_append(&ws->cold->peer, output, most, naru__ws_allocator(ws)) == NARU_OK) {
        return NARU_OK;
    }
    return naru__ws_fail_memory(ws, turn);
}

/* Inflate once from source to the end of cold->message. */
static naru_status step(naru_ws *ws, naru_input *source, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = ws->cold;
    size_t guess = source->size < STEP_BYTES / 4 ? source->size * 4 : STEP_BYTES;
    bool roomy = cold->message.capacity - cold->message.size >= ROOM_MIN;
    if (!roomy &&
        naru__ws_bytes_room(&cold->message, guess > ROOM_MIN ? guess : ROOM_MIN, naru__ws_allocator(ws)) != NARU_OK) {
        return naru__ws_fail_memory(ws, turn);
    }
    size_t room = cold->message.capacity - cold->message.size;
    size_t written = room < STEP_BYTES ? room : STEP_BYTES;
    room = written;
    uint8_t *to = cold->message.data + cold->message.size;
    naru_status status = naru__ws_inflater_run(cold->inflater, source, to, &written);
    cold->pending = written == room;
    cold->message.size += written;
    naru_status allowed = check_output(ws, (naru_span){to, written}, turn);
    if (allowed != NARU_OK) {
        return allowed;
    }
    return status == NARU_OK ? remember(ws, (naru_span){to, written}, turn) : fail_inflate(ws, status, turn);
}

/* Inflate from what is there of the payload. What the inflater leaves of an unmasked slice is masked
 * again, so that the input stays as the peer sent it. */
static naru_status step_payload(naru_ws *ws, naru_input *in, const naru_ws_turn *turn)
{
    size_t size = in->size < ws->cold->frame_left ? in->size : (size_t)ws->cold->frame_left;
    naru_input slice = {in->data, size < STEP_BYTES ? size : STEP_BYTES};
    size_t sliced = slice.size;
    bool masked = ws->role == NARU_WS_SERVER && sliced > 0;
    if (masked) {
        naru__mask(slice.data, slice.data, sliced, ws->cold->head, 0);
    }
    naru_status status = step(ws, &slice, turn);
    if (status != NARU_OK) {
        return status;
    }
    size_t taken = sliced - slice.size;
    if (masked) {
        naru__ws_mask_turn(ws->cold->head, taken);
        naru__mask(slice.data, slice.data, slice.size, ws->cold->head, 0);
    }
    if (taken > 0) {
        in->data += taken;
        in->size -= taken;
    }
    ws->cold->frame_left -= taken;
    ws->offset += taken;
    return NARU_OK;
}

/* 7692 7.2.2: behind a message's payload come the four bytes that its sender took off. */
static naru_status step_tail(naru_ws *ws, const naru_ws_turn *turn)
{
    uint8_t tail[TAIL_BYTES] = {0x00, 0x00, 0xff, 0xff};
    naru__ws_cold *cold = ws->cold;
    naru_input rest = {tail + cold->tail_bytes, (size_t)(TAIL_BYTES - cold->tail_bytes)};
    naru_status status = step(ws, &rest, turn);
    if (status == NARU_OK) {
        cold->tail_bytes = (uint8_t)(TAIL_BYTES - rest.size);
    }
    return status;
}

static naru_status end_message(naru_ws *ws, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = ws->cold;
    if (!naru__ws_inflater_rests(cold->inflater)) {
        return fail_inflate(ws, NARU_ERR_DEFLATE, turn);
    }
    bool text = (ws->message & NARU__WS_KIND) == NARU_WS_TEXT && !ws->options->trust_utf8;
    if (text && !naru__utf8_complete(&ws->cold->utf8)) {
        return fail_in_frame(ws, &naru__ws_text_rule, turn);
    }
    naru__ws_inflater_free(cold->inflater);
    cold->inflater = NULL;
    return NARU_OK;
}

/* Inflate until the frame is done or the input is used up; in CHUNKS until anything came out. NARU_OK: the
 * frame is done. */
static naru_status run(naru_ws *ws, naru_input *in, const naru_ws_turn *turn)
{
    naru__ws_cold *cold = ws->cold;
    bool final = (ws->cold->frame & NARU__WS_FIN) != 0;
    bool chunks = ws->options->delivery == NARU_WS_CHUNKS;
    for (;;) {
        bool payload = ws->cold->frame_left > 0;
        bool tail = !payload && final && cold->tail_bytes < TAIL_BYTES;
        if (!payload && !tail && !cold->pending) {
            return NARU_OK;
        }
        if ((payload && !cold->pending && in->size == 0) || (chunks && cold->message.size > 0)) {
            return NARU_MORE;
        }
        naru_status status = tail ? step_tail(ws, turn) : step_payload(ws, in, turn);
        if (status != NARU_OK) {
            return status;
        }
    }
}

naru_status naru__ws_compressed_take(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    naru_status status = run(ws, in, turn);
    if (status < 0) {
        return status;
    }
    naru_ws_delivery delivery = ws->options->delivery;
    if (status == NARU_MORE) {
        bool chunk = delivery == NARU_WS_CHUNKS && ws->cold->message.size > 0;
        if (chunk) {
            naru__ws_message_event_kept(ws, false, event_out);
        }
        return chunk ? NARU_OK : NARU_MORE;
    }
    ws->flags &= (uint16_t)~NARU__WS_IN_FRAME;
    bool last = (ws->cold->frame & NARU__WS_FIN) != 0;
    if (last) {
        status = end_message(ws, turn);
        if (status != NARU_OK) {
            return status;
        }
    }
    bool event = last || delivery == NARU_WS_FRAMES || (delivery == NARU_WS_CHUNKS && ws->cold->message.size > 0);
    if (event) {
        naru__ws_message_event_kept(ws, last, event_out);
    }
    return event ? NARU_OK : NARU_MORE;
}
