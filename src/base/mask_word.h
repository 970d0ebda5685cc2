/* The key as a word, the mask of less than 64 bytes, and the mask's kernels. Source: RFC 6455 5.3. */
#ifndef NARU_BASE_MASK_WORD_H
#define NARU_BASE_MASK_WORD_H

#include <naru/base.h>
#include <string.h>

static inline bool naru__little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, sizeof first);
    return first == 1;
}

/* The key as the byte `bytes` further on sees it. Turned in a register: bytes written one by one and read back as a
 * word cost more than masking a small frame. */
static inline uint64_t naru__mask_word_turn(uint64_t word, size_t bytes)
{
    unsigned bits = 8 * (unsigned)(bytes & 3);
    unsigned rest = (64 - bits) & 63;
    return naru__little_endian() ? word >> bits | word << rest : word << bits | word >> rest;
}

/* The key twice, as eight bytes in memory order, beginning at its phase. */
static inline uint64_t naru__mask_word(const uint8_t key[4], size_t phase)
{
    uint32_t once;
    memcpy(&once, key, sizeof once);
    return naru__mask_word_turn((uint64_t)once << 32 | once, phase);
}

/* The i-th of the word's bytes. By a shift: an array on the stack would be guarded at the price of a small frame. */
static inline uint8_t naru__mask_byte(uint64_t word, size_t i)
{
    size_t bits = 8 * (i & 7);
    return (uint8_t)(naru__little_endian() ? word >> bits : word >> (56 - bits));
}

/* Of a word that holds eight bytes: set where one is not ASCII. */
#define NARU__MASK_HIGH_BITS 0x8080808080808080U

/* Sixteen bytes that are handled as one: a vector register where the machine has them, two words elsewhere. */
typedef uint64_t naru__lane __attribute__((vector_size(16)));

static inline naru__lane naru__lane_of(uint64_t word)
{
    return (naru__lane){word, word};
}

static inline naru__lane naru__lane_load(const uint8_t *in)
{
    naru__lane bytes;
    memcpy(&bytes, in, sizeof bytes);
    return bytes;
}

static inline void naru__lane_store(uint8_t *out, naru__lane bytes)
{
    memcpy(out, &bytes, sizeof bytes);
}

/* What masking 16 to 63 bytes would write, or-ed together eight by eight. */
static inline uint64_t naru__mask_seen(const uint8_t *in, size_t size, uint64_t word)
{
    naru__lane key = naru__lane_of(word);
    naru__lane turned = naru__lane_of(naru__mask_word_turn(word, size));
    naru__lane seen = (naru__lane_load(in) ^ key) | (naru__lane_load(in + size - 16) ^ turned);
    if (size > 32) {
        seen |= (naru__lane_load(in + 16) ^ key) | (naru__lane_load(in + size - 32) ^ turned);
    }
    return seen[0] | seen[1];
}

/* 16 to 63 bytes. */
static inline uint64_t naru__mask_lanes(uint8_t *out, const uint8_t *in, size_t size, uint64_t word)
{
    naru__lane key = naru__lane_of(word);
    naru__lane turned = naru__lane_of(naru__mask_word_turn(word, size));
    naru__lane a = naru__lane_load(in) ^ key;
    naru__lane z = naru__lane_load(in + size - 16) ^ turned;
    naru__lane seen = a | z;
    if (size > 32) {
        naru__lane b = naru__lane_load(in + 16) ^ key;
        naru__lane y = naru__lane_load(in + size - 32) ^ turned;
        seen |= b | y;
        naru__lane_store(out + 16, b);
        naru__lane_store(out + size - 32, y);
    }
    naru__lane_store(out + size - 16, z);
    naru__lane_store(out, a);
    return seen[0] | seen[1];
}

/* Less than 64 bytes. Answers all that was written, or-ed together eight by eight: whether all of it is ASCII is known
 * without reading it again. */
static inline uint64_t naru__mask_short(uint8_t *out, const uint8_t *in, size_t size, uint64_t word)
{
    if (size >= 16) {
        return naru__mask_lanes(out, in, size, word);
    }
    if (size >= 8) {
        uint64_t a;
        uint64_t z;
        memcpy(&a, in, sizeof a);
        memcpy(&z, in + size - sizeof z, sizeof z);
        a ^= word;
        z ^= naru__mask_word_turn(word, size);
        memcpy(out, &a, sizeof a);
        memcpy(out + size - sizeof z, &z, sizeof z);
        return a | z;
    }
    uint8_t seen = 0;
    for (size_t i = 0; i < size; i++) {
        out[i] = in[i] ^ naru__mask_byte(word, i);
        seen |= out[i];
    }
    return seen;
}

/* naru__mask with the key as a word. */
void naru__mask_by_word(uint8_t *out, const uint8_t *in, size_t size, uint64_t word);

/* naru__kernels.mask, each for its machines. */
void naru__mask_portable(uint8_t *out, const uint8_t *in, size_t size, uint64_t key);
void naru__mask_avx2(uint8_t *out, const uint8_t *in, size_t size, uint64_t key);
void naru__mask_avx512(uint8_t *out, const uint8_t *in, size_t size, uint64_t key);

#endif
