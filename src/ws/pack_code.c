/* Huffman codes of limited size. Not for: what has them (pack.c). Source: RFC 1951 3.2.2; the sizes in place after
 * Moffat and Katajainen, "In-Place Calculation of Minimum-Redundancy Codes", 1995. */
#include <assert.h>
#include <string.h>

#include "pack.h"

enum { SIZE_LIMIT = 15, SYMBOL_BITS = 9, SYMBOL_MASK = (1 << SYMBOL_BITS) - 1, BUCKETS = 64, DEPTH_MAX = 31 };

/* Sort by how often they occur: those that occur seldom, which are nearly all, by counting. */
static unsigned sort(const uint16_t *occurs, unsigned count, uint32_t *sorted_out)
{
    unsigned starts[BUCKETS] = {0};
    for (unsigned i = 0; i < count; i++) {
        starts[occurs[i] < BUCKETS ? occurs[i] : BUCKETS - 1]++;
    }
    unsigned used = 0;
    starts[0] = 0;
    for (unsigned i = 1; i < BUCKETS; i++) {
        unsigned here = starts[i];
        starts[i] = used;
        used += here;
    }
    unsigned frequent = starts[BUCKETS - 1];
    for (unsigned i = 0; i < count; i++) {
        if (occurs[i] > 0) {
            sorted_out[starts[occurs[i] < BUCKETS ? occurs[i] : BUCKETS - 1]++] =
                (uint32_t)occurs[i] << SYMBOL_BITS | i;
        }
    }
    for (unsigned i = frequent + 1; i < used; i++) {
        uint32_t moved = sorted_out[i];
        unsigned to = i;
        for (; to > frequent && sorted_out[to - 1] > moved; to--) {
            sorted_out[to] = sorted_out[to - 1];
        }
        sorted_out[to] = moved;
    }
    return used;
}

/* Join the two smallest again and again; a node's cell becomes its parent's index. */
static void join(uint32_t *nodes, unsigned count)
{
    unsigned root = 0, leaf = 2;
    nodes[0] += nodes[1];
    for (unsigned next = 1; next < count - 1; next++) {
        uint32_t sum = 0;
        for (unsigned child = 0; child < 2; child++) {
            if (leaf >= count || (root < next && nodes[root] < nodes[leaf])) {
                sum += nodes[root];
                nodes[root++] = next;
            } else {
                sum += nodes[leaf++];
            }
        }
        nodes[next] = sum;
    }
}

/* How many codes have each size, if there were no limit but DEPTH_MAX. */
static void count_sizes(uint32_t *nodes, unsigned count, unsigned sizes_out[DEPTH_MAX + 1])
{
    join(nodes, count);
    nodes[count - 2] = 0;
    for (unsigned i = count - 2; i-- > 0;) {
        nodes[i] = nodes[nodes[i]] + 1;
    }
    unsigned open = 1;
    unsigned left = count - 1; /* inner nodes, the deepest first */
    for (unsigned depth = 0; open > 0; depth++) {
        unsigned inner = 0;
        while (left > 0 && nodes[left - 1] == depth) {
            inner++;
            left--;
        }
        sizes_out[depth] = open - inner;
        open = 2 * inner;
    }
}

/* Too long ones become as long as may be; for each place that this takes too much, a shorter one is split. */
static void limit(unsigned sizes[DEPTH_MAX + 1], unsigned size_max)
{
    uint32_t taken = 0;
    for (unsigned i = size_max + 1; i <= DEPTH_MAX; i++) {
        sizes[size_max] += sizes[i];
        sizes[i] = 0;
    }
    for (unsigned i = 1; i <= size_max; i++) {
        taken += (uint32_t)sizes[i] << (size_max - i);
    }
    for (; taken > (uint32_t)1 << size_max; taken--) {
        unsigned shorter = size_max - 1;
        while (sizes[shorter] == 0) {
            shorter--;
        }
        sizes[size_max]--;
        sizes[shorter]--;
        sizes[shorter + 1] += 2;
    }
}

static uint16_t reversed(uint32_t code, unsigned size)
{
    code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
    code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
    code = (code & 0x0f0f) << 4 | (code >> 4 & 0x0f0f);
    code = (code & 0x00ff) << 8 | (code >> 8 & 0x00ff);
    return (uint16_t)(code >> (16 - size));
}

void naru__ws_codes_number(naru__ws_code *codes, unsigned count)
{
    uint32_t next[SIZE_LIMIT + 1] = {0};
    uint32_t sizes[SIZE_LIMIT + 1] = {0};
    for (unsigned i = 0; i < count; i++) {
        sizes[codes[i].size]++;
    }
    sizes[0] = 0;
    for (unsigned i = 1; i <= SIZE_LIMIT; i++) {
        next[i] = (next[i - 1] + sizes[i - 1]) << 1;
    }
    for (unsigned i = 0; i < count; i++) {
        if (codes[i].size > 0) {
            codes[i].bits = reversed(next[codes[i].size]++, codes[i].size);
        }
    }
}

void naru__ws_codes_make(const uint16_t *occurs, unsigned count, unsigned size_max, naru__ws_code *codes_out)
{
    uint32_t sorted[NARU__WS_PACK_LITERALS];
    uint32_t nodes[NARU__WS_PACK_LITERALS];
    unsigned sizes[DEPTH_MAX + 1] = {0};
    unsigned used = sort(occurs, count, sorted);
    memset(codes_out, 0, count * sizeof *codes_out);
    /* Two codes at least: a set of one is not complete, and not every inflater takes it. */
    for (unsigned i = 0; used < 2; i++) {
        if (occurs[i] == 0) {
            sorted[used++] = i;
        }
    }
    assert(used >= 2);
    for (unsigned i = 0; i < used; i++) {
        nodes[i] = sorted[i] >> SYMBOL_BITS;
    }
    count_sizes(nodes, used, sizes);
    limit(sizes, size_max);
    unsigned at = 0;
    for (unsigned size = size_max; size > 0; size--) {
        for (unsigned i = 0; i < sizes[size]; i++) {
            codes_out[sorted[at++] & SYMBOL_MASK].size = (uint8_t)size;
        }
    }
    naru__ws_codes_number(codes_out, count);
}
