/* naru probe: frames, right and wrong.
 *
 * Source: RFC 6455 5.1 to 5.4. */
#include <string.h>

#include "probe.h"

static void run_echo(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const char text[] = "naru probe";
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_TEXT, naru_span_of(text));
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, naru_span_of(text), probe_echoes(target, 1));
    if (outcome.kind == OUTCOME_ALIVE && !target->echoes) {
        probe_say(verdict, PROBE_PASS, "taken; no echo: what messages become cannot be checked");
    } else {
        probe_judge_alive(target, &outcome, true, verdict);
    }
    probe_peer_close(&peer);
}

/* The lengths at which the head changes its form. */
static void run_lengths(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536};
    static uint8_t data[65536];
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        naru_span message = {data, lengths[i]};
        memset(data, (int)(i + 1), sizeof data);
        (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_BINARY, message);
        (void)probe_ping(&peer);
        probe_outcome outcome = probe_read_outcome(&peer, message, probe_echoes(target, 1));
        probe_judge_alive(target, &outcome, true, verdict);
        if (verdict->result != PROBE_PASS) {
            probe_say(verdict, PROBE_FAIL, "a message of %zu bytes was not taken or not sent back", lengths[i]);
            break;
        }
    }
    probe_peer_close(&peer);
}

static void run_byte_by_byte(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const char text[] = "one byte at a time";
    probe_peer peer;
    naru_buf bytes;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_buf_init(&bytes, NULL);
    (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_TEXT, naru_span_of(text));
    naru_span all = naru_buf_span(&bytes);
    for (size_t i = 0; i < all.size; i++) {
        (void)probe_peer_send(&peer, (naru_span){all.data + i, 1});
    }
    naru_buf_deinit(&bytes);
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, naru_span_of(text), probe_echoes(target, 1));
    probe_judge_alive(target, &outcome, true, verdict);
    probe_peer_close(&peer);
}

static void run_many(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    enum { MESSAGES = 200 };
    probe_peer peer;
    naru_buf bytes;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_buf_init(&bytes, NULL);
    for (size_t i = 0; i < MESSAGES; i++) {
        (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_TEXT, naru_span_of("same"));
    }
    (void)probe_peer_send(&peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, naru_span_of("same"), probe_echoes(target, MESSAGES));
    probe_judge_alive(target, &outcome, true, verdict);
    if (verdict->result == PROBE_PASS && target->echoes && outcome.messages != MESSAGES) {
        probe_say(verdict, PROBE_FAIL, "%llu of %d came back", (unsigned long long)outcome.messages, MESSAGES);
    }
    probe_peer_close(&peer);
}

/* Bytes that the frame writer cannot write. */
typedef struct raw_bytes {
    const char *bytes;
    size_t size;
    probe_result alive;
} raw_bytes;

static void run_raw(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    const raw_bytes *raw = check->data;
    probe_peer peer;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send(&peer, (naru_span){(const uint8_t *)raw->bytes, raw->size});
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    probe_judge_close(&outcome, 1002, raw->alive, verdict);
    probe_peer_close(&peer);
}

#define RAW(text, alive)                                                                                               \
    &(const raw_bytes)                                                                                                 \
    {                                                                                                                  \
        text, sizeof text - 1, alive                                                                                   \
    }
#define FRAMES(...)                                                                                                    \
    &(const probe_frames)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define WRONG(first) FRAMES(.frames = {{first, "x", 1}}, .count = 1, .code = 1002, .alive = PROBE_FAIL)

static const probe_check checks[] = {
    {"echo", "6455 5.6", "a text message is taken", run_echo, NULL},
    {"lengths", "6455 5.2", "messages of 0 to 65536 bytes are taken", run_lengths, NULL},
    {"byte-by-byte", "6455 5.2", "a frame may come in pieces of any size", run_byte_by_byte, NULL},
    {"many", "6455 5.4", "200 messages in one piece are taken in order", run_many, NULL},
    {"fragments", "6455 5.4", "a message of three frames is one message", probe_run_frames,
     FRAMES(.frames = {{FRAME_TEXT, "a", 1}, {FRAME_CONTINUATION, "", 0}, {FRAME_FIN, "b", 1}}, .count = 3,
            .message = "ab", .message_bytes = 2)},
    {"between", "6455 5.4", "a ping between two fragments is answered", probe_run_frames,
     FRAMES(.frames = {{FRAME_TEXT, "a", 1}, {FRAME_FIN | FRAME_PING, "other", 5}, {FRAME_FIN, "b", 1}}, .count = 3,
            .message = "ab", .message_bytes = 2)},
    {"unmasked", "6455 5.1", "a frame without a mask is answered with 1002", run_raw, RAW("\x81\x01x", PROBE_FAIL)},
    {"rsv1", "6455 5.2", "RSV1 without an extension is answered with 1002", probe_run_frames,
     WRONG(FRAME_FIN | 0x40 | FRAME_TEXT)},
    {"rsv2", "6455 5.2", "RSV2 is answered with 1002", probe_run_frames, WRONG(FRAME_FIN | 0x20 | FRAME_TEXT)},
    {"rsv3", "6455 5.2", "RSV3 is answered with 1002", probe_run_frames, WRONG(FRAME_FIN | 0x10 | FRAME_TEXT)},
    {"opcode-3", "6455 5.2", "an unknown data frame is answered with 1002", probe_run_frames, WRONG(FRAME_FIN | 3)},
    {"opcode-11", "6455 5.2", "an unknown control frame is answered with 1002", probe_run_frames,
     WRONG(FRAME_FIN | 11)},
    {"long-length", "6455 5.2", "a length that is not in its shortest form is answered with 1002", run_raw,
     RAW("\x81\xfe\x00\x01\x00\x00\x00\x00x", PROBE_LAX)},
    {"top-bit", "6455 5.2", "a length with its top bit set is answered with 1002", run_raw,
     RAW("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x", PROBE_FAIL)},
    {"stray", "6455 5.4", "a continuation of nothing is answered with 1002", probe_run_frames,
     WRONG(FRAME_FIN | FRAME_CONTINUATION)},
    {"interrupted", "6455 5.4", "a message within a message is answered with 1002", probe_run_frames,
     FRAMES(.frames = {{FRAME_TEXT, "a", 1}, {FRAME_FIN | FRAME_TEXT, "b", 1}}, .count = 2, .code = 1002,
            .alive = PROBE_FAIL)},
};

const probe_group probe_framing = {"framing", checks, sizeof checks / sizeof checks[0]};
