/* naru probe: what is below wss: versions, the certificate, and how the connection ends.
 *
 * Source: RFC 8446, RFC 8996, RFC 9325, RFC 9525, RFC 5280, RFC 7301. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "probe.h"
#include "probe_secure.h"

enum { DAYS_FEW = 14 };

static bool is_plain(const probe_target *target, probe_verdict *verdict)
{
    if (!target->secure) {
        probe_say(verdict, PROBE_SKIP, "the URL is not wss");
    }
    return !target->secure;
}

/* A connection with TLS and nothing above it. false: the verdict says why not, the peer is closed. */
static bool dial(probe_peer *peer, probe_target *target, probe_verdict *verdict)
{
    if (is_plain(target, verdict)) {
        return false;
    }
    if (!probe_peer_dial(peer, target)) {
        probe_say(verdict, PROBE_FAIL, "no connection");
        probe_peer_close(peer);
        return false;
    }
    return true;
}

static void run_version(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (dial(&peer, target, verdict)) {
        int version = SSL_version(peer.secure);
        probe_result result = version >= TLS1_3_VERSION   ? PROBE_PASS
                              : version == TLS1_2_VERSION ? PROBE_LAX
                                                          : PROBE_FAIL;
        probe_say(verdict, result, "%s, %s", SSL_get_version(peer.secure), SSL_get_cipher_name(peer.secure));
        probe_peer_close(&peer);
    }
}

static void run_old(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const probe_secure_way old = {.version_max = TLS1_1_VERSION};
    probe_peer peer;
    (void)check;
    if (is_plain(target, verdict)) {
        return;
    }
    if (!probe_peer_dial_tcp(&peer, target)) {
        probe_say(verdict, PROBE_FAIL, "no connection");
    } else if (probe_secure_begin(&peer, &old, probe_peer_deadline(&peer))) {
        probe_say(verdict, PROBE_FAIL, "took %s", SSL_get_version(peer.secure));
    } else {
        probe_say(verdict, PROBE_PASS, "refused: %s", target->secure_failure);
    }
    target->secure_failure[0] = '\0';
    probe_peer_close(&peer);
}

static void run_days(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (!dial(&peer, target, verdict)) {
        return;
    }
    const X509 *leaf = SSL_get0_peer_certificate(peer.secure);
    int days = 0;
    int seconds = 0;
    if (!leaf || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1) {
        probe_say(verdict, PROBE_FAIL, "there is no certificate, or it has no end");
    } else if (days < 0 || seconds < 0) {
        probe_say(verdict, PROBE_FAIL, "expired %d days ago", -days);
    } else {
        probe_say(verdict, days < DAYS_FEW ? PROBE_LAX : PROBE_PASS, "%d days left", days);
    }
    probe_peer_close(&peer);
}

static void run_name(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (!dial(&peer, target, verdict)) {
        return;
    }
    X509 *leaf = SSL_get0_peer_certificate(peer.secure);
    bool fits = leaf && (X509_check_ip_asc(leaf, target->host, 0) == 1 ||
                         X509_check_host(leaf, target->host, strlen(target->host), 0, NULL) == 1);
    probe_say(verdict, fits ? PROBE_PASS : PROBE_FAIL, "%s %s", fits ? "is for" : "is not for", target->host);
    probe_peer_close(&peer);
}

static void run_chain(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    probe_peer peer;
    (void)check;
    if (!dial(&peer, target, verdict)) {
        return;
    }
    long verified = SSL_get_verify_result(peer.secure);
    if (verified == X509_V_OK) {
        probe_say(verdict, PROBE_PASS, "trusted");
    } else {
        probe_say(verdict, PROBE_SKIP, "not checked, as was asked for: %s", X509_verify_cert_error_string(verified));
    }
    probe_peer_close(&peer);
}

/* 9113 3.2: who chooses h2 is talked to in HTTP/2, in which this upgrade does not exist. */
static void run_alpn(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const probe_secure_way both = {.alpn = "\x08http/1.1"
                                                  "\x04naru"};
    probe_peer peer;
    const unsigned char *chosen = NULL;
    unsigned chosen_bytes = 0;
    (void)check;
    if (is_plain(target, verdict)) {
        return;
    }
    if (!probe_peer_dial_tcp(&peer, target) || !probe_secure_begin(&peer, &both, probe_peer_deadline(&peer))) {
        probe_say(verdict, PROBE_FAIL, "no connection: %s", target->secure_failure);
    } else {
        SSL_get0_alpn_selected(peer.secure, &chosen, &chosen_bytes);
        bool fine = chosen_bytes == 0 || (chosen_bytes == 8 && memcmp(chosen, "http/1.1", 8) == 0);
        probe_say(verdict, fine ? PROBE_PASS : PROBE_FAIL, "chose %.*s", chosen_bytes > 0 ? (int)chosen_bytes : 7,
                  chosen_bytes > 0 ? (const char *)chosen : "nothing");
    }
    target->secure_failure[0] = '\0';
    probe_peer_close(&peer);
}

static void run_close_notify(probe_target *target, const probe_check *check, probe_verdict *verdict)
{
    static const uint8_t code[] = {0x03, 0xe8};
    probe_peer peer;
    probe_frame frame;
    (void)check;
    if (is_plain(target, verdict) || !probe_open(&peer, target, "", verdict)) {
        return;
    }
    (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_CLOSE, (naru_span){code, sizeof code});
    probe_event event = PROBE_FRAME;
    while (event == PROBE_FRAME) {
        event = probe_peer_read(&peer, &frame);
    }
    if (event == PROBE_SILENCE) {
        probe_say(verdict, PROBE_FAIL, "the connection was not ended after the Close");
    } else {
        probe_say(verdict, peer.notified ? PROBE_PASS : PROBE_LAX,
                  peer.notified ? "close_notify" : "ended without close_notify");
    }
    probe_peer_close(&peer);
}

static const probe_check checks[] = {
    {"version", "9325 3.1.1", "TLS 1.3 is spoken", run_version, NULL},
    {"old", "8996 4", "TLS 1.1 is refused", run_old, NULL},
    {"days", "5280 4.1.2.5", "the certificate is valid for two weeks more", run_days, NULL},
    {"name", "9525 6", "the certificate is for the URL's host", run_name, NULL},
    {"chain", "5280 6", "the certificate is trusted", run_chain, NULL},
    {"alpn", "7301 3.2", "of protocols that are offered, http/1.1 is chosen", run_alpn, NULL},
    {"close-notify", "8446 6.1", "the end of the connection is told", run_close_notify, NULL},
};

const probe_group probe_tls = {"tls", checks, sizeof checks / sizeof checks[0]};
