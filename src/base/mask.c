/* XOR with the repeating key: small sizes in place (mask_word.h), the others by the machine's kernel.
 * In every size the last vector overlaps the one before and is read before anything is written: no loop over single
 * bytes, and in place it is still right. Source: RFC 6455 5.3. */
#include "mask.h"

#include "cpu.h"
#include "mask_word.h"

/* Vectors that lie across two lines of the cache take half as long again: a large message, whose head is 14 bytes, is
 * begun with what brings it to the start of a line. */
enum { LINE_BYTES = 64, ALIGNED_BYTES_MIN = 4096 };

void naru__mask_by_word(uint8_t *out, const uint8_t *in, size_t size, uint64_t word)
{
    size_t off = (uintptr_t)out % LINE_BYTES;
    if (size >= ALIGNED_BYTES_MIN && off > 0) {
        size_t before = LINE_BYTES - off;
        naru__mask_short(out, in, before, word);
        out += before;
        in += before;
        size -= before;
        word = naru__mask_word_turn(word, before);
    }
    if (size >= NARU__MASK_KERNEL_BYTES_MIN) {
        naru__kernels_best()->mask(out, in, size, word);
        return;
    }
    naru__mask_short(out, in, size, word);
}

void naru__mask(uint8_t *out, const uint8_t *in, size_t size, const uint8_t key[4], size_t phase)
{
    naru__mask_by_word(out, in, size, naru__mask_word(key, phase));
}

void naru__mask_portable(uint8_t *out, const uint8_t *in, size_t size, uint64_t key)
{
    naru__lane wide = naru__lane_of(key);
    naru__lane turned = naru__lane_of(naru__mask_word_turn(key, size));
    const uint8_t *end = in + size;
    naru__lane tail[4];
    for (size_t i = 0; i < 4; i++) {
        tail[i] = naru__lane_load(end - 64 + 16 * i) ^ turned;
    }
    size_t i = 0;
    for (; size - i > 64; i += 64) {
        naru__lane a = naru__lane_load(in + i) ^ wide;
        naru__lane b = naru__lane_load(in + i + 16) ^ wide;
        naru__lane c = naru__lane_load(in + i + 32) ^ wide;
        naru__lane d = naru__lane_load(in + i + 48) ^ wide;
        naru__lane_store(out + i, a);
        naru__lane_store(out + i + 16, b);
        naru__lane_store(out + i + 32, c);
        naru__lane_store(out + i + 48, d);
    }
    for (size_t k = 0; k < 4; k++) {
        naru__lane_store(out + size - 64 + 16 * k, tail[k]);
    }
}
