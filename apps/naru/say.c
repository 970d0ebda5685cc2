/* Lines on stderr, and the escaping of what a peer may have put into them.
 *
 * Source: ECMA-48 5.2 and 5.3 for the control characters. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* How many bytes of well-formed, printable UTF-8 stand at the front: 0 when the first byte is to be escaped.
 */
static size_t printable_bytes(naru_span text, bool keep_lines)
{
    uint8_t first = text.data[0];
    if (first < 0x80) {
        bool line = keep_lines && (first == '\n' || first == '\t');
        return line || (first >= 0x20 && first != 0x7f);
    }
    size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    bool control = first == 0xc2 && text.size > 1 && text.data[1] < 0xa0;
    if (control || text.size < bytes || !naru_utf8_valid((naru_span){text.data, bytes})) {
        return 0;
    }
    return bytes;
}

static naru_status escape_byte(naru_buf *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t escaped[4] = {'\\', 'x', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 15]};
    return naru_buf_append(out, (naru_span){escaped, sizeof escaped});
}

naru_status say_escape(naru_buf *out, naru_span text, bool keep_lines)
{
    naru_status status = NARU_OK;
    while (status == NARU_OK && text.size > 0) {
        size_t good = 0;
        while (good < text.size) {
            size_t bytes = printable_bytes((naru_span){text.data + good, text.size - good}, keep_lines);
            if (bytes == 0) {
                break;
            }
            good += bytes;
        }
        status = naru_buf_append(out, (naru_span){text.data, good});
        if (status == NARU_OK && good < text.size) {
            status = escape_byte(out, text.data[good]);
            good++;
        }
        text.data += good;
        text.size -= good;
    }
    return status;
}

void say(const char *who, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (size < 0) {
        return;
    }
    naru_buf line;
    naru_buf_init(&line, NULL);
    if (naru_buf_append(&line, naru_span_of(who)) == NARU_OK && naru_buf_append(&line, naru_span_of(": ")) == NARU_OK &&
        say_escape(&line, naru_span_of(message), false) == NARU_OK &&
        naru_buf_append(&line, naru_span_of("\n")) == NARU_OK) {
        naru_span bytes = naru_buf_span(&line);
        /* Nobody is left to be told when stderr itself is gone. */
        ssize_t written = write(STDERR_FILENO, bytes.data, bytes.size);
        (void)written;
    }
    naru_buf_deinit(&line);
}
