/* Sessions of TLS that a client resumes: with whom, how often, and never past what it checks.
 *
 * Not for: certificates (client_dial_test.c, client_proxy_test.c). */
#include "wire/client_certificate.h"
#include "wire/client_rig.h"

#include "client/client.h"
#include "io/tls_session.h"

static char directory[] = "/tmp/naru-tls-XXXXXX";
static char certificate[64];
static char other_certificate[64];
static char pin[45];
static char other_pin[45];

static naru_tls *server_of(const char *file)
{
    naru_tls *tls = NULL;
    CHECK_EQ(naru_tls_server_new(&(naru_tls_server_options){.certificate_file = file}, &tls, NULL, 0), NARU_OK);
    return tls;
}

static naru_tls *client_of(naru_tls_client_options options)
{
    naru_tls *tls = NULL;
    CHECK_EQ(naru_tls_client_new(&options, &tls, NULL, 0), NARU_OK);
    return tls;
}

typedef enum handshake { FAILED, WHOLE, RESUMED } handshake;

/* One connection, up to a message of the server, behind which all tickets are in. */
static handshake connect_to(naru_tls *server, naru_tls *client, const char *host)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = RIG_BYTES("\x81\x02hi"), .close_back = true};
    naru_client_options options = {.tls = client};
    handshake how = FAILED;
    if (!rig_start_at(&self, &script, NULL, server)) {
        return how;
    }
    snprintf(self.url, sizeof self.url, "wss://%s:%s/", host, strrchr(self.address, ':') + 1);
    CHECK_EQ(rig_open(&self, &options), NARU_OK);
    while (!strstr(self.events, "text hi") && !self.closed && naru_loop_turn(self.loop, RIG_PATIENCE_MS) == NARU_OK) {
    }
    if (!self.closed) {
        how = SSL_session_reused(self.client->conn->stream->tls->ssl) ? RESUMED : WHOLE;
    }
    rig_stop(&self);
    return how;
}

TEST(the_second_handshake_is_short)
{
    naru_tls *server = server_of(certificate);
    naru_tls *client = client_of((naru_tls_client_options){.ca_file = certificate});
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE);
    CHECK_EQ(connect_to(server, client, "localhost"), RESUMED);
    CHECK_EQ(connect_to(server, client, "localhost"), RESUMED);
    CHECK_EQ(connect_to(server, client, "127.0.0.1"), WHOLE); /* another name was checked then */
    CHECK_EQ(connect_to(server, client, "127.0.0.1"), RESUMED);
    CHECK_EQ(naru_tls_reload(server, NULL, NULL, 0), NARU_OK);
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE); /* nobody has the keys of those tickets any more */
    CHECK_EQ(connect_to(server, client, "localhost"), RESUMED);
    naru_tls_unref(client);
    client = client_of((naru_tls_client_options){.ca_file = certificate});
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE); /* a context remembers only its own */
    naru_tls_unref(client);
    naru_tls_unref(server);
}

TEST(not_if_it_is_told_so)
{
    naru_tls *server = server_of(certificate);
    naru_tls *client = client_of((naru_tls_client_options){.ca_file = certificate, .no_resumption = true});
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE);
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE);
    naru_tls_unref(client);
    naru_tls_unref(server);
}

TEST(a_pinned_key_holds_for_resumed_sessions_too)
{
    naru_tls *server = server_of(certificate);
    naru_tls *client = client_of((naru_tls_client_options){.insecure = true, .pinned_key = pin});
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE);
    CHECK_EQ(connect_to(server, client, "localhost"), RESUMED);
    naru_tls_unref(client);
    client = client_of((naru_tls_client_options){.insecure = true, .pinned_key = other_pin});
    CHECK_EQ(connect_to(server, client, "localhost"), FAILED);
    CHECK_EQ(connect_to(server, client, "localhost"), FAILED);
    naru_tls_unref(client);
    naru_tls_unref(server);
}

/* A server of the same name with another certificate cannot resume, and is checked. */
TEST(an_impostor_is_checked)
{
    naru_tls *server = server_of(certificate);
    naru_tls *impostor = server_of(other_certificate);
    naru_tls *client = client_of((naru_tls_client_options){.ca_file = certificate});
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE);
    CHECK_EQ(connect_to(impostor, client, "localhost"), FAILED);
    CHECK_EQ(connect_to(server, client, "localhost"), WHOLE); /* each session is offered once */
    naru_tls_unref(client);
    naru_tls_unref(impostor);
    naru_tls_unref(server);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        {"the second handshake is short", the_second_handshake_is_short},
        {"not if it is told so", not_if_it_is_told_so},
        {"a pinned key holds for resumed sessions too", a_pinned_key_holds_for_resumed_sessions_too},
        {"an impostor is checked", an_impostor_is_checked}};
    if (!mkdtemp(directory)) {
        return 2;
    }
    snprintf(certificate, sizeof certificate, "%s/good.pem", directory);
    snprintf(other_certificate, sizeof other_certificate, "%s/other.pem", directory);
    certificate_write(certificate, "DNS:localhost,IP:127.0.0.1", pin);
    certificate_write(other_certificate, "DNS:localhost,IP:127.0.0.1", other_pin);
    int status = check__main(tests, sizeof tests / sizeof tests[0], argc, argv);
    unlink(certificate);
    unlink(other_certificate);
    rmdir(directory);
    return status;
}
