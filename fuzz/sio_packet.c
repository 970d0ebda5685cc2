/* Any bytes as a Socket.IO packet's text: what is read is written and read again as the same. */
#include "socketio/binary.h"

#include "split.h"

static void write_back(const naru__sio_packet *packet, const naru__sio_limits *limits)
{
    naru_buf out = {0};
    naru__sio_packet again;
    HOLD(naru__sio_packet_write(&out, packet) == NARU_OK);
    HOLD(naru__sio_packet_read(naru_buf_span(&out), limits, &again, NULL) == NARU_OK);
    HOLD(again.type == packet->type && again.attachments == packet->attachments);
    HOLD(again.has_id == packet->has_id && again.id == packet->id);
    HOLD(naru_span_equal(again.nsp, packet->nsp) && naru_span_equal(again.data.text, packet->data.text));
    naru_buf_deinit(&out);
}

/* Each placeholder that can be reached names bytes. */
static void walk(const naru__sio_packet *packet)
{
    static const naru_span spans[10];
    naru__sio_message message = {*packet, spans};
    naru_json_iter iter = naru_json_each(packet->data);
    naru_json value;
    naru_span bytes;
    uint32_t num;
    while (naru_json_next(&iter, NULL, &value)) {
        bool placeholder = packet->attachments > 0 && naru__sio_placeholder(value, &num);
        HOLD(naru__sio_message_bytes(&message, value, &bytes) == placeholder);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((naru_span){data, size});
    for (int query = 0; query < 2; query++) {
        naru__sio_limits limits = {.query = query};
        naru__sio_packet packet;
        naru_fault fault = {0};
        naru_status status = naru__sio_packet_read((naru_span){copy, size}, &limits, &packet, &fault);
        HOLD(status == NARU_OK || (fault.status == status && fault.offset <= size && fault.text));
        if (status == NARU_OK) {
            HOLD(packet.attachments <= 10 && packet.nsp.size > 0 && packet.id <= NARU__SIO_ID_MAX);
            walk(&packet);
            write_back(&packet, &limits);
        }
    }
    free(copy);
    return 0;
}
