/* One message as one block, written. Not for: finding matches (pack_match.c), choosing the block's codes (pack_block.c)
 * and making them (pack_code.c). Source: RFC 1951 3.2. */
#include "pack.h"

#include <string.h>

#include "base/memory.h"

enum { HEAD_BITS = 3 /* of a block */, ROOM_SLACK = 24 };

/* ---- bits out ------------------------------------------------------------------------------------------------ */

typedef struct bits {
    uint8_t *to;
    uint64_t held;
    unsigned count;
} bits;

/* shapes size: at most 56 less what is held. */
static inline void add(bits *out, uint64_t value, unsigned size)
{
    out->held |= value << out->count;
    out->count += size;
}
/* At most 7 stay held. Writes 8 bytes whatever there is. */
static inline void settle(bits *out)
{
    for (unsigned i = 0; i < 8; i++) {
        out->to[i] = (uint8_t)(out->held >> 8 * i);
    }
    out->to += out->count >> 3;
    out->held >>= out->count & ~7U;
    out->count &= 7;
}
static inline void put(bits *out, uint64_t value, unsigned size)
{
    add(out, value, size);
    settle(out);
}

/* ---- writing it ---------------------------------------------------------------------------------------------- */

static void write_own_codes(bits *out, const naru__ws_pack_block *b)
{
    put(out, b->literals_count - 257, 5);
    put(out, b->distances_count - 1, 5);
    put(out, b->sizes_count - 4, 4);
    for (unsigned i = 0; i < b->sizes_count; i++) {
        put(out, b->sizes[naru__ws_pack_sizes_order[i]].size, 3);
    }
    for (unsigned i = 0; i < b->runs_count; i++) {
        const naru__ws_pack_run *next = &b->runs[i];
        add(out, b->sizes[next->code].bits, b->sizes[next->code].size);
        put(out, next->extra, next->extra_bits);
    }
}

static void write_symbols(bits *out, const naru__ws_pack_block *b, const naru__ws_pack_scratch *scratch)
{
    for (uint32_t i = 0; i < scratch->symbols_count; i++) {
        naru__ws_symbol symbol = scratch->symbols[i];
        if (symbol < 256) {
            put(out, b->literals[symbol].bits, b->literals[symbol].size);
            continue;
        }
        naru__ws_extra length = naru__ws_length_extra(symbol >> NARU__WS_SYMBOL_LENGTH);
        naru__ws_extra distance = naru__ws_distance_extra(symbol & ((1U << NARU__WS_SYMBOL_LENGTH) - 1));
        add(out, b->literals[length.code].bits, b->literals[length.code].size);
        add(out, length.value, length.bits);
        add(out, b->distances[distance.code].bits, b->distances[distance.code].size);
        put(out, distance.value, distance.bits);
    }
    put(out, b->literals[NARU__WS_PACK_END].bits, b->literals[NARU__WS_PACK_END].size);
}

/* 1951 3.2.4: from here on it is bytes. */
static void write_stored_head(bits *out, uint32_t size)
{
    out->count += out->count > 0 ? 8 - out->count : 0;
    put(out, size | (uint64_t)(~size & 0xffff) << 16, 32);
}

static void write_block(bits *out, const naru__ws_pack_block *b, const naru__ws_pack_scratch *scratch)
{
    put(out, b->type << 1, HEAD_BITS);
    if (b->type == NARU__WS_PACK_STORED) {
        uint32_t size = scratch->end - scratch->begin;
        write_stored_head(out, size);
        memcpy(out->to, scratch->text + scratch->begin, size);
        out->to += size;
    } else {
        if (b->type == NARU__WS_PACK_OWN) {
            write_own_codes(out, b);
        }
        write_symbols(out, b, scratch);
    }
    put(out, NARU__WS_PACK_STORED << 1, HEAD_BITS);
    write_stored_head(out, 0);
}

static naru_status pack(naru__ws_pack_scratch *scratch, unsigned level, naru_buf *out)
{
    naru__ws_pack_block b;
    naru__ws_pack_match(scratch, level);
    naru__ws_pack_choose(&b, scratch);
    uint8_t *room = naru_buf_reserve(out, (size_t)(b.bits / 8) + ROOM_SLACK);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    bits written = {room, 0, 0};
    write_block(&written, &b, scratch);
    naru_buf_commit(out, (size_t)(written.to - room));
    return NARU_OK;
}

/* ---- scratch memory ------------------------------------------------------------------------------------------ */

static uint8_t *copy(uint8_t *to, naru_span from)
{
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
    return to + from.size;
}

/* One block: the scratch, a symbol for each byte of the message, a place for each byte of text, the text. */
naru_status naru__ws_pack(const naru_allocator *allocator, const naru_span before[2], naru_span data,
                          unsigned window_bits, unsigned level, naru_buf *out)
{
    size_t text_bytes = before[0].size + before[1].size + data.size;
    size_t bytes = sizeof(naru__ws_pack_scratch) + data.size * sizeof(naru__ws_symbol) +
                   text_bytes * (sizeof(uint16_t) + 1) + NARU__WS_PACK_SLACK;
    naru__ws_pack_scratch *scratch = naru__alloc(allocator, bytes);
    if (!scratch) {
        return NARU_ERR_MEMORY;
    }
    memset(scratch, 0, sizeof *scratch);
    scratch->symbols = (naru__ws_symbol *)(scratch + 1);
    scratch->previous = (uint16_t *)(scratch->symbols + data.size);
    scratch->text = (uint8_t *)(scratch->previous + text_bytes);
    memset(copy(copy(copy(scratch->text, before[0]), before[1]), data), 0, NARU__WS_PACK_SLACK);
    scratch->begin = (uint32_t)(text_bytes - data.size);
    scratch->end = (uint32_t)text_bytes;
    scratch->distance_max = (uint32_t)1 << window_bits;
    naru_status status = pack(scratch, level, out);
    naru__free(allocator, scratch, bytes);
    return status;
}
