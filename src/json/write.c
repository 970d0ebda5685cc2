/* JSON on its way into a buf. Source: RFC 8259; ECMA-262 25.5.2 for what is escaped and how. */
#include <naru/json.h>

#include "base/buf.h"
#include "decimal.h"
#include "scan.h"

void naru_json_writer_init(naru_json_writer *writer, naru_buf *out, uint32_t flags)
{
    writer->out = out;
    writer->start_bytes = naru__buf_size(out);
    writer->status = NARU_OK;
    writer->flags = flags;
    writer->depth = 0;
    writer->started = false;
    writer->keyed = false;
}

naru_status naru_json_writer_finish(naru_json_writer *writer)
{
    if (writer->status == NARU_OK && (writer->depth > 0 || !writer->started)) {
        writer->status = NARU_ERR_STATE;
    }
    if (writer->status != NARU_OK) {
        naru__buf_truncate(writer->out, writer->start_bytes);
    }
    return writer->status;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static void fail(naru_json_writer *writer, naru_status status)
{
    writer->status = writer->status == NARU_OK ? status : writer->status;
}

static void put(naru_json_writer *writer, const void *bytes, size_t size)
{
    if (writer->status == NARU_OK) {
        writer->status = naru_buf_append(writer->out, (naru_span){bytes, size});
    }
}

static void put_byte(naru_json_writer *writer, uint8_t byte)
{
    if (writer->status == NARU_OK) {
        writer->status = naru__buf_append_byte(writer->out, byte);
    }
}

static bool in_object(const naru_json_writer *writer)
{
    uint32_t level = writer->depth - 1;
    return writer->depth > 0 && (writer->objects[level / 64] >> (level % 64) & 1);
}

/* A value comes: may it, and does it need a comma? */
static bool begin_value(naru_json_writer *writer)
{
    bool object = in_object(writer);
    if (object != writer->keyed || (writer->depth == 0 && writer->started)) {
        fail(writer, NARU_ERR_STATE);
    } else if (writer->started && !writer->keyed) {
        put_byte(writer, ',');
    }
    writer->started = true;
    writer->keyed = false;
    return writer->status == NARU_OK;
}

static void put_value(naru_json_writer *writer, const void *bytes, size_t size)
{
    if (begin_value(writer)) {
        put(writer, bytes, size);
    }
}

/* ---- strings ------------------------------------------------------------------------------------------------ */

static size_t escape(uint8_t byte, char out[6])
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if (byte == (uint8_t)letters[i]) {
            out[0] = '\\';
            out[1] = letters[i + 1];
            return 2;
        }
    }
    memcpy(out, "\\u00", 4);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return 6;
}

/* U+2028 and U+2029 are E2 80 A8 and E2 80 A9. */
static bool is_line(const uint8_t *at, const uint8_t *end)
{
    return end - at >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] | 1) == 0xa9;
}

static void put_run(naru_json_writer *writer, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *lead = at;
    while ((writer->flags & NARU_JSON_ESCAPE_LINES) && lead < end) {
        lead = memchr(lead, 0xe2, (size_t)(end - lead));
        if (!lead) {
            break;
        }
        if (!is_line(lead, end)) {
            lead++;
            continue;
        }
        put(writer, at, (size_t)(lead - at));
        put(writer, lead[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
        lead += 3;
        at = lead;
    }
    put(writer, at, (size_t)(end - at));
}

static void put_characters(naru_json_writer *writer, naru_span characters)
{
    const uint8_t *at = characters.data;
    const uint8_t *end = at + characters.size;
    while (at < end) {
        const uint8_t *special = naru__json_plain_end(at, end);
        put_run(writer, at, special);
        at = special;
        if (at < end) {
            char escaped[6];
            put(writer, escaped, escape(*at, escaped));
            at++;
        }
    }
}

static void put_string(naru_json_writer *writer, naru_span characters)
{
    if (!naru_utf8_valid(characters)) {
        fail(writer, NARU_ERR_UTF8);
        return;
    }
    /* One step of growth for all that follows; if there is no room, it will be said there. */
    if (characters.size < SIZE_MAX - 2 && !naru_buf_reserve(writer->out, characters.size + 2)) {
        fail(writer, NARU_ERR_MEMORY);
        return;
    }
    put_byte(writer, '"');
    if (characters.size > 0) {
        put_characters(writer, characters);
    }
    put_byte(writer, '"');
}

void naru_json_write_string(naru_json_writer *writer, naru_span characters)
{
    if (begin_value(writer)) {
        put_string(writer, characters);
    }
}

void naru_json_write_key(naru_json_writer *writer, naru_span key)
{
    if (!in_object(writer) || writer->keyed) {
        fail(writer, NARU_ERR_STATE);
        return;
    }
    if (writer->started) {
        put_byte(writer, ',');
    }
    put_string(writer, key);
    put_byte(writer, ':');
    writer->keyed = true;
}

/* ---- arrays and objects ------------------------------------------------------------------------------------- */

static void open_level(naru_json_writer *writer, bool object)
{
    if (!begin_value(writer)) {
        return;
    }
    if (writer->depth == NARU_JSON_DEPTH_MAX) {
        fail(writer, NARU_ERR_TOO_MANY);
        return;
    }
    uint64_t bit = UINT64_C(1) << (writer->depth % 64);
    uint64_t *word = &writer->objects[writer->depth / 64];
    if (object) {
        *word |= bit;
    } else {
        *word &= ~bit;
    }
    writer->depth++;
    writer->started = false;
    put_byte(writer, object ? '{' : '[');
}

static void close_level(naru_json_writer *writer, bool object)
{
    if (writer->depth == 0 || in_object(writer) != object || writer->keyed) {
        fail(writer, NARU_ERR_STATE);
        return;
    }
    put_byte(writer, object ? '}' : ']');
    writer->depth--;
    writer->started = true;
}

void naru_json_write_array(naru_json_writer *writer)
{
    open_level(writer, false);
}

void naru_json_write_array_end(naru_json_writer *writer)
{
    close_level(writer, false);
}

void naru_json_write_object(naru_json_writer *writer)
{
    open_level(writer, true);
}

void naru_json_write_object_end(naru_json_writer *writer)
{
    close_level(writer, true);
}

/* ---- scalars ------------------------------------------------------------------------------------------------ */

void naru_json_write_null(naru_json_writer *writer)
{
    put_value(writer, "null", 4);
}

void naru_json_write_bool(naru_json_writer *writer, bool value)
{
    put_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void naru_json_write_raw(naru_json_writer *writer, naru_span value)
{
    put_value(writer, value.data, value.size);
}

static void put_integer(naru_json_writer *writer, uint64_t magnitude, bool negative)
{
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative) {
        text[--at] = '-';
    }
    put_value(writer, text + at, sizeof text - at);
}

void naru_json_write_int64(naru_json_writer *writer, int64_t value)
{
    put_integer(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void naru_json_write_uint64(naru_json_writer *writer, uint64_t value)
{
    put_integer(writer, value, false);
}

void naru_json_write_double(naru_json_writer *writer, double value)
{
    uint64_t exponent = naru__double_bits(value) >> 52 & 0x7ff;
    if (exponent == 0x7ff) {
        naru_json_write_null(writer);
        return;
    }
    char text[NARU__DECIMAL_BYTES_MAX];
    put_value(writer, text, naru__decimal_write(value, text));
}
