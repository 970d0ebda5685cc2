/* The mask in 64-byte vectors, for x86 with AVX-512. The last vector is read first and written last (see mask.c).
 * Source: RFC 6455 5.3. */
#include <immintrin.h>

#include "mask_word.h"

static __m512i load(const uint8_t *in)
{
    return _mm512_loadu_si512((const void *)in);
}

static void store(uint8_t *out, __m512i bytes)
{
    _mm512_storeu_si512((void *)out, bytes);
}

void naru__mask_avx512(uint8_t *out, const uint8_t *in, size_t size, uint64_t key)
{
    __m512i wide = _mm512_set1_epi64((long long)key);
    __m512i last = load(in + size - 64) ^ _mm512_set1_epi64((long long)naru__mask_word_turn(key, size));
    size_t i = 0;
    for (; size - i > 256; i += 256) {
        __m512i a = load(in + i) ^ wide;
        __m512i b = load(in + i + 64) ^ wide;
        __m512i c = load(in + i + 128) ^ wide;
        __m512i d = load(in + i + 192) ^ wide;
        store(out + i, a);
        store(out + i + 64, b);
        store(out + i + 128, c);
        store(out + i + 192, d);
    }
    for (; size - i > 64; i += 64) {
        store(out + i, load(in + i) ^ wide);
    }
    store(out + size - 64, last);
}
