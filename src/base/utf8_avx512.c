/* UTF-8 in 64-byte vectors, for x86 with AVX-512. The method is in utf8_lookup.h. */
#include <immintrin.h>

#include "utf8_kernels.h"

enum { VEC_BYTES = 64 };

typedef uint8_t vec __attribute__((vector_size(VEC_BYTES)));

static inline vec vec_load(const uint8_t *in)
{
    return (vec)_mm512_loadu_si512((const void *)in);
}

static inline void vec_store(uint8_t *out, vec bytes)
{
    _mm512_storeu_si512((void *)out, (__m512i)bytes);
}

static inline vec vec_of_word(uint64_t word)
{
    return (vec)_mm512_set1_epi64((long long)word);
}

static inline vec vec_of_table(const uint8_t table[16])
{
    return (vec)_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
}

static inline vec vec_lookup(vec table, vec index)
{
    return (vec)_mm512_shuffle_epi8((__m512i)table, (__m512i)index);
}

/* What stands 16 bytes before, as alignr wants it, which knows only quarters. */
static inline __m512i between(vec before, vec bytes)
{
    return _mm512_alignr_epi64((__m512i)bytes, (__m512i)before, 6);
}

static inline vec vec_before_1(vec before, vec bytes)
{
    return (vec)_mm512_alignr_epi8((__m512i)bytes, between(before, bytes), 15);
}

static inline vec vec_before_2(vec before, vec bytes)
{
    return (vec)_mm512_alignr_epi8((__m512i)bytes, between(before, bytes), 14);
}

static inline vec vec_before_3(vec before, vec bytes)
{
    return (vec)_mm512_alignr_epi8((__m512i)bytes, between(before, bytes), 13);
}

static inline vec vec_above(vec bytes, vec limit)
{
    return (vec)_mm512_subs_epu8((__m512i)bytes, (__m512i)limit);
}

static inline bool vec_any(vec bytes)
{
    return _mm512_test_epi8_mask((__m512i)bytes, (__m512i)bytes) != 0;
}

static inline bool vec_any_high(vec bytes)
{
    return _mm512_movepi8_mask((__m512i)bytes) != 0;
}

#include "utf8_lookup.h"

/* What is too short for the method goes to who has shorter vectors; who has AVX-512 has AVX2. */
enum { BYTES_MIN = VEC_BYTES + 3 };

size_t naru__utf8_avx512(const uint8_t *text, size_t size)
{
    return size < BYTES_MIN ? naru__utf8_avx2(text, size) : good_front(text, size);
}

size_t naru__mask_utf8_avx512(uint8_t *text, size_t size, uint64_t key)
{
    return size < BYTES_MIN ? naru__mask_utf8_avx2(text, size, key) : unmask_good_front(text, size, key);
}
