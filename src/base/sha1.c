/* SHA-1 of bytes that are all there. Not for: secrets or signatures. Source: RFC 3174. */
#include "sha1.h"

#include <stdatomic.h>
#include <string.h>

#include "cpu.h"

enum { BLOCK_BYTES = 64, LENGTH_AT = 56 };

static uint32_t rotate(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t word)
{
    p[0] = (uint8_t)(word >> 24);
    p[1] = (uint8_t)(word >> 16);
    p[2] = (uint8_t)(word >> 8);
    p[3] = (uint8_t)word;
}

/* 3174 6.1 b: the 16 words of a block become 80. */
static void schedule(uint32_t w[80], const uint8_t block[BLOCK_BYTES])
{
    for (size_t t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
}

/* 3174 5: the function and the constant of step t, added. */
static uint32_t mix(size_t t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20) {
        return ((b & c) | (~b & d)) + 0x5a827999U;
    }
    if (t < 40) {
        return (b ^ c ^ d) + 0x6ed9eba1U;
    }
    if (t < 60) {
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcU;
    }
    return (b ^ c ^ d) + 0xca62c1d6U;
}

void naru__sha1_block_portable(uint32_t h[5], const uint8_t block[BLOCK_BYTES])
{
    uint32_t w[80];
    schedule(w, block);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (size_t t = 0; t < 80; t++) {
        uint32_t next = rotate(a, 5) + mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Relaxed: who finds nothing here arrives at the same answer. */
static naru__sha1_block *best_block(void)
{
    static _Atomic(naru__sha1_block *) chosen;
    naru__sha1_block *block = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!block) {
        block = naru__sha1_block_choose();
        atomic_store_explicit(&chosen, block, memory_order_relaxed);
    }
    return block;
}

/* 3174 4: one bit set, zeros, and the length in bits; one block, or two when the length no longer fits. */
static void take_tail(uint32_t h[5], naru_span tail, uint64_t text_bytes, naru__sha1_block *take_block)
{
    uint8_t last[2 * BLOCK_BYTES] = {0};
    if (tail.size > 0) {
        memcpy(last, tail.data, tail.size);
    }
    last[tail.size] = 0x80;
    size_t size = tail.size < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    uint64_t bits = text_bytes * 8;
    store_be32(last + size - 8, (uint32_t)(bits >> 32));
    store_be32(last + size - 4, (uint32_t)bits);
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        take_block(h, last + at);
    }
}

void naru__sha1(naru_span text, uint8_t digest_out[20])
{
    uint32_t h[5] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    naru__sha1_block *take_block = best_block();
    naru_span rest = text;
    while (rest.size >= BLOCK_BYTES) {
        take_block(h, rest.data);
        rest.data += BLOCK_BYTES;
        rest.size -= BLOCK_BYTES;
    }
    take_tail(h, rest, text.size, take_block);
    for (size_t i = 0; i < 5; i++) {
        store_be32(digest_out + 4 * i, h[i]);
    }
}
