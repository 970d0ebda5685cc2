/* Any bytes as a Socket.IO packet in MessagePack: its JSON is JSON, and written back it is read as the same. */
#include "socketio/msgpack.h"

#include "split.h"

enum { SPANS = 10 };

static void write_back(const naru__sio_packet *packet, const naru_span *spans)
{
    static const naru__sio_limits wide = {.json = {.bytes_max = SIZE_MAX, .keys_max = UINT32_MAX}};
    naru_buf out = {0};
    naru_buf text = {0};
    naru__sio_packet again;
    naru_span spans_again[SPANS];
    HOLD(naru__sio_msgpack_write(&out, packet, spans) == NARU_OK);
    HOLD(naru__sio_msgpack_read(naru_buf_span(&out), &wide, &text, spans_again, &again, NULL) == NARU_OK);
    HOLD(again.type == packet->type && again.has_id == packet->has_id && again.id == packet->id);
    HOLD(naru_span_equal(again.nsp, packet->nsp));
    /* A placeholder may name bytes twice or not at all; then the numbers differ. */
    if (packet->attachments == 0) {
        HOLD(naru_span_equal(again.data.text, packet->data.text));
    }
    naru_buf_deinit(&out);
    naru_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((naru_span){data, size});
    naru_buf text = {0};
    naru_span spans[SPANS];
    naru__sio_packet packet;
    naru_fault fault = {0};
    naru_status status = naru__sio_msgpack_read((naru_span){copy, size}, NULL, &text, spans, &packet, &fault);
    HOLD(status == NARU_OK || (fault.status == status && fault.offset <= size && fault.text));
    if (status == NARU_OK) {
        static const naru_json_limits deep = {.depth_max = NARU_JSON_DEPTH_MAX};
        HOLD(packet.data.text.size == 0 || naru_json_check(packet.data.text, &deep, NULL) == NARU_OK);
        HOLD(naru__sio_packet_wrong(&packet) == NULL);
        write_back(&packet, spans);
    }
    naru_buf_deinit(&text);
    free(copy);
    return 0;
}
