/* The short ways in and out: a whole, final, uncompressed message of at most 64 KiB while nothing is under way, and a
 * server's into room that is there already. Nearly all messages are that, and this file is all they cost. Anything
 * else, mistakes too, goes the long way (receive.c, send.c). For next.c and conn/. Source: RFC 6455 5.2. */
#ifndef NARU_WS_SHORT_H
#define NARU_WS_SHORT_H

#include <string.h>

#include "base/apart.h"
#include "base/mask.h"
#include "base/mask_word.h"
#include "ws/frame.h"
#include "ws/message.h"
#include "ws/session.h"

enum { NARU__SHORT_MASK_BYTES = 4, NARU__SHORT_HEAD_MIN = 2, NARU__SHORT_HEAD_16 = 4, NARU__SHORT_LANES_MIN = 16 };

/* ---- in ------------------------------------------------------------------------------------------------ */

typedef enum naru__short {
    NARU__SHORT_NOT,    /* nothing was done: go the long way */
    NARU__SHORT_TAKEN,  /* a message */
    NARU__SHORT_NO_TEXT /* one that is not UTF-8, though it said so: naru__ws_fail_text */
} naru__short;

/* The size of the head of a whole message, and its payload's; 0: go the long way. */
static inline size_t naru__short_head(const naru_input *in, bool masked, size_t *length_out)
{
    const uint8_t *head = in->data;
    if (in->size < NARU__SHORT_HEAD_16 || (uint8_t)(head[0] - (NARU__WS_FIN | NARU_WS_TEXT)) > 1) {
        return 0;
    }
    size_t mask = masked ? NARU__SHORT_MASK_BYTES : 0;
    size_t length = (size_t)(head[1] ^ (masked ? NARU__WS_MASKED : 0));
    size_t size = NARU__SHORT_HEAD_MIN + mask;
    if (length >= NARU__WS_LENGTH_16) {
        size_t wide = (size_t)head[2] << 8 | head[3];
        if (length != NARU__WS_LENGTH_16 || wide < NARU__WS_LENGTH_16) {
            return 0;
        }
        length = wide;
        size = NARU__SHORT_HEAD_16 + mask;
    }
    *length_out = length;
    return size + length <= in->size ? size : 0;
}

/* Two vectors cover it. */
static inline bool naru__short_lanes(size_t size)
{
    return size - NARU__SHORT_LANES_MIN <= NARU__SHORT_LANES_MIN;
}

/* Text is unmasked and checked in one pass over the memory. false: it is none. */
NARU__WITHIN bool naru__short_unmask(bool text, bool masked, uint8_t *bytes, size_t size)
{
    const uint8_t *key = bytes - NARU__SHORT_MASK_BYTES;
    if (!masked) {
        return !text || naru_utf8_valid((naru_span){bytes, size});
    }
    if (naru__short_lanes(size)) {
        uint64_t seen = naru__mask_lanes(bytes, bytes, size, naru__mask_word(key, 0));
        return !text || (seen & NARU__MASK_HIGH_BITS) == 0 || naru_utf8_valid((naru_span){bytes, size});
    }
    if (text) {
        return naru__mask_utf8_whole(bytes, size, key);
    }
    naru__mask(bytes, bytes, size, key, 0);
    return true;
}

/* Take the next message off the input. In the one place where most messages come by it is a part of the loop. */
NARU__WITHIN naru__short naru__ws_next_short(naru_ws *ws, bool masked, naru_input *in, uint64_t now_ms,
                                             naru_ws_kind *kind_out, naru_span *payload_out)
{
    const naru_ws_options *options = ws->options;
    size_t length;
    size_t head = 0;
    if ((ws->flags & NARU__WS_SLOW) == 0) {
        head = naru__short_head(in, masked, &length);
    }
    if (head == 0 || length > options->message_bytes_max || length > options->frame_bytes_max) {
        return NARU__SHORT_NOT;
    }
    uint8_t *to = in->data + head;
    naru_ws_kind kind = (naru_ws_kind)(in->data[0] & NARU__WS_OPCODE);
    in->data = to + length;
    in->size -= head + length;
    ws->offset += head + length;
    ws->heard_ms = now_ms;
    *kind_out = kind;
    *payload_out = (naru_span){to, length};
    bool text = kind == NARU_WS_TEXT && !options->trust_utf8;
    return naru__short_unmask(text, masked, to, length) ? NARU__SHORT_TAKEN : NARU__SHORT_NO_TEXT;
}

/* ---- out ----------------------------------------------------------------------------------------------- */

/* An open server without compression that has no message under way: what it asks lies side by side, and is one look. */
static inline bool naru__ws_sends_plain(const naru_ws *ws)
{
    static const uint8_t plain[4] = {NARU_WS_SERVER, NARU_WS_OPEN, 0, 0};
    _Static_assert(offsetof(naru_ws, state) == offsetof(naru_ws, role) + 1, "in the order of `plain`");
    _Static_assert(offsetof(naru_ws, sending) == offsetof(naru_ws, role) + 2, "in the order of `plain`");
    _Static_assert(offsetof(naru_ws, own_bits) == offsetof(naru_ws, role) + 3, "in the order of `plain`");
    uint32_t is, wanted;
    memcpy(&is, (const uint8_t *)ws + offsetof(naru_ws, role), sizeof is);
    memcpy(&wanted, plain, sizeof wanted);
    return is == wanted;
}

/* Of what naru__short_lanes holds for. */
static inline void naru__short_copy_lanes(uint8_t *to, naru_span data)
{
    naru__lane first = naru__lane_load(data.data);
    naru__lane last = naru__lane_load(data.data + data.size - NARU__SHORT_LANES_MIN);
    naru__lane_store(to, first);
    naru__lane_store(to + data.size - NARU__SHORT_LANES_MIN, last);
}

/* Whether a frame with that payload goes into the room that `out` has, and `out` then holds at most bytes_max. */
static inline bool naru__short_fits(const naru_buf *out, size_t payload_bytes, size_t bytes_max)
{
    size_t bytes = payload_bytes + NARU__SHORT_HEAD_16; /* at most */
    return bytes <= out->capacity - out->end /* none without a block */ && out->end - out->begin + bytes <= bytes_max;
}

/* Append the frame of a session that sends plainly, but for its payload's bytes, which go where it answers. It fits,
 * its payload is at most 64 KiB, text is UTF-8, and nobody looks on at the frames. */
NARU__WITHIN uint8_t *naru__ws_send_short(naru_ws_kind kind, naru_span data, naru_buf *out)
{
    uint8_t *to = out->data + out->end;
    if (data.size < NARU__WS_LENGTH_16) {
        uint16_t head = (uint16_t)(naru__little_endian() ? data.size << 8 | (NARU__WS_FIN | (unsigned)kind)
                                                         : (NARU__WS_FIN | (unsigned)kind) << 8 | data.size);
        memcpy(to, &head, sizeof head);
        to += NARU__SHORT_HEAD_MIN;
    } else {
        to[0] = (uint8_t)(NARU__WS_FIN | (unsigned)kind);
        to[1] = NARU__WS_LENGTH_16;
        to[2] = (uint8_t)(data.size >> 8);
        to[3] = (uint8_t)data.size;
        to += NARU__SHORT_HEAD_16;
    }
    out->end = (size_t)(to - out->data) + data.size;
    return to;
}

#endif
