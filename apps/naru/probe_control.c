/* naru probe: pings, pongs, and control frames that break the rules.
 *
 * Source: RFC 6455 5.5. */
#include <stdio.h>
#include <string.h>

#include "probe.h"

/* Is there a pong with these bytes among the next frames? */
static bool find_pong(probe_peer *peer, naru_span data)
{
    probe_frame frame;
    while (probe_peer_read(peer, &frame) == PROBE_FRAME) {
        if ((frame.first & 15) == FRAME_PONG && naru_span_equal(frame.data, data)) {
            return true;
        }
        if ((frame.first & 15) == FRAME_CLOSE) {
            return false;
        }
    }
    return false;
}

static void run_ping(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    const char *text = check->data;
    probe_peer peer;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_PING, naru_span_of(text));
    bool found = find_pong(&peer, naru_span_of(text));
    probe_say(verdict, found ? PROBE_PASS : PROBE_FAIL, found ? "answered with the same bytes" : "no such pong");
    probe_peer_close(&peer);
}

/* 5.5.3: only the newest of several pings has to be answered. */
static void run_pings(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_buf bytes;
    char text[16] = "";
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_buf_init(&bytes, NULL);
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "ping %d", i);
        (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_PING, naru_span_of(text));
    }
    (void)probe_peer_send(&peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
    bool found = find_pong(&peer, naru_span_of(text));
    probe_say(verdict, found ? PROBE_PASS : PROBE_FAIL, found ? "the newest was answered" : "no pong for the newest");
    probe_peer_close(&peer);
}

#define FRAMES(...)                                                                                                    \
    &(const probe_frames)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define B5 "12345"
#define B25 B5 B5 B5 B5 B5
#define B125 B25 B25 B25 B25 B25

static const probe_check checks[] = {
    {"ping", "6455 5.5.3", "a ping is answered with its own bytes", run_ping, "naru"},
    {"ping-empty", "6455 5.5.3", "an empty ping, too", run_ping, ""},
    {"ping-125", "6455 5.5.3", "and one of 125 bytes", run_ping, B125},
    {"pings", "6455 5.5.3", "of ten pings at least the newest is answered", run_pings, NULL},
    {"pong", "6455 5.5.3", "a pong that nobody asked for is let be", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_PONG, "x", 1}}, .count = 1)},
    {"ping-126", "6455 5.5", "a ping of 126 bytes is answered with 1002", probe_run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_PING, B125 "x", 126}}, .count = 1, .code = 1002, .alive = PROBE_FAIL)},
    {"ping-fragment", "6455 5.5", "a ping in fragments is answered with 1002", probe_run_frames,
     FRAMES(.frames = {{FRAME_PING, "a", 1}, {FRAME_FIN, "b", 1}}, .count = 2, .code = 1002, .alive = PROBE_FAIL)},
};

const probe_group probe_control = {"control", checks, sizeof checks / sizeof checks[0]};
