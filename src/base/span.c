/* Borrowed bytes: make, compare, trim. Not for: owning them (buf.c). Source: none. */
#include <naru/base.h>

#include <string.h>

#include "ascii.h"

naru_span naru_span_of(const char *text)
{
    return (naru_span){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool naru_span_equal(naru_span a, naru_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool naru_span_equal_nocase(naru_span a, naru_span b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (naru__ascii_lower(a.data[i]) != naru__ascii_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

naru_span naru__span_trim(naru_span text)
{
    while (text.size > 0 && naru__ascii_blank(text.data[0])) {
        text = naru__span_from(text, 1);
    }
    while (text.size > 0 && naru__ascii_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}
