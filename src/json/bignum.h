/* Whole numbers of up to 4096 bits, for the decimals that machine words cannot convert exactly.
 * Not for: numbers at large. No call overflows with what decimal_*.c hand over: 771 digits, powers of ten up to 1101,
 * two to 1150. Source: none. */
#ifndef NARU_JSON_BIGNUM_H
#define NARU_JSON_BIGNUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NARU__BIGNUM_LIMBS = 128 };

/* limbs[0] is the lowest; the highest is not 0. */
typedef struct naru__bignum {
    size_t count;
    uint32_t limbs[NARU__BIGNUM_LIMBS];
} naru__bignum;

void naru__bignum_set(naru__bignum *n, uint64_t value);
void naru__bignum_copy(naru__bignum *n, const naru__bignum *from);
/* n = n * factor + add */
void naru__bignum_multiply(naru__bignum *n, uint32_t factor, uint32_t add);
void naru__bignum_multiply_pow10(naru__bignum *n, uint32_t power);
void naru__bignum_shift_left(naru__bignum *n, uint32_t bits);
void naru__bignum_add(naru__bignum *n, const naru__bignum *other);
/* other is not greater. */
void naru__bignum_subtract(naru__bignum *n, const naru__bignum *other);
/* Negative, 0, positive, as memcmp. */
int naru__bignum_compare(const naru__bignum *a, const naru__bignum *b);
uint32_t naru__bignum_bits(const naru__bignum *n);
static inline bool naru__bignum_zero(const naru__bignum *n)
{
    return n->count == 0;
}

#endif
