/* naru connect --trace: one line for each frame, both ways, also those that the library sends by itself.
 *
 * Source: RFC 6455 5.2. */
#include "connect_session.h"

enum { RSV1 = 4, OPCODE_CLOSE = 8, CODE_BYTES = 2 };

const char *connect_opcode_name(uint8_t opcode)
{
    switch (opcode) {
    case 0:
        return "continuation";
    case NARU_WS_TEXT:
        return "text";
    case NARU_WS_BINARY:
        return "binary";
    case OPCODE_CLOSE:
        return "close";
    case 9:
        return "ping";
    case 10:
        return "pong";
    default:
        return "unknown";
    }
}

int connect_close_code(const naru_ws_frame *frame)
{
    bool coded = frame->opcode == OPCODE_CLOSE && frame->control.size >= CODE_BYTES;
    return coded ? frame->control.data[0] << 8 | frame->control.data[1] : 0;
}

bool connect_frame_compressed(const naru_ws_frame *frame)
{
    return (frame->rsv & RSV1) != 0;
}

void connect_trace(naru_client *client, const naru_ws_frame *frame, void *user)
{
    connect_session *session = user;
    char code[16] = "";
    (void)client;
    if (session->settings->json) {
        connect_json_frame(session, frame);
        return;
    }
    if (connect_close_code(frame) != 0) {
        snprintf(code, sizeof code, " %d", connect_close_code(frame));
    }
    connect_notice(session, "%s %s%s%s%s, %llu bytes, %llu on the wire", frame->sent ? "->" : "<-",
                   connect_opcode_name(frame->opcode), code, frame->fin ? ", fin" : "",
                   connect_frame_compressed(frame) ? ", compressed" : "", (unsigned long long)frame->payload_bytes,
                   (unsigned long long)frame->wire_bytes);
}
