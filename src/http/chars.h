/* Which characters HTTP's grammars take where. Not for: URLs, which have their own sets (percent.c). */
#ifndef NARU_HTTP_CHARS_H
#define NARU_HTTP_CHARS_H

#include <naru/base.h>

enum {
    NARU__CHAR_TOKEN = 1,  /* 9110 5.6.2: tchar */
    NARU__CHAR_TARGET = 2, /* 9112 3.2: what is visible ASCII but `#`; browsers send more than 3986 allows */
    NARU__CHAR_FIELD = 4,  /* 9110 5.5: field-vchar, blank and tab */
    NARU__CHAR_COOKIE = 8, /* 6265 4.1.1: cookie-octet */
    NARU__CHAR_HOST = 16   /* 3986 3.2.2: reg-name, but nothing percent-encoded */
};

extern const uint8_t naru__chars[256];

static inline bool naru__char_is(uint8_t c, unsigned kind)
{
    return (naru__chars[c] & kind) != 0;
}

/* How many characters at the front are of that kind. */
size_t naru__chars_count(naru_span text, unsigned kind);

static inline bool naru__chars_all(naru_span text, unsigned kind)
{
    return naru__chars_count(text, kind) == text.size;
}

#endif
