/* Base64 with padding, strict. Not for: the URL alphabet, line breaks. Source: RFC 4648 4. */
#include <naru/base.h>

#include "ascii.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char letter(uint32_t group, unsigned index)
{
    return alphabet[group >> (18 - 6 * index) & 63];
}

size_t naru_base64_encode(naru_span bytes, char *out)
{
    size_t written = 0;
    for (; bytes.size >= 3; bytes = naru__span_from(bytes, 3)) {
        uint32_t group = (uint32_t)bytes.data[0] << 16 | (uint32_t)bytes.data[1] << 8 | bytes.data[2];
        for (unsigned i = 0; i < 4; i++) {
            out[written++] = letter(group, i);
        }
    }
    if (bytes.size > 0) {
        uint32_t group = (uint32_t)bytes.data[0] << 16 | (bytes.size == 2 ? (uint32_t)bytes.data[1] << 8 : 0);
        out[written++] = letter(group, 0);
        out[written++] = letter(group, 1);
        out[written++] = bytes.size == 2 ? letter(group, 2) : '=';
        out[written++] = '=';
    }
    return written;
}

/* One more than each letter stands for; 0: none. */
/* clang-format off */
static const uint8_t values[256] = {
    ['+'] = 63, ['/'] = 64, ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
};
/* clang-format on */

/* Read `count` letters of one group into its high bits. */
static bool read_group(const uint8_t *text, unsigned count, uint32_t *group_out)
{
    uint32_t group = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t value = values[text[i]];
        if (value == 0) {
            return false;
        }
        group |= (value - 1) << (18 - 6 * i);
    }
    *group_out = group;
    return true;
}

/* How many letters the last group holds beside its padding. */
static unsigned letters_of_last(const uint8_t *text)
{
    return text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
}

naru_status naru_base64_decode(naru_span text, uint8_t *out, size_t *out_size)
{
    if (text.size % 4 != 0) {
        return NARU_ERR_PROTOCOL;
    }
    size_t written = 0;
    for (; text.size > 0; text = naru__span_from(text, 4)) {
        unsigned letters = text.size == 4 ? letters_of_last(text.data) : 4;
        uint32_t group;
        if (!read_group(text.data, letters, &group)) {
            return NARU_ERR_PROTOCOL;
        }
        /* 4648 3.5: bits that no byte takes must be zero, or two texts would mean the same. */
        if ((letters == 2 && (group & 0xffff) != 0) || (letters == 3 && (group & 0xff) != 0)) {
            return NARU_ERR_PROTOCOL;
        }
        for (unsigned i = 0; i + 1 < letters; i++) {
            out[written++] = (uint8_t)(group >> (16 - 8 * i));
        }
    }
    *out_size = written;
    return NARU_OK;
}
