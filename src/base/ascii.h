/* Letters, digits and blanks as protocols mean them: ASCII, no locale. */
#ifndef NARU_BASE_ASCII_H
#define NARU_BASE_ASCII_H

#include <naru/base.h>

static inline uint8_t naru__ascii_lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}
static inline bool naru__ascii_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static inline bool naru__ascii_alpha(uint8_t c)
{
    return naru__ascii_lower(c) >= 'a' && naru__ascii_lower(c) <= 'z';
}
static inline bool naru__ascii_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}
/* 0 to 15, or -1. */
static inline int naru__ascii_hex(uint8_t c)
{
    if (naru__ascii_digit(c)) {
        return c - '0';
    }
    c = naru__ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The part of text without the blanks at both ends. */
naru_span naru__span_trim(naru_span text);
static inline naru_span naru__span_from(naru_span span, size_t offset)
{
    return (naru_span){span.data + offset, span.size - offset};
}
static inline naru_span naru__span_first(naru_span span, size_t size)
{
    return (naru_span){span.data, size};
}

#endif
