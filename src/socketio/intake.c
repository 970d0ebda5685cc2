/* Whole packets out of Engine.IO's messages: a text by itself, a text and the bytes it announces, or MessagePack.
 * Only what must wait is copied: the text of a binary packet, and all its attachments but the last.
 * Source: Socket.IO protocol 5; socket.io-parser 4.2, Decoder.add. */
#include "binary.h"

#include "base/buf.h"
#include "base/memory.h"
#include "msgpack.h"

enum { DEFAULT_ATTACHMENTS = 10, DEFAULT_ATTACHMENT_BYTES = 1000000 };

static naru_status fail(naru_fault *fault_out, naru_status status, const char *text)
{
    if (fault_out) {
        *fault_out = (naru_fault){.status = status, .rule = "Socket.IO 5", .text = text};
    }
    return status;
}

void naru__sio_intake_init(naru__sio_intake *intake, naru__sio_encoding encoding, const naru__sio_limits *limits,
                           const naru_allocator *allocator)
{
    *intake = (naru__sio_intake){.encoding = encoding};
    if (limits) {
        intake->limits = *limits;
    }
    if (intake->limits.attachments_max == 0) {
        intake->limits.attachments_max = DEFAULT_ATTACHMENTS;
    }
    if (intake->limits.attachment_bytes_max == 0) {
        intake->limits.attachment_bytes_max = DEFAULT_ATTACHMENT_BYTES;
    }
    naru_buf_init(&intake->text, allocator);
    naru_buf_init(&intake->bytes, allocator);
}

static void drop(naru__sio_intake *intake)
{
    /* Most packets are whole and leave nothing behind. */
    if (!intake->spans && !intake->text.data && !intake->bytes.data) {
        return;
    }
    naru__free(intake->text.allocator, intake->spans, intake->spans_count * sizeof intake->spans[0]);
    intake->spans = NULL;
    intake->spans_count = 0;
    naru_buf_deinit(&intake->text);
    naru_buf_deinit(&intake->bytes);
}

void naru__sio_intake_deinit(naru__sio_intake *intake)
{
    drop(intake);
    intake->waiting = 0;
}

void naru__sio_intake_rest(naru__sio_intake *intake)
{
    if (intake->waiting == 0) {
        drop(intake);
    }
}

static naru_status make_spans(naru__sio_intake *intake, uint32_t count)
{
    size_t bytes = count * sizeof intake->spans[0];
    intake->spans = naru__alloc(intake->text.allocator, bytes);
    if (!intake->spans) {
        return NARU_ERR_MEMORY;
    }
    intake->spans_count = count;
    return NARU_OK;
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

/* A part of `from`, as the same part of `to`; anything else (the "/" of nobody) stays. */
static naru_span moved(naru_span part, naru_span from, const uint8_t *to)
{
    if (!part.data || part.data < from.data || part.data > from.data + from.size) {
        return part;
    }
    return (naru_span){to + (part.data - from.data), part.size};
}

/* The packet's bytes come later: keep what its text says. */
static naru_status keep(naru__sio_intake *intake, naru_span text, const naru__sio_packet *packet)
{
    naru_status status = make_spans(intake, packet->attachments);
    if (status == NARU_OK) {
        status = naru_buf_append(&intake->text, text);
    }
    if (status != NARU_OK) {
        return status;
    }
    const uint8_t *kept = naru_buf_span(&intake->text).data;
    intake->packet = *packet;
    intake->packet.nsp = moved(packet->nsp, text, kept);
    intake->packet.query = moved(packet->query, text, kept);
    intake->packet.data.text = moved(packet->data.text, text, kept);
    intake->waiting = packet->attachments;
    return NARU_MORE;
}

naru_status naru__sio_intake_text(naru__sio_intake *intake, naru_span text, naru__sio_message *message_out,
                                  naru_fault *fault_out)
{
    if (intake->waiting > 0) {
        return fail(fault_out, NARU_ERR_PROTOCOL, "A text came where attachments were due.");
    }
    if (intake->encoding == NARU__SIO_MSGPACK) {
        return fail(fault_out, NARU_ERR_PROTOCOL, "A text came from a peer that speaks MessagePack.");
    }
    drop(intake);
    naru__sio_packet packet;
    naru_status status = naru__sio_packet_read(text, &intake->limits, &packet, fault_out);
    if (status != NARU_OK) {
        return status;
    }
    intake->encoding = NARU__SIO_JSON;
    if (packet.attachments > 0) {
        status = keep(intake, text, &packet);
        return status == NARU_ERR_MEMORY ? fail(fault_out, status, "No memory for a packet.") : status;
    }
    *message_out = (naru__sio_message){packet, NULL};
    return NARU_OK;
}

/* The last one is not copied: it is used before it goes. */
static void place_attachments(naru__sio_intake *intake, naru_span last)
{
    const uint8_t *at = naru_buf_span(&intake->bytes).data;
    uint32_t count = intake->packet.attachments;
    for (uint32_t i = 0; i + 1 < count; i++) {
        intake->spans[i].data = at;
        at = at ? at + intake->spans[i].size : NULL;
    }
    intake->spans[count - 1] = last;
}

static naru_status take_attachment(naru__sio_intake *intake, naru_span bytes, naru__sio_message *message_out,
                                   naru_fault *fault_out)
{
    size_t held = naru__buf_size(&intake->bytes);
    if (bytes.size > intake->limits.attachment_bytes_max - held) {
        return fail(fault_out, NARU_ERR_TOO_BIG, "The attachments are bigger than is allowed.");
    }
    uint32_t index = intake->packet.attachments - intake->waiting;
    if (intake->waiting > 1) {
        if (naru_buf_append(&intake->bytes, bytes) != NARU_OK) {
            return fail(fault_out, NARU_ERR_MEMORY, "No memory for an attachment.");
        }
        intake->spans[index].size = bytes.size;
        intake->waiting--;
        return NARU_MORE;
    }
    intake->waiting = 0;
    place_attachments(intake, bytes);
    *message_out = (naru__sio_message){intake->packet, intake->spans};
    return NARU_OK;
}

/* ---- MessagePack -------------------------------------------------------------------------------------------- */

static bool begins_map(naru_span bytes)
{
    return bytes.size > 0 && ((bytes.data[0] & 0xf0) == 0x80 || bytes.data[0] == 0xde || bytes.data[0] == 0xdf);
}

static naru_status take_msgpack(naru__sio_intake *intake, naru_span bytes, naru__sio_message *message_out,
                                naru_fault *fault_out)
{
    drop(intake);
    naru_status status = make_spans(intake, intake->limits.attachments_max);
    if (status != NARU_OK) {
        return fail(fault_out, status, "No memory for a packet.");
    }
    naru__sio_packet packet;
    status = naru__sio_msgpack_read(bytes, &intake->limits, &intake->text, intake->spans, &packet, fault_out);
    if (status != NARU_OK) {
        return status;
    }
    intake->encoding = NARU__SIO_MSGPACK;
    *message_out = (naru__sio_message){packet, intake->spans};
    return NARU_OK;
}

naru_status naru__sio_intake_bytes(naru__sio_intake *intake, naru_span bytes, naru__sio_message *message_out,
                                   naru_fault *fault_out)
{
    if (intake->waiting > 0) {
        return take_attachment(intake, bytes, message_out, fault_out);
    }
    if (intake->encoding == NARU__SIO_MSGPACK || (intake->encoding == NARU__SIO_AUTO && begins_map(bytes))) {
        return take_msgpack(intake, bytes, message_out, fault_out);
    }
    return fail(fault_out, NARU_ERR_PROTOCOL, "Bytes came that no packet had announced.");
}
