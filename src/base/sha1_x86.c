/* SHA-1 by the processor's own instructions, for x86 with SHA. Four steps of 3174 6.1 are one instruction, and so is
 * the schedule's share of them. Source: Intel SDM volume 2, SHA1RNDS4, SHA1NEXTE, SHA1MSG1, SHA1MSG2; RFC 3174. */
#include <immintrin.h>

#include "cpu.h"

enum { FOURS = 20, FOURS_OF_ONE_FUNCTION = 5 };

/* The function is a part of the instruction. */
static __m128i four_steps(__m128i abcd, __m128i e, unsigned function)
{
    switch (function) {
    case 0:
        return _mm_sha1rnds4_epu32(abcd, e, 0);
    case 1:
        return _mm_sha1rnds4_epu32(abcd, e, 1);
    case 2:
        return _mm_sha1rnds4_epu32(abcd, e, 2);
    default:
        return _mm_sha1rnds4_epu32(abcd, e, 3);
    }
}

/* The next four words, in place of those sixteen before them. */
static void go_on(__m128i words[4], unsigned i)
{
    __m128i begun = _mm_sha1msg1_epu32(words[i & 3], words[(i + 1) & 3]);
    words[i & 3] = _mm_sha1msg2_epu32(_mm_xor_si128(begun, words[(i + 2) & 3]), words[(i + 3) & 3]);
}

/* The highest lane is a, or the first word. */
static __m128i load_words(const uint8_t *block)
{
    const __m128i backwards = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    return _mm_shuffle_epi8(_mm_loadu_si128((const void *)block), backwards);
}

void naru__sha1_block_x86(uint32_t h[5], const uint8_t block[64])
{
    enum { REVERSE = 0x1b };
    const __m128i abcd_before = _mm_shuffle_epi32(_mm_loadu_si128((const void *)h), REVERSE);
    const __m128i e_before = _mm_set_epi32((int)h[4], 0, 0, 0);
    __m128i words[4];
    for (size_t i = 0; i < 4; i++) {
        words[i] = load_words(block + 16 * i);
    }
    __m128i abcd = abcd_before;
    __m128i e = _mm_add_epi32(e_before, words[0]);
    __m128i old = abcd;
    for (unsigned i = 0; i < FOURS; i++) {
        if (i >= 4) {
            go_on(words, i);
        }
        if (i > 0) {
            e = _mm_sha1nexte_epu32(old, words[i & 3]);
        }
        old = abcd;
        abcd = four_steps(abcd, e, i / FOURS_OF_ONE_FUNCTION);
    }
    e = _mm_sha1nexte_epu32(old, e_before);
    abcd = _mm_add_epi32(abcd, abcd_before);
    _mm_storeu_si128((void *)h, _mm_shuffle_epi32(abcd, REVERSE));
    h[4] = (uint32_t)_mm_extract_epi32(e, 3);
}
