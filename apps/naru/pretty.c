/* Laying JSON out: only the blanks between tokens change, so that no number is rounded and no escape is lost.
 *
 * Source: RFC 8259 2. */
#include "pretty.h"

#include <jansson.h>

static bool is_json(naru_span text)
{
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    json_decref(root);
    return root != NULL;
}

static bool blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static naru_status put(naru_buf *out, const char *text, size_t bytes)
{
    return naru_buf_append(out, (naru_span){(const uint8_t *)text, bytes});
}

static naru_status put_line(naru_buf *out, size_t depth)
{
    naru_status status = put(out, "\n", 1);
    for (size_t i = 0; status == NARU_OK && i < depth; i++) {
        status = put(out, "  ", 2);
    }
    return status;
}

/* The bytes of the string that begins here, with both quotes. */
static size_t string_bytes(naru_span text)
{
    size_t at = 1;
    while (at < text.size && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }
    return at < text.size ? at + 1 : text.size;
}

static size_t skip_blanks(naru_span text, size_t at)
{
    while (at < text.size && blank(text.data[at])) {
        at++;
    }
    return at;
}

static naru_status lay_out(naru_buf *out, naru_span text)
{
    size_t depth = 0;
    naru_status status = NARU_OK;
    for (size_t at = skip_blanks(text, 0); status == NARU_OK && at < text.size; at = skip_blanks(text, at)) {
        char byte = (char)text.data[at];
        size_t taken = byte == '"' ? string_bytes((naru_span){text.data + at, text.size - at}) : 1;
        if (byte == '}' || byte == ']') {
            depth--;
            status = put_line(out, depth);
        }
        if (status == NARU_OK) {
            status = put(out, (const char *)text.data + at, taken);
        }
        at += taken;
        if (status == NARU_OK && (byte == '{' || byte == '[')) {
            size_t next = skip_blanks(text, at);
            if (text.data[next] == (byte == '{' ? '}' : ']')) {
                status = put(out, (const char *)text.data + next, 1);
                at = next + 1;
            } else {
                depth++;
                status = put_line(out, depth);
            }
        } else if (status == NARU_OK && byte == ',') {
            status = put_line(out, depth);
        } else if (status == NARU_OK && byte == ':') {
            status = put(out, " ", 1);
        }
    }
    return status;
}

bool pretty_write(naru_buf *out, naru_span text)
{
    if (text.size == 0 || !is_json(text)) {
        return false;
    }
    naru_buf laid;
    naru_buf_init(&laid, NULL);
    bool done = lay_out(&laid, text) == NARU_OK && naru_buf_append(out, naru_buf_span(&laid)) == NARU_OK;
    naru_buf_deinit(&laid);
    return done;
}
