/* naru probe: permessage-deflate, its parameters and its bytes. A server that does not speak it is not blamed.
 *
 * Source: RFC 7692 5, 6 and 7. */
#include <string.h>

#include "probe.h"

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate"

static bool took(const probe_peer *peer)
{
    naru_span value = {0};
    return naru_http_head_find(peer->head, "Sec-WebSocket-Extensions", &value) && value.size > 0;
}

static void no_deflate(probe_verdict *verdict)
{
    probe_say(verdict, PROBE_SKIP, "the server does not speak permessage-deflate");
}

static bool speaks(probe_target *target)
{
    probe_peer peer;
    bool does = probe_peer_open(&peer, target, OFFER "\r\n") == 101 && took(&peer);
    probe_peer_close(&peer);
    return does;
}

/* data: the offer. The answer has to fit it. */
static void run_offer(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_ws_offer offer = {.deflate = {.enabled = true}};
    naru_ws_deflate deflate;
    naru_fault fault = {.status = NARU_OK};
    naru_span protocol;
    naru_ws_options options = {.deflate = {.enabled = true}};
    if (!probe_open(&peer, target, check->data, verdict)) {
        return;
    }
    memcpy(offer.key, peer.key, sizeof offer.key);
    if (naru_ws_options_fill(&options) == NARU_OK) {
        offer.deflate = options.deflate;
    }
    naru_status status = naru_ws_response_check(&offer, peer.head, &protocol, &deflate, &fault);
    if (!took(&peer)) {
        no_deflate(verdict);
    } else if (status != NARU_OK) {
        probe_say(verdict, PROBE_FAIL, "%s (%s)", fault.text, fault.rule);
    } else {
        probe_say(verdict, PROBE_PASS, "agreed: the server's window %d bits, the client's %d",
                  deflate.server_window_bits, deflate.client_window_bits);
    }
    probe_peer_close(&peer);
}

/* What a server that speaks it answers to an offer of another kind: its status, 0 where the verdict says all. */
static int ask(probe_target *target, const probe_check *check, probe_verdict *verdict, bool *took_out)
{
    probe_peer peer;
    if (!speaks(target)) {
        no_deflate(verdict);
        return 0;
    }
    int status = probe_peer_open(&peer, target, check->data);
    *took_out = status == 101 && took(&peer);
    probe_peer_close(&peer);
    if (status != 101) {
        probe_say(verdict, PROBE_LAX, "answered %d", status);
        return 0;
    }
    return status;
}

/* data: an offer that has to be declined, which means that the connection is made without it. */
static void run_decline(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    bool taken;
    if (ask(target, check, verdict, &taken) != 0) {
        probe_say(verdict, taken ? PROBE_FAIL : PROBE_PASS, taken ? "took it" : "declined");
    }
}

/* data: two offers, of which the first has to be declined. */
static void run_fallback(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    bool taken;
    if (ask(target, check, verdict, &taken) != 0) {
        probe_say(verdict, taken ? PROBE_PASS : PROBE_LAX, taken ? "took the second" : "took neither");
    }
}

/* data: frames, sent once deflate is agreed on. */
static void run_frames(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    if (!probe_open(&peer, target, OFFER "; server_no_context_takeover\r\n", verdict)) {
        return;
    }
    if (took(&peer)) {
        probe_play_frames(&peer, check->data, true, verdict);
    } else {
        no_deflate(verdict);
    }
    probe_peer_close(&peer);
}

#define FRAMES(...)                                                                                                    \
    &(const probe_frames)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
/* 7692 7.2.3.1 and 7.2.3.3: "Hello" in a block of its own, and not compressed. */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define STORED "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
#define TEXT_1 (FRAME_FIN | FRAME_RSV1 | FRAME_TEXT)

static const probe_check checks[] = {
    {"offer", "7692 5.1", "an offer without parameters gets an answer that fits it", run_offer, OFFER "\r\n"},
    {"offer-window", "7692 7.1.2", "so does one with client_max_window_bits", run_offer,
     OFFER "; client_max_window_bits\r\n"},
    {"offer-quoted", "7692 5.2", "a parameter's value may stand in quotes", run_offer,
     OFFER "; server_max_window_bits=\"12\"\r\n"},
    {"unknown", "7692 7.1", "an offer with an unknown parameter is declined", run_decline, OFFER "; naru=1\r\n"},
    {"twice", "7692 7.1", "an offer with a parameter twice is declined", run_decline,
     OFFER "; server_no_context_takeover; server_no_context_takeover\r\n"},
    {"window-7", "7692 7.1.2.1", "an offer with a window of 7 bits is declined", run_decline,
     OFFER "; server_max_window_bits=7\r\n"},
    {"window-zero", "7692 7.1.2.1", "an offer with a leading zero is declined", run_decline,
     OFFER "; server_max_window_bits=010\r\n"},
    {"fallback", "7692 5.1", "the second of two offers is taken when the first cannot be", run_fallback,
     OFFER "; naru=1, permessage-deflate\r\n"},
    {"hello", "7692 7.2.3.1", "a compressed message is taken", run_frames,
     FRAMES(.frames = {{TEXT_1, HELLO, 7}}, .count = 1, .message = "Hello", .message_bytes = 5)},
    {"stored", "7692 7.2.3.3", "a block without compression is taken", run_frames,
     FRAMES(.frames = {{TEXT_1, STORED, 11}}, .count = 1, .message = "Hello", .message_bytes = 5)},
    {"pieces", "7692 6.1", "a compressed message may be cut into frames anywhere", run_frames,
     FRAMES(.frames = {{FRAME_RSV1 | FRAME_TEXT, HELLO, 3}, {0, "", 0}, {FRAME_FIN, &HELLO[3], 4}}, .count = 3,
            .message = "Hello", .message_bytes = 5)},
    {"plain", "7692 6", "a message that is not compressed is taken", run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_TEXT, "Hello", 5}}, .count = 1, .message = "Hello", .message_bytes = 5)},
    {"garbage", "7692 7.2.2", "bytes that do not inflate are answered with 1007", run_frames,
     FRAMES(.frames = {{TEXT_1, "\xff\xff\xff\xff", 4}}, .count = 1, .code = 1007, .alive = PROBE_FAIL)},
    {"rsv1-later", "7692 6.1", "RSV1 on a later frame is answered with 1002", run_frames,
     FRAMES(.frames = {{FRAME_RSV1 | FRAME_TEXT, HELLO, 3}, {FRAME_FIN | FRAME_RSV1, &HELLO[3], 4}}, .count = 2,
            .code = 1002, .alive = PROBE_FAIL)},
    {"rsv1-control", "7692 6", "RSV1 on a ping is answered with 1002", run_frames,
     FRAMES(.frames = {{FRAME_FIN | FRAME_RSV1 | FRAME_PING, "x", 1}}, .count = 1, .code = 1002, .alive = PROBE_FAIL)},
};

const probe_group probe_deflate = {"deflate", checks, sizeof checks / sizeof checks[0]};
