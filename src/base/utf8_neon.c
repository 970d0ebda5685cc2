/* UTF-8 in 16-byte vectors, for 64-bit ARM. The method is in utf8_lookup.h. */
#include <arm_neon.h>

#include "utf8_kernels.h"

enum { VEC_BYTES = 16 };

typedef uint8x16_t vec;

static inline vec vec_load(const uint8_t *in)
{
    return vld1q_u8(in);
}

static inline void vec_store(uint8_t *out, vec bytes)
{
    vst1q_u8(out, bytes);
}

static inline vec vec_of_word(uint64_t word)
{
    return vreinterpretq_u8_u64(vdupq_n_u64(word));
}

static inline vec vec_of_table(const uint8_t table[16])
{
    return vld1q_u8(table);
}

static inline vec vec_lookup(vec table, vec index)
{
    return vqtbl1q_u8(table, index);
}

static inline vec vec_before_1(vec before, vec bytes)
{
    return vextq_u8(before, bytes, 15);
}

static inline vec vec_before_2(vec before, vec bytes)
{
    return vextq_u8(before, bytes, 14);
}

static inline vec vec_before_3(vec before, vec bytes)
{
    return vextq_u8(before, bytes, 13);
}

static inline vec vec_above(vec bytes, vec limit)
{
    return vqsubq_u8(bytes, limit);
}

static inline bool vec_any(vec bytes)
{
    return vmaxvq_u8(bytes) != 0;
}

static inline bool vec_any_high(vec bytes)
{
    return vmaxvq_u8(bytes) >= 0x80;
}

#include "utf8_lookup.h"

size_t naru__utf8_neon(const uint8_t *text, size_t size)
{
    return good_front(text, size);
}

size_t naru__mask_utf8_neon(uint8_t *text, size_t size, uint64_t key)
{
    return unmask_good_front(text, size, key);
}
