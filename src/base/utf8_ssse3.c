/* UTF-8 in 16-byte vectors, for x86 with SSSE3. The method is in utf8_lookup.h. */
#include <immintrin.h>

#include "utf8_kernels.h"

enum { VEC_BYTES = 16 };

typedef uint8_t vec __attribute__((vector_size(VEC_BYTES)));

static inline vec vec_load(const uint8_t *in)
{
    return (vec)_mm_loadu_si128((const void *)in);
}

static inline void vec_store(uint8_t *out, vec bytes)
{
    _mm_storeu_si128((void *)out, (__m128i)bytes);
}

static inline vec vec_of_word(uint64_t word)
{
    return (vec)_mm_set1_epi64x((long long)word);
}

static inline vec vec_of_table(const uint8_t table[16])
{
    return vec_load(table);
}

static inline vec vec_lookup(vec table, vec index)
{
    return (vec)_mm_shuffle_epi8((__m128i)table, (__m128i)index);
}

static inline vec vec_before_1(vec before, vec bytes)
{
    return (vec)_mm_alignr_epi8((__m128i)bytes, (__m128i)before, 15);
}

static inline vec vec_before_2(vec before, vec bytes)
{
    return (vec)_mm_alignr_epi8((__m128i)bytes, (__m128i)before, 14);
}

static inline vec vec_before_3(vec before, vec bytes)
{
    return (vec)_mm_alignr_epi8((__m128i)bytes, (__m128i)before, 13);
}

static inline vec vec_above(vec bytes, vec limit)
{
    return (vec)_mm_subs_epu8((__m128i)bytes, (__m128i)limit);
}

static inline bool vec_any(vec bytes)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi8((__m128i)bytes, _mm_setzero_si128())) != 0xffff;
}

static inline bool vec_any_high(vec bytes)
{
    return _mm_movemask_epi8((__m128i)bytes) != 0;
}

#include "utf8_lookup.h"

size_t naru__utf8_ssse3(const uint8_t *text, size_t size)
{
    return good_front(text, size);
}

size_t naru__mask_utf8_ssse3(uint8_t *text, size_t size, uint64_t key)
{
    return unmask_good_front(text, size, key);
}
