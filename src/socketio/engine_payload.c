/* Several packets in one HTTP body. Revision 4 joins them with 0x1e; revision 3 writes each one's length in front, in
 * UTF-16 code units, or has a binary form. Source: see engine_packet.h. */
#include "engine_packet.h"

#include "base/buf.h"
#include <string.h>

enum { SEPARATOR = 0x1e, OCTETS_TEXT = 0, OCTETS_BINARY = 1, OCTETS_END = 0xff, LENGTH_DIGITS_MAX = 15 };

void naru__engine_payload_start(naru__engine_payload *payload, naru_span body, int revision, bool octets)
{
    *payload = (naru__engine_payload){.rest = body, .revision = (uint8_t)revision, .octets = octets};
}

/* The next `bytes` of what is left. */
static naru_span cut(naru__engine_payload *payload, size_t bytes)
{
    naru_span front = {payload->rest.data, bytes};
    payload->rest.data += bytes;
    payload->rest.size -= bytes;
    return front;
}

/* ---- revision 4 ---------------------------------------------------------------------------------------------- */

/* An empty payload is one empty packet, and so is what stands behind a last separator: both are none. */
static naru_status next_joined(naru__engine_payload *payload, naru_span *text_out)
{
    if (payload->ended) {
        return NARU_END;
    }
    naru_span rest = payload->rest;
    const uint8_t *end = rest.size > 0 ? memchr(rest.data, SEPARATOR, rest.size) : NULL;
    if (!end) {
        payload->ended = true;
        *text_out = rest;
        return NARU_OK;
    }
    *text_out = cut(payload, (size_t)(end - rest.data));
    (void)cut(payload, 1);
    return NARU_OK;
}

/* ---- revision 3 ---------------------------------------------------------------------------------------------- */

/* Bytes of the first `units` UTF-16 code units. false: they do not end on a character, or there are not so many. */
static bool bytes_of_units(naru_span text, size_t units, size_t *bytes_out)
{
    size_t at = 0;
    while (units > 0 && at < text.size) {
        uint8_t first = text.data[at];
        size_t width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        size_t taken = width == 4 ? 2 : 1;
        if (taken > units || width > text.size - at) {
            return false;
        }
        units -= taken;
        at += width;
    }
    *bytes_out = at;
    return units == 0;
}

static naru_status next_counted(naru__engine_payload *payload, naru_span *text_out)
{
    size_t units = 0, digits = 0, bytes = 0;
    naru_span rest = payload->rest;
    while (digits < rest.size && digits < LENGTH_DIGITS_MAX && rest.data[digits] >= '0' && rest.data[digits] <= '9') {
        units = units * 10 + (size_t)(rest.data[digits++] - '0');
    }
    if (digits == 0 || digits == rest.size || rest.data[digits] != ':') {
        return NARU_ERR_PROTOCOL;
    }
    (void)cut(payload, digits + 1);
    if (!bytes_of_units(payload->rest, units, &bytes)) {
        return NARU_ERR_PROTOCOL;
    }
    *text_out = cut(payload, bytes);
    return NARU_OK;
}

static naru_status next_octets(naru__engine_payload *payload, naru_span *data_out, bool *binary_out)
{
    naru_span rest = payload->rest;
    size_t size = 0, at = 1;
    while (at < rest.size && at <= LENGTH_DIGITS_MAX && rest.data[at] <= 9) {
        size = size * 10 + rest.data[at++];
    }
    if (rest.data[0] > OCTETS_BINARY || at == 1 || at >= rest.size || rest.data[at] != OCTETS_END) {
        return NARU_ERR_PROTOCOL;
    }
    *binary_out = rest.data[0] == OCTETS_BINARY;
    (void)cut(payload, at + 1);
    if (size > payload->rest.size) {
        return NARU_ERR_PROTOCOL;
    }
    *data_out = cut(payload, size);
    return NARU_OK;
}

/* Packets of length nothing are skipped, as others do. */
static naru_status next_measured(naru__engine_payload *payload, naru_span *data_out, bool *binary_out)
{
    naru_status status = NARU_OK;
    naru_span data = {0};
    if (payload->rest.size == 0 && !payload->ended) {
        return NARU_ERR_PROTOCOL;
    }
    payload->ended = true;
    while (status == NARU_OK && data.size == 0) {
        if (payload->rest.size == 0) {
            return NARU_END;
        }
        status = payload->octets ? next_octets(payload, &data, binary_out) : next_counted(payload, &data);
    }
    *data_out = data;
    return status;
}

naru_status naru__engine_payload_next(naru__engine_payload *payload, naru_buf *scratch, naru__engine_packet *packet_out)
{
    bool binary = false;
    naru_span data = {0};
    naru_status status = payload->revision == 3 ? next_measured(payload, &data, &binary) : next_joined(payload, &data);
    if (status != NARU_OK) {
        return status;
    }
    if (!binary && !naru_utf8_valid(data)) {
        return NARU_ERR_PROTOCOL;
    }
    return naru__engine_packet_read(data, binary, payload->revision, scratch, packet_out);
}

/* ---- out ----------------------------------------------------------------------------------------------------- */

static naru_status append(naru_buf *out, const char *text)
{
    return naru_buf_append(out, naru_span_of(text));
}

static size_t write_digits(size_t number, uint8_t digits[20], uint8_t zero)
{
    uint8_t reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (uint8_t)(zero + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < count; i++) {
        digits[i] = reversed[count - 1 - i];
    }
    return count;
}

static naru_status add_octets_head(naru_buf *out, uint8_t kind, size_t size)
{
    uint8_t head[22] = {kind};
    size_t digits = write_digits(size, head + 1, 0);
    head[1 + digits] = OCTETS_END;
    return naru_buf_append(out, (naru_span){head, digits + 2});
}

static naru_status add_length(naru_buf *out, size_t units)
{
    uint8_t head[21];
    size_t digits = write_digits(units, head, '0');
    head[digits] = ':';
    return naru_buf_append(out, (naru_span){head, digits + 1});
}

static naru_status add_wrapped(naru_buf *out, naru__engine_message *message, int revision)
{
    naru_span text = naru__engine_message_base64(message);
    naru_status status = text.data ? NARU_OK : NARU_ERR_MEMORY;
    if (status == NARU_OK && revision == 3) {
        status = add_length(out, text.size + 2);
    }
    status = status < 0 ? status : append(out, revision == 3 ? "b4" : "b");
    return status < 0 ? status : naru_buf_append(out, text);
}

static naru_status add_text(naru_buf *out, naru_span text, size_t units, const naru__engine_style *style)
{
    naru_status status = NARU_OK;
    if (style->revision == 3) {
        status = style->octets ? add_octets_head(out, OCTETS_TEXT, text.size) : add_length(out, units);
    }
    return status < 0 ? status : naru_buf_append(out, text);
}

static naru_status add_separator(naru_buf *out, const naru__engine_style *style)
{
    return style->revision == 3 || naru__buf_size(out) == 0 ? NARU_OK : naru__buf_append_byte(out, SEPARATOR);
}

naru_status naru__engine_payload_add(naru_buf *out, naru__engine_message *message, const naru__engine_style *style)
{
    naru_status status = add_separator(out, style);
    naru_span whole = naru__engine_message_frame(message, NARU__ENGINE_FORM_TYPED);
    if (status < 0) {
        return status;
    }
    if (!message->binary) {
        return add_text(out, whole, naru__engine_message_units(message) + 1, style);
    }
    if (style->revision != 3 || !style->octets) {
        return add_wrapped(out, message, style->revision);
    }
    status = add_octets_head(out, OCTETS_BINARY, whole.size);
    return status < 0 ? status : naru_buf_append(out, whole);
}

naru_status naru__engine_payload_add_open(naru_buf *out, naru_span json, const naru__engine_style *style)
{
    naru_status status = style->revision == 3 ? add_length(out, naru__engine_units(json) + 1) : NARU_OK;
    status = status < 0 ? status : append(out, "0");
    return status < 0 ? status : naru_buf_append(out, json);
}
