/* Whole numbers of up to 4096 bits. Source: Knuth, The Art of Computer Programming 2, 4.3.1. */
#include "bignum.h"

#include <assert.h>
#include <string.h>

static void push_limb(naru__bignum *n, uint32_t limb)
{
    if (limb != 0) {
        assert(n->count < NARU__BIGNUM_LIMBS);
        n->limbs[n->count++] = limb;
    }
}

static void trim(naru__bignum *n)
{
    while (n->count > 0 && n->limbs[n->count - 1] == 0) {
        n->count--;
    }
}

void naru__bignum_set(naru__bignum *n, uint64_t value)
{
    n->limbs[0] = (uint32_t)value;
    n->limbs[1] = (uint32_t)(value >> 32);
    n->count = 2;
    trim(n);
}

void naru__bignum_copy(naru__bignum *n, const naru__bignum *from)
{
    n->count = from->count;
    memcpy(n->limbs, from->limbs, from->count * sizeof from->limbs[0]);
}

void naru__bignum_multiply(naru__bignum *n, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < n->count; i++) {
        carry += (uint64_t)n->limbs[i] * factor;
        n->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push_limb(n, (uint32_t)carry);
}

void naru__bignum_multiply_pow10(naru__bignum *n, uint32_t power)
{
    for (; power >= 9; power -= 9) {
        naru__bignum_multiply(n, 1000000000, 0);
    }
    uint32_t rest = 1;
    while (power-- > 0) {
        rest *= 10;
    }
    naru__bignum_multiply(n, rest, 0);
}

void naru__bignum_shift_left(naru__bignum *n, uint32_t bits)
{
    size_t whole = bits / 32;
    if (n->count == 0) {
        return;
    }
    if (whole > 0) {
        assert(whole + n->count <= NARU__BIGNUM_LIMBS);
        memmove(n->limbs + whole, n->limbs, n->count * sizeof n->limbs[0]);
        memset(n->limbs, 0, whole * sizeof n->limbs[0]);
        n->count += whole;
    }
    if (bits % 32 > 0) {
        naru__bignum_multiply(n, UINT32_C(1) << (bits % 32), 0);
    }
}

void naru__bignum_add(naru__bignum *n, const naru__bignum *other)
{
    while (n->count < other->count) {
        n->limbs[n->count++] = 0;
    }
    uint64_t carry = 0;
    for (size_t i = 0; i < n->count; i++) {
        carry += (uint64_t)n->limbs[i] + (i < other->count ? other->limbs[i] : 0);
        n->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    push_limb(n, (uint32_t)carry);
}

void naru__bignum_subtract(naru__bignum *n, const naru__bignum *other)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < n->count; i++) {
        uint64_t less = borrow + (i < other->count ? other->limbs[i] : 0);
        borrow = n->limbs[i] < less;
        n->limbs[i] = (uint32_t)(n->limbs[i] - less);
    }
    assert(borrow == 0);
    trim(n);
}

int naru__bignum_compare(const naru__bignum *a, const naru__bignum *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) {
            return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

uint32_t naru__bignum_bits(const naru__bignum *n)
{
    if (n->count == 0) {
        return 0;
    }
    return (uint32_t)(32 * n->count) - (uint32_t)__builtin_clz(n->limbs[n->count - 1]);
}
