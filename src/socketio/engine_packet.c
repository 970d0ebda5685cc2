/* One packet in. Source: see engine_packet.h. */
#include "engine_packet.h"

/* Bytes in base64, the way of clients and transports without binary. */
static naru_status read_base64(naru_span text, naru_buf *scratch, naru_span *bytes_out)
{
    static const uint8_t none;
    size_t size = 0;
    naru_buf_take(scratch, scratch->end - scratch->begin);
    uint8_t *out = naru_buf_reserve(scratch, text.size / 4 * 3 + 1);
    if (!out) {
        return NARU_ERR_MEMORY;
    }
    if (naru_base64_decode(text, out, &size) < 0) {
        return NARU_ERR_PROTOCOL;
    }
    naru_buf_commit(scratch, size);
    *bytes_out = size > 0 ? naru_buf_span(scratch) : (naru_span){&none, 0};
    return NARU_OK;
}

static naru_span behind(naru_span text, size_t bytes)
{
    return (naru_span){text.data + bytes, text.size - bytes};
}

/* "b" and base64; in revision 3 the type stands between them. */
static naru_status read_wrapped(naru_span text, int revision, naru_buf *scratch, naru__engine_packet *packet)
{
    size_t head = revision == 3 ? 2 : 1;
    if (text.size < head || (revision == 3 && text.data[1] != '4')) {
        return NARU_ERR_PROTOCOL;
    }
    naru_status status = read_base64(behind(text, head), scratch, &packet->data);
    packet->type = NARU__ENGINE_MESSAGE;
    packet->binary = true;
    return status;
}

static naru_status read_bytes(naru_span frame, int revision, naru__engine_packet *packet)
{
    packet->binary = true;
    packet->type = NARU__ENGINE_MESSAGE;
    packet->data = frame;
    if (revision != 3) {
        return NARU_OK;
    }
    /* Revision 3 has a type in front of bytes too, as a number. Only messages are ever sent so. */
    if (frame.size == 0 || frame.data[0] != 0x04) {
        return NARU_ERR_PROTOCOL;
    }
    packet->data = behind(frame, 1);
    return NARU_OK;
}

naru_status naru__engine_packet_read(naru_span frame, bool binary, int revision, naru_buf *scratch,
                                     naru__engine_packet *packet_out)
{
    naru__engine_packet packet = {0};
    naru_status status = NARU_OK;
    if (binary) {
        status = read_bytes(frame, revision, &packet);
    } else if (frame.size > 0 && frame.data[0] == 'b') {
        status = read_wrapped(frame, revision, scratch, &packet);
    } else if (frame.size > 0 && frame.data[0] >= '0' && frame.data[0] <= '6') {
        packet.type = (char)frame.data[0];
        packet.data = behind(frame, 1);
    } else {
        status = NARU_ERR_PROTOCOL;
    }
    if (status == NARU_OK) {
        *packet_out = packet;
    }
    return status;
}
