/* Data frames become messages: whole, in chunks or by frames. A message that lies whole in the input is
 * never copied. Not for: heads and their limits (receive.c), compressed payload (compressed.c). Source:
 * RFC 6455 5.4, 5.6, 8.1. */
#include "message.h"

#include <assert.h>
#include <string.h>

#include "base/ascii.h"
#include "base/mask.h"
#include "base/memory.h"
#include "compressed.h"
#include "frame.h"

const naru__ws_rule naru__ws_text_rule = {NARU_ERR_UTF8, 1007, "6455 8.1", "A text message is not UTF-8."};

/* What is kept may take twice the memory of what has arrived, never what a head announced. */
enum { GROWTH = 2, ROOM_MIN = 16 << 10 };

/* ---- bytes --------------------------------------------------------------------------------------------- */

static naru_status set_capacity(naru__ws_bytes *bytes, size_t capacity, const naru_allocator *allocator)
{
    uint8_t *moved = allocator->resize(allocator->user, bytes->data, bytes->capacity, capacity);
    if (!moved) {
        return NARU_ERR_MEMORY;
    }
    bytes->data = moved;
    bytes->capacity = capacity;
    return NARU_OK;
}

naru_status naru__ws_bytes_append(naru__ws_bytes *bytes, naru_span piece, uint64_t total,
                                  const naru_allocator *allocator)
{
    if (piece.size == 0) {
        return NARU_OK;
    }
    if (piece.size > SIZE_MAX - bytes->size) {
        return NARU_ERR_MEMORY;
    }
    size_t needed = bytes->size + piece.size;
    bool in_place = bytes->data && piece.data == bytes->data + bytes->size; /* read into naru__ws_room */
    if (needed > bytes->capacity) {
        size_t grown = needed > SIZE_MAX / GROWTH ? SIZE_MAX : needed * GROWTH;
        naru_status status = set_capacity(bytes, grown < total ? grown : (size_t)total, allocator);
        if (status != NARU_OK) {
            return status;
        }
    }
    assert(bytes->data);
    if (!in_place) {
        memcpy(bytes->data + bytes->size, piece.data, piece.size);
    }
    bytes->size = needed;
    return NARU_OK;
}

naru_status naru__ws_bytes_room(naru__ws_bytes *bytes, size_t least, const naru_allocator *allocator)
{
    if (least <= bytes->capacity - bytes->size) {
        return NARU_OK;
    }
    if (least > SIZE_MAX / 2 - bytes->size) {
        return NARU_ERR_MEMORY;
    }
    size_t needed = bytes->size + least;
    return set_capacity(bytes, bytes->size + needed, allocator);
}

void naru__ws_bytes_free(naru__ws_bytes *bytes, const naru_allocator *allocator)
{
    naru__free(allocator, bytes->data, bytes->capacity);
    *bytes = (naru__ws_bytes){NULL, 0, 0};
}

/* ---- plain payload ------------------------------------------------------------------------------------- */

static bool is_checked_text(const naru_ws *ws)
{
    return (ws->message & NARU__WS_KIND) == NARU_WS_TEXT && !ws->options->trust_utf8;
}

/* Unmask in place, and check what is text in the same pass. 6455 8.1: at its first bad byte, whether or not the frame
 * is through. false: *good_out bytes are good. */
static bool unmask(naru_ws *ws, naru_input piece, size_t *good_out)
{
    bool masked = ws->role == NARU_WS_SERVER && piece.size > 0;
    bool good = true;
    if (!is_checked_text(ws)) {
        if (masked) {
            naru__mask(piece.data, piece.data, piece.size, ws->cold->head, 0);
        }
    } else if (masked) {
        good = naru__mask_utf8(piece.data, piece.size, ws->cold->head, 0, &ws->cold->utf8, good_out);
    } else {
        good = naru__utf8_feed(&ws->cold->utf8, (naru_span){piece.data, piece.size}, good_out);
    }
    if (masked) {
        naru__ws_mask_turn(ws->cold->head, piece.size);
    }
    return good;
}

/* Take what is there of the frame's payload off the input. */
static naru_status take_piece(naru_ws *ws, naru_input *in, naru_span *piece_out, const naru_ws_turn *turn)
{
    size_t size = in->size < ws->cold->frame_left ? in->size : (size_t)ws->cold->frame_left;
    size_t good = 0;
    bool sound = unmask(ws, (naru_input){in->data, size}, &good);
    *piece_out = (naru_span){in->data, size};
    if (size > 0) {
        in->data += size;
        in->size -= size;
    }
    ws->cold->frame_left -= size;
    ws->offset += size;
    return sound ? NARU_OK : naru__ws_fail(ws, &naru__ws_text_rule, ws->offset - size + good, turn);
}

void naru__ws_mask_turn(uint8_t mask[4], size_t bytes)
{
    uint8_t old[4];
    memcpy(old, mask, sizeof old);
    for (size_t i = 0; i < sizeof old; i++) {
        mask[i] = old[(i + bytes) & 3];
    }
}

naru_status naru__ws_fail_text(naru_ws *ws, naru_span text, const naru_ws_turn *turn)
{
    naru__utf8 utf8 = {0};
    size_t good = 0;
    if (naru__utf8_feed(&utf8, text, &good)) {
        good = text.size; /* it breaks off */
    }
    return naru__ws_fail(ws, &naru__ws_text_rule, ws->offset - text.size + good, turn);
}

void naru__ws_message_event(naru_ws *ws, naru_span data, bool last, naru_ws_event *event_out)
{
    *event_out = (naru_ws_event){
        .type = NARU_WS_EVENT_MESSAGE,
        .kind = (naru_ws_kind)(ws->message & NARU__WS_KIND),
        .first = (ws->message & NARU__WS_BEGUN) == 0,
        .last = last,
        .compressed = (ws->message & NARU__WS_COMPRESSED) != 0,
        .rtt_ms = -1,
        .left = ws->cold->frame_left,
        .data = data,
    };
    ws->message |= NARU__WS_BEGUN;
    if (last) {
        ws->message = 0;
        ws->flags &= (uint16_t)~NARU__WS_TIMED;
    }
}

void naru__ws_message_event_kept(naru_ws *ws, bool last, naru_ws_event *event_out)
{
    naru__ws_cold *cold = ws->cold;
    naru__ws_message_event(ws, (naru_span){cold->message.data, cold->message.size}, last, event_out);
    cold->delivered = true;
}

/* Keep a piece of what is to be delivered whole. The size to come is known once the frame is the message's
 * last. */
static naru_status keep(naru_ws *ws, naru_span piece)
{
    naru__ws_cold *cold = naru__ws_warm(ws);
    if (!cold) {
        return NARU_ERR_MEMORY;
    }
    bool known = (ws->cold->frame & NARU__WS_FIN) != 0 || ws->options->delivery == NARU_WS_FRAMES;
    uint64_t total = known ? cold->message.size + piece.size + ws->cold->frame_left : UINT64_MAX;
    return naru__ws_bytes_append(&cold->message, piece, total, naru__ws_allocator(ws));
}

naru_input naru__ws_room(naru_ws *ws)
{
    bool kept = ws->state != NARU_WS_FAILED && (ws->flags & NARU__WS_IN_FRAME) != 0 && ws->cold &&
                (ws->cold->frame & NARU__WS_CONTROL) == 0 && (ws->message & NARU__WS_COMPRESSED) == 0 &&
                !ws->cold->delivered;
    if (!kept || ws->cold->message.size == 0) {
        return (naru_input){NULL, 0};
    }
    naru__ws_bytes *bytes = &ws->cold->message;
    size_t room = bytes->capacity - bytes->size;
    room = room < ws->cold->frame_left ? room : (size_t)ws->cold->frame_left;
    return room >= ROOM_MIN ? (naru_input){bytes->data + bytes->size, room} : (naru_input){NULL, 0};
}

static bool keeps(const naru_ws *ws)
{
    return ws->cold && ws->cold->message.size > 0;
}

/* Is a piece that ends here an event, and not only kept? */
static bool delivers(const naru_ws *ws, size_t piece_bytes, bool frame_done, bool last)
{
    switch (ws->options->delivery) {
    case NARU_WS_CHUNKS:
        return piece_bytes > 0 || last;
    case NARU_WS_FRAMES:
        return frame_done;
    case NARU_WS_MESSAGES:
        break;
    }
    return last || ((ws->message & NARU__WS_STREAMED) != 0 && piece_bytes > 0);
}

static naru_status take_plain(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    naru_span piece;
    naru_status status = take_piece(ws, in, &piece, turn);
    if (status != NARU_OK) {
        return status;
    }
    bool frame_done = ws->cold->frame_left == 0;
    bool last = frame_done && (ws->cold->frame & NARU__WS_FIN) != 0;
    if (last && is_checked_text(ws) && !naru__utf8_complete(&ws->cold->utf8)) {
        return naru__ws_fail(ws, &naru__ws_text_rule, ws->offset, turn);
    }
    if (frame_done) {
        ws->flags &= (uint16_t)~NARU__WS_IN_FRAME;
    }
    bool ready = delivers(ws, piece.size, frame_done, last);
    if (ready && !keeps(ws)) {
        naru__ws_message_event(ws, piece, last, event_out);
        return NARU_OK;
    }
    if (keep(ws, piece) != NARU_OK) {
        return naru__ws_fail_memory(ws, turn);
    }
    if (!ready) {
        return NARU_MORE;
    }
    naru__ws_message_event_kept(ws, last, event_out);
    return NARU_OK;
}

naru_status naru__ws_message_take(naru_ws *ws, naru_input *in, const naru_ws_turn *turn, naru_ws_event *event_out)
{
    if (ws->message & NARU__WS_COMPRESSED) {
        return naru__ws_compressed_take(ws, in, turn, event_out);
    }
    return take_plain(ws, in, turn, event_out);
}
