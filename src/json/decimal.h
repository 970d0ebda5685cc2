/* Between decimals and doubles, exactly. Source: Clinger, "How to Read Floating Point Numbers Accurately"; Steele and
 * White, "How to Print Floating-Point Numbers Accurately" (both PLDI 1990); ECMA-262 6.1.6.1.20. */
#ifndef NARU_JSON_DECIMAL_H
#define NARU_JSON_DECIMAL_H

#include <naru/base.h>

/* The double nearest to a number of JSON's grammar, ties to even. false: greater than any double. */
bool naru__decimal_read(naru_span number, double *out);

enum { NARU__DECIMAL_BYTES_MAX = 32, NARU__DECIMAL_DIGITS_MAX = 20 };

/* The shortest decimal that reads back as `value`, laid out as JavaScript does. value is finite. Answers the size. */
size_t naru__decimal_write(double value, char out[NARU__DECIMAL_BYTES_MAX]);

static inline uint64_t naru__double_bits(double value)
{
    union {
        double value;
        uint64_t bits;
    } both = {.value = value};
    return both.bits;
}

static inline double naru__double_of(uint64_t bits)
{
    union {
        uint64_t bits;
        double value;
    } both = {.bits = bits};
    return both.value;
}

/* What a double holds exactly: 10^0 to 10^22. */
extern const double naru__decimal_powers[23];

#endif
