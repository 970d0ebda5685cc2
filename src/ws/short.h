/* The short way out: a server's whole, uncompressed message of at most 64 KiB into room that is there already. Nearly
 * all messages are that; anything else goes the long way (send.c). For conn/. Source: RFC 6455 5.2. */
#ifndef NARU_WS_SHORT_H
#define NARU_WS_SHORT_H

#include <string.h>

#include "ws/frame.h"
#include "ws/session.h"

/* false: nothing was done. The text of a text message has been checked, and nobody looks on at the frames. */
static inline bool naru__ws_send_short(const naru_ws *ws, naru_ws_kind kind, naru_span data, naru_buf *out)
{
    bool plain = ws->role == NARU_WS_SERVER && ws->state == NARU_WS_OPEN && ws->sending == 0 && ws->own_bits == 0;
    size_t head = data.size < NARU__WS_LENGTH_16 ? 2 : 4;
    bool fits = data.size <= UINT16_MAX && out->data && head + data.size <= out->capacity - out->end;
    if (!plain || !fits || (kind != NARU_WS_TEXT && kind != NARU_WS_BINARY)) {
        return false;
    }
    uint8_t *to = out->data + out->end;
    to[0] = (uint8_t)(NARU__WS_FIN | (unsigned)kind);
    if (head == 2) {
        to[1] = (uint8_t)data.size;
    } else {
        to[1] = NARU__WS_LENGTH_16;
        to[2] = (uint8_t)(data.size >> 8);
        to[3] = (uint8_t)data.size;
    }
    if (data.size > 0) {
        memcpy(to + head, data.data, data.size);
    }
    out->end += head + data.size;
    return true;
}

#endif
