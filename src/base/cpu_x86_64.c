/* What a 64-bit x86 can do, asked of the processor and, for registers wider than SSE's, of what the operating system
 * saves. Source: Intel SDM volume 1, 14.3 and 14.7.1. */
#include "cpu.h"

#include "mask_word.h"
#include "utf8_kernels.h"

enum {
    LEAF_1_ECX_SSSE3 = 1 << 9,
    LEAF_1_ECX_SSE4_1 = 1 << 19,
    LEAF_1_ECX_OSXSAVE = 1 << 27,
    LEAF_1_ECX_AVX = 1 << 28,
    LEAF_7_EBX_AVX2 = 1 << 5,
    LEAF_7_EBX_SHA = 1 << 29,
    LEAF_7_EBX_AVX512F = 1 << 16,
    LEAF_7_EBX_AVX512BW = 1 << 30,
    LEAF_7_ECX_AVX512_VBMI2 = 1 << 6,
    XCR0_AVX = 6,
    XCR0_AVX512 = XCR0_AVX | 0xe0
};

typedef struct leaf {
    uint32_t eax, ebx, ecx, edx;
} leaf;

/* The portable mask is in 16-byte vectors, which is SSE2 already. */
static const naru__kernels ssse3 = {"ssse3", naru__mask_portable, naru__utf8_ssse3, naru__mask_utf8_ssse3};
static const naru__kernels avx2 = {"avx2", naru__mask_avx2, naru__utf8_avx2, naru__mask_utf8_avx2};
static const naru__kernels avx512 = {"avx512", naru__mask_avx512, naru__utf8_avx512, naru__mask_utf8_avx512};

static leaf ask(uint32_t number)
{
    leaf answer;
    __asm__("cpuid" : "=a"(answer.eax), "=b"(answer.ebx), "=c"(answer.ecx), "=d"(answer.edx) : "0"(number), "2"(0U));
    return answer;
}

/* XCR0: which registers the operating system saves. Only where OSXSAVE says that it can be asked. */
static uint32_t saved_registers(void)
{
    uint32_t low;
    uint32_t high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0U));
    return low;
}

static bool has(uint32_t bits, uint32_t wanted)
{
    return (bits & wanted) == wanted;
}

static bool has_avx2(const leaf *seventh, uint32_t saved)
{
    return has(saved, XCR0_AVX) && has(seventh->ebx, LEAF_7_EBX_AVX2);
}

/* VBMI2 is not used: it tells the processors that do not lower their clock for wide vectors from those that did. */
static bool has_avx512(const leaf *seventh, uint32_t saved)
{
    return has(saved, XCR0_AVX512) && has(seventh->ebx, LEAF_7_EBX_AVX512F | LEAF_7_EBX_AVX512BW) &&
           has(seventh->ecx, LEAF_7_ECX_AVX512_VBMI2);
}

size_t naru__kernels_list(const naru__kernels *list_out[NARU__KERNELS_MAX])
{
    size_t count = 0;
    leaf first = ask(1);
    leaf seventh = ask(0).eax >= 7 ? ask(7) : (leaf){0, 0, 0, 0};
    uint32_t saved = has(first.ecx, LEAF_1_ECX_OSXSAVE | LEAF_1_ECX_AVX) ? saved_registers() : 0;
    if (has_avx2(&seventh, saved)) {
        if (has_avx512(&seventh, saved)) {
            list_out[count++] = &avx512;
        }
        list_out[count++] = &avx2;
    }
    if (has(first.ecx, LEAF_1_ECX_SSSE3)) {
        list_out[count++] = &ssse3;
    }
    list_out[count++] = &naru__kernels_portable;
    return count;
}

naru__sha1_block *naru__sha1_block_choose(void)
{
    leaf seventh = ask(0).eax >= 7 ? ask(7) : (leaf){0, 0, 0, 0};
    bool able = has(ask(1).ecx, LEAF_1_ECX_SSSE3 | LEAF_1_ECX_SSE4_1) && has(seventh.ebx, LEAF_7_EBX_SHA);
    return able ? naru__sha1_block_x86 : naru__sha1_block_portable;
}
