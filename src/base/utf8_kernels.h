/* naru__kernels.utf8 and .mask_utf8, each for its machines. All are utf8_lookup.h with other vectors. */
#ifndef NARU_BASE_UTF8_KERNELS_H
#define NARU_BASE_UTF8_KERNELS_H

#include <naru/base.h>

size_t naru__utf8_ssse3(const uint8_t *text, size_t size);
size_t naru__mask_utf8_ssse3(uint8_t *text, size_t size, uint64_t key);
size_t naru__utf8_avx2(const uint8_t *text, size_t size);
size_t naru__mask_utf8_avx2(uint8_t *text, size_t size, uint64_t key);
size_t naru__utf8_avx512(const uint8_t *text, size_t size);
size_t naru__mask_utf8_avx512(uint8_t *text, size_t size, uint64_t key);
size_t naru__utf8_neon(const uint8_t *text, size_t size);
size_t naru__mask_utf8_neon(uint8_t *text, size_t size, uint64_t key);

#endif
