/* XOR with the repeating key, a word at a time: compilers turn it into the machine's vectors.
 * Source: RFC 6455 5.3. */
#include "mask.h"

#include <string.h>

/* Sixteen bytes that are handled as one: a vector register where the machine has them, two words elsewhere.
 */
typedef uint64_t lane __attribute__((vector_size(16)));

enum { LANE_BYTES = sizeof(lane), BLOCK_BYTES = 4 * LANE_BYTES };

static bool little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, sizeof first);
    return first == 1;
}

/* The key twice, as eight bytes in memory order, beginning at its phase. Turned in a register: bytes written
 * one by one and read back as a word cost more than masking a small frame. */
static uint64_t key_word(const uint8_t key[4], size_t phase)
{
    uint32_t once;
    memcpy(&once, key, sizeof once);
    uint64_t twice = (uint64_t)once << 32 | once;
    unsigned bits = 8 * (unsigned)(phase & 3);
    if (bits == 0) {
        return twice;
    }
    return little_endian() ? twice >> bits | twice << (64 - bits) : twice << bits | twice >> (64 - bits);
}

static void mask_16(uint8_t *out, const uint8_t *in, lane key)
{
    lane text;
    memcpy(&text, in, sizeof text);
    text ^= key;
    memcpy(out, &text, sizeof text);
}

static void mask_8(uint8_t *out, const uint8_t *in, uint64_t key)
{
    uint64_t word;
    memcpy(&word, in, sizeof word);
    word ^= key;
    memcpy(out, &word, sizeof word);
}

void naru__mask(uint8_t *out, const uint8_t *in, size_t size, const uint8_t key[4], size_t phase)
{
    uint64_t word = key_word(key, phase);
    lane wide = {word, word};
    size_t i = 0;
    for (; size - i >= BLOCK_BYTES; i += BLOCK_BYTES) {
        mask_16(out + i, in + i, wide);
        mask_16(out + i + LANE_BYTES, in + i + LANE_BYTES, wide);
        mask_16(out + i + 2 * LANE_BYTES, in + i + 2 * LANE_BYTES, wide);
        mask_16(out + i + 3 * LANE_BYTES, in + i + 3 * LANE_BYTES, wide);
    }
    for (; size - i >= sizeof word; i += sizeof word) {
        mask_8(out + i, in + i, word);
    }
    for (; i < size; i++) {
        out[i] = in[i] ^ key[(phase + i) & 3];
    }
}
