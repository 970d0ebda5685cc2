/* A DEFLATE compressor for messages: short, complete at once, with a little text before them that they may refer to.
 * What zlib does for a file it does well, but setting up for it costs more than a message does. Not for: long messages,
 * and those that may take their time (deflate.c has zlib for both). Source: RFC 1951. */
#ifndef NARU_WS_PACK_H
#define NARU_WS_PACK_H

#include <naru/base.h>

enum { NARU__WS_PACK_BYTES_MAX = 8192, NARU__WS_PACK_LEVEL_MAX = 6 };

/* Append data as one block, not the last one, and an empty stored block, so that out ends with 00 00 ff ff.
 *
 * shapes    before: text that it may refer to, in two pieces, together at most 32768 bytes. data: 1 to
 *           NARU__WS_PACK_BYTES_MAX bytes. window_bits: 9 to 15. level: 1 to NARU__WS_PACK_LEVEL_MAX.
 * errors    NARU_ERR_MEMORY: out is as before. */
NARU_MUST_USE naru_status naru__ws_pack(const naru_allocator *allocator, const naru_span before[2], naru_span data,
                                        unsigned window_bits, unsigned level, naru_buf *out);

/* ---- between the files of pack ------------------------------------------------------------------------------- */

enum {
    NARU__WS_PACK_LITERALS = 286, /* literals, the end of the block, lengths */
    NARU__WS_PACK_DISTANCES = 30,
    NARU__WS_PACK_END = 256,
    NARU__WS_PACK_HASHES = 4096
};

/* What a message is made of: a literal as it is, or a match, its length above its distance. */
typedef uint32_t naru__ws_symbol;
enum { NARU__WS_SYMBOL_LENGTH = 16 };

typedef struct naru__ws_pack_scratch {
    uint32_t begin, end; /* of the message in text; before begin: what it may refer to */
    uint32_t distance_max;
    uint32_t inserted; /* positions before this can be found */
    uint32_t symbols_count;
    uint8_t *text;      /* with NARU__WS_PACK_SLACK bytes behind it */
    uint16_t *previous; /* of each position: 1 + the one before with the same hash */
    naru__ws_symbol *symbols;
    uint16_t literals[NARU__WS_PACK_LITERALS]; /* how often each occurs */
    uint16_t distances[NARU__WS_PACK_DISTANCES];
    uint16_t newest[NARU__WS_PACK_HASHES]; /* of each hash: 1 + its last position */
} naru__ws_pack_scratch;
enum { NARU__WS_PACK_SLACK = 8 };

/* Fill symbols, literals and distances from text. */
void naru__ws_pack_match(naru__ws_pack_scratch *scratch, unsigned level);

/* 1951 3.2.5: lengths from 3 and distances from 1 are a code and some bits more. */
typedef struct naru__ws_extra {
    uint16_t code; /* of lengths: from 257 */
    uint8_t bits;
    uint16_t value;
} naru__ws_extra;

static inline unsigned naru__ws_pack_log2(uint32_t value)
{
    return 31 - (unsigned)__builtin_clz(value);
}
static inline naru__ws_extra naru__ws_length_extra(uint32_t length)
{
    uint32_t above = length - 3;
    if (length == 258) {
        return (naru__ws_extra){285, 0, 0};
    }
    if (above < 8) {
        return (naru__ws_extra){(uint16_t)(257 + above), 0, 0};
    }
    unsigned bits = naru__ws_pack_log2(above) - 2;
    return (naru__ws_extra){(uint16_t)(257 + 4 * bits + (above >> bits)), (uint8_t)bits,
                            (uint16_t)(above & ((1U << bits) - 1))};
}
static inline naru__ws_extra naru__ws_distance_extra(uint32_t distance)
{
    uint32_t above = distance - 1;
    if (above < 4) {
        return (naru__ws_extra){(uint16_t)above, 0, 0};
    }
    unsigned bits = naru__ws_pack_log2(above) - 1;
    return (naru__ws_extra){(uint16_t)(2 * bits + (above >> bits)), (uint8_t)bits,
                            (uint16_t)(above & ((1U << bits) - 1))};
}

/* A symbol's code, in the order in which its bits leave; size 0: it does not occur. */
typedef struct naru__ws_code {
    uint16_t bits;
    uint8_t size;
} naru__ws_code;

/* The shortest codes of at most size_max bits; always a complete set.
 * shapes    count: 2 to NARU__WS_PACK_LITERALS symbols. */
void naru__ws_codes_make(const uint16_t *occurs, unsigned count, unsigned size_max, naru__ws_code *codes_out);
/* Give codes of these sizes their bits. source RFC 1951 3.2.2 */
void naru__ws_codes_number(naru__ws_code *codes, unsigned count);

enum { NARU__WS_PACK_SIZES = 19 /* codes of sizes, 1951 3.2.7 */ };
enum { NARU__WS_PACK_STORED = 0, NARU__WS_PACK_FIXED = 1, NARU__WS_PACK_OWN = 2 }; /* 1951 3.2.3 */

/* A size, or a run of them: 1951 3.2.7. */
typedef struct naru__ws_pack_run {
    uint8_t code;
    uint8_t extra_bits;
    uint8_t extra;
} naru__ws_pack_run;

typedef struct naru__ws_pack_block {
    unsigned type;
    uint64_t bits; /* of all of it behind its head */
    naru__ws_code literals[NARU__WS_PACK_LITERALS + 2];
    naru__ws_code distances[NARU__WS_PACK_DISTANCES];
    unsigned literals_count, distances_count; /* up to the last that has a code */
    naru__ws_pack_run runs[NARU__WS_PACK_LITERALS + NARU__WS_PACK_DISTANCES];
    unsigned runs_count;
    naru__ws_code sizes[NARU__WS_PACK_SIZES];
    unsigned sizes_count;
} naru__ws_pack_block;

/* Choose the shortest block for what was matched. */
void naru__ws_pack_choose(naru__ws_pack_block *block_out, const naru__ws_pack_scratch *scratch);
/* 1951 3.2.7: the order in which the sizes of the codes of sizes are written. */
extern const uint8_t naru__ws_pack_sizes_order[NARU__WS_PACK_SIZES];

#endif
