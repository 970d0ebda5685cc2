/* MessagePack to JSON with placeholders, and the packet around it. One pass, no recursion: a count for each open level.
 * Not for: writing (msgpack_write.c). Source: the MessagePack specification; notepack.io 2.2;
 * socket.io-msgpack-parser 3. */
#include "msgpack.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "binary.h"
#include "iso_date.h"
#include "json/decimal.h"

enum {
    DEFAULT_JSON_BYTES = 1 << 20,
    DEFAULT_DEPTH = 128,
    DEFAULT_KEYS = 65536,
    DEFAULT_ATTACHMENTS = 10,
    DEFAULT_ATTACHMENT_BYTES = 1000000,
    DEFAULT_NAMESPACE_BYTES = 256
};

/* A map that is open counts keys and values. */
typedef struct level {
    uint32_t left;
    bool map;
} level;

typedef struct reader {
    naru_span in;
    size_t at;
    naru_json_writer out;
    size_t json_bytes_max;
    naru_span *spans;
    uint32_t spans_count;
    uint32_t spans_max;
    size_t span_bytes_left;
    uint32_t keys_left;
    uint32_t depth_max;
    uint32_t depth;
    naru_fault *fault; /* may be NULL */
    naru_status status;
    level levels[NARU_JSON_DEPTH_MAX];
} reader;

static bool fail(reader *r, naru_status status, const char *text)
{
    if (r->status == NARU_OK && r->fault) {
        *r->fault = (naru_fault){.status = status, .offset = r->at, .rule = "MessagePack", .text = text};
    }
    r->status = r->status == NARU_OK ? status : r->status;
    return false;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static bool take(reader *r, size_t size, naru_span *out)
{
    if (size > r->in.size - r->at) {
        return fail(r, NARU_ERR_PROTOCOL, "The message ends inside a value.");
    }
    *out = (naru_span){r->in.data + r->at, size};
    r->at += size;
    return true;
}

/* `size` bytes, the highest first. */
static bool take_uint(reader *r, size_t size, uint64_t *out)
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

static bool take_int(reader *r, size_t size, int64_t *out)
{
    uint64_t bits;
    if (!take_uint(r, size, &bits)) {
        return false;
    }
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    *out = bits & sign ? -(int64_t)(((sign << 1) - 1) - bits) - 1 : (int64_t)bits;
    return true;
}

static uint8_t peek(const reader *r)
{
    return r->at < r->in.size ? r->in.data[r->at] : 0xc1; /* which MessagePack never uses */
}

static bool at_undefined(const reader *r)
{
    return r->in.size - r->at >= 3 && memcmp(r->in.data + r->at, "\xd4\0\0", 3) == 0;
}

/* ---- one value of each kind, its first byte taken ------------------------------------------------------------ */

static bool take_string_body(reader *r, uint64_t size)
{
    naru_span text;
    if (!take(r, size, &text)) {
        return false;
    }
    naru_json_write_string(&r->out, text);
    return true;
}

static bool take_sized_string(reader *r, size_t size_bytes)
{
    uint64_t size;
    return take_uint(r, size_bytes, &size) && take_string_body(r, size);
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

static bool take_bytes(reader *r, uint64_t size)
{
    naru_span bytes;
    if (!take(r, size, &bytes)) {
        return false;
    }
    if (r->spans_count == r->spans_max) {
        return fail(r, NARU_ERR_TOO_MANY, "More attachments than are allowed.");
    }
    if (bytes.size > r->span_bytes_left) {
        return fail(r, NARU_ERR_TOO_BIG, "The attachments are bigger than is allowed.");
    }
    r->span_bytes_left -= bytes.size;
    write_placeholder(&r->out, r->spans_count);
    r->spans[r->spans_count++] = bytes;
    return true;
}

static bool take_sized_bytes(reader *r, size_t size_bytes)
{
    uint64_t size;
    return take_uint(r, size_bytes, &size) && take_bytes(r, size);
}

/* notepack's ext 0: an ArrayBuffer. */
static bool take_array_buffer(reader *r, size_t size_bytes)
{
    uint64_t size;
    uint64_t type;
    if (!take_uint(r, size_bytes, &size) || !take_uint(r, 1, &type)) {
        return false;
    }
    return type == 0 ? take_bytes(r, size) : fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
}

/* notepack's fixext 8 of type 0: a Date, whose JSON is its ISO string, or null if there is no such day. */
static bool take_date(reader *r)
{
    uint64_t type;
    int64_t ms;
    if (!take_uint(r, 1, &type) || !take_int(r, 8, &ms)) {
        return false;
    }
    if (type != 0) {
        return fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
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

static bool take_undefined(reader *r)
{
    uint64_t type_and_data;
    if (!take_uint(r, 2, &type_and_data)) {
        return false;
    }
    if (type_and_data != 0) {
        return fail(r, NARU_ERR_PROTOCOL, "An extension that nobody knows.");
    }
    naru_json_write_null(&r->out);
    return true;
}

static bool take_float(reader *r)
{
    uint64_t bits;
    if (!take_uint(r, 4, &bits)) {
        return false;
    }
    union {
        uint32_t bits;
        float value;
    } both = {.bits = (uint32_t)bits};
    naru_json_write_double(&r->out, (double)both.value);
    return true;
}

static bool take_double(reader *r)
{
    uint64_t bits;
    if (!take_uint(r, 8, &bits)) {
        return false;
    }
    naru_json_write_double(&r->out, naru__double_of(bits));
    return true;
}

static bool take_unsigned(reader *r, size_t size)
{
    uint64_t value;
    if (!take_uint(r, size, &value)) {
        return false;
    }
    naru_json_write_uint64(&r->out, value);
    return true;
}

static bool take_signed(reader *r, size_t size)
{
    int64_t value;
    if (!take_int(r, size, &value)) {
        return false;
    }
    naru_json_write_int64(&r->out, value);
    return true;
}

/* Each element takes a byte at least: a count that the message cannot hold is known at once. */
static bool open_level(reader *r, uint64_t count, bool map)
{
    if (count > (r->in.size - r->at) / (map ? 2 : 1)) {
        return fail(r, NARU_ERR_PROTOCOL, "The message ends inside a value.");
    }
    if (r->depth == r->depth_max) {
        return fail(r, NARU_ERR_TOO_MANY, "The message is nested deeper than is allowed.");
    }
    r->levels[r->depth++] = (level){(uint32_t)count, map};
    if (map) {
        naru_json_write_object(&r->out);
    } else {
        naru_json_write_array(&r->out);
    }
    return true;
}

static bool open_sized_level(reader *r, size_t size_bytes, bool map)
{
    uint64_t count;
    return take_uint(r, size_bytes, &count) && open_level(r, count, map);
}

/* ---- any value ---------------------------------------------------------------------------------------------- */

static bool take_fixed(reader *r, uint8_t first)
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

static bool take_value(reader *r)
{
    uint64_t first;
    if (!take_uint(r, 1, &first)) {
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
        return fail(r, NARU_ERR_PROTOCOL, "A kind of value that no packet has.");
    default:
        return take_fixed(r, (uint8_t)first);
    }
}

/* A string's bytes; they stay in the message. */
static bool take_key(reader *r, naru_span *out)
{
    uint64_t first;
    uint64_t size;
    if (!take_uint(r, 1, &first)) {
        return false;
    }
    if ((first & 0xe0) == 0xa0) {
        size = first & 0x1f;
    } else if (first < 0xd9 || first > 0xdb) {
        return fail(r, NARU_ERR_PROTOCOL, "A map's key is not a string.");
    } else if (!take_uint(r, (size_t)1 << (first - 0xd9), &size)) {
        return false;
    }
    return take(r, size, out);
}

/* A key whose value is undefined is not there, as JSON.stringify has it. */
static bool take_member(reader *r)
{
    naru_span key;
    if (r->keys_left == 0) {
        return fail(r, NARU_ERR_TOO_MANY, "The message has more keys than are allowed.");
    }
    r->keys_left--;
    if (!take_key(r, &key)) {
        return false;
    }
    if (at_undefined(r)) {
        r->at += 3;
        return true;
    }
    naru_json_write_key(&r->out, key);
    return take_value(r);
}

static bool within_limits(reader *r)
{
    if (r->out.status == NARU_ERR_UTF8) {
        return fail(r, NARU_ERR_UTF8, "A string is not UTF-8.");
    }
    if (r->out.status != NARU_OK) {
        return fail(r, r->out.status, "The message does not fit into memory, or its nesting into the limit.");
    }
    return naru__buf_size(r->out.out) <= r->json_bytes_max ||
           fail(r, NARU_ERR_TOO_BIG, "The message is bigger as JSON than is allowed.");
}

static bool take_inside(reader *r)
{
    level *top = &r->levels[r->depth - 1];
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
static bool take_json(reader *r, naru_buf *text)
{
    naru_json_writer_init(&r->out, text, 0);
    bool good = take_value(r) && within_limits(r);
    while (good && r->depth > 0) {
        good = take_inside(r);
    }
    bool whole = good && naru_json_writer_finish(&r->out) == NARU_OK;
    return within_limits(r) && whole;
}

/* ---- the packet --------------------------------------------------------------------------------------------- */

static bool take_small(reader *r, uint64_t max, uint64_t *out)
{
    uint64_t first;
    if (!take_uint(r, 1, &first)) {
        return false;
    }
    bool sized = first >= 0xcc && first <= 0xcf;
    *out = first;
    if (sized && !take_uint(r, (size_t)1 << (first - 0xcc), out)) {
        return false;
    }
    return (*out <= max && (sized || first < 0x80)) || fail(r, NARU_ERR_PROTOCOL, "A packet's type or id is none.");
}

static bool take_type(reader *r, naru__sio_packet *packet)
{
    uint64_t type;
    if (!take_small(r, NARU__SIO_CONNECT_ERROR, &type)) {
        return false;
    }
    packet->type = (naru__sio_type)type;
    return true;
}

static bool take_namespace(reader *r, const naru__sio_limits *limits, naru__sio_packet *packet)
{
    if (!take_key(r, &packet->nsp)) {
        return false;
    }
    if (packet->nsp.size > (limits->namespace_bytes_max ? limits->namespace_bytes_max : DEFAULT_NAMESPACE_BYTES)) {
        return fail(r, NARU_ERR_TOO_BIG, "The namespace is longer than is allowed.");
    }
    if (packet->nsp.size == 0 || packet->nsp.data[0] != '/') {
        return fail(r, NARU_ERR_PROTOCOL, "A namespace begins with a slash.");
    }
    return naru_utf8_valid(packet->nsp) || fail(r, NARU_ERR_UTF8, "The namespace is not UTF-8.");
}

static bool take_data(reader *r, naru_buf *text)
{
    naru__buf_truncate(text, 0); /* of two, the last counts */
    r->spans_count = 0;
    return take_json(r, text);
}

/* What nobody knows must still be well formed. */
static bool skip_value(reader *r, naru_buf *text)
{
    size_t size = naru__buf_size(text);
    uint32_t spans = r->spans_count;
    bool good = take_json(r, text);
    naru__buf_truncate(text, size);
    r->spans_count = spans;
    return good;
}

typedef struct found {
    bool type, nsp;
} found;

static bool take_field(reader *r, const naru__sio_limits *limits, naru_buf *text, naru__sio_packet *packet, found *f)
{
    naru_span key;
    if (!take_key(r, &key)) {
        return false;
    }
    if (at_undefined(r)) {
        r->at += 3;
        return true;
    }
    if (naru_span_equal(key, naru_span_of("type"))) {
        f->type = true;
        return take_type(r, packet);
    }
    if (naru_span_equal(key, naru_span_of("nsp"))) {
        f->nsp = true;
        return take_namespace(r, limits, packet);
    }
    if (naru_span_equal(key, naru_span_of("id"))) {
        packet->has_id = true;
        return take_small(r, NARU__SIO_ID_MAX, &packet->id);
    }
    bool data = naru_span_equal(key, naru_span_of("data"));
    return data ? take_data(r, text) : skip_value(r, text);
}

static bool take_packet_size(reader *r, uint64_t *fields_out)
{
    uint64_t first = peek(r);
    r->at += r->at < r->in.size;
    *fields_out = first & 0x0f;
    if ((first & 0xf0) == 0x80) {
        return true;
    }
    return first == 0xde || first == 0xdf ? take_uint(r, (size_t)2 << (first - 0xde), fields_out)
                                          : fail(r, NARU_ERR_PROTOCOL, "A packet in MessagePack is a map.");
}

/* With bytes in it, the type is the binary one, as the other encoding has it. */
static bool settle(reader *r, naru__sio_packet *packet, naru_span data)
{
    packet->data.text = data;
    packet->attachments = r->spans_count;
    const char *wrong = naru__sio_packet_wrong(packet);
    if (wrong) {
        return fail(r, NARU_ERR_PROTOCOL, wrong);
    }
    if (packet->attachments == 0) {
        return true;
    }
    if (packet->type != NARU__SIO_EVENT && packet->type != NARU__SIO_ACK) {
        return fail(r, NARU_ERR_PROTOCOL, "Bytes stand in a packet that is neither an event nor an ack.");
    }
    packet->type = packet->type == NARU__SIO_EVENT ? NARU__SIO_BINARY_EVENT : NARU__SIO_BINARY_ACK;
    return naru__sio_placeholders_good(packet->data, packet->attachments) ||
           fail(r, NARU_ERR_PROTOCOL, "A placeholder names an attachment that there is not.");
}

static bool take_packet(reader *r, const naru__sio_limits *limits, naru_buf *text, naru__sio_packet *packet)
{
    uint64_t fields;
    found f = {0};
    if (!take_packet_size(r, &fields)) {
        return false;
    }
    for (; fields > 0; fields--) {
        if (!take_field(r, limits, text, packet, &f)) {
            return false;
        }
    }
    if (r->at != r->in.size) {
        return fail(r, NARU_ERR_PROTOCOL, "Something follows the packet.");
    }
    return (f.type && f.nsp) || fail(r, NARU_ERR_PROTOCOL, "A packet lacks its type or its namespace.");
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

static void start(reader *r, naru_span message, const naru__sio_limits *limits, naru_span *spans, naru_fault *fault_out)
{
    uint32_t depth = or_default(limits->json.depth_max, DEFAULT_DEPTH);
    r->in = message.data ? message : naru_span_of("");
    r->at = 0;
    r->json_bytes_max = limits->json.bytes_max ? limits->json.bytes_max : DEFAULT_JSON_BYTES;
    r->spans = spans;
    r->spans_count = 0;
    r->spans_max = or_default(limits->attachments_max, DEFAULT_ATTACHMENTS);
    r->span_bytes_left = limits->attachment_bytes_max ? limits->attachment_bytes_max : DEFAULT_ATTACHMENT_BYTES;
    r->keys_left = or_default(limits->json.keys_max, DEFAULT_KEYS);
    /* A placeholder is one level more than the bytes were. */
    r->depth_max = depth < NARU_JSON_DEPTH_MAX ? depth : NARU_JSON_DEPTH_MAX - 1;
    r->depth = 0;
    r->fault = fault_out;
    r->status = NARU_OK;
}

naru_status naru__sio_msgpack_read(naru_span message, const naru__sio_limits *limits, naru_buf *text, naru_span *spans,
                                   naru__sio_packet *packet_out, naru_fault *fault_out)
{
    static const naru__sio_limits defaults = {0};
    limits = limits ? limits : &defaults;
    reader r;
    start(&r, message, limits, spans, fault_out);
    naru__sio_packet packet = {0};
    naru__buf_truncate(text, 0);
    if (take_packet(&r, limits, text, &packet) && settle(&r, &packet, naru_buf_span(text))) {
        *packet_out = packet;
    }
    return r.status;
}
