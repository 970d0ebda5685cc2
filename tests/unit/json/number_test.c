/* Numbers in and out: integers to their limits, doubles against the C library's, which is exact. */
#include <naru/json.h>

#include <math.h>
#include <stdlib.h>

#include "json/decimal.h"
#include "unit/check.h"

static naru_json json(const char *text)
{
    naru_json value = {{NULL, 0}};
    CHECK_EQ(naru_json_read(naru_span_of(text), NULL, &value, NULL), NARU_OK);
    return value;
}

TEST(signed_integers)
{
    int64_t value = 7;
    CHECK_EQ(naru_json_int64(json("9223372036854775807"), &value), NARU_OK);
    CHECK_EQ(value, INT64_MAX);
    CHECK_EQ(naru_json_int64(json("-9223372036854775808"), &value), NARU_OK);
    CHECK_EQ(value, INT64_MIN);
    CHECK_EQ(naru_json_int64(json("-0"), &value), NARU_OK);
    CHECK_EQ(value, 0);
    CHECK_EQ(naru_json_int64(json("9223372036854775808"), &value), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_json_int64(json("-9223372036854775809"), &value), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_json_int64(json("1.0"), &value), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_json_int64(json("1e0"), &value), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_json_int64(json("\"1\""), &value), NARU_ERR_ARGUMENT);
    CHECK_EQ(value, 0);
}

TEST(unsigned_integers)
{
    uint64_t value = 7;
    CHECK_EQ(naru_json_uint64(json("18446744073709551615"), &value), NARU_OK);
    CHECK_EQ(value, UINT64_MAX);
    CHECK_EQ(naru_json_uint64(json("18446744073709551616"), &value), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_json_uint64(json("99999999999999999999999"), &value), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_json_uint64(json("-1"), &value), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_json_uint64(json("-0"), &value), NARU_OK);
    CHECK_EQ(value, 0);
}

static void check_read(const char *text)
{
    double value = 0;
    double expected = strtod(text, NULL);
    naru_status status = naru_json_double(json(text), &value);
    if (isinf(expected)) {
        CHECK_EQ(status, NARU_ERR_TOO_BIG);
        return;
    }
    if (status != NARU_OK || naru__double_bits(value) != naru__double_bits(expected)) {
        fprintf(stderr, "%s\n", text);
    }
    CHECK_EQ(status, NARU_OK);
    CHECK_EQ(naru__double_bits(value), naru__double_bits(expected));
}

TEST(doubles_that_are_hard_to_read)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0000",
        "0e400",
        "1",
        "0.1",
        "-1.5e3",
        "123456789012345678",
        "9007199254740993",
        "9007199254740992.99999",
        "9007199254740993.00000000000000000000000000000001",
        "1e22",
        "1e23",
        "8.5e22",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641"
        "6"
        "69288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985557136695"
        "9"
        "622842914819860834936475292719074168444365510704342711559699508093042880e0",
        "1e308",
        "1e309",
        "-1e400",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "4.9e-324",
        "5e-324",
        "2.5e-324",
        "2.4703282292062327208299593924e-324",
        "2.4703282292062328e-324",
        "1e-324",
        "1e-400",
        "1e-99999999999999999999",
        "0.000000000000000000000000000000000000000000000000000000000000000001e66",
        "6.631236846766476e-316",
        "3.2378839133029012895883524125015321748630094239040e-319",
        "100000000000000016777215",
        "100000000000000016777216",
        "7.2057594037927933e16",
        "0.3000000000000000444089209850062616169452667236328125",
        "0.50000000000000005551115123125782702118158340454101562500000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_read(texts[i]);
    }
    char half[1200]; /* 2^-1075, half of the least double, and a little more far behind */
    snprintf(half, sizeof half, "%.1075f", 0x1p-1074 / 1);
    check_read(half);
}

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

TEST(random_decimals_read_as_the_c_library_reads_them)
{
    char text[64];
    for (int i = 0; i < 30000; i++) {
        int exponent = (int)(draw() % 660) - 340;
        uint64_t digits = draw() >> (draw() % 60);
        snprintf(text, sizeof text, "%s%" PRIu64 ".%" PRIu64 "e%d", i % 2 ? "-" : "", digits, draw() >> (draw() % 60),
                 exponent);
        check_read(text);
    }
}

/* Halves between two doubles, to the last digit: ties go to even, and the least more goes up. */
TEST(ties)
{
    char text[1100];
    for (int i = 0; i < 300; i++) {
        uint64_t bits = draw() & ~(UINT64_C(1) << 63);
        int exponent = (int)(bits >> 52 & 0x7ff);
        if (exponent == 0x7ff || exponent < 400 || exponent > 1600) {
            continue;
        }
        long double half = ((long double)naru__double_of(bits) + (long double)naru__double_of(bits + 1)) / 2;
        int size = snprintf(text, sizeof text - 2, "%.760Le", half);
        CHECK(size > 0);
        check_read(text);
    }
}

static void check_write(double value, const char *expected)
{
    char text[NARU__DECIMAL_BYTES_MAX];
    size_t size = naru__decimal_write(value, text);
    CHECK(size <= sizeof text);
    CHECK_BYTES(((naru_span){(const uint8_t *)text, size}), naru_span_of(expected));
}

TEST(doubles_are_laid_out_as_javascript_does)
{
    check_write(0, "0");
    check_write(-0.0, "0");
    check_write(1, "1");
    check_write(-1.5, "-1.5");
    check_write(0.1, "0.1");
    check_write(0.1 + 0.2, "0.30000000000000004");
    check_write(1e20, "100000000000000000000");
    check_write(1e21, "1e+21");
    check_write(1.5e21, "1.5e+21");
    check_write(123456789012345680000.0, "123456789012345680000");
    check_write(1e100, "1e+100");
    check_write(0.000001, "0.000001");
    check_write(0.0000012345, "0.0000012345");
    check_write(1e-7, "1e-7");
    check_write(1.25e-7, "1.25e-7");
    check_write(9007199254740991, "9007199254740991");
    check_write(9007199254740992, "9007199254740992");
    check_write(9007199254740994, "9007199254740994");
    check_write(5e-324, "5e-324");
    check_write(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_write(1.7976931348623157e308, "1.7976931348623157e+308");
    check_write(-1.7976931348623157e308, "-1.7976931348623157e+308");
    check_write(4.35, "4.35");
    check_write(100.25, "100.25");
    check_write(5e-7, "5e-7");
    check_write(9.5e-100, "9.5e-100");
    check_write(1e23, "1e+23");
    check_write(0x1p60, "1152921504606847000");
}

/* No shorter text reads back, which printf's %.*e shows: 17 digits always do. */
TEST(random_doubles_are_written_shortest)
{
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = draw();
        double value = i % 3 == 0 ? (double)(int64_t)(draw() % 2000000) / 100 : naru__double_of(bits);
        if (!isfinite(value) || value == 0) {
            continue;
        }
        char text[NARU__DECIMAL_BYTES_MAX + 1];
        size_t size = naru__decimal_write(value, text);
        text[size] = 0;
        CHECK_EQ(naru__double_bits(strtod(text, NULL)), naru__double_bits(value));
        int digits = 1;
        char shortest[40];
        for (; digits <= 17; digits++) {
            snprintf(shortest, sizeof shortest, "%.*e", digits - 1, value);
            if (naru__double_bits(strtod(shortest, NULL)) == naru__double_bits(value)) {
                break;
            }
        }
        int count = 0;
        int zeros = 0;
        for (size_t k = 0; k < size && text[k] != 'e'; k++) {
            bool digit = text[k] >= '0' && text[k] <= '9' && (text[k] != '0' || count > 0);
            count += digit;
            zeros = text[k] == '0' ? zeros + digit : digit ? 0 : zeros;
        }
        if (count - zeros > digits) {
            fprintf(stderr, "%s, but %s\n", text, shortest);
        }
        CHECK(count - zeros <= digits);
    }
}

TEST_MAIN({"signed integers", signed_integers}, {"unsigned integers", unsigned_integers},
          {"doubles that are hard to read", doubles_that_are_hard_to_read},
          {"random decimals read as the C library reads them", random_decimals_read_as_the_c_library_reads_them},
          {"ties", ties}, {"doubles are laid out as JavaScript does", doubles_are_laid_out_as_javascript_does},
          {"random doubles are written shortest", random_doubles_are_written_shortest})
