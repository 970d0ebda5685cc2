/* UTF-8 in pieces: a state machine in shifts, with blocks of ASCII stepped over. Portable C.
 * Each byte selects a word in which every state has six bits that hold its next state, itself the position of
 * six bits: a step is one load, which waits for nothing, and one shift. Source: RFC 3629 4. */
#include "utf8.h"

#include <string.h>

/* States, as shifts. AFTER_xx: the next byte has a narrower range than 80..BF. */
enum {
    START = 0,
    BAD = 6,
    NEED_1 = 12,
    NEED_2 = 18,
    NEED_3 = 24,
    AFTER_E0 = 30,
    AFTER_ED = 36,
    AFTER_F0 = 42,
    AFTER_F4 = 48,
    STATE_MASK = 63
};

/* clang-format off */
#define GO(from, to) ((uint64_t)(to) << (from))
/* A byte that may begin a character; no other state takes it. */
#define LEAD(to) \
    (GO(START, to) | GO(BAD, BAD) | GO(NEED_1, BAD) | GO(NEED_2, BAD) | GO(NEED_3, BAD) | GO(AFTER_E0, BAD) | \
     GO(AFTER_ED, BAD) | GO(AFTER_F0, BAD) | GO(AFTER_F4, BAD))
/* A continuation byte, and what the four narrow states make of it. */
#define TAIL(e0, ed, f0, f4) \
    (GO(START, BAD) | GO(BAD, BAD) | GO(NEED_1, START) | GO(NEED_2, NEED_1) | GO(NEED_3, NEED_2) | \
     GO(AFTER_E0, e0) | GO(AFTER_ED, ed) | GO(AFTER_F0, f0) | GO(AFTER_F4, f4))
#define X3(x) x, x, x
#define X4(x) x, X3(x)
#define X16(x) X4(x), X4(x), X4(x), X4(x)

static const uint64_t steps[256] = {
    X16(LEAD(START)), X16(LEAD(START)), X16(LEAD(START)), X16(LEAD(START)), /* 00..3F */
    X16(LEAD(START)), X16(LEAD(START)), X16(LEAD(START)), X16(LEAD(START)), /* 40..7F */
    X16(TAIL(BAD, NEED_1, BAD, NEED_2)),                                    /* 80..8F */
    X16(TAIL(BAD, NEED_1, NEED_2, BAD)),                                    /* 90..9F */
    X16(TAIL(NEED_1, BAD, NEED_2, BAD)), X16(TAIL(NEED_1, BAD, NEED_2, BAD)), /* A0..BF */
    LEAD(BAD), LEAD(BAD),                                                   /* C0, C1: only for overlong forms */
    X3(LEAD(NEED_1)), X3(LEAD(NEED_1)), X4(LEAD(NEED_1)), X4(LEAD(NEED_1)), X16(LEAD(NEED_1)), /* C2..DF */
    LEAD(AFTER_E0), X4(LEAD(NEED_2)), X4(LEAD(NEED_2)), X4(LEAD(NEED_2)),   /* E0..EC */
    LEAD(AFTER_ED), LEAD(NEED_2), LEAD(NEED_2),                             /* ED: surrogates; EE, EF */
    LEAD(AFTER_F0), X3(LEAD(NEED_3)), LEAD(AFTER_F4),                       /* F0..F4 */
    X4(LEAD(BAD)), X4(LEAD(BAD)), X3(LEAD(BAD)),                            /* F5..FF: above U+10FFFF */
};
/* clang-format on */

enum { BLOCK_BYTES = 16 };

static const uint64_t HIGH_BITS = 0x8080808080808080U;

static bool ascii_8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & HIGH_BITS) == 0;
}

static bool ascii_16(const uint8_t *p)
{
    uint64_t words[2];
    memcpy(words, p, sizeof words);
    return ((words[0] | words[1]) & HIGH_BITS) == 0;
}

static uint64_t step(uint64_t state, uint8_t byte)
{
    return steps[byte] >> (state & STATE_MASK);
}

static uint64_t step_8(uint64_t state, const uint8_t *p)
{
    state = step(step(state, p[0]), p[1]);
    state = step(step(state, p[2]), p[3]);
    state = step(step(state, p[4]), p[5]);
    return step(step(state, p[6]), p[7]);
}

/* Which byte of a bad stretch is the bad one: walk it again from its first state. */
static size_t first_bad(uint64_t state, const uint8_t *p)
{
    size_t i = 0;
    for (;; i++) {
        state = step(state, p[i]) & STATE_MASK;
        if (state == BAD) {
            return i;
        }
    }
}

static bool fail(naru__utf8 *utf8, size_t offset, size_t *bad_offset_out)
{
    utf8->state = BAD;
    if (bad_offset_out) {
        *bad_offset_out = offset;
    }
    return false;
}

bool naru__utf8_feed(naru__utf8 *utf8, naru_span piece, size_t *bad_offset_out)
{
    uint64_t state = utf8->state;
    const uint8_t *p = piece.data;
    size_t i = 0;
    while (piece.size - i >= BLOCK_BYTES) {
        if (state == START && ascii_16(p + i)) {
            i += BLOCK_BYTES;
            continue;
        }
        uint64_t next = step_8(step_8(state, p + i), p + i + 8) & STATE_MASK;
        if (next == BAD) {
            return fail(utf8, i + first_bad(state, p + i), bad_offset_out);
        }
        state = next;
        i += BLOCK_BYTES;
    }
    if (state == START && piece.size - i >= 8 && ascii_8(p + i)) {
        i += 8;
    }
    for (; i < piece.size; i++) {
        state = step(state, p[i]) & STATE_MASK;
        if (state == BAD) {
            return fail(utf8, i, bad_offset_out);
        }
    }
    utf8->state = (uint32_t)state;
    return true;
}

bool naru_utf8_valid(naru_span text)
{
    naru__utf8 utf8 = {0};
    return naru__utf8_feed(&utf8, text, NULL) && naru__utf8_complete(&utf8);
}
