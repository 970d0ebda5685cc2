/* Borrowed bytes: make, compare, trim. Not for: owning them (buf.c). Source: none. */
#include <naru/base.h>

#include <string.h>

#include "ascii.h"

naru_span naru_span_of(const char *text)
{
    return (naru_span){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool naru_span_equal(naru_span a, naru_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Four to eight bytes, those in the middle twice. */
static uint64_t short_word(naru_span text)
{
    uint32_t first, last;
    memcpy(&first, text.data, sizeof first);
    memcpy(&last, text.data + text.size - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

/* Are eight bytes each the same, or the same letter? Sums stay within their byte: its highest bit is off before. */
static bool same_word(uint64_t x, uint64_t y)
{
    const uint64_t ones = 0x0101010101010101U;
    uint64_t differ = x ^ y;
    uint64_t lower = (x | 0x20 * ones) & 0x7f * ones;
    uint64_t letters = (lower + (0x80 - 'a') * ones) & ~(lower + (0x7f - 'z') * ones) & ~x & 0x80 * ones;
    return (differ & ~(letters >> 2)) == 0;
}

static bool same_bytes(naru_span a, naru_span b)
{
    for (size_t i = 0; i < a.size; i++) {
        if (naru__ascii_lower(a.data[i]) != naru__ascii_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool naru_span_equal_nocase(naru_span a, naru_span b)
{
    if (a.size != b.size) {
        return false;
    }
    if (a.size < 8) {
        return a.size < 4 ? same_bytes(a, b) : same_word(short_word(a), short_word(b));
    }
    for (size_t i = 0; a.size - i > 8; i += 8) {
        if (!same_word(word_at(a.data + i), word_at(b.data + i))) {
            return false;
        }
    }
    return same_word(word_at(a.data + a.size - 8), word_at(b.data + b.size - 8));
}

naru_span naru__span_trim(naru_span text)
{
    while (text.size > 0 && naru__ascii_blank(text.data[0])) {
        text = naru__span_from(text, 1);
    }
    while (text.size > 0 && naru__ascii_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}
