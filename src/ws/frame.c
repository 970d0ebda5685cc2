/* Writing frames: head, mask and payload at the end of a buffer, each payload byte touched once.
 * Not for: what may be sent when (send.c, control.c), reading (receive.c). Source: RFC 6455 5.2, 5.3. */
#include "frame.h"

#include <string.h>

#include "base/buf.h"
#include "base/mask.h"

enum { MASK_BYTES = 4 };

size_t naru__ws_head_write(uint8_t *out, uint8_t first, bool masked, uint64_t payload_bytes)
{
    size_t size = naru__ws_head_size(payload_bytes);
    uint8_t mask_bit = masked ? NARU__WS_MASKED : 0;
    out[0] = first;
    if (size == 2) {
        out[1] = (uint8_t)(mask_bit | payload_bytes);
        return size;
    }
    out[1] = (uint8_t)(mask_bit | (size == 4 ? NARU__WS_LENGTH_16 : NARU__WS_LENGTH_64));
    for (size_t i = size - 1; i >= 2; i--, payload_bytes >>= 8) {
        out[i] = (uint8_t)payload_bytes;
    }
    return size;
}

static void spend_mask(naru_entropy *entropy, uint8_t *out)
{
    memcpy(out, entropy->bytes + entropy->used, MASK_BYTES);
    entropy->used += MASK_BYTES;
}

/* Most frames fit the room that is there: then nothing is called for it. */
static inline uint8_t *room_for(naru_buf *out, size_t bytes)
{
    bool fits = out->data && bytes <= out->capacity - out->end;
    return fits ? out->data + out->end : naru_buf_reserve(out, bytes);
}

naru_status naru__ws_frame_append(naru_buf *out, uint8_t first, naru_span payload, naru_entropy *entropy)
{
    size_t head = naru__ws_head_size(payload.size) + (entropy ? MASK_BYTES : 0);
    uint8_t *to = payload.size <= SIZE_MAX - head ? room_for(out, head + payload.size) : NULL;
    if (!to) {
        return NARU_ERR_MEMORY;
    }
    size_t written = naru__ws_head_write(to, first, entropy != NULL, payload.size);
    if (entropy) {
        spend_mask(entropy, to + written);
        naru__mask(to + head, payload.data, payload.size, to + written, 0);
    } else if (payload.size > 0) {
        memcpy(to + head, payload.data, payload.size);
    }
    out->end += head + payload.size;
    return NARU_OK;
}

/* The payload behind `at + from` moves to `at + to`. */
static bool shift(naru_buf *out, size_t at, size_t from, size_t to)
{
    size_t payload = naru__buf_size(out) - at - from;
    if (to > from && !naru_buf_reserve(out, to - from)) {
        return false;
    }
    uint8_t *start = out->data + out->begin + at;
    memmove(start + to, start + from, payload);
    if (to > from) {
        naru_buf_commit(out, to - from);
    } else {
        naru__buf_truncate(out, at + to + payload);
    }
    return true;
}

naru_status naru__ws_frame_close(naru_buf *out, size_t at, size_t gap, uint8_t first, naru_entropy *entropy)
{
    size_t payload = naru__buf_size(out) - at - gap;
    size_t head = naru__ws_head_size(payload) + (entropy ? MASK_BYTES : 0);
    if (head != gap && !shift(out, at, gap, head)) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *start = out->data + out->begin + at;
    size_t written = naru__ws_head_write(start, first, entropy != NULL, payload);
    if (entropy) {
        spend_mask(entropy, start + written);
        naru__mask(start + head, start + head, payload, start + written, 0);
    }
    return NARU_OK;
}
