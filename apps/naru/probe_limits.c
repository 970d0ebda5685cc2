/* naru probe: where the server draws the line. Not to have one is lax; to fall over is a failure.
 *
 * Source: RFC 6455 10.4. */
#include <stdlib.h>
#include <string.h>

#include "probe.h"

static void run_head(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    enum { PADDING_BYTES = 256 * 1024 };
    probe_peer peer;
    (void)check;
    char *fields = malloc(PADDING_BYTES + 16);
    if (!fields) {
        probe_say(verdict, PROBE_SKIP, "out of memory");
        return;
    }
    memcpy(fields, "X-Padding: ", 11);
    memset(fields + 11, 'x', PADDING_BYTES);
    memcpy(fields + 11 + PADDING_BYTES, "\r\n", 3);
    int status = probe_peer_open(&peer, target, fields);
    free(fields);
    if (status == 0) {
        probe_say(verdict, peer.ended || peer.broken ? PROBE_PASS : PROBE_FAIL,
                  peer.ended || peer.broken ? "ended the connection" : "no answer");
    } else {
        probe_say(verdict, status == 101 ? PROBE_LAX : PROBE_PASS, "answered %d", status);
    }
    probe_peer_close(&peer);
}

/* A message is announced that cannot be kept; not one byte of it is sent. */
static void run_announced(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const uint8_t head[] = {0x82, 0xff, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4};
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send(&peer, (naru_span){head, sizeof head});
    probe_outcome outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    if (outcome.kind == OUTCOME_SILENT) {
        probe_say(verdict, PROBE_LAX, "waits for it");
    } else {
        probe_judge_close(&outcome, 1009, PROBE_LAX, verdict);
    }
    probe_peer_close(&peer);
}

typedef enum taken { TAKEN_YES, TAKEN_REFUSED, TAKEN_BROKEN } taken;

/* One message of that size. */
static taken try_size(probe_target *target, naru_span data, probe_verdict *verdict)
{
    probe_peer peer;
    if (!probe_open(&peer, target, "", verdict)) {
        return TAKEN_BROKEN;
    }
    (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_BINARY, data);
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, data, 0);
    probe_peer_close(&peer);
    if (outcome.kind == OUTCOME_ALIVE) {
        return TAKEN_YES;
    }
    probe_judge_close(&outcome, 1009, PROBE_FAIL, verdict);
    return TAKEN_REFUSED;
}

static void run_message(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    size_t max = (size_t)target->message_bytes_max;
    uint8_t *data = calloc(1, max);
    size_t good = 0;
    (void)check;
    if (!data) {
        probe_say(verdict, PROBE_SKIP, "out of memory");
        return;
    }
    for (size_t size = max < 65536 ? max : 65536; good < max;) {
        taken answer = try_size(target, (naru_span){data, size}, verdict);
        if (answer == TAKEN_BROKEN) {
            break;
        }
        if (answer == TAKEN_REFUSED) {
            bool right = verdict->result == PROBE_PASS;
            probe_say(verdict, right ? PROBE_PASS : PROBE_LAX, "takes %zu bytes, not %zu%s", good, size,
                      right ? "" : ", which it does not answer with 1009");
            break;
        }
        good = size;
        size = size > max / 2 ? max : size * 2;
    }
    if (good == max) {
        probe_say(verdict, PROBE_PASS, "takes %zu bytes; more was not tried", good);
    }
    free(data);
}

/* Empty frames cost the server more than us. */
static void run_fragments(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    enum { FRAGMENTS = 200000 };
    probe_peer peer;
    naru_buf bytes;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_buf_init(&bytes, NULL);
    (void)probe_frame_write(&bytes, FRAME_BINARY, (naru_span){0});
    for (size_t i = 0; i < FRAGMENTS; i++) {
        (void)probe_frame_write(&bytes, FRAME_CONTINUATION, (naru_span){0});
    }
    (void)probe_peer_send(&peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    bool refused = outcome.kind == OUTCOME_CLOSED && (outcome.code == 1008 || outcome.code == 1009);
    probe_judge_close(&outcome, refused ? outcome.code : 1008, PROBE_LAX, verdict);
    if (outcome.kind == OUTCOME_ALIVE) {
        probe_say(verdict, PROBE_LAX, "takes all of them");
    }
    probe_peer_close(&peer);
}

/* After all that, a new client is served. */
static void run_after(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_ping(&peer);
    probe_outcome outcome = probe_read_outcome(&peer, (naru_span){0}, 0);
    probe_judge_alive(target, &outcome, false, verdict);
    probe_peer_close(&peer);
}

static const probe_check checks[] = {
    {"head", "9110 5.4", "a request head of 256 KiB is refused", run_head, NULL},
    {"announced", "6455 10.4", "a frame of 2^62 bytes is answered with 1009 before it comes", run_announced, NULL},
    {"message", "6455 10.4", "the largest message; a larger one is answered with 1009", run_message, NULL},
    {"fragments", "6455 10.4", "200001 empty fragments of one message are answered with 1008 or 1009", run_fragments,
     NULL},
    {"after", "6455 10.4", "a new client is served after all this", run_after, NULL},
};

const probe_group probe_limits = {"limits", checks, sizeof checks / sizeof checks[0]};
