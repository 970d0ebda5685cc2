/* What of a message has been said before: hash chains over four bytes, and a look at the next position before a match
 * is taken. Source: RFC 1951 4. */
#include <string.h>

#include "pack.h"

enum { MATCH_MIN = 4, MATCH_MAX = 258, GOOD_ENOUGH = 32 };

/* How many places are looked at, and whether the next position is tried too. */
typedef struct effort {
    uint8_t depth;
    bool lazy;
} effort;
static const effort efforts[NARU__WS_PACK_LEVEL_MAX + 1] = {{1, false}, {1, false}, {2, false}, {4, false},
                                                            {4, true},  {6, true},  {8, true}};

typedef struct match {
    uint32_t length;
    uint32_t distance;
} match;

static inline uint32_t load_32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
/* The first byte is the lowest on any machine. */
static inline uint64_t load_64(const uint8_t *from)
{
    return (uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 | (uint64_t)from[3] << 24 |
           (uint64_t)from[4] << 32 | (uint64_t)from[5] << 40 | (uint64_t)from[6] << 48 | (uint64_t)from[7] << 56;
}
static inline uint32_t hash(const uint8_t *from)
{
    return (load_32(from) * 0x9e3779b1U) >> 20;
}
_Static_assert(NARU__WS_PACK_HASHES == 1 << (32 - 20), "as many as a hash can be");

/* Make every position before `to` one that can be found. */
static inline void insert(naru__ws_pack_scratch *scratch, uint32_t to)
{
    uint32_t last = scratch->end < MATCH_MIN ? 0 : scratch->end - MATCH_MIN + 1; /* no four bytes begin from here on */
    to = to < last ? to : last;
    for (uint32_t at = scratch->inserted; at < to; at++) {
        uint16_t *newest = &scratch->newest[hash(scratch->text + at)];
        scratch->previous[at] = *newest;
        *newest = (uint16_t)(at + 1);
    }
    scratch->inserted = to > scratch->inserted ? to : scratch->inserted;
}

static inline uint32_t same_bytes(const uint8_t *a, const uint8_t *b, uint32_t most)
{
    for (uint32_t same = 0; same < most; same += 8) {
        uint64_t differ = load_64(a + same) ^ load_64(b + same);
        if (differ != 0) {
            same += (uint32_t)__builtin_ctzll(differ) >> 3;
            return same < most ? same : most;
        }
    }
    return most;
}

/* The longest match at `at` that is longer than `beaten`, which is at least 3; its length is 0 if there is none. */
static inline match find(const naru__ws_pack_scratch *scratch, uint32_t at, uint32_t beaten, unsigned depth)
{
    const uint8_t *text = scratch->text;
    uint32_t most = scratch->end - at < MATCH_MAX ? scratch->end - at : MATCH_MAX;
    match best = {0, 0};
    if (most <= beaten) {
        return best;
    }
    for (uint32_t place = scratch->newest[hash(text + at)]; place != 0 && depth > 0; depth--) {
        uint32_t candidate = place - 1;
        if (at - candidate > scratch->distance_max) {
            break;
        }
        if (load_32(text + candidate + beaten - 3) == load_32(text + at + beaten - 3)) {
            uint32_t length = same_bytes(text + candidate, text + at, most);
            if (length > beaten) {
                best = (match){length, at - candidate};
                beaten = length;
                if (length >= GOOD_ENOUGH || length == most) {
                    break;
                }
            }
        }
        place = scratch->previous[candidate];
    }
    return best;
}

static inline void put_literal(naru__ws_pack_scratch *scratch, uint8_t byte)
{
    scratch->symbols[scratch->symbols_count++] = byte;
    scratch->literals[byte]++;
}

static inline void put_match(naru__ws_pack_scratch *scratch, match found)
{
    scratch->symbols[scratch->symbols_count++] = found.length << NARU__WS_SYMBOL_LENGTH | found.distance;
    scratch->literals[naru__ws_length_extra(found.length).code]++;
    scratch->distances[naru__ws_distance_extra(found.distance).code]++;
}

void naru__ws_pack_match(naru__ws_pack_scratch *scratch, unsigned level)
{
    const effort try = efforts[level];
    uint32_t at = scratch->begin;
    while (at < scratch->end) {
        insert(scratch, at);
        match found = find(scratch, at, MATCH_MIN - 1, try.depth);
        while (try.lazy && found.length > 0 && found.length < GOOD_ENOUGH) {
            insert(scratch, at + 1);
            match later = find(scratch, at + 1, found.length, try.depth / 2);
            if (later.length == 0) {
                break;
            }
            put_literal(scratch, scratch->text[at++]);
            found = later;
        }
        if (found.length == 0) {
            put_literal(scratch, scratch->text[at++]);
        } else {
            put_match(scratch, found);
            at += found.length;
        }
    }
    scratch->literals[NARU__WS_PACK_END]++;
}
