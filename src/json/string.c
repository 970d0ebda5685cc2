/* The characters of a string in checked text: in place where there is no escape, unescaped elsewhere.
 * Half a pair of surrogates, which UTF-8 cannot hold, becomes U+FFFD: each half its own. Source: RFC 8259 7, 8.2. */
#include <naru/json.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "scan.h"

/* Between the quotes; false: not a string. */
static bool inside(naru_json value, naru_span *out)
{
    if (value.text.size < 2 || value.text.data[0] != '"') {
        return false;
    }
    *out = (naru_span){value.text.data + 1, value.text.size - 2};
    return true;
}

static bool has_escape(naru_span text)
{
    return text.size > 0 && memchr(text.data, '\\', text.size);
}

/* ---- one escape --------------------------------------------------------------------------------------------- */

/* The four digits of \uXXXX at the front of text; 0x110000, which is none, where there is no such escape. */
static uint32_t unit_at(naru_span text)
{
    if (text.size < 6 || text.data[0] != '\\' || text.data[1] != 'u') {
        return 0x110000;
    }
    uint32_t unit = 0;
    for (size_t i = 2; i < 6; i++) {
        unit = unit << 4 | ((uint32_t)naru__ascii_hex(text.data[i]) & 15);
    }
    return unit;
}

static uint8_t simple_escape(uint8_t letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

static size_t utf8_write(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (uint8_t)(leads[tails] | c >> (6 * tails));
    for (size_t i = 1; i <= tails; i++) {
        out[i] = (uint8_t)(0x80 | (c >> (6 * (tails - i)) & 0x3f));
    }
    return tails + 1;
}

/* Take the escape at the front of *rest. It never takes more bytes as UTF-8 than as an escape. */
static size_t take_escape(naru_span *rest, uint8_t out[4])
{
    uint32_t c = unit_at(*rest);
    if (c > 0xffff) {
        size_t size = rest->size < 2 ? rest->size : 2;
        out[0] = simple_escape(rest->data[size - 1]);
        *rest = naru__span_from(*rest, size);
        return 1;
    }
    *rest = naru__span_from(*rest, 6);
    if (c < 0xd800 || c > 0xdfff) {
        return utf8_write(c, out);
    }
    uint32_t low = c < 0xdc00 ? unit_at(*rest) : 0;
    if (low < 0xdc00 || low > 0xdfff) {
        return utf8_write(0xfffd, out);
    }
    *rest = naru__span_from(*rest, 6);
    return utf8_write(0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)), out);
}

/* The next piece: a run without escapes, or one escape's character in `small`. false: no more. */
static bool next_piece(naru_span *rest, uint8_t small[4], naru_span *piece_out)
{
    if (rest->size == 0) {
        return false;
    }
    if (rest->data[0] == '\\') {
        *piece_out = (naru_span){small, take_escape(rest, small)};
        return true;
    }
    const uint8_t *slash = memchr(rest->data, '\\', rest->size);
    *piece_out = naru__span_first(*rest, slash ? (size_t)(slash - rest->data) : rest->size);
    *rest = naru__span_from(*rest, piece_out->size);
    return true;
}

/* ---- whole strings ------------------------------------------------------------------------------------------ */

bool naru_json_string_plain(naru_json value, naru_span *out)
{
    naru_span text;
    if (!inside(value, &text) || has_escape(text)) {
        return false;
    }
    *out = text;
    return true;
}

naru_status naru_json_string_copy(naru_json value, char *out, size_t capacity, size_t *size_out)
{
    naru_span rest;
    if (!inside(value, &rest)) {
        return NARU_ERR_ARGUMENT;
    }
    size_t size = 0;
    uint8_t small[4];
    naru_span piece;
    while (next_piece(&rest, small, &piece)) {
        if (piece.size > capacity - size) {
            return NARU_ERR_TOO_BIG;
        }
        memcpy(out + size, piece.data, piece.size);
        size += piece.size;
    }
    *size_out = size;
    return NARU_OK;
}

naru_status naru_json_string(naru_json value, naru_buf *scratch, naru_span *out)
{
    naru_span text;
    if (!inside(value, &text)) {
        return NARU_ERR_ARGUMENT;
    }
    if (!has_escape(text)) {
        *out = text;
        return NARU_OK;
    }
    naru_buf_take(scratch, naru__buf_size(scratch));
    uint8_t *room = naru_buf_reserve(scratch, text.size);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    size_t size = 0;
    naru_status status = naru_json_string_copy(value, (char *)room, text.size, &size);
    if (status == NARU_OK) {
        naru_buf_commit(scratch, size);
        *out = naru_buf_span(scratch);
    }
    return status;
}

bool naru_json_string_equal(naru_json value, naru_span characters)
{
    naru_span rest;
    if (!inside(value, &rest) || rest.size < characters.size) {
        return false;
    }
    uint8_t small[4];
    naru_span piece;
    while (next_piece(&rest, small, &piece)) {
        if (piece.size > characters.size || memcmp(piece.data, characters.data, piece.size) != 0) {
            return false;
        }
        characters = naru__span_from(characters, piece.size);
    }
    return characters.size == 0;
}
