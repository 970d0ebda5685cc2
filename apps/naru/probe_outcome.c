/* naru probe: how a server's behaviour is read and judged.
 *
 * Source: RFC 6455 7.1.7, 7.4. */
#include "probe.h"

#include <stdarg.h>
#include <stdio.h>

static const char probe_data[] = "probe";

void probe_say(probe_verdict *verdict, probe_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
    verdict->result = result;
}

bool probe_open(probe_peer *peer, probe_target *target, const char *fields, probe_verdict *verdict)
{
    int status = probe_peer_open(peer, target, fields);
    if (status == 101) {
        return true;
    }
    if (peer->fd < 0) {
        probe_say(verdict, PROBE_FAIL, "no connection");
    } else {
        probe_say(verdict, PROBE_FAIL, "a good handshake was answered with %d", status);
    }
    probe_peer_close(peer);
    return false;
}

bool probe_ping(probe_peer *peer)
{
    return probe_peer_send_frame(peer, FRAME_FIN | FRAME_PING, naru_span_of(probe_data));
}

static void note_message(probe_outcome *outcome, const naru_buf *message, naru_span wanted, uint8_t first)
{
    naru_span data = naru_buf_span(message);
    outcome->messages++;
    outcome->message_bytes = data.size;
    outcome->same = naru_span_equal(data, wanted);
    outcome->compressed = (first & FRAME_RSV1) != 0;
}

static uint16_t code_of(naru_span close)
{
    return close.size < 2 ? 1005 : (uint16_t)(close.data[0] << 8 | close.data[1]);
}

uint64_t probe_echoes(const probe_target *target, uint64_t sent)
{
    return target->echoes ? sent : 0;
}

/* A frame of data. first: of the message it belongs to. */
static void take_data(probe_outcome *outcome, naru_buf *message, const probe_frame *frame, uint8_t *first,
                      naru_span wanted)
{
    if (naru_buf_append(message, frame->data) != NARU_OK) {
        return;
    }
    *first = (frame->first & 15) == FRAME_CONTINUATION ? *first : frame->first;
    if (frame->first & FRAME_FIN) {
        note_message(outcome, message, wanted, *first);
        naru_buf_take(message, naru_buf_span(message).size);
    }
}

probe_outcome probe_read_outcome(probe_peer *peer, naru_span wanted, uint64_t messages)
{
    probe_outcome outcome = {.kind = OUTCOME_SILENT};
    probe_frame frame;
    naru_buf message;
    uint8_t first = 0;
    naru_buf_init(&message, NULL);
    while (outcome.kind != OUTCOME_ALIVE || outcome.messages < messages) {
        probe_event event = probe_peer_read(peer, &frame);
        unsigned opcode = event == PROBE_FRAME ? frame.first & 15u : 0;
        if (event == PROBE_SILENCE) {
            break;
        }
        if (event == PROBE_ENDED) {
            outcome.kind = OUTCOME_ENDED;
            break;
        }
        if (opcode == FRAME_CLOSE) {
            outcome.kind = OUTCOME_CLOSED;
            outcome.code = code_of(frame.data);
            break;
        }
        if (opcode == FRAME_PONG && naru_span_equal(frame.data, naru_span_of(probe_data))) {
            outcome.kind = OUTCOME_ALIVE;
        } else if (opcode <= FRAME_BINARY) {
            take_data(&outcome, &message, &frame, &first, wanted);
        }
    }
    naru_buf_deinit(&message);
    return outcome;
}

void probe_judge_close(const probe_outcome *outcome, uint16_t code, probe_result alive, probe_verdict *verdict)
{
    switch (outcome->kind) {
    case OUTCOME_ALIVE:
        probe_say(verdict, alive, "went on as if nothing had happened");
        break;
    case OUTCOME_CLOSED:
        probe_say(verdict, outcome->code == code ? PROBE_PASS : PROBE_LAX, "closed with %d%s", outcome->code,
                  outcome->code == 1005 ? " (no code)" : "");
        break;
    case OUTCOME_ENDED:
        probe_say(verdict, PROBE_LAX, "ended the connection without a Close");
        break;
    case OUTCOME_SILENT:
        probe_say(verdict, PROBE_FAIL, "neither closed nor answered a ping");
        break;
    }
}

void probe_judge_alive(const probe_target *target, const probe_outcome *outcome, bool message, probe_verdict *verdict)
{
    if (outcome->kind == OUTCOME_CLOSED) {
        probe_say(verdict, PROBE_FAIL, "closed with %d", outcome->code);
    } else if (outcome->kind == OUTCOME_ENDED) {
        probe_say(verdict, PROBE_FAIL, "ended the connection without a Close");
    } else if (outcome->kind == OUTCOME_SILENT) {
        probe_say(verdict, PROBE_FAIL, "did not answer a ping");
    } else if (message && target->echoes && !outcome->same) {
        probe_say(verdict, PROBE_FAIL, "what came back was not what was sent");
    } else {
        probe_say(verdict, PROBE_PASS, message && target->echoes ? "taken, and came back whole" : "taken");
    }
}

/* In one write with the ping, so that an early end of the server cannot lose its Close to a reset. */
static void send_frames(probe_peer *peer, const probe_frames *frames)
{
    naru_buf bytes;
    naru_buf_init(&bytes, NULL);
    for (size_t i = 0; i < frames->count; i++) {
        naru_span data = {(const uint8_t *)frames->frames[i].data, frames->frames[i].size};
        (void)probe_frame_write(&bytes, frames->frames[i].first, data);
    }
    (void)probe_frame_write(&bytes, FRAME_FIN | FRAME_PING, naru_span_of(probe_data));
    (void)probe_peer_send(peer, naru_buf_span(&bytes));
    naru_buf_deinit(&bytes);
}

void probe_play_frames(probe_peer *peer, const probe_frames *frames, bool deflate, probe_verdict *verdict)
{
    bool message = frames->code == 0 && frames->message;
    naru_span wanted = {(const uint8_t *)frames->message, frames->message_bytes};
    send_frames(peer, frames);
    probe_outcome outcome = probe_read_outcome(peer, wanted, message ? probe_echoes(peer->target, 1) : 0);
    /* What came back compressed takes no part in this comparison. */
    outcome.same = outcome.same || (deflate && outcome.compressed);
    if (frames->code == 0) {
        probe_judge_alive(peer->target, &outcome, message, verdict);
    } else {
        probe_judge_close(&outcome, frames->code, frames->alive, verdict);
    }
}

void probe_run_frames(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    if (probe_open(&peer, target, "", verdict)) {
        probe_play_frames(&peer, check->data, false, verdict);
        probe_peer_close(&peer);
    }
}
