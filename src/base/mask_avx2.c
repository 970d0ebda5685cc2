/* The mask in 32-byte vectors, for x86 with AVX2. The last 64 bytes are read first and written last (see mask.c).
 * Source: RFC 6455 5.3. */
#include <immintrin.h>

#include "mask_word.h"

static __m256i load(const uint8_t *in)
{
    return _mm256_loadu_si256((const void *)in);
}

static void store(uint8_t *out, __m256i bytes)
{
    _mm256_storeu_si256((void *)out, bytes);
}

void naru__mask_avx2(uint8_t *out, const uint8_t *in, size_t size, uint64_t key)
{
    __m256i wide = _mm256_set1_epi64x((long long)key);
    __m256i turned = _mm256_set1_epi64x((long long)naru__mask_word_turn(key, size));
    __m256i y = load(in + size - 64) ^ turned;
    __m256i z = load(in + size - 32) ^ turned;
    size_t i = 0;
    for (; size - i > 128; i += 128) {
        __m256i a = load(in + i) ^ wide;
        __m256i b = load(in + i + 32) ^ wide;
        __m256i c = load(in + i + 64) ^ wide;
        __m256i d = load(in + i + 96) ^ wide;
        store(out + i, a);
        store(out + i + 32, b);
        store(out + i + 64, c);
        store(out + i + 96, d);
    }
    for (; size - i > 64; i += 32) {
        store(out + i, load(in + i) ^ wide);
    }
    store(out + size - 64, y);
    store(out + size - 32, z);
}
