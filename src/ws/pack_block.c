/* Which kind of block is shortest for a message: stored, in fixed codes, or in its own, which have to be told. Not for:
 * making codes (pack_code.c), writing (pack.c). Source: RFC 1951 3.2.5 to 3.2.7. */
#include "pack.h"

enum {
    CODE_MAX = 15,
    SIZES_CODE_MAX = 7,
    OWN_CODES_BITS = 600, /* below this a block of fixed codes is not worth a look at others */
    STORED_HEAD_BYTES = 4
};

const uint8_t naru__ws_pack_sizes_order[NARU__WS_PACK_SIZES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                11, 4,  12, 3, 13, 2, 14, 1, 15};

/* 1951 3.2.6. The numbers of codes that never occur count too. */
static void make_fixed(naru__ws_pack_block *b)
{
    for (unsigned i = 0; i < NARU__WS_PACK_LITERALS + 2; i++) {
        b->literals[i].size = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    naru__ws_codes_number(b->literals, NARU__WS_PACK_LITERALS + 2);
    /* All 32 distances have 5 bits: the number, its bits turned around. */
    for (unsigned i = 0; i < NARU__WS_PACK_DISTANCES; i++) {
        unsigned turned = (i & 1) << 4 | (i & 2) << 2 | (i & 4) | (i & 8) >> 2 | (i & 16) >> 4;
        b->distances[i] = (naru__ws_code){(uint16_t)turned, 5};
    }
}

static unsigned length_bits(unsigned code)
{
    return code < 265 || code == 285 ? 0 : (code - 261) / 4;
}
static unsigned distance_bits(unsigned code)
{
    return code < 4 ? 0 : code / 2 - 1;
}

/* What a match carries beside its codes, which no choice of codes changes. */
static uint64_t extra_bits(const naru__ws_pack_scratch *scratch)
{
    uint64_t sum = 0;
    for (unsigned i = 265; i < NARU__WS_PACK_LITERALS; i++) {
        sum += (uint64_t)scratch->literals[i] * length_bits(i);
    }
    for (unsigned i = 4; i < NARU__WS_PACK_DISTANCES; i++) {
        sum += (uint64_t)scratch->distances[i] * distance_bits(i);
    }
    return sum;
}

static uint64_t fixed_bits(const naru__ws_pack_scratch *scratch)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < NARU__WS_PACK_LITERALS; i++) {
        unsigned size = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
        sum += (uint64_t)scratch->literals[i] * size;
    }
    for (unsigned i = 0; i < NARU__WS_PACK_DISTANCES; i++) {
        sum += (uint64_t)scratch->distances[i] * 5;
    }
    return sum;
}

static uint64_t own_bits(const naru__ws_pack_block *b, const naru__ws_pack_scratch *scratch)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < NARU__WS_PACK_LITERALS; i++) {
        sum += (uint64_t)scratch->literals[i] * b->literals[i].size;
    }
    for (unsigned i = 0; i < NARU__WS_PACK_DISTANCES; i++) {
        sum += (uint64_t)scratch->distances[i] * b->distances[i].size;
    }
    return sum;
}

/* One run off the front of sizes; answers how many sizes it stands for. */
static unsigned take_run(const uint8_t *sizes, unsigned count, bool again, naru__ws_pack_run *out)
{
    unsigned same = 1;
    unsigned most = sizes[0] == 0 ? 138 : 6;
    while (same < count && same < most && sizes[same] == sizes[0]) {
        same++;
    }
    if (sizes[0] == 0 && same >= 3) {
        *out = same < 11 ? (naru__ws_pack_run){17, 3, (uint8_t)(same - 3)}
                         : (naru__ws_pack_run){18, 7, (uint8_t)(same - 11)};
        return same;
    }
    if (sizes[0] != 0 && again && same >= 3) {
        *out = (naru__ws_pack_run){16, 2, (uint8_t)(same - 3)};
        return same;
    }
    *out = (naru__ws_pack_run){sizes[0], 0, 0};
    return 1;
}

static void make_runs(naru__ws_pack_block *b, uint16_t occurs_out[NARU__WS_PACK_SIZES])
{
    uint8_t sizes[NARU__WS_PACK_LITERALS + NARU__WS_PACK_DISTANCES];
    unsigned count = 0;
    for (unsigned i = 0; i < b->literals_count; i++) {
        sizes[count++] = b->literals[i].size;
    }
    for (unsigned i = 0; i < b->distances_count; i++) {
        sizes[count++] = b->distances[i].size;
    }
    b->runs_count = 0;
    for (unsigned at = 0; at < count;) {
        bool again = at > 0 && sizes[at - 1] == sizes[at];
        naru__ws_pack_run *next = &b->runs[b->runs_count++];
        at += take_run(sizes + at, count - at, again, next);
        occurs_out[next->code]++;
    }
}

static unsigned without_end(const naru__ws_code *codes, unsigned count, unsigned least)
{
    while (count > least && codes[count - 1].size == 0) {
        count--;
    }
    return count;
}

/* Codes of its own and how they are told. Answers how many bits the telling takes. */
static uint64_t make_own(naru__ws_pack_block *b, const naru__ws_pack_scratch *scratch)
{
    uint16_t occurs[NARU__WS_PACK_SIZES] = {0};
    naru__ws_codes_make(scratch->literals, NARU__WS_PACK_LITERALS, CODE_MAX, b->literals);
    naru__ws_codes_make(scratch->distances, NARU__WS_PACK_DISTANCES, CODE_MAX, b->distances);
    b->literals_count = without_end(b->literals, NARU__WS_PACK_LITERALS, NARU__WS_PACK_END + 1);
    b->distances_count = without_end(b->distances, NARU__WS_PACK_DISTANCES, 1);
    make_runs(b, occurs);
    naru__ws_codes_make(occurs, NARU__WS_PACK_SIZES, SIZES_CODE_MAX, b->sizes);
    b->sizes_count = NARU__WS_PACK_SIZES;
    while (b->sizes_count > 4 && b->sizes[naru__ws_pack_sizes_order[b->sizes_count - 1]].size == 0) {
        b->sizes_count--;
    }
    uint64_t told = 5 + 5 + 4 + 3 * (uint64_t)b->sizes_count;
    for (unsigned i = 0; i < b->runs_count; i++) {
        told += b->sizes[b->runs[i].code].size + (uint64_t)b->runs[i].extra_bits;
    }
    return told;
}

void naru__ws_pack_choose(naru__ws_pack_block *b, const naru__ws_pack_scratch *scratch)
{
    uint64_t extra = extra_bits(scratch);
    uint64_t fixed = fixed_bits(scratch) + extra;
    uint64_t stored = 8 * (uint64_t)(scratch->end - scratch->begin + STORED_HEAD_BYTES) + 7;
    b->type = NARU__WS_PACK_FIXED;
    b->bits = fixed;
    if (fixed >= OWN_CODES_BITS) {
        uint64_t own = make_own(b, scratch) + own_bits(b, scratch) + extra;
        b->type = own < fixed ? NARU__WS_PACK_OWN : NARU__WS_PACK_FIXED;
        b->bits = own < fixed ? own : fixed;
    }
    if (stored < b->bits) {
        b->type = NARU__WS_PACK_STORED;
        b->bits = stored;
    }
    if (b->type == NARU__WS_PACK_FIXED) {
        make_fixed(b);
    }
}
