/* naru probe: how the server answers good and bad handshakes.
 *
 * Source: RFC 6455 4.2 and 4.4, RFC 9112 3.2 and 5.1. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "probe.h"

/* A good request with one thing changed. find NULL: nothing is replaced. */
typedef struct handshake_change {
    const char *find; /* a text of the good request, replaced by `with` */
    const char *with;
    const char *fields;   /* added */
    int best[3];          /* statuses that pass; 101 too if it is there */
    probe_result upgrade; /* the verdict on 101, when it is not among best */
} handshake_change;

static bool replace(naru_buf *request, const char *find, const char *with)
{
    naru_span all = naru_buf_span(request);
    const uint8_t *at = memmem(all.data, all.size, find, strlen(find));
    if (!at) {
        return false;
    }
    naru_buf changed;
    naru_buf_init(&changed, NULL);
    size_t before = (size_t)(at - all.data);
    size_t after = before + strlen(find);
    bool done = naru_buf_append(&changed, (naru_span){all.data, before}) == NARU_OK &&
                naru_buf_append(&changed, naru_span_of(with)) == NARU_OK &&
                naru_buf_append(&changed, (naru_span){all.data + after, all.size - after}) == NARU_OK;
    naru_buf_deinit(request);
    *request = changed;
    return done;
}

/* Send the changed request; the status of the answer, -1 when it could not be asked. */
static int ask(probe_peer *peer, probe_target *target, const handshake_change *change)
{
    naru_buf request;
    if (!probe_peer_dial(peer, target)) {
        return -1;
    }
    naru_buf_init(&request, NULL);
    bool sent = probe_request_write(peer, &request, change->fields ? change->fields : "") &&
                naru_buf_append(&request, naru_span_of("\r\n")) == NARU_OK &&
                (!change->find || replace(&request, change->find, change->with));
    sent = sent && probe_peer_send(peer, naru_buf_span(&request));
    naru_buf_deinit(&request);
    return sent ? probe_peer_answer(peer) : -1;
}

static bool is_best(const handshake_change *change, int status)
{
    for (size_t i = 0; i < 3; i++) {
        if (change->best[i] != 0 && change->best[i] == status) {
            return true;
        }
    }
    return false;
}

static void run_change(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    const handshake_change *change = check->data;
    probe_peer peer;
    int status = ask(&peer, target, change);
    if (status < 0) {
        probe_say(verdict, PROBE_FAIL, "no connection");
    } else if (is_best(change, status)) {
        probe_say(verdict, PROBE_PASS, "answered %d", status);
    } else if (status == 101) {
        probe_say(verdict, change->upgrade, "upgraded all the same");
    } else if (change->best[0] == 101) {
        probe_say(verdict, PROBE_FAIL, "answered %d", status);
    } else if (status == 0) {
        probe_say(verdict, PROBE_LAX, "gave no answer%s", peer.ended ? ", and ended the connection" : " in time");
    } else {
        probe_say(verdict, status >= 300 ? PROBE_LAX : PROBE_FAIL, "answered %d", status);
    }
    probe_peer_close(&peer);
}

static void run_accept(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (!probe_open(&peer, target, "", verdict)) {
        return;
    }
    naru_ws_offer offer = {.protocols = NULL};
    naru_ws_deflate deflate;
    naru_span protocol;
    naru_fault fault = {.status = NARU_OK};
    memcpy(offer.key, peer.key, sizeof offer.key);
    if (naru_ws_response_check(&offer, peer.head, &protocol, &deflate, &fault) == NARU_OK) {
        probe_say(verdict, PROBE_PASS, "accepted");
    } else {
        probe_say(verdict, PROBE_FAIL, "%s (%s)", fault.text, fault.rule);
    }
    probe_peer_close(&peer);
}

/* 4.4: the server says which versions it speaks. */
static void run_version(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_span versions = {0};
    int status = ask(&peer, target, check->data);
    bool told = status > 0 && naru_http_head_find(peer.head, "Sec-WebSocket-Version", &versions);
    if (status == 101) {
        probe_say(verdict, PROBE_FAIL, "upgraded all the same");
    } else if (status == 426 && told) {
        probe_say(verdict, PROBE_PASS, "answered 426, versions %.*s", (int)versions.size, (const char *)versions.data);
    } else {
        probe_say(verdict, status > 0 ? PROBE_LAX : PROBE_FAIL, "answered %d %s Sec-WebSocket-Version", status,
                  told ? "with" : "without");
    }
    probe_peer_close(&peer);
}

static void run_byte_by_byte(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_buf request;
    (void)check;
    if (!probe_peer_dial(&peer, target)) {
        probe_say(verdict, PROBE_FAIL, "no connection");
        return;
    }
    naru_buf_init(&request, NULL);
    bool sent = probe_request_write(&peer, &request, "\r\n");
    naru_span bytes = naru_buf_span(&request);
    for (size_t i = 0; sent && i < bytes.size; i++) {
        const struct timespec pause = {.tv_nsec = 100000};
        sent = probe_peer_send(&peer, (naru_span){bytes.data + i, 1});
        nanosleep(&pause, NULL);
    }
    int status = sent ? probe_peer_answer(&peer) : 0;
    probe_say(verdict, status == 101 ? PROBE_PASS : PROBE_FAIL, "answered %d", status);
    naru_buf_deinit(&request);
    probe_peer_close(&peer);
}

static void run_unknown_extension(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_span extensions = {0};
    (void)check;
    if (!probe_open(&peer, target, "Sec-WebSocket-Extensions: x-naru-probe; a=1\r\n", verdict)) {
        return;
    }
    bool any = naru_http_head_find(peer.head, "Sec-WebSocket-Extensions", &extensions) && extensions.size > 0;
    probe_say(verdict, any ? PROBE_FAIL : PROBE_PASS, any ? "answered with an extension" : "ignored");
    probe_peer_close(&peer);
}

static void run_protocol(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    naru_span chosen = {0};
    (void)check;
    int status = probe_peer_open(&peer, target, "Sec-WebSocket-Protocol: probe.one, probe.two\r\n");
    bool any = status == 101 && naru_http_head_find(peer.head, "Sec-WebSocket-Protocol", &chosen);
    bool ours =
        naru_span_equal(chosen, naru_span_of("probe.one")) || naru_span_equal(chosen, naru_span_of("probe.two"));
    if (status != 101) {
        probe_say(verdict, PROBE_LAX, "answered %d", status);
    } else if (!any) {
        probe_say(verdict, PROBE_PASS, "chose none");
    } else {
        probe_say(verdict, ours ? PROBE_PASS : PROBE_FAIL, "chose %.*s", (int)chosen.size, (const char *)chosen.data);
    }
    probe_peer_close(&peer);
}

#define CHANGE(...)                                                                                                    \
    &(const handshake_change)                                                                                          \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define KEY_FIELD "Sec-WebSocket-Key: "

static const probe_check checks[] = {
    {"accept", "6455 4.2.2", "a good request is answered with 101 and the right accept", run_accept, NULL},
    {"case", "6455 4.2.1", "names and tokens are compared without case", run_change,
     CHANGE("Upgrade: websocket\r\nConnection: Upgrade", "uPGRADE: WebSocket\r\nconnection: keep-alive, upgrade", NULL,
            {101}, PROBE_PASS)},
    {"byte-by-byte", "9112 2.2", "a request may come in pieces of any size", run_byte_by_byte, NULL},
    {"protocol", "6455 4.2.2", "of the subprotocols asked for one is chosen, or none", run_protocol, NULL},
    {"extension", "6455 9.1", "an extension that nobody knows is ignored", run_unknown_extension, NULL},
    {"version", "6455 4.4", "version 12 is answered with 426 and the versions that are spoken", run_version,
     CHANGE("Version: 13", "Version: 12", NULL, {426}, PROBE_FAIL)},
    {"no-version", "6455 4.2.1", "a request without a version is refused", run_change,
     CHANGE("Sec-WebSocket-Version: 13\r\n", "", NULL, {400, 426}, PROBE_FAIL)},
    {"plain", "6455 4.2.1", "a plain request is not upgraded; 426 says what is wanted", run_change,
     CHANGE("Upgrade: websocket\r\nConnection: Upgrade\r\n", "", NULL, {426, 200, 404}, PROBE_FAIL)},
    {"connection", "6455 4.2.1", "without Connection: Upgrade there is no upgrade", run_change,
     CHANGE("Connection: Upgrade", "Connection: close", NULL, {400, 426, 404}, PROBE_FAIL)},
    {"method", "6455 4.2.1", "POST is no opening handshake", run_change,
     CHANGE("GET ", "POST ", "Content-Length: 0\r\n", {405, 400, 501}, PROBE_FAIL)},
    {"http-1.0", "6455 4.2.1", "HTTP/1.0 cannot upgrade", run_change,
     CHANGE("HTTP/1.1", "HTTP/1.0", NULL, {400, 426, 505}, PROBE_LAX)},
    {"no-host", "9112 3.2", "a request without Host is answered with 400", run_change,
     CHANGE("Host: ", "X-Host: ", NULL, {400}, PROBE_LAX)},
    {"no-key", "6455 4.2.1", "a request without a key is answered with 400", run_change,
     CHANGE(KEY_FIELD, "X-Key: ", NULL, {400}, PROBE_FAIL)},
    {"short-key", "6455 4.2.1", "a key that is not of 16 bytes is answered with 400", run_change,
     CHANGE(KEY_FIELD, KEY_FIELD "AAAA\r\nX-Key: ", NULL, {400}, PROBE_FAIL)},
    {"two-keys", "6455 11.3.1", "two keys are answered with 400", run_change,
     CHANGE(NULL, NULL, KEY_FIELD "AAAAAAAAAAAAAAAAAAAAAA==\r\n", {400}, PROBE_FAIL)},
    {"blank-name", "9112 5.1", "a blank before a field's colon is answered with 400", run_change,
     CHANGE(NULL, NULL, "X-Odd : 1\r\n", {400}, PROBE_LAX)},
    {"fold", "9112 5.2", "a folded field is answered with 400", run_change,
     CHANGE(NULL, NULL, "X-Odd: 1\r\n 2\r\n", {400}, PROBE_LAX)},
};

const probe_group probe_handshake = {"handshake", checks, sizeof checks / sizeof checks[0]};
