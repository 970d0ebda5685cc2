/* naru probe: text that is UTF-8 and text that is not.
 *
 * Source: RFC 6455 8.1, RFC 3629 4. */
#include "probe.h"

/* The message is not over yet, and can never become good. */
static void run_fail_fast(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const uint8_t bad[] = {'o', 'k', 0xff};
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send_frame(&peer, FRAME_TEXT, (naru_span){bad, sizeof bad});
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    if (outcome.kind != OUTCOME_ALIVE) {
        probe_judge_close(&outcome, 1007, PROBE_FAIL, verdict);
        probe_peer_close(&peer);
        return;
    }
    (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_CONTINUATION, naru_span_of("end"));
    (void)probe_ping(&peer);
    outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    probe_judge_close(&outcome, 1007, PROBE_FAIL, verdict);
    if (verdict->result == PROBE_PASS) {
        probe_say(verdict, PROBE_LAX, "closed with 1007 only at the end of the message");
    }
    probe_peer_close(&peer);
}

#define FRAMES(...)                                                                                                    \
    &(const probe_frames)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define BAD(text)                                                                                                      \
    FRAMES(.frames = {{FRAME_FIN | FRAME_TEXT, text, sizeof text - 1}}, .count = 1, .code = 1007, .alive = PROBE_FAIL)

static const probe_check checks[] = {
    {"good", "3629 4", "text of one to four bytes a character is taken", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_TEXT, "a\xc2\x80\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf", 13}}, .count = 1,
            .message = "a\xc2\x80\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf", .message_bytes = 13)},
    {"cut", "6455 5.6", "a character may be cut between two fragments", probe_run_frames,
     FRAMES(.frames = {{FRAME_TEXT, "\xf0\x9f", 2}, {FRAME_FIN, "\x9a\xa2", 2}}, .count = 2,
            .message = "\xf0\x9f\x9a\xa2", .message_bytes = 4)},
    {"binary", "6455 5.6", "a binary message may have any bytes", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_BINARY, "\x00\xff\xc0\x80", 4}}, .count = 1, .message = "\x00\xff\xc0\x80",
            .message_bytes = 4)},
    {"byte", "6455 8.1", "a byte that is in no text is answered with 1007", probe_run_frames, BAD("ok\xff")},
    {"truncated", "6455 8.1", "a text that ends within a character is answered with 1007", probe_run_frames,
     BAD("ok\xe2\x82")},
    {"overlong", "3629 3", "a character in too many bytes is answered with 1007", probe_run_frames, BAD("\xc0\x80")},
    {"surrogate", "3629 3", "half of a surrogate pair is answered with 1007", probe_run_frames, BAD("\xed\xa0\x80")},
    {"beyond", "3629 3", "a character beyond U+10FFFF is answered with 1007", probe_run_frames,
     BAD("\xf4\x90\x80\x80")},
    {"fail-fast", "6455 8.1", "1007 comes as soon as a fragment cannot be text", run_fail_fast, NULL},
};

const probe_group probe_utf8 = {"utf-8", checks, sizeof checks / sizeof checks[0]};
