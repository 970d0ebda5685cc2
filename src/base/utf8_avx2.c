/* UTF-8 in 32-byte vectors, for x86 with AVX2. The method is in utf8_lookup.h. */
#include <immintrin.h>

#include "utf8_kernels.h"

enum { VEC_BYTES = 32 };

typedef uint8_t vec __attribute__((vector_size(VEC_BYTES)));

static inline vec vec_load(const uint8_t *in)
{
    return (vec)_mm256_loadu_si256((const void *)in);
}

static inline void vec_store(uint8_t *out, vec bytes)
{
    _mm256_storeu_si256((void *)out, (__m256i)bytes);
}

static inline vec vec_of_word(uint64_t word)
{
    return (vec)_mm256_set1_epi64x((long long)word);
}

static inline vec vec_of_table(const uint8_t table[16])
{
    return (vec)_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}

static inline vec vec_lookup(vec table, vec index)
{
    return (vec)_mm256_shuffle_epi8((__m256i)table, (__m256i)index);
}

/* The high half of the one and the low half of the next: what stands 16 bytes before, as alignr wants it. */
static inline __m256i between(vec before, vec bytes)
{
    return _mm256_permute2x128_si256((__m256i)before, (__m256i)bytes, 0x21);
}

static inline vec vec_before_1(vec before, vec bytes)
{
    return (vec)_mm256_alignr_epi8((__m256i)bytes, between(before, bytes), 15);
}

static inline vec vec_before_2(vec before, vec bytes)
{
    return (vec)_mm256_alignr_epi8((__m256i)bytes, between(before, bytes), 14);
}

static inline vec vec_before_3(vec before, vec bytes)
{
    return (vec)_mm256_alignr_epi8((__m256i)bytes, between(before, bytes), 13);
}

static inline vec vec_above(vec bytes, vec limit)
{
    return (vec)_mm256_subs_epu8((__m256i)bytes, (__m256i)limit);
}

static inline bool vec_any(vec bytes)
{
    return !_mm256_testz_si256((__m256i)bytes, (__m256i)bytes);
}

static inline bool vec_any_high(vec bytes)
{
    return !_mm256_testz_si256((__m256i)bytes, _mm256_set1_epi8((char)0x80));
}

#include "utf8_lookup.h"

/* What is too short for the method goes to who has shorter vectors; who has AVX2 has SSSE3. */
enum { BYTES_MIN = VEC_BYTES + 3 };

size_t naru__utf8_avx2(const uint8_t *text, size_t size)
{
    return size < BYTES_MIN ? naru__utf8_ssse3(text, size) : good_front(text, size);
}

size_t naru__mask_utf8_avx2(uint8_t *text, size_t size, uint64_t key)
{
    return size < BYTES_MIN ? naru__mask_utf8_ssse3(text, size, key) : unmask_good_front(text, size, key);
}
