/* Engine.IO payloads of both revisions, octets and JSONP forms: what can be read is written again, and reads the same.
 * The first byte says which. */
#include "socketio/engine_packet.h"

#include "split.h"

static naru__engine_message *message_of(const naru__engine_packet *packet)
{
    uint8_t *to = NULL;
    naru__engine_message *message = naru__engine_message_new(NULL, packet->binary, packet->data.size, &to);
    HOLD(message);
    if (packet->data.size > 0) {
        memcpy(to, packet->data.data, packet->data.size);
    }
    return message;
}

/* Read body; write its messages to out. */
static size_t read_all(naru_span body, const naru__engine_style *style, naru_buf *out)
{
    size_t count = 0;
    naru_buf scratch = {0};
    naru__engine_payload payload;
    naru__engine_packet packet;
    naru__engine_payload_start(&payload, body, style->revision, style->octets);
    while (naru__engine_payload_next(&payload, &scratch, &packet) == NARU_OK) {
        HOLD(packet.type >= '0' && packet.type <= '6');
        HOLD(packet.binary || naru_utf8_valid(packet.data));
        if (packet.type == NARU__ENGINE_MESSAGE) {
            naru__engine_message *message = message_of(&packet);
            HOLD(naru__engine_payload_add(out, message, style) == NARU_OK);
            naru__engine_message_unref(message);
            count++;
        }
        HOLD(count <= body.size);
    }
    naru_buf_deinit(&scratch);
    return count;
}

static void round_trip(naru_span body, const naru__engine_style *style)
{
    naru_buf first = {0}, second = {0};
    size_t count = read_all(body, style, &first);
    HOLD(count == 0 || read_all(naru_buf_span(&first), style, &second) == count);
    HOLD(naru_span_equal(naru_buf_span(&first), naru_buf_span(&second)));
    naru_buf_deinit(&first);
    naru_buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    uint8_t *copy = fuzz_copy((naru_span){data + 1, size - 1});
    naru_span body = {copy, size - 1};
    naru__engine_style style = {.revision = data[0] & 1 ? 4 : 3, .octets = (data[0] & 3) == 2};
    naru_buf form = {0};
    if (data[0] & 4) {
        if (naru__engine_jsonp_read(body, &form) == NARU_OK) {
            round_trip(naru_buf_span(&form), &style);
        }
    } else {
        round_trip(body, &style);
    }
    naru_buf_deinit(&form);
    HOLD(naru__engine_jsonp_write(&form, naru_span_of("0"), body) == NARU_OK);
    naru_buf_deinit(&form);
    free(copy);
    return 0;
}
