/* Any value of MessagePack to JSON, bytes becoming placeholders. One pass, no recursion: a count for each open level.
 * Source: the MessagePack specification; notepack.io 2.2. */
#include "msgpack_json.h"

#include <string.h>

#include "base/buf.h"
#include "iso_date.h"
#include "json/decimal.h"

bool naru__msgpack_fail(naru__msgpack_reader *r, naru_status status, const char *text)
{
    if (r->status == NARU_OK && r->fault) {
        *r->fault = (naru_fault){.status = status, .offset = r->at, .rule = "MessagePack", .text = text};
    }
    r->status = r->status == NARU_OK ? status : r->status;
    return false;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static bool take(naru__msgpack_reader *r, size_t size, naru_span *out)
{
    if (size > r->in.size - r->at) {
        (void)naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "The message ends inside a value.");
        return false;
    }
    *out = (naru_span){r->in.data + r->at, size};
    r->at += size;
    return true;
}

/* `size` bytes, the highest first. */
bool naru__msgpack_uint(naru__msgpack_reader *r, size_t size, uint64_t *out)
{
    naru_span bytes;
    if (!take(r, size, &bytes)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes.data[i];
    }
    *out = value;
    return true;
}

static bool take_int(naru__msgpack_reader *r, size_t size, int64_t *out)
{
    uint64_t bits;
    if (!naru__msgpack_uint(r, size, &bits)) {
        return false;
    }
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    *out = bits & sign ? -(int64_t)(((sign << 1) - 1) - bits) - 1 : (int64_t)bits;
    return true;
}

bool naru__msgpack_at_undefined(const naru__msgpack_reader *r)
{
    return r->in.size - r->at >= 3 && memcmp(r->in.data + r->at, "\xd4\0\0", 3) == 0;
}

/* ---- one value of each kind, its first byte taken ------------------------------------------------------------ */

static bool take_string_body(naru__msgpack_reader *r, uint64_t size)
{
    naru_span text;
    if (!take(r, size, &text)) {
        return false;
    }
    naru_json_write_string(&r->out, text);
    return true;
}

static bool take_sized_string(naru__msgpack_reader *r, size_t size_bytes)
{
    uint64_t size;
    return naru__msgpack_uint(r, size_bytes, &size) && take_string_body(r, size);
}

static void write_placeholder(naru_json_writer *out, uint32_t num)
{
    naru_json_write_object(out);
    naru_json_write_key(out, naru_span_of("_placeholder"));
    naru_json_write_bool(out, true);
    naru_json_write_key(out, naru_span_of("num"));
    naru_json_write_uint64(out, num);
    naru_json_write_object_end(out);
}

static bool take_bytes(naru__msgpack_reader *r, uint64_t size)
{
    naru_span bytes;
    if (!take(r, size, &bytes)) {
        return false;
    }
    if (r->spans_count == r->spans_max) {
        return naru__msgpack_fail(r, NARU_ERR_TOO_MANY, "More attachments than are allowed.");
    }
    if (bytes.size > r->span_bytes_left) {
        return naru__msgpack_fail(r, NARU_ERR_TOO_BIG, "The attachments are bigger than is allowed.");
    }
    r->span_bytes_left -= bytes.size;
    write_placeholder(&r->out, r->spans_count);
    r->spans[r->spans_count++] = bytes;
    return true;
}

static bool take_sized_bytes(naru__msgpack_reader *r, size_t size_bytes)
{
    uint64_t size;
    return naru__msgpack_uint(r, size_bytes, &size) && take_bytes(r, size);
}

/* notepack's ext 0: an ArrayBuffer. */
static bool take_array_buffer(naru__msgpack_reader *r, size_t size_bytes)
{
    uint64_t size;
    uint64_t type;
    if (!naru__msgpack_uint(r, size_bytes, &size) || !naru__msgpack_uint(r, 1, &type)) {
        return false;
    }
    return type == 0 ? take_bytes(r, size)
                     : naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
}

/* notepack's fixext 8 of type 0: a Date, whose JSON is its ISO string, or null if there is no such day. */
static bool take_date(naru__msgpack_reader *r)
{
    uint64_t type;
    int64_t ms;
    if (!naru__msgpack_uint(r, 1, &type) || !take_int(r, 8, &ms)) {
        return false;
    }
    if (type != 0) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
    }
    char text[NARU__ISO_DATE_BYTES_MAX];
    size_t size = naru__iso_date_write(ms, text);
    if (size == 0) {
        naru_json_write_null(&r->out);
    } else {
        naru_json_write_string(&r->out, (naru_span){(const uint8_t *)text, size});
    }
    return true;
}

static bool take_undefined(naru__msgpack_reader *r)
{
    uint64_t type_and_data;
    if (!naru__msgpack_uint(r, 2, &type_and_data)) {
        return false;
    }
    if (type_and_data != 0) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
    }
    naru_json_write_null(&r->out);
    return true;
}

static bool take_float(naru__msgpack_reader *r)
{
    uint64_t bits;
    if (!naru__msgpack_uint(r, 4, &bits)) {
        return false;
    }
    union {
        uint32_t bits;
        float value;
    } both = {.bits = (uint32_t)bits};
    naru_json_write_double(&r->out, (double)both.value);
    return true;
}

static bool take_double(naru__msgpack_reader *r)
{
    uint64_t bits;
    if (!naru__msgpack_uint(r, 8, &bits)) {
        return false;
    }
    naru_json_write_double(&r->out, naru__double_of(bits));
    return true;
}

static bool take_unsigned(naru__msgpack_reader *r, size_t size)
{
    uint64_t value;
    if (!naru__msgpack_uint(r, size, &value)) {
        return false;
    }
    naru_json_write_uint64(&r->out, value);
    return true;
}

static bool take_signed(naru__msgpack_reader *r, size_t size)
{
    int64_t value;
    if (!take_int(r, size, &value)) {
        return false;
    }
    naru_json_write_int64(&r->out, value);
    return true;
}

/* Each element takes a byte at least: a count that the message cannot hold is known at once. */
static bool open_level(naru__msgpack_reader *r, uint64_t count, bool map)
{
    if (count > (r->in.size - r->at) / (map ? 2 : 1)) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "The message ends inside a value.");
    }
    if (r->depth == r->depth_max) {
        return naru__msgpack_fail(r, NARU_ERR_TOO_MANY, "The message is nested deeper than is allowed.");
    }
    r->levels[r->depth++] = (naru__msgpack_level){(uint32_t)count, map};
    if (map) {
        naru_json_write_object(&r->out);
    } else {
        naru_json_write_array(&r->out);
    }
    return true;
}

static bool open_sized_level(naru__msgpack_reader *r, size_t size_bytes, bool map)
{
    uint64_t count;
    return naru__msgpack_uint(r, size_bytes, &count) && open_level(r, count, map);
}

/* ---- any value ---------------------------------------------------------------------------------------------- */

static bool take_fixed(naru__msgpack_reader *r, uint8_t first)
{
    if (first < 0x80) {
        naru_json_write_uint64(&r->out, first);
        return true;
    }
    if (first >= 0xe0) {
        naru_json_write_int64(&r->out, (int64_t)first - 256);
        return true;
    }
    if (first >= 0xa0) {
        return take_string_body(r, first & 0x1f);
    }
    return open_level(r, first & 0x0f, first < 0x90);
}

static bool take_value(naru__msgpack_reader *r)
{
    uint64_t first;
    if (!naru__msgpack_uint(r, 1, &first)) {
        return false;
    }
    switch (first) {
    case 0xc0:
        naru_json_write_null(&r->out);
        return true;
    case 0xc2:
    case 0xc3:
        naru_json_write_bool(&r->out, first == 0xc3);
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return take_sized_bytes(r, (size_t)1 << (first - 0xc4));
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return take_array_buffer(r, (size_t)1 << (first - 0xc7));
    case 0xca:
        return take_float(r);
    case 0xcb:
        return take_double(r);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return take_unsigned(r, (size_t)1 << (first - 0xcc));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_signed(r, (size_t)1 << (first - 0xd0));
    case 0xd4:
        return take_undefined(r);
    case 0xd7:
        return take_date(r);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return take_sized_string(r, (size_t)1 << (first - 0xd9));
    case 0xdc:
    case 0xdd:
        return open_sized_level(r, (size_t)2 << (first - 0xdc), false);
    case 0xde:
    case 0xdf:
        return open_sized_level(r, (size_t)2 << (first - 0xde), true);
    case 0xc1:
    case 0xd5:
    case 0xd6:
    case 0xd8:
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A kind of value that no packet has.");
    default:
        return take_fixed(r, (uint8_t)first);
    }
}

/* A string's bytes; they stay in the message. */
bool naru__msgpack_key(naru__msgpack_reader *r, naru_span *out)
{
    uint64_t first;
    uint64_t size;
    if (!naru__msgpack_uint(r, 1, &first)) {
        return false;
    }
    if ((first & 0xe0) == 0xa0) {
        size = first & 0x1f;
    } else if (first < 0xd9 || first > 0xdb) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A map's key is not a string.");
    } else if (!naru__msgpack_uint(r, (size_t)1 << (first - 0xd9), &size)) {
        return false;
    }
    return take(r, size, out);
}

/* A key whose value is undefined is not there, as JSON.stringify has it. */
static bool take_member(naru__msgpack_reader *r)
{
    naru_span key;
    if (r->keys_left == 0) {
        return naru__msgpack_fail(r, NARU_ERR_TOO_MANY, "The message has more keys than are allowed.");
    }
    r->keys_left--;
    if (!naru__msgpack_key(r, &key)) {
        return false;
    }
    if (naru__msgpack_at_undefined(r)) {
        r->at += 3;
        return true;
    }
    naru_json_write_key(&r->out, key);
    return take_value(r);
}

static bool within_limits(naru__msgpack_reader *r)
{
    if (r->out.status == NARU_ERR_UTF8) {
        return naru__msgpack_fail(r, NARU_ERR_UTF8, "A string is not UTF-8.");
    }
    if (r->out.status != NARU_OK) {
        return naru__msgpack_fail(r, r->out.status,
                                  "The message does not fit into memory, or its nesting into the limit.");
    }
    return naru__buf_size(r->out.out) <= r->json_bytes_max ||
           naru__msgpack_fail(r, NARU_ERR_TOO_BIG, "The message is bigger as JSON than is allowed.");
}

static bool take_inside(naru__msgpack_reader *r)
{
    naru__msgpack_level *top = &r->levels[r->depth - 1];
    if (top->left > 0) {
        top->left--;
        return (top->map ? take_member(r) : take_value(r)) && within_limits(r);
    }
    if (top->map) {
        naru_json_write_object_end(&r->out);
    } else {
        naru_json_write_array_end(&r->out);
    }
    r->depth--;
    return true;
}

/* One whole value, appended to text as JSON. */
bool naru__msgpack_json(naru__msgpack_reader *r, naru_buf *text)
{
    naru_json_writer_init(&r->out, text, 0);
    bool good = take_value(r) && within_limits(r);
    while (good && r->depth > 0) {
        good = take_inside(r);
    }
    bool whole = good && naru_json_writer_finish(&r->out) == NARU_OK;
    return within_limits(r) && whole;
}
