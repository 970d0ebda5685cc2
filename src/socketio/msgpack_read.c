/* A packet in MessagePack: its fields, in any order, and whether they fit each other. Values are msgpack_json.c's.
 * Not for: writing (msgpack_write.c). Source: socket.io-msgpack-parser 3. */
#include "msgpack.h"

#include "base/buf.h"
#include "binary.h"
#include "msgpack_json.h"

enum {
    DEFAULT_JSON_BYTES = 1 << 20,
    DEFAULT_DEPTH = 128,
    DEFAULT_KEYS = 65536,
    DEFAULT_ATTACHMENTS = 10,
    DEFAULT_ATTACHMENT_BYTES = 1000000,
    DEFAULT_NAMESPACE_BYTES = 256
};

static uint8_t peek(const naru__msgpack_reader *r)
{
    return r->at < r->in.size ? r->in.data[r->at] : 0xc1; /* which MessagePack never uses */
}

/* ---- the packet --------------------------------------------------------------------------------------------- */

static bool take_small(naru__msgpack_reader *r, uint64_t max, uint64_t *out)
{
    uint64_t first;
    if (!naru__msgpack_uint(r, 1, &first)) {
        return false;
    }
    bool sized = first >= 0xcc && first <= 0xcf;
    *out = first;
    if (sized && !naru__msgpack_uint(r, (size_t)1 << (first - 0xcc), out)) {
        return false;
    }
    return (*out <= max && (sized || first < 0x80)) ||
           naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A packet's type or id is none.");
}

static bool take_type(naru__msgpack_reader *r, naru__sio_packet *packet)
{
    uint64_t type;
    if (!take_small(r, NARU__SIO_CONNECT_ERROR, &type)) {
        return false;
    }
    packet->type = (naru__sio_type)type;
    return true;
}

static bool take_namespace(naru__msgpack_reader *r, const naru__sio_limits *limits, naru__sio_packet *packet)
{
    if (!naru__msgpack_key(r, &packet->nsp)) {
        return false;
    }
    if (packet->nsp.size > (limits->namespace_bytes_max ? limits->namespace_bytes_max : DEFAULT_NAMESPACE_BYTES)) {
        return naru__msgpack_fail(r, NARU_ERR_TOO_BIG, "The namespace is longer than is allowed.");
    }
    if (packet->nsp.size == 0 || packet->nsp.data[0] != '/') {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A namespace begins with a slash.");
    }
    return naru_utf8_valid(packet->nsp) || naru__msgpack_fail(r, NARU_ERR_UTF8, "The namespace is not UTF-8.");
}

static bool take_data(naru__msgpack_reader *r, naru_buf *text)
{
    naru__buf_truncate(text, 0); /* of two, the last counts */
    r->spans_count = 0;
    return naru__msgpack_json(r, text);
}

/* What nobody knows must still be well formed. */
static bool skip_value(naru__msgpack_reader *r, naru_buf *text)
{
    size_t size = naru__buf_size(text);
    uint32_t spans = r->spans_count;
    bool good = naru__msgpack_json(r, text);
    naru__buf_truncate(text, size);
    r->spans_count = spans;
    return good;
}

typedef struct found {
    bool type, nsp;
} found;

static bool take_field(naru__msgpack_reader *r, const naru__sio_limits *limits, naru_buf *text,
                       naru__sio_packet *packet, found *f)
{
    naru_span key;
    if (!naru__msgpack_key(r, &key)) {
        return false;
    }
    if (naru__msgpack_at_undefined(r)) {
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

static bool take_packet_size(naru__msgpack_reader *r, uint64_t *fields_out)
{
    uint64_t first = peek(r);
    r->at += r->at < r->in.size;
    *fields_out = first & 0x0f;
    if ((first & 0xf0) == 0x80) {
        return true;
    }
    return first == 0xde || first == 0xdf
               ? naru__msgpack_uint(r, (size_t)2 << (first - 0xde), fields_out)
               : naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A packet in MessagePack is a map.");
}

/* With bytes in it, the type is the binary one, as the other encoding has it. */
static bool settle(naru__msgpack_reader *r, naru__sio_packet *packet, naru_span data)
{
    packet->data.text = data;
    packet->attachments = r->spans_count;
    const char *wrong = naru__sio_packet_wrong(packet);
    if (wrong) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, wrong);
    }
    if (packet->attachments == 0) {
        return true;
    }
    if (packet->type != NARU__SIO_EVENT && packet->type != NARU__SIO_ACK) {
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "Bytes stand in a packet that is neither an event nor an ack.");
    }
    packet->type = packet->type == NARU__SIO_EVENT ? NARU__SIO_BINARY_EVENT : NARU__SIO_BINARY_ACK;
    return naru__sio_placeholders_good(packet->data, packet->attachments) ||
           naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A placeholder names an attachment that there is not.");
}

static bool take_packet(naru__msgpack_reader *r, const naru__sio_limits *limits, naru_buf *text,
                        naru__sio_packet *packet)
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
        return naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "Something follows the packet.");
    }
    return (f.type && f.nsp) || naru__msgpack_fail(r, NARU_ERR_PROTOCOL, "A packet lacks its type or its namespace.");
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

static void start(naru__msgpack_reader *r, naru_span message, const naru__sio_limits *limits, naru_span *spans,
                  naru_fault *fault_out)
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
    naru__msgpack_reader r;
    start(&r, message, limits, spans, fault_out);
    naru__sio_packet packet = {0};
    naru__buf_truncate(text, 0);
    if (take_packet(&r, limits, text, &packet) && settle(&r, &packet, naru_buf_span(text))) {
        *packet_out = packet;
    }
    return r.status;
}
