/* The log hook's lines: bounded, and free of anything that a terminal would obey, since parts of them come
 * from peers. Source: none. */
#include "io/loop.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core.h"

enum { LINE_BYTES = 512, ESCAPED_BYTES_MAX = 4 }; /* \x1b */

/* How many bytes at the front of text are one character that may be shown; 0: none. */
static size_t showable(naru_span text)
{
    uint8_t first = text.data[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f;
    }
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (size > text.size || !naru_utf8_valid((naru_span){text.data, size})) {
        return 0;
    }
    bool c1 = first == 0xc2 && text.data[1] < 0xa0;
    return c1 ? 0 : size;
}

/* shapes out: ESCAPED_BYTES_MAX for each byte of text, and one. */
static void escape(naru_span text, char *out)
{
    static const char hex[] = "0123456789abcdef";
    while (text.size > 0) {
        size_t size = showable(text);
        if (size > 0) {
            memcpy(out, text.data, size);
            out += size;
        } else {
            size = 1;
            *out++ = '\\';
            *out++ = 'x';
            *out++ = hex[text.data[0] >> 4];
            *out++ = hex[text.data[0] & 15];
        }
        text = (naru_span){text.data + size, text.size - size};
    }
    *out = '\0';
}

void naru__log(naru_loop *loop, naru_log_level level, const char *format, ...)
{
    if (!loop->log) {
        return;
    }
    char line[LINE_BYTES];
    char escaped[LINE_BYTES * ESCAPED_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    escape(naru_span_of(line), escaped);
    loop->log(loop->log_user, level, escaped);
}
