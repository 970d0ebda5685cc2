/* naru probe: the closing handshake and its codes.
 *
 * Source: RFC 6455 5.5.1, 7.1 and 7.4. */
#include <stdio.h>

#include "probe.h"

static probe_outcome close_with(probe_peer *peer, uint16_t code)
{
    const uint8_t data[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    (void)probe_peer_send_frame(peer, FRAME_FIN | FRAME_CLOSE, (naru_span){data, sizeof data});
    return probe_read_outcome(peer, (naru_span){0}, 0);
}

/* 5.5.1: the answer typically echoes the code; a Close in answer is what is required. */
static void judge_answer(const probe_outcome *outcome, uint16_t code, probe_verdict *verdict)
{
    if (outcome->kind != OUTCOME_CLOSED) {
        probe_say(verdict, PROBE_FAIL, outcome->kind == OUTCOME_ENDED ? "ended without a Close" : "no answer");
    } else {
        probe_say(verdict, outcome->code == code ? PROBE_PASS : PROBE_LAX, "answered %u with %u", code, outcome->code);
    }
}

static void run_codes(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    for (const uint16_t *code = check->data; *code != 0; code++) {
        probe_peer peer;
        if (!probe_open(&peer, target, "", verdict)) {
            return;
        }
        probe_outcome outcome = close_with(&peer, *code);
        judge_answer(&outcome, *code, verdict);
        probe_peer_close(&peer);
        if (verdict->result != PROBE_PASS) {
            return;
        }
    }
    probe_say(verdict, PROBE_PASS, "each was answered with itself");
}

static void run_bad_codes(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    for (const uint16_t *code = check->data; *code != 1; code++) {
        probe_peer peer;
        if (!probe_open(&peer, target, "", verdict)) {
            return;
        }
        probe_outcome outcome = close_with(&peer, *code);
        probe_peer_close(&peer);
        if (outcome.kind != OUTCOME_CLOSED || outcome.code != 1002) {
            bool echoed = outcome.kind == OUTCOME_CLOSED && outcome.code == *code;
            probe_say(verdict, echoed ? PROBE_FAIL : PROBE_LAX, "%u was %s", *code,
                      echoed                           ? "taken as a code, and sent back"
                      : outcome.kind == OUTCOME_CLOSED ? "answered with another code"
                                                       : "not answered with a Close");
            return;
        }
    }
    probe_say(verdict, PROBE_PASS, "each was answered with 1002");
}

/* 7.1.1: the server ends TCP first. */
static void run_end(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    probe_frame frame;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)close_with(&peer, 1000);
    probe_event event = probe_peer_read(&peer, &frame);
    if (event == PROBE_FRAME) {
        probe_say(verdict, PROBE_FAIL, "sent a frame after its Close");
    } else {
        probe_say(verdict, event == PROBE_ENDED ? PROBE_PASS : PROBE_LAX,
                  event == PROBE_ENDED ? "ended" : "left it open");
    }
    probe_peer_close(&peer);
}

/* 5.5.1: what comes behind a Close is not looked at. */
static void run_behind(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_buf bytes;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_buf_init(&bytes, NULL);
    (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_CLOSE, (naru_span){(const uint8_t *)"\x03\xe8", 2});
    (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_TEXT, naru_span_of("late"));
    (void)probe_peer_send(&peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
    probe_outcome outcome = probe_read_outcome(&peer, naru_span_of("late"), 0);
    if (outcome.messages > 0) {
        probe_say(verdict, PROBE_FAIL, "a message behind the Close was answered");
    } else {
        judge_answer(&outcome, 1000, verdict);
    }
    probe_peer_close(&peer);
}

#define FRAMES(...)                                                                                                    \
    &(const probe_frames)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define CODES(...)                                                                                                     \
    (const uint16_t[])                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const probe_check checks[] = {
    {"codes", "6455 7.4.1", "codes that may be sent are answered with themselves", run_codes,
     CODES(1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999, 0)},
    {"empty", "6455 5.5.1", "a Close without a code is answered", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_CLOSE, "", 0}}, .count = 1, .code = 1005, .alive = PROBE_FAIL)},
    {"reason", "6455 5.5.1", "a reason of 123 bytes is fine", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_CLOSE,
                        "\x03\xe8"
                        "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
                        "1234567890123456789012345678901234567890123",
                        125}},
            .count = 1, .code = 1000, .alive = PROBE_FAIL)},
    {"one-byte", "6455 5.5.1", "half of a code is answered with 1002", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_CLOSE, "\x03", 1}}, .count = 1, .code = 1002, .alive = PROBE_FAIL)},
    {"reserved", "6455 7.4.1", "codes that must not be sent are answered with 1002", run_bad_codes,
     CODES(0, 999, 1004, 1005, 1006, 1015, 65535, 1)},
    {"unassigned", "6455 7.4.2", "codes of the protocol that mean nothing yet are answered with 1002", run_bad_codes,
     CODES(1016, 1100, 2000, 2999, 1)},
    {"reason-utf8", "6455 5.5.1", "a reason that is not UTF-8 is answered with 1007", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_CLOSE, "\x03\xe8\xff", 3}}, .count = 1, .code = 1007, .alive = PROBE_FAIL)},
    {"behind", "6455 5.5.1", "what comes behind a Close is not answered", run_behind, NULL},
    {"end", "6455 7.1.1", "the server ends the connection after the closing handshake", run_end, NULL},
};

const probe_group probe_closing = {"close", checks, sizeof checks / sizeof checks[0]};
