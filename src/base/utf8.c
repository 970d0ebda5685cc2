/* UTF-8 in pieces: a state machine in shifts, with blocks of ASCII stepped over. It alone tells good from bad; from
 * 32 bytes on the machine's kernel says first how much of the front is good anyway.
 * Each byte selects a word in which every state has six bits that hold its next state, itself the position of
 * six bits: a step is one load, which waits for nothing, and one shift. Source: RFC 3629 4. */
#include "utf8.h"

#include "apart.h"
#include "cpu.h"
#include "mask.h"
#include "mask_word.h"
#include "utf8_kernels.h"

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

enum { BLOCK_BYTES = 16, SHORT_MAX = 64 };

/* For a small text the call would be a sixth of the work. */
#define INLINED static inline __attribute__((always_inline))

static bool ascii_4(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return (word & (uint32_t)NARU__MASK_HIGH_BITS) == 0;
}

static bool ascii_8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & NARU__MASK_HIGH_BITS) == 0;
}

static bool ascii_16(const uint8_t *p)
{
    uint64_t words[2];
    memcpy(words, p, sizeof words);
    return ((words[0] | words[1]) & NARU__MASK_HIGH_BITS) == 0;
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

/* Are the last bytes ASCII? They overlap what is known to be good: at most 15 are left of at least 4 in all. */
static bool ascii_end(const uint8_t *p, size_t size, size_t left)
{
    if (left > 8) {
        return ascii_8(p + size - left) && ascii_8(p + size - 8);
    }
    return size >= 8 ? ascii_8(p + size - 8) : size >= 4 && ascii_4(p) && ascii_4(p + size - 4);
}

/* How far the text is good, and the state there; BAD: the byte at `at` cannot follow. By value: in registers. */
typedef struct place {
    uint64_t state;
    size_t at;
} place;

INLINED place walk(place from, const uint8_t *p, size_t size)
{
    uint64_t state = from.state;
    for (size_t i = from.at; i < size; i++) {
        state = step(state, p[i]) & STATE_MASK;
        if (state == BAD) {
            return (place){BAD, i};
        }
    }
    return (place){state, size};
}

INLINED place look(place from, const uint8_t *p, size_t size)
{
    uint64_t state = from.state;
    size_t i = from.at;
    while (size - i >= BLOCK_BYTES) {
        if (state == START && ascii_16(p + i)) {
            i += BLOCK_BYTES;
            continue;
        }
        uint64_t next = step_8(step_8(state, p + i), p + i + 8) & STATE_MASK;
        if (next == BAD) {
            return walk((place){state, i}, p, size);
        }
        state = next;
        i += BLOCK_BYTES;
    }
    if (state == START && ascii_end(p, size, size - i)) {
        return (place){START, size};
    }
    return walk((place){state, i}, p, size);
}

/* The end of a character that began in the piece before: at most 3 bytes, or up to a bad one. */
static place finish_character(uint64_t state, const uint8_t *p, size_t size)
{
    size_t i = 0;
    while (i < size && state != START) {
        state = step(state, p[i]) & STATE_MASK;
        if (state == BAD) {
            break;
        }
        i++;
    }
    return (place){state, i};
}

static bool settle(naru__utf8 *utf8, place end, size_t *bad_offset_out)
{
    utf8->state = (uint32_t)end.state;
    if (end.state != BAD) {
        return true;
    }
    if (bad_offset_out) {
        *bad_offset_out = end.at;
    }
    return false;
}

static bool feed_long(naru__utf8 *utf8, naru_span piece, size_t *bad_offset_out)
{
    place at = finish_character(utf8->state, piece.data, piece.size);
    if (at.state == START && piece.size - at.at >= NARU__UTF8_KERNEL_BYTES_MIN) {
        at.at += naru__kernels_best()->utf8(piece.data + at.at, piece.size - at.at);
    }
    if (at.state != BAD) {
        at = look(at, piece.data, piece.size);
    }
    return settle(utf8, at, bad_offset_out);
}

/* 16 to 63 bytes: a mask of zeros shows them as they are. */
static bool ascii_short(const uint8_t *p, size_t size)
{
    return (naru__mask_seen(p, size, 0) & NARU__MASK_HIGH_BITS) == 0;
}

bool naru__utf8_feed(naru__utf8 *utf8, naru_span piece, size_t *bad_offset_out)
{
    bool lanes = piece.size >= BLOCK_BYTES && piece.size < SHORT_MAX;
    if (lanes && utf8->state == START && ascii_short(piece.data, piece.size)) {
        return true;
    }
    if (piece.size < NARU__UTF8_KERNEL_BYTES_MIN) {
        return settle(utf8, look((place){utf8->state, 0}, piece.data, piece.size), bad_offset_out);
    }
    return feed_long(utf8, piece, bad_offset_out);
}

/* As finish_character, of bytes that are still masked. Also unmasks the bad one. */
static place unmask_character(uint64_t state, uint8_t *bytes, size_t size, uint64_t word)
{
    size_t i = 0;
    while (i < size && state != START) {
        bytes[i] ^= naru__mask_byte(word, i);
        state = step(state, bytes[i]) & STATE_MASK;
        if (state == BAD) {
            break;
        }
        i++;
    }
    return (place){state, i};
}

static bool mask_utf8_long(uint8_t *bytes, size_t size, uint64_t word, naru__utf8 *utf8, size_t *bad_offset_out)
{
    place at = unmask_character(utf8->state, bytes, size, word);
    size_t done = at.at + (at.state == BAD && at.at < size);
    uint64_t turned = naru__mask_word_turn(word, done);
    if (at.state != START || size - done < NARU__UTF8_KERNEL_BYTES_MIN) {
        naru__mask_by_word(bytes + done, bytes + done, size - done, turned);
    } else {
        at.at += naru__kernels_best()->mask_utf8(bytes + done, size - done, turned);
    }
    if (at.state != BAD) {
        at = look(at, bytes, size);
    }
    return settle(utf8, at, bad_offset_out);
}

/* Under 64 bytes: so short, or all ASCII, that a kernel is not worth its call? Looks through the mask. */
static bool plain(const uint8_t *bytes, size_t size, uint64_t word)
{
    return size < NARU__UTF8_KERNEL_BYTES_MIN || (naru__mask_seen(bytes, size, word) & NARU__MASK_HIGH_BITS) == 0;
}

bool naru__mask_utf8(uint8_t *bytes, size_t size, const uint8_t key[4], size_t phase, naru__utf8 *utf8,
                     size_t *bad_offset_out)
{
    uint64_t word = naru__mask_word(key, phase);
    if (size >= SHORT_MAX || (size > 0 && utf8->state != START) || !plain(bytes, size, word)) {
        return mask_utf8_long(bytes, size, word, utf8, bad_offset_out);
    }
    uint64_t seen = naru__mask_short(bytes, bytes, size, word);
    if ((seen & NARU__MASK_HIGH_BITS) == 0) {
        return true;
    }
    return settle(utf8, look((place){START, 0}, bytes, size), bad_offset_out);
}

/* By value: who looks at a state through a pointer pays for the pointer. */
NARU__APART static bool ends_well(const uint8_t *bytes, size_t size, size_t good)
{
    return look((place){START, good}, bytes, size).state == START;
}

NARU__APART static bool short_whole(uint8_t *bytes, size_t size, const uint8_t key[4])
{
    naru__utf8 utf8 = {START};
    return naru__mask_utf8(bytes, size, key, 0, &utf8, NULL) && naru__utf8_complete(&utf8);
}

bool naru__mask_utf8_whole(uint8_t *bytes, size_t size, const uint8_t key[4])
{
    if (size < SHORT_MAX) {
        return short_whole(bytes, size, key);
    }
    size_t good = naru__kernels_best()->mask_utf8(bytes, size, naru__mask_word(key, 0));
    return good == size || ends_well(bytes, size, good);
}

bool naru_utf8_valid(naru_span text)
{
    naru__utf8 utf8 = {0};
    return naru__utf8_feed(&utf8, text, NULL) && naru__utf8_complete(&utf8);
}

/* ---- the portable kernels ----------------------------------------------------------------------------------- */

static size_t know_nothing(const uint8_t *text, size_t size)
{
    (void)text;
    (void)size;
    return 0;
}

static size_t mask_and_know_nothing(uint8_t *text, size_t size, uint64_t key)
{
    naru__mask_by_word(text, text, size, key);
    return 0;
}

const naru__kernels naru__kernels_portable = {"portable", naru__mask_portable, know_nothing, mask_and_know_nothing};
