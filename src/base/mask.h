/* XOR with a 4-byte key that repeats. Source: RFC 6455 5.3. */
#ifndef NARU_BASE_MASK_H
#define NARU_BASE_MASK_H

#include <naru/base.h>

/* out[i] = in[i] ^ key[(phase + i) % 4]. out == in is fine, as is no overlap at all; anything else is not. */
void naru__mask(uint8_t *out, const uint8_t *in, size_t size, const uint8_t key[4], size_t phase);

#endif
