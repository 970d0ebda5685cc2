/* JSONP: answers as a script's call, requests as a form. Source: the engine.io package's polling-jsonp transport. */
#include "engine_packet.h"

#include "base/buf.h"
#include <string.h>

/* ---- out ----------------------------------------------------------------------------------------------------- */

static void write_unit(unsigned unit, char out[8])
{
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'u';
    for (unsigned i = 0; i < 4; i++) {
        out[2 + i] = digits[unit >> (12 - 4 * i) & 15];
    }
    out[6] = 0;
}

/* Of JSON's escapes only those that a payload needs; U+2028 and U+2029 end a line in older scripts, and `<` might end
 * the script where somebody puts it in a page. Answers how many bytes of text it stands for; 0: none, it stays. */
static size_t escape(naru_span text, char out[8])
{
    uint8_t byte = text.data[0];
    const char *short_form = byte == '"' ? "\\\"" : byte == '\\' ? "\\\\" : byte == '\n' ? "\\n" : NULL;
    if (short_form) {
        memcpy(out, short_form, 3);
        return 1;
    }
    if (byte < 0x20 || byte == '<') {
        write_unit(byte, out);
        return 1;
    }
    if (byte == 0xe2 && text.size >= 3 && text.data[1] == 0x80 && (text.data[2] & 0xfe) == 0xa8) {
        write_unit(0x2000u + (text.data[2] & 0x3f), out);
        return 3;
    }
    return 0;
}

static naru_status write_string(naru_buf *out, naru_span text)
{
    char escaped[8];
    size_t plain = 0, at = 0;
    naru_status status = NARU_OK;
    while (at < text.size && status >= 0) {
        size_t bytes = escape((naru_span){text.data + at, text.size - at}, escaped);
        if (bytes == 0) {
            at++;
            continue;
        }
        status = naru_buf_append(out, (naru_span){text.data + plain, at - plain});
        status = status < 0 ? status : naru_buf_append(out, naru_span_of(escaped));
        at += bytes;
        plain = at;
    }
    if (status >= 0 && plain < text.size) {
        status = naru_buf_append(out, (naru_span){text.data + plain, text.size - plain});
    }
    return status;
}

naru_status naru__engine_jsonp_write(naru_buf *out, naru_span index, naru_span payload)
{
    naru_status status = naru_buf_append(out, naru_span_of("___eio["));
    status = status < 0 ? status : naru_buf_append(out, index);
    status = status < 0 ? status : naru_buf_append(out, naru_span_of("](\""));
    status = status < 0 ? status : write_string(out, payload);
    return status < 0 ? status : naru_buf_append(out, naru_span_of("\");"));
}

/* ---- in ------------------------------------------------------------------------------------------------------ */

static int hex(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool field_d(naru_span form, naru_span *value_out)
{
    while (form.size > 0) {
        const uint8_t *end = memchr(form.data, '&', form.size);
        size_t size = end ? (size_t)(end - form.data) : form.size;
        if (size >= 2 && form.data[0] == 'd' && form.data[1] == '=') {
            *value_out = (naru_span){form.data + 2, size - 2};
            return true;
        }
        size += end != NULL;
        form.data += size;
        form.size -= size;
    }
    return false;
}

static naru_status decode(naru_span value, uint8_t *out, size_t *size_out)
{
    size_t size = 0;
    for (size_t at = 0; at < value.size; at++) {
        uint8_t byte = value.data[at] == '+' ? ' ' : value.data[at];
        if (byte == '%') {
            int high = value.size - at > 2 ? hex(value.data[at + 1]) : -1;
            int low = high >= 0 ? hex(value.data[at + 2]) : -1;
            if (low < 0) {
                return NARU_ERR_PROTOCOL;
            }
            byte = (uint8_t)(high * 16 + low);
            at += 2;
        }
        out[size++] = byte;
    }
    *size_out = size;
    return NARU_OK;
}

/* A form would change line ends, so clients write a newline as \n, and \n as \\n. */
static size_t unescape(uint8_t *bytes, size_t size)
{
    size_t to = 0;
    for (size_t at = 0; at < size; at++) {
        bool slash = bytes[at] == '\\';
        if (slash && size - at > 2 && bytes[at + 1] == '\\' && bytes[at + 2] == 'n') {
            bytes[to++] = '\\';
            bytes[to++] = 'n';
            at += 2;
        } else if (slash && size - at > 1 && bytes[at + 1] == 'n') {
            bytes[to++] = '\n';
            at++;
        } else {
            bytes[to++] = bytes[at];
        }
    }
    return to;
}

naru_status naru__engine_jsonp_read(naru_span form, naru_buf *out)
{
    naru_span value;
    size_t size = 0;
    if (!field_d(form, &value)) {
        return NARU_ERR_PROTOCOL;
    }
    uint8_t *room = naru_buf_reserve(out, value.size + 1);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = decode(value, room, &size);
    if (status == NARU_OK) {
        naru_buf_commit(out, unescape(room, size));
    }
    return status;
}
