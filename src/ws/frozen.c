/* Frames made once for many sessions.
 *
 * A compressed frame begins with an empty window, so it can follow anything: whatever the peer's window holds, nothing
 * in the frame refers to it. It may only refer back as far as the narrowest window among its sessions allows; a message
 * that is no longer than a window never refers past it, so most messages have one compressed form for all.
 *
 * Not for: when a message is compressed (send.c). Source: RFC 7692 7.1.2, 7.2.1; RFC 6455 5.2. */
#include "frozen.h"

#include <string.h>

#include "base/buf.h"
#include "deflate.h"
#include "frame.h"

enum { TAIL_BYTES = 4, BITS_MAX = 15, BITS_MIN = 9, CLASS_ANY = 1, ZLIB_UNREACHED = 262 };

static naru__shot *freeze(uint8_t first, naru_span payload)
{
    size_t head = naru__ws_head_size(payload.size);
    naru__shot *shot = payload.size <= SIZE_MAX - head ? naru__shot_new(head + payload.size) : NULL;
    if (!shot) {
        return NULL;
    }
    naru__ws_head_write(shot->bytes, first, false, payload.size);
    if (payload.size > 0) {
        memcpy(shot->bytes + head, payload.data, payload.size);
    }
    return shot;
}

naru__shot *naru__ws_freeze(naru_ws_kind kind, naru_span data)
{
    return freeze((uint8_t)(NARU__WS_FIN | (unsigned)kind), data);
}

/* 1: any window, the message fits the narrowest it is for; else 2 for 9 bits up to 7 for 14. */
unsigned naru__ws_frozen_class(const naru_ws *ws, size_t bytes, unsigned flags)
{
    if (bytes == 0 || !naru__ws_wants_compression(ws, bytes, flags)) {
        return 0;
    }
    bool any = ws->own_bits == BITS_MAX || bytes <= (size_t)1 << ws->own_bits;
    return any ? CLASS_ANY : CLASS_ANY + ws->own_bits + 1u - BITS_MIN;
}
_Static_assert(CLASS_ANY + BITS_MAX - 1 + 1 - BITS_MIN < NARU__WS_FROZEN_CLASSES, "14 bits have the last class");

/* zlib never refers to the farthest 262 bytes of its window, so the window that sees a whole message is that longer;
 * and what it sets up for each compressor grows with its memory level. */
static void fit_small(size_t bytes, unsigned *bits, unsigned *memory_level)
{
    while (*bits > BITS_MIN && (size_t)1 << (*bits - 1) >= bytes &&
           ((size_t)1 << (*bits - 1)) - bytes >= ZLIB_UNREACHED) {
        (*bits)--;
    }
    while (*memory_level > 1 && (size_t)1 << (*memory_level + 5) >= bytes) {
        (*memory_level)--;
    }
}

naru_status naru__ws_deflate_once(naru_span data, unsigned bits, const naru_ws_deflate_options *options, naru_buf *out)
{
    unsigned memory_level = options->memory_level;
    fit_small(data.size, &bits, &memory_level);
    naru__ws_deflater *deflater = naru__ws_deflater_new(out->allocator, bits, options->level, memory_level);
    naru_status status = deflater ? naru__ws_deflater_append(deflater, data, out) : NARU_ERR_MEMORY;
    naru__ws_deflater_free(deflater);
    if (status == NARU_OK) {
        naru__buf_truncate(out, naru__buf_size(out) - TAIL_BYTES);
    }
    return status;
}

naru__shot *naru__ws_freeze_deflated(const naru_ws *ws, naru_ws_kind kind, naru_span data, unsigned frozen_class,
                                     naru_status *status_out)
{
    unsigned bits = frozen_class == CLASS_ANY ? (unsigned)BITS_MAX : frozen_class - CLASS_ANY - 1 + BITS_MIN;
    naru_buf out;
    naru_buf_init(&out, naru_allocator_default());
    naru__shot *shot = NULL;
    *status_out = naru__ws_deflate_once(data, bits, &ws->options->deflate, &out);
    if (*status_out == NARU_OK && naru__buf_size(&out) < data.size) {
        uint8_t first = (uint8_t)(NARU__WS_FIN | NARU__WS_RSV1 | (unsigned)kind);
        shot = freeze(first, naru_buf_span(&out));
        *status_out = shot ? NARU_OK : NARU_ERR_MEMORY;
    }
    naru_buf_deinit(&out);
    return shot;
}
