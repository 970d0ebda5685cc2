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

enum { BITS_MAX = 15, BITS_MIN = 9, CLASS_ANY = 1 };

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

naru__shot *naru__ws_freeze_deflated(const naru_ws *ws, naru_ws_kind kind, naru_span data, unsigned frozen_class,
                                     naru_status *status_out)
{
    unsigned bits = frozen_class == CLASS_ANY ? (unsigned)BITS_MAX : frozen_class - CLASS_ANY - 1 + BITS_MIN;
    naru_buf out;
    naru_buf_init(&out, naru_allocator_default());
    naru__shot *shot = NULL;
    *status_out = naru__ws_deflate_once(out.allocator, data, (uint8_t)bits, ws->options->deflate.level, &out);
    if (*status_out == NARU_OK && naru__buf_size(&out) < data.size) {
        uint8_t first = (uint8_t)(NARU__WS_FIN | NARU__WS_RSV1 | (unsigned)kind);
        shot = freeze(first, naru_buf_span(&out));
        *status_out = shot ? NARU_OK : NARU_ERR_MEMORY;
    }
    naru_buf_deinit(&out);
    return shot;
}
