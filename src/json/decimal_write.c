/* Double to the shortest decimal that reads back: the few digits that most numbers have by trial, all others by the
 * method of Steele and White, which ends as soon as the digits are inside the rounding interval. Source: decimal.h. */
#include <assert.h>
#include <string.h>

#include "bignum.h"
#include "decimal.h"

/* 0.DIGITS * 10^point */
typedef struct digits {
    char text[NARU__DECIMAL_DIGITS_MAX];
    size_t count;
    int32_t point;
} digits;

/* word * 10^exponent, without the zeros at the end. */
static digits digits_of(uint64_t word, int32_t exponent)
{
    char reversed[NARU__DECIMAL_DIGITS_MAX];
    size_t count = 0;
    for (; word > 0; word /= 10) {
        reversed[count++] = (char)('0' + word % 10);
    }
    digits d = {.point = (int32_t)count + exponent};
    size_t zeros = 0;
    while (zeros < count && reversed[zeros] == '0') {
        zeros++;
    }
    while (count > zeros) {
        d.text[d.count++] = reversed[--count];
    }
    return d;
}

/* Up to 15 digits: value * 10^k is then off by less than a half, and word / 10^k rounds once, as reading would. */
static bool write_short(double value, digits *out)
{
    if (value >= 9007199254740992.0 || value < 1e-5) {
        return false;
    }
    uint64_t whole = (uint64_t)value;
    if ((double)whole == value) {
        *out = digits_of(whole, 0);
        return true;
    }
    for (int32_t k = 1; k <= 20; k++) {
        double scaled = value * naru__decimal_powers[k];
        if (scaled >= 1e15) {
            return false;
        }
        uint64_t word = (uint64_t)(scaled + 0.5);
        if ((double)word / naru__decimal_powers[k] == value) {
            *out = digits_of(word, -k);
            return true;
        }
    }
    return false;
}

/* value = top / bottom; it may grow by above / bottom and shrink by below / bottom and still read back. */
typedef struct interval {
    naru__bignum top;
    naru__bignum bottom;
    naru__bignum above;
    naru__bignum below;
    bool even; /* then the borders themselves read back too */
} interval;

static void scale(interval *v, uint32_t factor)
{
    naru__bignum_multiply(&v->top, factor, 0);
    naru__bignum_multiply(&v->above, factor, 0);
    naru__bignum_multiply(&v->below, factor, 0);
}

static void interval_of(double value, interval *v, int32_t *exponent2_out)
{
    uint64_t bits = naru__double_bits(value);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52);
    uint64_t word = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int32_t exponent = (biased ? biased : 1) - 1075;
    bool narrow = fraction == 0 && biased > 1; /* a power of two: the next double below is half as far */
    uint32_t spare = narrow ? 2 : 1;
    uint32_t up = exponent > 0 ? (uint32_t)exponent : 0;
    uint32_t down = exponent < 0 ? (uint32_t)-exponent : 0;
    naru__bignum_set(&v->top, word);
    naru__bignum_shift_left(&v->top, up + spare);
    naru__bignum_set(&v->bottom, 1);
    naru__bignum_shift_left(&v->bottom, down + spare);
    naru__bignum_set(&v->below, 1);
    naru__bignum_shift_left(&v->below, up);
    naru__bignum_copy(&v->above, &v->below);
    naru__bignum_shift_left(&v->above, narrow);
    v->even = (word & 1) == 0;
    *exponent2_out = exponent + 63 - __builtin_clzll(word);
}

/* Is value, grown as far as it may, at least one? */
static bool reaches_one(const interval *v)
{
    naru__bignum sum;
    naru__bignum_copy(&sum, &v->top);
    naru__bignum_add(&sum, &v->above);
    int order = naru__bignum_compare(&sum, &v->bottom);
    return order > 0 || (order == 0 && v->even);
}

/* Divide by the power of ten that brings the value just below one; answers that power. */
static int32_t normalise(interval *v, int32_t exponent2)
{
    /* The floor of exponent2 * log10(2), which is never too much; what is missing, one or two, is found by looking. */
    int32_t power = (int32_t)(((int64_t)exponent2 * 315653) >> 20);
    if (power >= 0) {
        naru__bignum_multiply_pow10(&v->bottom, (uint32_t)power);
    } else {
        naru__bignum_multiply_pow10(&v->top, (uint32_t)-power);
        naru__bignum_multiply_pow10(&v->above, (uint32_t)-power);
        naru__bignum_multiply_pow10(&v->below, (uint32_t)-power);
    }
    while (reaches_one(v)) {
        naru__bignum_multiply(&v->bottom, 10, 0);
        power++;
    }
    return power;
}

/* top / bottom is below ten: take its whole part. */
static uint32_t take_whole(interval *v)
{
    uint32_t whole = 0;
    while (naru__bignum_compare(&v->top, &v->bottom) >= 0) {
        naru__bignum_subtract(&v->top, &v->bottom);
        whole++;
    }
    return whole;
}

static digits write_long(double value)
{
    interval v;
    int32_t exponent2;
    interval_of(value, &v, &exponent2);
    digits d = {.point = normalise(&v, exponent2)};
    for (;;) {
        scale(&v, 10);
        uint32_t digit = take_whole(&v);
        int order = naru__bignum_compare(&v.top, &v.below);
        bool low = order < 0 || (order == 0 && v.even);
        bool high = reaches_one(&v);
        assert(d.count < sizeof d.text);
        if (low || high) {
            naru__bignum_shift_left(&v.top, 1);
            int half = naru__bignum_compare(&v.top, &v.bottom);
            bool up = high && (!low || half > 0 || (half == 0 && (digit & 1)));
            d.text[d.count++] = (char)('0' + digit + up);
            return d;
        }
        d.text[d.count++] = (char)('0' + digit);
    }
}

/* ---- layout ------------------------------------------------------------------------------------------------- */

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

static char *put_zeros(char *at, int32_t count)
{
    memset(at, '0', (size_t)count);
    return at + count;
}

static char *put_exponent(char *at, int32_t exponent)
{
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    digits d = digits_of((uint64_t)(exponent < 0 ? -exponent : exponent), 0);
    at = put(at, d.text, d.count);
    return put_zeros(at, d.point - (int32_t)d.count);
}

static char *lay_out(char *at, const digits *d)
{
    int32_t count = (int32_t)d->count;
    if (d->point > 21 || d->point < -5) {
        *at++ = d->text[0];
        if (count > 1) {
            *at++ = '.';
            at = put(at, d->text + 1, d->count - 1);
        }
        return put_exponent(at, d->point - 1);
    }
    if (d->point <= 0) {
        at = put_zeros(put(at, "0.", 2), -d->point);
        return put(at, d->text, d->count);
    }
    if (count <= d->point) {
        return put_zeros(put(at, d->text, d->count), d->point - count);
    }
    at = put(at, d->text, (size_t)d->point);
    *at++ = '.';
    return put(at, d->text + d->point, (size_t)(count - d->point));
}

size_t naru__decimal_write(double value, char out[NARU__DECIMAL_BYTES_MAX])
{
    char *at = out;
    if (value == 0) {
        *at = '0'; /* ECMA-262: -0 too */
        return 1;
    }
    if (value < 0) {
        *at++ = '-';
        value = -value;
    }
    digits d;
    if (!write_short(value, &d)) {
        d = write_long(value);
    }
    return (size_t)(lay_out(at, &d) - out);
}
