/* Binary messages as lines of text, both ways.
 *
 * Source: RFC 4648 4 and 8. */
#include "encoding.h"

static naru_status write_hex(naru_buf *out, naru_span bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (bytes.size > SIZE_MAX / 2) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *at = naru_buf_reserve(out, bytes.size * 2);
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        *at++ = (uint8_t)digits[bytes.data[i] >> 4];
        *at++ = (uint8_t)digits[bytes.data[i] & 15];
    }
    naru_buf_commit(out, bytes.size * 2);
    return NARU_OK;
}

static naru_status write_base64(naru_buf *out, naru_span bytes)
{
    if (bytes.size > SIZE_MAX / 2) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *at = naru_buf_reserve(out, (bytes.size + 2) / 3 * 4);
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_commit(out, naru_base64_encode(bytes, (char *)at));
    return NARU_OK;
}

naru_status encoding_write(naru_buf *out, connect_form form, naru_span bytes)
{
    if (bytes.size == 0) {
        return NARU_OK;
    }
    switch (form) {
    case FORM_BASE64:
        return write_base64(out, bytes);
    case FORM_HEX:
        return write_hex(out, bytes);
    case FORM_PLAIN:
        break;
    }
    return naru_buf_append(out, bytes);
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static naru_status read_hex(naru_buf *out, naru_span line)
{
    uint8_t *at = naru_buf_reserve(out, line.size / 2 + 1);
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    size_t size = 0;
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == ' ' || line.data[i] == '\t') {
            continue;
        }
        int high = hex_value(line.data[i]);
        int low = i + 1 < line.size ? hex_value(line.data[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return NARU_ERR_PROTOCOL;
        }
        at[size++] = (uint8_t)(high << 4 | low);
        i++;
    }
    naru_buf_commit(out, size);
    return NARU_OK;
}

static naru_status read_base64(naru_buf *out, naru_span line)
{
    uint8_t *at = naru_buf_reserve(out, line.size / 4 * 3 + 3);
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    size_t size = 0;
    naru_status status = naru_base64_decode(line, at, &size);
    if (status == NARU_OK) {
        naru_buf_commit(out, size);
    }
    return status;
}

naru_status encoding_read(naru_buf *out, connect_form form, naru_span line)
{
    if (form != FORM_PLAIN && line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    if (line.size == 0) {
        return NARU_OK;
    }
    switch (form) {
    case FORM_BASE64:
        return read_base64(out, line);
    case FORM_HEX:
        return read_hex(out, line);
    case FORM_PLAIN:
        break;
    }
    return naru_buf_append(out, line);
}
