/* UTF-8 by table lookup in vectors: the method, for the files that name a machine's vectors.
 *
 * Every error but two shows in a pair of neighbours: three lookups, by the first byte's halves and the second's high
 * half, each give the set of rules that this half lets be broken, and what all three share is broken. The two others,
 * a third and a fourth byte missing or too many, show in what stands two and three bytes before.
 * A lead that no character has (C0, C1, F5..FF) is found with the byte after it; at the very end the caller finds it.
 *
 * Who includes this defines before: VEC_BYTES, vec (a vector of uint8_t), and
 *   vec_load, vec_store   at any alignment           vec_of_word, vec_of_table   8 or 16 bytes, repeated
 *   vec_lookup            by index 0..15             vec_above                   difference, 0 if it is below
 *   vec_any               is a bit set?              vec_any_high                is a byte not ASCII?
 *   vec_before_1, _2, _3  the bytes so much before those of the second argument, which follows the first
 *
 * Source: Keiser, Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte", 2021; RFC 3629 4. */
#ifndef NARU_BASE_UTF8_LOOKUP_H
#define NARU_BASE_UTF8_LOOKUP_H

#include <assert.h>
#include "apart.h"
#include "mask_word.h"

#define INLINED static inline __attribute__((always_inline))

/* Rules that a pair of bytes can break. TAIL_TAIL is none by itself: it is right as a third and fourth byte only. */
enum {
    LEAD_NO_TAIL = 1 << 0, /* C0..FF, then no continuation */
    ASCII_TAIL = 1 << 1,   /* 00..7F, then a continuation */
    OVERLONG_2 = 1 << 2,   /* C0, C1 */
    OVERLONG_3 = 1 << 3,   /* E0, then 80..9F */
    SURROGATE = 1 << 4,    /* ED, then A0..BF */
    OVERLONG_4 = 1 << 5,   /* F0, then 80..8F; and F5..FF, then 80..8F */
    ABOVE_10FFFF = 1 << 6, /* F4, then 90..BF; and F5..FF, then 90..BF */
    TAIL_TAIL = 1 << 7
};

enum {
    ANY_LOW = LEAD_NO_TAIL | ASCII_TAIL | TAIL_TAIL,
    ABOVE = ANY_LOW | OVERLONG_4 | ABOVE_10FFFF,
    NO_TAIL = LEAD_NO_TAIL,
    ANY_TAIL = ASCII_TAIL | OVERLONG_2 | TAIL_TAIL,
    TAIL_A0 = ANY_TAIL | SURROGATE | ABOVE_10FFFF
};

/* clang-format off */
static const uint8_t first_high[16] = {
    ASCII_TAIL, ASCII_TAIL, ASCII_TAIL, ASCII_TAIL, ASCII_TAIL, ASCII_TAIL, ASCII_TAIL, ASCII_TAIL,
    TAIL_TAIL, TAIL_TAIL, TAIL_TAIL, TAIL_TAIL,
    LEAD_NO_TAIL | OVERLONG_2,
    LEAD_NO_TAIL,
    LEAD_NO_TAIL | OVERLONG_3 | SURROGATE,
    LEAD_NO_TAIL | OVERLONG_4 | ABOVE_10FFFF,
};
static const uint8_t first_low[16] = {
    ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW,
    ANY_LOW | ABOVE_10FFFF, ABOVE, ABOVE, ABOVE, ABOVE, ABOVE, ABOVE, ABOVE, ABOVE, ABOVE | SURROGATE, ABOVE, ABOVE,
};
static const uint8_t second_high[16] = {
    NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL,
    ANY_TAIL | OVERLONG_3 | OVERLONG_4,
    ANY_TAIL | OVERLONG_3 | ABOVE_10FFFF,
    TAIL_A0, TAIL_A0,
    NO_TAIL, NO_TAIL, NO_TAIL, NO_TAIL,
};
/* clang-format on */

typedef struct tables {
    vec first_high, first_low, second_high;
} tables;

INLINED tables load_tables(void)
{
    return (tables){vec_of_table(first_high), vec_of_table(first_low), vec_of_table(second_high)};
}

INLINED vec all(uint8_t byte)
{
    return (vec){0} + byte;
}

/* Not zero where a rule is broken; before_n are the bytes n before each of `bytes`. */
INLINED vec broken(const tables *t, vec bytes, vec before_1, vec before_2, vec before_3)
{
    vec pair = vec_lookup(t->first_high, before_1 >> 4) & vec_lookup(t->first_low, before_1 & all(0x0f)) &
               vec_lookup(t->second_high, bytes >> 4);
    vec third = vec_above(before_2, all(0xe0 - 0x80));
    vec fourth = vec_above(before_3, all(0xf0 - 0x80));
    return pair ^ ((third | fourth) & all(TAIL_TAIL));
}

INLINED vec broken_after(const tables *t, vec before, vec bytes)
{
    return broken(t, bytes, vec_before_1(before, bytes), vec_before_2(before, bytes), vec_before_3(before, bytes));
}

/* Where the character begins that reaches up to or over `at`, all before which is good: at most 3 bytes before it. */
INLINED size_t border(const uint8_t *text, size_t at)
{
    assert(text || at == 0);
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        uint8_t byte = text[at - back];
        if (byte >= 0xc0) {
            return at - back;
        }
        if (byte < 0x80) {
            break;
        }
    }
    return at;
}

INLINED vec take(const uint8_t *text, vec key)
{
    return vec_load(text) ^ key;
}

/* The last vector's worth, which overlaps what is done before: read and judged while all is as it was. */
typedef struct ending {
    vec bytes;
    bool good;
} ending;

INLINED ending judge_ending(const tables *t, const uint8_t *text, size_t size, uint64_t key)
{
    const uint8_t *at = text + size - VEC_BYTES;
    vec bytes = take(at, vec_of_word(naru__mask_word_turn(key, size)));
    vec before_1 = take(at - 1, vec_of_word(naru__mask_word_turn(key, size - 1)));
    vec before_2 = take(at - 2, vec_of_word(naru__mask_word_turn(key, size - 2)));
    vec before_3 = take(at - 3, vec_of_word(naru__mask_word_turn(key, size - 3)));
    bool ascii = !vec_any_high(bytes | before_3);
    return (ending){bytes, ascii || !vec_any(broken(t, bytes, before_1, before_2, before_3))};
}

/* Unmask from `at` on, where a bad byte made the rest uninteresting. */
INLINED void rest(uint8_t *out, const uint8_t *text, size_t at, size_t size, uint64_t key)
{
    for (; out && at < size; at++) {
        out[at] = text[at] ^ naru__mask_byte(key, at);
    }
}

/* ASCII is most of the world's text, and is not looked up. Answers how much of the front it is: a multiple of VEC_BYTES,
 * or size. Only that much is unmasked. size is at least VEC_BYTES. */
INLINED size_t ascii_front(uint8_t *out, bool unmask, const uint8_t *text, size_t size, uint64_t key)
{
    const vec wide = vec_of_word(key);
    const vec last = take(text + size - VEC_BYTES, vec_of_word(naru__mask_word_turn(key, size)));
    size_t i = 0;
    for (size_t stop = size & ~(size_t)(4 * VEC_BYTES - 1); i < stop; i += 4 * VEC_BYTES) {
        vec a = take(text + i, wide);
        vec b = take(text + i + VEC_BYTES, wide);
        vec c = take(text + i + 2 * VEC_BYTES, wide);
        vec d = take(text + i + 3 * VEC_BYTES, wide);
        if (vec_any_high(a | b | c | d)) {
            return i;
        }
        if (unmask) {
            vec_store(out + i, a);
            vec_store(out + i + VEC_BYTES, b);
            vec_store(out + i + 2 * VEC_BYTES, c);
            vec_store(out + i + 3 * VEC_BYTES, d);
        }
    }
    if (i == size) {
        return size;
    }
    for (; size - i > VEC_BYTES; i += VEC_BYTES) {
        vec a = take(text + i, wide);
        if (vec_any_high(a)) {
            return i;
        }
        if (unmask) {
            vec_store(out + i, a);
        }
    }
    if (vec_any_high(last)) {
        return i;
    }
    if (unmask) {
        vec_store(out + size - VEC_BYTES, last);
    }
    return size;
}

/* The front that is looked up. out: NULL (and key 0) to look only, or text itself. size is at least VEC_BYTES + 3. */
INLINED size_t good_lookup(uint8_t *out, const uint8_t *text, size_t size, uint64_t key)
{
    const tables t = load_tables();
    const vec wide = vec_of_word(key);
    const ending last = judge_ending(&t, text, size, key);
    vec before = {0};
    size_t i = 0;
    for (; size - i > 2 * VEC_BYTES; i += 2 * VEC_BYTES) {
        vec a = take(text + i, wide);
        vec b = take(text + i + VEC_BYTES, wide);
        if (vec_any_high(a | b | before) && vec_any(broken_after(&t, before, a) | broken_after(&t, a, b))) {
            rest(out, text, i, size, key);
            return border(text, i);
        }
        if (out) {
            vec_store(out + i, a);
            vec_store(out + i + VEC_BYTES, b);
        }
        before = b;
    }
    if (size - i > VEC_BYTES) {
        vec a = take(text + i, wide);
        if (vec_any_high(a | before) && vec_any(broken_after(&t, before, a))) {
            rest(out, text, i, size, key);
            return border(text, i);
        }
        if (out) {
            vec_store(out + i, a);
        }
        i += VEC_BYTES;
    }
    if (out) {
        vec_store(out + size - VEC_BYTES, last.bytes);
    }
    return border(text, last.good ? size : i);
}

/* What ascii_front left. Apart, since its many vectors need a frame. What is too short for the method is looked at
 * together with some of the ASCII in front of it. */
NARU__APART static size_t look_at_rest(const uint8_t *text, size_t from, size_t size)
{
    while (size - from < VEC_BYTES + 3) {
        from -= VEC_BYTES;
    }
    return from + good_lookup(NULL, text + from, size - from, 0);
}

NARU__APART static size_t unmask_rest(uint8_t *text, size_t from, size_t size, uint64_t key)
{
    uint8_t *at = text + from;
    if (size - from >= VEC_BYTES + 3) {
        return from + good_lookup(at, at, size - from, key);
    }
    naru__mask_by_word(at, at, size - from, key);
    return look_at_rest(text, from, size);
}

/* As naru__kernels.mask_utf8 and .utf8. size is at least VEC_BYTES + 3. */
INLINED size_t unmask_good_front(uint8_t *text, size_t size, uint64_t key)
{
    size_t ascii = ascii_front(text, true, text, size, key);
    return ascii == size ? size : unmask_rest(text, ascii, size, key);
}

INLINED size_t good_front(const uint8_t *text, size_t size)
{
    size_t ascii = ascii_front(NULL, false, text, size, 0);
    return ascii == size ? size : look_at_rest(text, ascii, size);
}

#endif
