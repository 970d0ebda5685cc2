/* The steps over bulk that reading and writing share: to the end of a run of plain characters, over blanks, over a
 * string. Sixteen bytes at a time, in whatever vectors the compiler has. Not for: grammar. Source: RFC 8259 2, 7. */
#ifndef NARU_JSON_SCAN_H
#define NARU_JSON_SCAN_H

#include <assert.h>
#include <naru/base.h>
#include <string.h>

#include "base/mask_word.h"

typedef uint8_t naru__json_vec __attribute__((vector_size(16)));
typedef uint64_t naru__json_pair __attribute__((vector_size(16)));

static inline naru__json_vec naru__json_load(const uint8_t *at)
{
    naru__json_vec bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/* Which byte of the word comes first in memory of those that are not zero; all are 0 or 255, one is 255. */
static inline size_t naru__json_first(uint64_t word)
{
    return (size_t)(naru__little_endian() ? __builtin_ctzll(word) : __builtin_clzll(word)) / 8;
}

/* The word without that byte. */
static inline uint64_t naru__json_without(uint64_t word, size_t byte)
{
    return word & ~(naru__little_endian() ? UINT64_C(0xff) << (8 * byte) : UINT64_C(0xff) << (56 - 8 * byte));
}

/* Where in 16 bytes the first 255 stands, 16 if there is none. */
static inline size_t naru__json_hit(naru__json_pair hits)
{
    if (hits[0]) {
        return naru__json_first(hits[0]);
    }
    return hits[1] ? 8 + naru__json_first(hits[1]) : 16;
}

/* What cannot stand in a string as it is: the quote, the backslash, controls. */
static inline bool naru__json_special(uint8_t byte)
{
    return byte == '"' || byte == '\\' || byte < 0x20;
}

/* The first special byte, or end. */
static inline const uint8_t *naru__json_plain_end(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 16) {
        naru__json_vec bytes = naru__json_load(at);
        size_t hit = naru__json_hit((naru__json_pair)((bytes == '"') | (bytes == '\\') | (bytes < 0x20)));
        if (hit < 16) {
            return at + hit;
        }
        at += 16;
    }
    while (at < end && !naru__json_special(*at)) {
        at++;
    }
    return at;
}

static inline bool naru__json_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline const uint8_t *naru__json_skip_blanks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && naru__json_blank(*at)) {
        at++;
    }
    return at;
}

/* Of checked text: `at` is behind the opening quote; answers behind the closing one. Never beyond end. */
static inline const uint8_t *naru__json_string_end(const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        at = naru__json_plain_end(at, end);
        if (at == end) {
            return end;
        }
        if (*at == '"') {
            return at + 1;
        }
        at += end - at > 1 ? 2 : 1;
    }
}

#endif
