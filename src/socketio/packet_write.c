/* Writing one Socket.IO packet as text. Source: Socket.IO protocol 5; socket.io-parser 4.2, encodeAsString. */
#include "packet.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"

/* A type digit, two digits and a dash, the slashless rest of a namespace and its comma, sixteen digits of an id. */
enum { HEAD_BYTES_MAX = 32 };

static bool writable(const naru__sio_packet *packet)
{
    naru_span nsp = packet->nsp;
    bool good = nsp.size == 0 || (nsp.data[0] == '/' && !memchr(nsp.data, ',', nsp.size));
    return good && packet->attachments <= NARU__SIO_ATTACHMENTS_OUT_MAX;
}

static naru__sio_type written_type(const naru__sio_packet *packet)
{
    if (packet->attachments == 0) {
        return packet->type;
    }
    bool event = packet->type == NARU__SIO_EVENT || packet->type == NARU__SIO_BINARY_EVENT;
    return event ? NARU__SIO_BINARY_EVENT : NARU__SIO_BINARY_ACK;
}

static uint8_t *put_number(uint8_t *at, uint64_t value)
{
    uint8_t reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *at++ = reversed[--count];
    }
    return at;
}

static uint8_t *put(uint8_t *at, naru_span bytes)
{
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

naru_status naru__sio_packet_write(naru_buf *out, const naru__sio_packet *packet)
{
    if (!writable(packet)) {
        return NARU_ERR_ARGUMENT;
    }
    naru_span nsp = packet->nsp.size > 1 ? packet->nsp : (naru_span){NULL, 0};
    if (nsp.size > SIZE_MAX - HEAD_BYTES_MAX || packet->data.text.size > SIZE_MAX - HEAD_BYTES_MAX - nsp.size) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *begin = naru_buf_reserve(out, HEAD_BYTES_MAX + nsp.size + packet->data.text.size);
    if (!begin) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *at = begin;
    *at++ = (uint8_t)('0' + written_type(packet));
    if (packet->attachments > 0) {
        at = put_number(at, packet->attachments);
        *at++ = '-';
    }
    if (nsp.size > 0) {
        at = put(at, nsp);
        *at++ = ',';
    }
    at = packet->has_id ? put_number(at, packet->id) : at;
    at = put(at, packet->data.text);
    naru_buf_commit(out, (size_t)(at - begin));
    return NARU_OK;
}
