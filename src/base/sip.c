/* SipHash-2-4, for the tables that peers or applications fill. Not for: anything that must stay secret.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
#include "sip.h"

typedef struct state {
    uint64_t a, b, c, d;
} state;

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void stir(state *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

/* Up to eight bytes, the first one lowest. */
static uint64_t word_of(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

/* The same of eight, which a compiler makes one load of. */
static uint64_t whole_word_of(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static void take(state *s, uint64_t word)
{
    s->d ^= word;
    stir(s);
    stir(s);
    s->a ^= word;
}

uint64_t naru__sip(const naru__sip_key *key, naru_span bytes)
{
    uint64_t k0 = key->words[0], k1 = key->words[1];
    state s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    size_t at = 0;
    for (; bytes.size - at >= 8; at += 8) {
        take(&s, whole_word_of(bytes.data + at));
    }
    uint64_t last = (uint64_t)bytes.size << 56;
    take(&s, last | (at < bytes.size ? word_of(bytes.data + at, bytes.size - at) : 0));
    s.c ^= 0xff;
    for (int i = 0; i < 4; i++) {
        stir(&s);
    }
    return s.a ^ s.b ^ s.c ^ s.d;
}
