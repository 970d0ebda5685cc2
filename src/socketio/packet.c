/* Reading one Socket.IO packet: its head, then its data as JSON, then whether the two fit.
 * Not for: writing (packet_write.c). Source: Socket.IO protocol 5 and 4; socket.io-parser 4.2, decodeString. */
#include "packet.h"

#include <string.h>

#include "base/ascii.h"
#include "binary.h"

enum { DEFAULT_ATTACHMENTS = 10, DEFAULT_NAMESPACE_BYTES = 256 };

typedef struct reader {
    naru_span text;
    size_t at;
    const naru__sio_limits *limits;
    naru_fault *fault; /* may be NULL */
} reader;

static naru_status fail(const reader *r, naru_status status, const char *text)
{
    if (r->fault) {
        *r->fault = (naru_fault){.status = status, .offset = r->at, .rule = "Socket.IO 5", .text = text};
    }
    return status;
}

static bool at_end(const reader *r)
{
    return r->at == r->text.size;
}

static bool at_digit(const reader *r)
{
    return !at_end(r) && naru__ascii_digit(r->text.data[r->at]);
}

/* Digits, none included. false: more than `max`. */
static bool take_number(reader *r, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (; at_digit(r); r->at++) {
        uint64_t digit = (uint64_t)(r->text.data[r->at] - '0');
        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static naru_status take_type(reader *r, naru__sio_packet *packet)
{
    if (at_end(r) || r->text.data[0] < '0' || r->text.data[0] > '6') {
        return fail(r, NARU_ERR_PROTOCOL, "No packet type is written so.");
    }
    packet->type = (naru__sio_type)(r->text.data[0] - '0');
    r->at = 1;
    return NARU_OK;
}

static bool is_binary(naru__sio_type type)
{
    return type == NARU__SIO_BINARY_EVENT || type == NARU__SIO_BINARY_ACK;
}

static naru_status take_attachments(reader *r, naru__sio_packet *packet)
{
    if (!is_binary(packet->type)) {
        return NARU_OK;
    }
    uint32_t max = r->limits->attachments_max ? r->limits->attachments_max : DEFAULT_ATTACHMENTS;
    uint64_t count;
    if (!at_digit(r)) {
        return fail(r, NARU_ERR_PROTOCOL, "A binary packet does not say how many attachments it has.");
    }
    if (!take_number(r, UINT32_MAX, &count) || count > max) {
        return fail(r, NARU_ERR_TOO_MANY, "More attachments than are allowed.");
    }
    if (count == 0 || at_end(r) || r->text.data[r->at] != '-') {
        return fail(r, NARU_ERR_PROTOCOL, "A binary packet does not say how many attachments it has.");
    }
    r->at++;
    packet->attachments = (uint32_t)count;
    return NARU_OK;
}

static void split_query(naru__sio_packet *packet)
{
    const uint8_t *mark = memchr(packet->nsp.data, '?', packet->nsp.size);
    if (mark) {
        size_t size = (size_t)(mark - packet->nsp.data);
        packet->query = naru__span_from(packet->nsp, size + 1);
        packet->nsp.size = size;
    }
}

/* From the slash to the first comma or the end. */
static naru_status take_namespace(reader *r, naru__sio_packet *packet)
{
    packet->nsp = (naru_span){(const uint8_t *)"/", 1};
    if (at_end(r) || r->text.data[r->at] != '/') {
        return NARU_OK;
    }
    naru_span rest = naru__span_from(r->text, r->at);
    const uint8_t *comma = memchr(rest.data, ',', rest.size);
    size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
    if (size > (r->limits->namespace_bytes_max ? r->limits->namespace_bytes_max : DEFAULT_NAMESPACE_BYTES)) {
        return fail(r, NARU_ERR_TOO_BIG, "The namespace is longer than is allowed.");
    }
    packet->nsp = naru__span_first(rest, size);
    if (!r->limits->json.trust_utf8 && !naru_utf8_valid(packet->nsp)) {
        return fail(r, NARU_ERR_UTF8, "The namespace is not UTF-8.");
    }
    r->at += size + (comma != NULL);
    if (r->limits->query) {
        split_query(packet);
    }
    return NARU_OK;
}

static naru_status take_id(reader *r, naru__sio_packet *packet)
{
    packet->has_id = at_digit(r);
    if (!take_number(r, NARU__SIO_ID_MAX, &packet->id)) {
        return fail(r, NARU_ERR_TOO_BIG, "The ack id is greater than a JavaScript number holds exactly.");
    }
    return NARU_OK;
}

static naru_status take_data(reader *r, naru__sio_packet *packet)
{
    if (at_end(r)) {
        return NARU_OK;
    }
    naru_span text = naru__span_from(r->text, r->at);
    naru_status status = naru_json_read(text, &r->limits->json, &packet->data, r->fault);
    if (status != NARU_OK && r->fault) {
        r->fault->offset += r->at;
    }
    return status;
}

static naru_status take_head(reader *r, naru__sio_packet *packet)
{
    naru_status status = take_type(r, packet);
    if (status == NARU_OK) {
        status = take_attachments(r, packet);
    }
    if (status == NARU_OK) {
        status = take_namespace(r, packet);
    }
    return status == NARU_OK ? take_id(r, packet) : status;
}

naru_status naru__sio_packet_read(naru_span text, const naru__sio_limits *limits, naru__sio_packet *packet_out,
                                  naru_fault *fault_out)
{
    static const naru__sio_limits defaults = {0};
    reader r = {.text = text, .limits = limits ? limits : &defaults, .fault = fault_out};
    naru__sio_packet packet = {0};
    naru_status status = take_head(&r, &packet);
    if (status == NARU_OK) {
        status = take_data(&r, &packet);
    }
    if (status != NARU_OK) {
        return status;
    }
    const char *wrong = naru__sio_packet_wrong(&packet);
    if (wrong) {
        return fail(&r, NARU_ERR_PROTOCOL, wrong);
    }
    if (packet.attachments > 0 && !naru__sio_placeholders_good(packet.data, packet.attachments)) {
        return fail(&r, NARU_ERR_PROTOCOL, "A placeholder names an attachment that there is not.");
    }
    *packet_out = packet;
    return NARU_OK;
}

/* ---- what fits what ----------------------------------------------------------------------------------------- */

#define NAME(text)                                                                                                     \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }
static const naru_span reserved[] = {NAME("connect"),       NAME("connect_error"), NAME("disconnect"),
                                     NAME("disconnecting"), NAME("newListener"),   NAME("removeListener")};
#undef NAME

enum { RESERVED = sizeof reserved / sizeof reserved[0] };

bool naru__sio_name_reserved(naru_span name)
{
    for (size_t i = 0; i < RESERVED; i++) {
        if (name.size == reserved[i].size && memcmp(name.data, reserved[i].data, name.size) == 0) {
            return true;
        }
    }
    return false;
}

/* Escapes may hide what a name is. */
static bool string_reserved(naru_json name)
{
    naru_span plain;
    if (naru_json_string_plain(name, &plain)) {
        return naru__sio_name_reserved(plain);
    }
    for (size_t i = 0; i < RESERVED; i++) {
        if (naru_json_string_equal(name, reserved[i])) {
            return true;
        }
    }
    return false;
}

static const char *event_wrong(naru_json data)
{
    naru_json name;
    if (!naru_json_at(data, 0, &name)) {
        return "An event's data is an array that begins with its name.";
    }
    if (naru_json_is(name, NARU_JSON_NUMBER)) {
        return NULL;
    }
    if (!naru_json_is(name, NARU_JSON_STRING)) {
        return "An event's name is a string or a number.";
    }
    return string_reserved(name) ? "An event has a name that is reserved." : NULL;
}

static const char *data_wrong(naru__sio_type type, naru_json data)
{
    naru_json_kind kind = naru_json_kind_of(data);
    switch (type) {
    case NARU__SIO_CONNECT:
        return kind == NARU_JSON_NONE || kind == NARU_JSON_OBJECT ? NULL : "CONNECT carries an object or nothing.";
    case NARU__SIO_DISCONNECT:
        return kind == NARU_JSON_NONE ? NULL : "DISCONNECT carries nothing.";
    case NARU__SIO_CONNECT_ERROR:
        return kind == NARU_JSON_STRING || kind == NARU_JSON_OBJECT ? NULL
                                                                    : "CONNECT_ERROR carries a string or an object.";
    case NARU__SIO_EVENT:
    case NARU__SIO_BINARY_EVENT:
        return event_wrong(data);
    default:
        return kind == NARU_JSON_ARRAY ? NULL : "An ack's data is an array.";
    }
}

const char *naru__sio_packet_wrong(const naru__sio_packet *packet)
{
    bool ack = packet->type == NARU__SIO_ACK || packet->type == NARU__SIO_BINARY_ACK;
    bool event = packet->type == NARU__SIO_EVENT || packet->type == NARU__SIO_BINARY_EVENT;
    if (ack && !packet->has_id) {
        return "An ack has no id.";
    }
    if (packet->has_id && !ack && !event) {
        return "Only events and acks have an id.";
    }
    return data_wrong(packet->type, packet->data);
}
