/* Numbers of checked text. Source: RFC 8259 6. */
#include <naru/json.h>

#include <string.h>

#include "base/ascii.h"
#include "decimal.h"

static bool is_integer(naru_span text)
{
    for (size_t i = text.data[0] == '-'; i < text.size; i++) {
        if (!naru__ascii_digit(text.data[i])) {
            return false;
        }
    }
    return true;
}

/* false: more than 64 bits. */
static bool read_digits(naru_span digits, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

naru_status naru_json_uint64(naru_json value, uint64_t *out)
{
    if (!naru_json_is(value, NARU_JSON_NUMBER) || !is_integer(value.text)) {
        return NARU_ERR_ARGUMENT;
    }
    bool negative = value.text.data[0] == '-';
    uint64_t magnitude;
    if (!read_digits(naru__span_from(value.text, negative), &magnitude) || (negative && magnitude > 0)) {
        return NARU_ERR_TOO_BIG;
    }
    *out = magnitude;
    return NARU_OK;
}

naru_status naru_json_int64(naru_json value, int64_t *out)
{
    if (!naru_json_is(value, NARU_JSON_NUMBER) || !is_integer(value.text)) {
        return NARU_ERR_ARGUMENT;
    }
    bool negative = value.text.data[0] == '-';
    uint64_t magnitude;
    if (!read_digits(naru__span_from(value.text, negative), &magnitude) || magnitude > (uint64_t)INT64_MAX + negative) {
        return NARU_ERR_TOO_BIG;
    }
    *out = negative && magnitude > 0 ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return NARU_OK;
}

naru_status naru_json_double(naru_json value, double *out)
{
    if (!naru_json_is(value, NARU_JSON_NUMBER)) {
        return NARU_ERR_ARGUMENT;
    }
    return naru__decimal_read(value.text, out) ? NARU_OK : NARU_ERR_TOO_BIG;
}
