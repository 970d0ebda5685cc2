/* Frame heads, both ways. Source: RFC 6455 5.2. */
#ifndef NARU_WS_FRAME_H
#define NARU_WS_FRAME_H

#include <naru/ws.h>

enum { NARU__WS_CONTINUATION = 0, NARU__WS_CLOSE = 8, NARU__WS_PING = 9, NARU__WS_PONG = 10 };
enum {
    NARU__WS_FIN = 0x80,
    NARU__WS_RSV1 = 0x40,
    NARU__WS_RSV23 = 0x30,
    NARU__WS_OPCODE = 0x0f,
    NARU__WS_CONTROL = 0x08,
    NARU__WS_MASKED = 0x80,
    NARU__WS_LENGTH = 0x7f
};
enum { NARU__WS_LENGTH_16 = 126, NARU__WS_LENGTH_64 = 127 };

/* How long is a head whose second byte is this? 2 to 14. */
static inline size_t naru__ws_head_bytes(uint8_t second)
{
    uint8_t length = second & NARU__WS_LENGTH;
    size_t bytes = length < NARU__WS_LENGTH_16 ? 2 : length == NARU__WS_LENGTH_16 ? 4 : 10;
    return bytes + (second & NARU__WS_MASKED ? 4 : 0);
}
/* The payload's length in a head of which at least the length's bytes are there. */
static inline uint64_t naru__ws_head_length(const uint8_t *head)
{
    uint8_t length = head[1] & NARU__WS_LENGTH;
    if (length < NARU__WS_LENGTH_16) {
        return length;
    }
    size_t count = length == NARU__WS_LENGTH_16 ? 2 : 8;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum = sum << 8 | head[2 + i];
    }
    return sum;
}

/* How long is the head in front of a payload of that size, without a mask? */
static inline size_t naru__ws_head_size(uint64_t payload_bytes)
{
    return payload_bytes < NARU__WS_LENGTH_16 ? 2 : payload_bytes <= UINT16_MAX ? 4 : 10;
}
/* Write that head, without the mask's four bytes. Answers its size. */
size_t naru__ws_head_write(uint8_t *out, uint8_t first, bool masked, uint64_t payload_bytes);

/* Append one frame. entropy NULL: a server's, unmasked; else a client's, and four bytes are spent, which
 * the caller has seen to be there. errors NARU_ERR_MEMORY: out is as before, nothing is spent. */
NARU_MUST_USE naru_status naru__ws_frame_append(naru_buf *out, uint8_t first, naru_span payload, naru_entropy *entropy);

/* Make a frame of what was appended behind `at`, where `gap` bytes had been left free for the head; a good
 * guess saves a move. entropy as above. errors NARU_ERR_MEMORY: the head needs more than gap. */
NARU_MUST_USE naru_status naru__ws_frame_close(naru_buf *out, size_t at, size_t gap, uint8_t first,
                                               naru_entropy *entropy);

#endif
