/* Decimal to double: in machine arithmetic where that is exact, by long division elsewhere. Source: decimal.h. */
#include "decimal.h"

#include "base/ascii.h"
#include "bignum.h"

enum {
    DIGITS_MAX = 770, /* 767 decide; one more stands for all that follow */
    WORD_DIGITS = 19,
    EXPONENT_MAX = 100000
};

const double naru__decimal_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The number is [-]digits * 10^exponent; digits are those of the text without the point and zeros before. */
typedef struct decimal {
    naru_span text; /* from the first digit that is not 0, a point possibly in it */
    size_t digits;
    int64_t exponent;
    uint64_t word; /* the first WORD_DIGITS digits */
    bool negative;
} decimal;

static int64_t read_exponent(const uint8_t *at, const uint8_t *end)
{
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    int64_t exponent = 0;
    for (; at < end; at++) {
        exponent = exponent < EXPONENT_MAX ? exponent * 10 + (*at - '0') : exponent;
    }
    return negative ? -exponent : exponent;
}

static void take_digit(decimal *d, const uint8_t *at, bool fraction)
{
    d->exponent -= fraction;
    if (d->digits == 0 && *at == '0') {
        return;
    }
    if (d->digits == 0) {
        d->text.data = at;
    }
    if (d->digits < WORD_DIGITS) {
        d->word = d->word * 10 + (uint64_t)(*at - '0');
    }
    d->digits++;
}

static decimal split(naru_span number)
{
    decimal d = {.negative = number.size > 0 && number.data[0] == '-'};
    const uint8_t *end = number.data + number.size;
    const uint8_t *at = number.data + d.negative;
    bool fraction = false;
    for (; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            fraction = true;
        } else {
            take_digit(&d, at, fraction);
        }
    }
    d.text.size = d.digits > 0 ? (size_t)(at - d.text.data) : 0;
    if (end - at > 1) {
        d.exponent += read_exponent(at + 1, end);
    }
    return d;
}

/* Both factors are exact doubles, so one operation rounds once. */
static bool read_short(const decimal *d, double *out)
{
    if (d->digits > WORD_DIGITS || d->word > UINT64_C(1) << 53 || d->exponent < -22 || d->exponent > 22) {
        return false;
    }
    double word = (double)d->word;
    *out = d->exponent < 0 ? word / naru__decimal_powers[-d->exponent] : word * naru__decimal_powers[d->exponent];
    return true;
}

/* All digits that can matter as one number; *exponent grows by those left out. */
static void gather(const decimal *d, naru__bignum *n, int64_t *exponent)
{
    size_t taken = 0;
    naru__bignum_set(n, 0);
    for (size_t i = 0; i < d->text.size && taken < DIGITS_MAX; i++) {
        if (d->text.data[i] != '.') {
            naru__bignum_multiply(n, 10, (uint32_t)(d->text.data[i] - '0'));
            taken++;
        }
    }
    *exponent = d->exponent + (int64_t)(d->digits - taken);
    if (d->digits > taken) {
        naru__bignum_multiply(n, 10, 1);
        (*exponent)--;
    }
}

/* word * 2^(exponent - 63) with `sticky` for what lies below, word's highest bit set, rounded to even. */
static bool assemble(uint64_t word, int32_t exponent, bool sticky, double *out)
{
    bool normal = exponent >= -1022;
    int32_t drop = normal ? 11 : 11 + (-1022 - exponent);
    if (drop > 64) {
        *out = 0;
        return true;
    }
    uint64_t kept = drop == 64 ? 0 : word >> drop;
    uint64_t half = UINT64_C(1) << (drop - 1);
    uint64_t rest = word & (half | (half - 1));
    kept += rest > half || (rest == half && (sticky || (kept & 1)));
    uint64_t bits = normal ? kept + ((uint64_t)(exponent + 1022) << 52) : kept;
    *out = naru__double_of(bits);
    return bits < UINT64_C(0x7ff) << 52;
}

/* 64 bits of top / bottom, bit by bit. */
static bool divide(naru__bignum *top, naru__bignum *bottom, double *out)
{
    int32_t shift = (int32_t)naru__bignum_bits(bottom) - (int32_t)naru__bignum_bits(top);
    naru__bignum_shift_left(shift > 0 ? top : bottom, (uint32_t)(shift > 0 ? shift : -shift));
    uint64_t word = 0;
    for (int i = 0; i < 64; i++) {
        word <<= 1;
        if (naru__bignum_compare(top, bottom) >= 0) {
            naru__bignum_subtract(top, bottom);
            word |= 1;
        }
        naru__bignum_shift_left(top, 1);
    }
    int32_t leading = __builtin_clzll(word);
    return assemble(word << leading, -shift - leading, !naru__bignum_zero(top), out);
}

static bool read_long(const decimal *d, double *out)
{
    int64_t magnitude = d->exponent + (int64_t)d->digits; /* below 10^magnitude, at least a tenth of it */
    if (magnitude > 310) {
        return false;
    }
    if (magnitude < -330) {
        *out = 0;
        return true;
    }
    naru__bignum top;
    naru__bignum bottom;
    int64_t exponent;
    gather(d, &top, &exponent);
    naru__bignum_set(&bottom, 1);
    naru__bignum_multiply_pow10(exponent > 0 ? &top : &bottom, (uint32_t)(exponent > 0 ? exponent : -exponent));
    return divide(&top, &bottom, out);
}

bool naru__decimal_read(naru_span number, double *out)
{
    decimal d = split(number);
    double value = 0;
    if (d.digits > 0 && !read_short(&d, &value) && !read_long(&d, &value)) {
        return false;
    }
    *out = d.negative ? -value : value;
    return true;
}
