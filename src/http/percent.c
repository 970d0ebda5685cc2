/* Percent-encoding, done and undone. Not for: `+` as a blank, which is a matter of forms. Source: WHATWG
 * URL 1.3. */
#include "percent.h"

#include <naru/http.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"

/* The visible characters of each set; controls, the blank, DEL and everything from 0x80 on are in all of
 * them. */
static const char *const sets[] = {
    [NARU__PERCENT_PATH] = "\"#<>?^`{}",
    [NARU__PERCENT_QUERY] = "\"#<>'",
    [NARU__PERCENT_FRAGMENT] = "\"<>`",
    [NARU__PERCENT_USERINFO] = "\"#<>?^`{}/:;=@[\\]|",
};

static bool in_set(uint8_t c, naru__percent_set set)
{
    return c <= 0x20 || c >= 0x7f || strchr(sets[set], c) != NULL;
}

static naru_status append_encoded(naru_buf *out, uint8_t c)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t encoded[] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
    return naru_buf_append(out, (naru_span){encoded, sizeof encoded});
}

naru_status naru__percent_append(naru_buf *out, naru_span text, naru__percent_set set)
{
    while (text.size > 0) {
        size_t plain = 0;
        while (plain < text.size && !in_set(text.data[plain], set)) {
            plain++;
        }
        naru_status status = naru_buf_append(out, naru__span_first(text, plain));
        if (status == NARU_OK && plain < text.size) {
            status = append_encoded(out, text.data[plain]);
            plain++;
        }
        if (status != NARU_OK) {
            return status;
        }
        text = naru__span_from(text, plain);
    }
    return NARU_OK;
}

int naru__percent_byte(naru_span text)
{
    if (text.size < 3 || text.data[0] != '%') {
        return -1;
    }
    int high = naru__ascii_hex(text.data[1]);
    int low = naru__ascii_hex(text.data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* What stands before the next escape, and the escape. */
static naru_status decode_some(naru_span *text, naru_buf *out)
{
    const uint8_t *escape = memchr(text->data, '%', text->size);
    size_t plain = escape ? (size_t)(escape - text->data) : text->size;
    naru_status status = naru_buf_append(out, naru__span_first(*text, plain));
    *text = naru__span_from(*text, plain);
    if (status != NARU_OK || text->size == 0) {
        return status;
    }
    int byte = naru__percent_byte(*text);
    if (byte < 0) {
        return NARU_ERR_ARGUMENT;
    }
    *text = naru__span_from(*text, 3);
    return naru__buf_append_byte(out, (uint8_t)byte);
}

naru_status naru_url_decode(naru_span text, naru_buf *out)
{
    size_t before = naru__buf_size(out);
    naru_status status = NARU_OK;
    while (text.size > 0 && status == NARU_OK) {
        status = decode_some(&text, out);
    }
    if (status != NARU_OK) {
        naru__buf_truncate(out, before);
    }
    return status;
}
