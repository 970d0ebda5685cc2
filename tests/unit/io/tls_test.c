/* Streams with TLS: echo, checks of certificates, ends, hostile and broken peers. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "harness.h"
#include "identity.h"
#include "io/tls_session.h"

/* Everybody that the tests know; made once. */
static struct {
    identity ca, good, selfsigned, expired, client;
    naru_tls *server, *client_of_ca;
} cast;

static naru_tls *server_of(const identity *who)
{
    naru_tls *tls = NULL;
    char reason[256] = "";
    naru_tls_server_options options = {.certificate_file = who->file};
    CHECK_EQ(naru_tls_server_new(&options, &tls, reason, sizeof reason), NARU_OK);
    CHECK_STR(reason, "");
    return tls;
}

static naru_tls *client_of(naru_tls_client_options options)
{
    naru_tls *tls = NULL;
    char reason[256] = "";
    CHECK_EQ(naru_tls_client_new(&options, &tls, reason, sizeof reason), NARU_OK);
    CHECK_STR(reason, "");
    return tls;
}

static bool cast_open(void)
{
    static const char names[] = "DNS:good.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1";
    bool made = mkdtemp(identity_directory) && identity_make(&cast.ca, "ca", NULL, NULL, 10) &&
                identity_make(&cast.good, "good", names, &cast.ca, 10) &&
                identity_make(&cast.selfsigned, "selfsigned", names, NULL, 10) &&
                identity_make(&cast.expired, "expired", names, &cast.ca, -1) &&
                identity_make(&cast.client, "client", "DNS:client", &cast.ca, 10);
    if (made) {
        cast.server = server_of(&cast.good);
        cast.client_of_ca = client_of((naru_tls_client_options){.ca_file = cast.ca.file});
    }
    return made && cast.server && cast.client_of_ca;
}

static void cast_close(void)
{
    naru_tls_unref(cast.server);
    naru_tls_unref(cast.client_of_ca);
    identity_free(&cast.ca);
    identity_free(&cast.good);
    identity_free(&cast.selfsigned);
    identity_free(&cast.expired);
    identity_free(&cast.client);
    rmdir(identity_directory);
}

/* ---- what works ---------------------------------------------------------------------------------------- */

static void echo_as(const char *address, const char *name)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers_tls(&on, address, cast.server, cast.client_of_ca, name, &server, &client));
    server.echo = true;
    peer_send(&client, naru_span_of("hello over TLS"));
    TURN_UNTIL(&on, naru__buf_size(&client.got) == 14);
    CHECK_SPAN(naru_buf_span(&client.got), "hello over TLS");
    CHECK(naru__stream_is_tls(server.stream));
    CHECK_EQ(client.stream->sent, 14);
    CHECK(client.stream->out == NULL);
    CHECK_EQ(naru__stream_get_phase(client.stream), NARU__STREAM_READY);
    const unsigned char *protocol;
    unsigned protocol_bytes;
    SSL_get0_alpn_selected(client.stream->tls->ssl, &protocol, &protocol_bytes);
    CHECK_BYTES(((naru_span){protocol, protocol_bytes}), naru_span_of("http/1.1"));
    CHECK_EQ(SSL_version(client.stream->tls->ssl), TLS1_3_VERSION);
    CHECK_EQ(ERR_peek_error(), 0);
    naru__stream_shutdown(client.stream);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_END);
    peer_send(&server, naru_span_of("still here"));
    TURN_UNTIL(&on, naru__buf_size(&client.got) == 24); /* our side's end is not theirs */
    naru__stream_shutdown(server.stream);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_END);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(echoes_for_a_name)
{
    echo_as("127.0.0.1:0", "good.example");
}
TEST(echoes_for_a_name_with_a_dot)
{
    echo_as("127.0.0.1:0", "good.example.");
}
TEST(echoes_for_a_wildcard)
{
    echo_as("127.0.0.1:0", "a.wild.example");
}
TEST(echoes_for_an_ipv4_address)
{
    echo_as("127.0.0.1:0", NULL);
}
TEST(echoes_for_an_ipv6_address)
{
    echo_as("[::1]:0", NULL);
}

TEST(unix_sockets_speak_it_too)
{
    char address[64];
    snprintf(address, sizeof address, "unix:%s/socket", identity_directory);
    echo_as(address, "good.example");
}

TEST(the_contexts_name_comes_first)
{
    bed on = {0};
    peer server, client;
    naru_tls *tls = client_of((naru_tls_client_options){.ca_file = cast.ca.file, .server_name = "good.example"});
    REQUIRE(bed_open(&on));
    CHECK(connect_peers_tls(&on, "127.0.0.1:0", cast.server, tls, "other.example", &server, &client));
    CHECK_STR(SSL_get_servername(server.stream->tls->ssl, TLSEXT_NAMETYPE_host_name), "good.example");
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    naru_tls_unref(tls);
}

TEST(addresses_are_not_sent_as_names)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    CHECK(connect_peers_tls(&on, "127.0.0.1:0", cast.server, cast.client_of_ca, NULL, &server, &client));
    CHECK(SSL_get_servername(server.stream->tls->ssl, TLSEXT_NAMETYPE_host_name) == NULL);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

enum { BIG = 8 << 20 };

TEST(waits_for_a_slow_reader)
{
    bed on = {0};
    peer server, client;
    uint8_t *big = malloc(BIG);
    REQUIRE(big && bed_open(&on));
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (uint8_t)(i * 7 + (i >> 11));
    }
    REQUIRE(connect_peers_tls(&on, "127.0.0.1:0", cast.server, cast.client_of_ca, NULL, &server, &client));
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    naru__stream_pause(client.stream);
    CHECK_EQ(naru__stream_write_through(server.stream, (naru_span){big, BIG}), NARU_OK);
    naru__stream_want_drain(server.stream, 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
    }
    CHECK(naru__buf_size(&server.stream->tls->out) > 0);
    CHECK(naru__buf_size(&server.stream->tls->out) < 512 << 10); /* ciphertext is not made far ahead */
    CHECK(server.stream->sent < BIG);
    CHECK_EQ(server.drain, 0);
    /* The rest with room, or each segment waits for a delayed acknowledgement. */
    CHECK_EQ(setsockopt(server.stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int)), 0);
    client.stop_at_data = true; /* from now on a pause in every on_data, with ciphertext left over */
    while (naru__buf_size(&client.got) < BIG && client.end == 0) {
        size_t before = client.data;
        naru__stream_resume(client.stream);
        TURN_UNTIL(&on, client.data > before || client.end > 0);
        CHECK_EQ(client.data, before + 1);
    }
    CHECK_BYTES(naru_buf_span(&client.got), ((naru_span){big, BIG}));
    TURN_UNTIL(&on, server.drain == 1);
    CHECK(server.stream->tls->out.data == NULL);
    /* Held back with the rest: the end. */
    peer_send(&server, naru_span_of("tail"));
    naru__stream_shutdown(server.stream);
    naru__stream_resume(client.stream);
    TURN_UNTIL(&on, naru__buf_size(&client.got) == BIG + 4);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
    }
    CHECK_EQ(client.end, 0);
    client.stop_at_data = false;
    naru__stream_resume(client.stream);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_END);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    free(big);
}

/* Written before the handshake is done, sent behind it. */
TEST(early_writes_wait)
{
    bed on = {0};
    peer server, client;
    landing at;
    char host[128];
    REQUIRE(bed_open(&on));
    peer_init(&server, &on);
    peer_init(&client, &on);
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    at.next = &server;
    at.tls = cast.server;
    naru__dial dial = dial_to(&at, host);
    dial.tls = cast.client_of_ca;
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    peer_send(&client, naru_span_of("early"));
    naru__stream_shutdown(client.stream);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_SPAN(naru_buf_span(&server.got), "early");
    CHECK_EQ(server.why, NARU_END);
    naru__listener_close(at.listener);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

/* ---- certificates -------------------------------------------------------------------------------------- */

static void refuses(naru_tls *server_tls, naru_tls *client_tls, const char *name, const char *error)
{
    bed on = {0};
    peer server, client;
    REQUIRE(bed_open(&on));
    CHECK(!connect_peers_tls(&on, "127.0.0.1:0", server_tls, client_tls, name, &server, &client));
    CHECK_EQ(client.end, 1);
    CHECK_EQ(client.why, NARU_ERR_TLS);
    CHECK_EQ(client.end_phase, NARU__STREAM_TLS);
    CHECK_STR(client.error, error);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_TLS); /* the alert says so */
    CHECK_EQ(server.ready + client.ready, 0);
    CHECK_EQ(ERR_peek_error(), 0);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(refuses_a_self_signed_certificate)
{
    naru_tls *server = server_of(&cast.selfsigned);
    refuses(server, cast.client_of_ca, "good.example", "certificate verify failed: self-signed certificate");
    naru_tls_unref(server);
}

TEST(refuses_another_name)
{
    refuses(cast.server, cast.client_of_ca, "bad.example", "certificate verify failed: hostname mismatch");
    refuses(cast.server, cast.client_of_ca, "a.b.wild.example", "certificate verify failed: hostname mismatch");
    refuses(cast.server, cast.client_of_ca, "127.0.0.2", "certificate verify failed: IP address mismatch");
}

TEST(refuses_an_expired_certificate)
{
    naru_tls *server = server_of(&cast.expired);
    refuses(server, cast.client_of_ca, "good.example", "certificate verify failed: certificate has expired");
    naru_tls_unref(server);
}

TEST(refuses_an_unknown_authority)
{
    naru_tls *client = client_of((naru_tls_client_options){0});
    refuses(cast.server, client, "good.example", "certificate verify failed: unable to get local issuer certificate");
    naru_tls_unref(client);
}

TEST(refuses_to_check_no_name)
{
    bed on = {0};
    peer client;
    landing at;
    char host[128];
    REQUIRE(bed_open(&on));
    peer_init(&client, &on);
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    naru__dial dial = dial_to(&at, host);
    dial.tls = cast.client_of_ca;
    dial.tls_name = "";
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    TURN_UNTIL(&on, client.end == 1);
    CHECK_EQ(client.why, NARU_ERR_TLS);
    naru__listener_close(at.listener);
    peer_deinit(&client);
    bed_close(&on);
}

TEST(insecure_checks_nothing)
{
    bed on = {0};
    peer server, client;
    naru_tls *server_tls = server_of(&cast.selfsigned);
    naru_tls *client_tls = client_of((naru_tls_client_options){.insecure = true});
    REQUIRE(bed_open(&on));
    CHECK(connect_peers_tls(&on, "127.0.0.1:0", server_tls, client_tls, "bad.example", &server, &client));
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    naru_tls_unref(server_tls);
    naru_tls_unref(client_tls);
}

TEST(demands_the_clients_certificate)
{
    bed on = {0};
    peer server, client;
    naru_tls *demanding = NULL;
    char reason[256] = "";
    naru_tls_server_options options = {.certificate_file = cast.good.file, .client_ca_file = cast.ca.file};
    REQUIRE(naru_tls_server_new(&options, &demanding, reason, sizeof reason) == NARU_OK);
    naru_tls *shows = client_of((naru_tls_client_options){
        .ca_file = cast.ca.file,
        .certificate_file = cast.client.file,
        .key_file = cast.client.key_file,
    });
    REQUIRE(bed_open(&on));
    CHECK(connect_peers_tls(&on, "127.0.0.1:0", demanding, shows, NULL, &server, &client));
    peer_deinit(&client);
    peer_deinit(&server);
    CHECK(!connect_peers_tls(&on, "127.0.0.1:0", demanding, cast.client_of_ca, NULL, &server, &client));
    CHECK_EQ(server.why, NARU_ERR_TLS);
    CHECK_STR(server.error, "TLS failed: peer did not return a certificate");
    TURN_UNTIL(&on, client.end == 1); /* 8446: the client was ready before it heard of it */
    CHECK_EQ(client.why, NARU_ERR_TLS);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
    naru_tls_unref(shows);
    naru_tls_unref(demanding);
}

TEST(contexts_say_what_is_wrong)
{
    naru_tls *tls = NULL;
    char reason[256];
    char expected[300];
    naru_tls_server_options server = {.certificate_file = "/nonexistent.pem"};
    CHECK_EQ(naru_tls_server_new(&server, &tls, reason, sizeof reason), NARU_ERR_TLS);
    CHECK_STR(reason, "certificate file /nonexistent.pem: No such file or directory");
    server = (naru_tls_server_options){.certificate_file = cast.good.file, .key_file = cast.client.key_file};
    CHECK_EQ(naru_tls_server_new(&server, &tls, reason, sizeof reason), NARU_ERR_TLS);
    snprintf(expected, sizeof expected, "key file %s: key values mismatch", cast.client.key_file);
    CHECK_STR(reason, expected);
    server = (naru_tls_server_options){.certificate_file = cast.good.key_file};
    CHECK_EQ(naru_tls_server_new(&server, &tls, NULL, 0), NARU_ERR_TLS);
    server = (naru_tls_server_options){.certificate_file = cast.good.file, .client_ca_file = cast.good.key_file};
    CHECK_EQ(naru_tls_server_new(&server, &tls, reason, 5), NARU_ERR_TLS);
    CHECK_STR(reason, "clie");
    CHECK_EQ(naru_tls_server_new(NULL, &tls, NULL, 0), NARU_ERR_ARGUMENT);
    naru_tls_client_options client = {.ca_file = "/nonexistent.pem"};
    CHECK_EQ(naru_tls_client_new(&client, &tls, reason, sizeof reason), NARU_ERR_TLS);
    CHECK_STR(reason, "CA file /nonexistent.pem: No such file or directory");
    CHECK(tls == NULL);
    CHECK_EQ(ERR_peek_error(), 0);
    naru_tls_unref(NULL);
}

/* ---- a client of another make, byte by byte, and hostile ones ------------------------------------------ */

/* An OpenSSL client between two memory BIOs. */
typedef struct tester {
    SSL_CTX *context;
    SSL *ssl;
    BIO *to_server, *from_server;
} tester;

static void tester_open(tester *self, int version, const char *alpn)
{
    self->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(self->context, version);
    SSL_CTX_set_min_proto_version(self->context, TLS1_VERSION);
    SSL_CTX_set_security_level(self->context, 0);
    self->ssl = SSL_new(self->context);
    if (alpn) {
        SSL_set_alpn_protos(self->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    }
    self->to_server = BIO_new(BIO_s_mem());
    self->from_server = BIO_new(BIO_s_mem());
    SSL_set_bio(self->ssl, self->from_server, self->to_server);
    SSL_set_connect_state(self->ssl);
}

static void tester_close(tester *self)
{
    SSL_free(self->ssl);
    SSL_CTX_free(self->context);
    ERR_clear_error();
}

/* Carry bytes both ways, `step` at a time, a turn of the loop for each. */
static void carry(tester *self, bed *on, int fd, size_t step)
{
    char bytes[4096];
    for (int idle = 0; idle < 3;) {
        int size = BIO_read(self->to_server, bytes, (int)step);
        idle = size > 0 ? 0 : idle + 1;
        if (size > 0 && send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
            return;
        }
        CHECK_EQ(naru_loop_turn(on->loop, 0), NARU_OK);
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got > 0) {
            BIO_write(self->from_server, bytes, (int)got);
            idle = 0;
        }
    }
}

static bool tester_shakes_hands(tester *self, bed *on, int fd, size_t step)
{
    for (int i = 0; i < 10; i++) {
        ERR_clear_error();
        if (SSL_do_handshake(self->ssl) == 1) {
            carry(self, on, fd, step);
            return true;
        }
        carry(self, on, fd, step);
    }
    return false;
}

static void talks(int version, size_t step)
{
    bed on = {0};
    peer server;
    tester other;
    char answer[16];
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    tester_open(&other, version, "\x02h2\x08http/1.1");
    CHECK(tester_shakes_hands(&other, &on, fd, step));
    CHECK_EQ(server.ready, 1);
    CHECK_EQ(SSL_version(other.ssl), version);
    CHECK_EQ(SSL_write(other.ssl, "question", 8), 8);
    carry(&other, &on, fd, step);
    CHECK_SPAN(naru_buf_span(&server.got), "question");
    peer_send(&server, naru_span_of("answer"));
    carry(&other, &on, fd, step);
    CHECK_EQ(SSL_read(other.ssl, answer, sizeof answer), 6);
    SSL_shutdown(other.ssl);
    carry(&other, &on, fd, step);
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.why, NARU_END);
    close(fd);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(server.end, 1);
    tester_close(&other);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(bytes_come_one_by_one)
{
    talks(TLS1_3_VERSION, 1);
    talks(TLS1_2_VERSION, 1);
}

TEST(both_versions_come_whole)
{
    talks(TLS1_3_VERSION, 4096);
    talks(TLS1_2_VERSION, 4096);
}

static void does_not_shake_hands(int version, const char *alpn, const char *error)
{
    bed on = {0};
    peer server;
    tester other;
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    tester_open(&other, version, alpn);
    CHECK(!tester_shakes_hands(&other, &on, fd, 4096));
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.why, NARU_ERR_TLS);
    CHECK_STR(server.error, error);
    CHECK_EQ(server.ready, 0);
    tester_close(&other);
    close(fd);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(refuses_old_versions)
{
    does_not_shake_hands(TLS1_1_VERSION, NULL, "TLS failed: unsupported protocol");
}

TEST(refuses_other_protocols)
{
    does_not_shake_hands(TLS1_3_VERSION, "\x02h2", "TLS failed: no application protocol");
    does_not_shake_hands(TLS1_3_VERSION, "\x03h2\x08\x07http/1.", "TLS failed: no application protocol");
}

/* FIN behind data but without close_notify: the data comes, and the end is told for what it is. */
TEST(tells_truncation)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        bed on = {0};
        peer server;
        tester other;
        REQUIRE(bed_open(&on));
        int fd = peer_serve(&server, &on, cast.server);
        tester_open(&other, versions[i], NULL);
        CHECK(tester_shakes_hands(&other, &on, fd, 4096));
        CHECK_EQ(SSL_write(other.ssl, "cut", 3), 3);
        carry(&other, &on, fd, 4096);
        shutdown(fd, SHUT_WR);
        TURN_UNTIL(&on, server.end == 1);
        CHECK_SPAN(naru_buf_span(&server.got), "cut");
        CHECK_EQ(server.why, NARU_ERR_CLOSED);
        CHECK_STR(server.error, "connection ended without close_notify");
        tester_close(&other);
        close(fd);
        peer_deinit(&server);
        bed_close(&on);
    }
}

TEST(tells_an_end_in_the_handshake)
{
    bed on = {0};
    peer server;
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    close(fd);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_CLOSED);
    CHECK_STR(server.error, "connection ended during the TLS handshake");
    peer_deinit(&server);
    bed_close(&on);
}

/* A good record, then a damaged one: the first is delivered. */
TEST(delivers_what_came_before_a_bad_record)
{
    bed on = {0};
    peer server;
    tester other;
    char bytes[512];
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    tester_open(&other, TLS1_3_VERSION, NULL);
    CHECK(tester_shakes_hands(&other, &on, fd, 4096));
    CHECK_EQ(SSL_write(other.ssl, "good", 4), 4);
    int good = BIO_read(other.to_server, bytes, sizeof bytes);
    CHECK_EQ(SSL_write(other.ssl, "evil", 4), 4);
    int evil = BIO_read(other.to_server, bytes + good, (int)sizeof bytes - good);
    bytes[good + evil - 1] ^= 1;
    REQUIRE(send(fd, bytes, (size_t)(good + evil), 0) == good + evil);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_SPAN(naru_buf_span(&server.got), "good");
    CHECK_EQ(server.why, NARU_ERR_TLS);
    CHECK_STR(server.error, "TLS failed: decryption failed or bad record mac");
    CHECK(recv(fd, bytes, sizeof bytes, 0) > 0); /* the alert */
    CHECK_EQ(ERR_peek_error(), 0);
    tester_close(&other);
    close(fd);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(plain_http_is_no_handshake)
{
    bed on = {0};
    peer server;
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    REQUIRE(write(fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_TLS);
    CHECK_STR(server.error, "TLS failed: http request");
    CHECK_EQ(server.data, 0);
    close(fd);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(renegotiation_is_refused)
{
    bed on = {0};
    peer server;
    tester other;
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    tester_open(&other, TLS1_2_VERSION, NULL);
    CHECK(tester_shakes_hands(&other, &on, fd, 4096));
    SSL_renegotiate(other.ssl);
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(other.ssl);
        carry(&other, &on, fd, 4096);
    }
    CHECK_EQ(server.ready, 1);
    CHECK_EQ(SSL_num_renegotiations(server.stream->tls->ssl), 0);
    tester_close(&other);
    close(fd);
    peer_deinit(&server);
    bed_close(&on);
}

/* Key updates that ask for one each, from a peer that never reads the answers. */
TEST(answers_do_not_pile_up)
{
    bed on = {0};
    peer server;
    tester other;
    char bytes[64];
    REQUIRE(bed_open(&on));
    int fd = peer_serve(&server, &on, cast.server);
    server.close_on_end = true;
    tester_open(&other, TLS1_3_VERSION, NULL);
    CHECK(tester_shakes_hands(&other, &on, fd, 4096));
    for (int i = 0; i < 100000 && server.end == 0; i++) {
        SSL_key_update(other.ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(other.ssl);
        for (int size; (size = BIO_read(other.to_server, bytes, sizeof bytes)) > 0;) {
            while (server.end == 0 && send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
                CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
            }
        }
        if (server.stream) {
            REQUIRE(naru__buf_size(&server.stream->tls->out) < 1 << 20);
        }
    }
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.why, NARU_ERR_TLS);
    CHECK_STR(server.error, "TLS failed: the peer asks for answers and does not read them");
    tester_close(&other);
    close(fd);
    peer_deinit(&server);
    bed_close(&on);
}

/* ---- closing, memory, threads -------------------------------------------------------------------------- */

static void close_inside(size_t which)
{
    bed on = {0};
    peer server, client;
    landing at;
    char host[128];
    REQUIRE(bed_open(&on));
    peer_init(&server, &on);
    peer_init(&client, &on);
    REQUIRE(landing_open(&at, &on, "127.0.0.1:0") == NARU_OK);
    at.next = &server;
    at.tls = cast.server;
    naru__dial dial = dial_to(&at, host);
    dial.tls = cast.client_of_ca;
    client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
    REQUIRE(client.stream != NULL);
    server.close_on_ready = which == 0;
    client.close_on_ready = which == 1;
    server.close_on_data = which == 2;
    server.close_on_end = client.close_on_end = true;
    peer_send(&client, naru_span_of("first"));
    TURN_UNTIL(&on, at.accepted == 1);
    naru__listener_close(at.listener);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    CHECK(server.stream == NULL && client.stream == NULL);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(closes_in_callbacks)
{
    close_inside(0);
    close_inside(1);
    close_inside(2);
}

TEST(survives_no_memory)
{
    bool whole = false;
    for (size_t n = 1; n < 400 && !whole; n++) {
        bed on = {.fail_at = n, .options = {.cache_bytes_max = 1}};
        landing at;
        if (!bed_open(&on)) {
            bed_close(&on);
            continue;
        }
        if (landing_open(&at, &on, "127.0.0.1:0") != NARU_OK) {
            bed_close(&on);
            continue;
        }
        peer server, client;
        char host[128];
        peer_init(&server, &on);
        peer_init(&client, &on);
        server.close_on_end = client.close_on_end = true;
        server.echo = false;
        at.next = &server;
        at.tls = cast.server;
        naru__dial dial = dial_to(&at, host);
        dial.tls = cast.client_of_ca;
        client.stream = naru__stream_connect(on.loop, &dial, &peer_handler, &client);
        if (client.stream && naru_buf_append(naru__stream_out(client.stream), naru_span_of("through")) == NARU_OK) {
            naru__stream_shutdown(client.stream);
            TURN_UNTIL(&on, client.end > 0 || server.end > 0 || (at.accepted > 0 && !server.stream));
            whole = server.end == 1 && server.why == NARU_END && !on.memory.failed;
        }
        naru__listener_close(at.listener);
        peer_deinit(&client);
        peer_deinit(&server);
        CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
        bed_close(&on);
    }
    CHECK(whole);
}

static void *echo_in_a_thread(void *user)
{
    (void)user;
    bed on = {0};
    peer server, client;
    if (!bed_open(&on)) {
        abort();
    }
    for (int i = 0; i < 5; i++) {
        if (!connect_peers_tls(&on, "127.0.0.1:0", cast.server, cast.client_of_ca, NULL, &server, &client)) {
            abort();
        }
        peer_deinit(&client);
        peer_deinit(&server);
    }
    naru_loop_free(on.loop);
    return NULL;
}

TEST(threads_share_contexts)
{
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, echo_in_a_thread, NULL) == 0);
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        {"echoes for a name", echoes_for_a_name},
        {"echoes for a name with a dot", echoes_for_a_name_with_a_dot},
        {"echoes for a wildcard", echoes_for_a_wildcard},
        {"echoes for an ipv4 address", echoes_for_an_ipv4_address},
        {"echoes for an ipv6 address", echoes_for_an_ipv6_address},
        {"unix sockets speak it too", unix_sockets_speak_it_too},
        {"the context's name comes first", the_contexts_name_comes_first},
        {"addresses are not sent as names", addresses_are_not_sent_as_names},
        {"waits for a slow reader", waits_for_a_slow_reader},
        {"early writes wait", early_writes_wait},
        {"refuses a self-signed certificate", refuses_a_self_signed_certificate},
        {"refuses another name", refuses_another_name},
        {"refuses an expired certificate", refuses_an_expired_certificate},
        {"refuses an unknown authority", refuses_an_unknown_authority},
        {"refuses to check no name", refuses_to_check_no_name},
        {"insecure checks nothing", insecure_checks_nothing},
        {"demands the client's certificate", demands_the_clients_certificate},
        {"contexts say what is wrong", contexts_say_what_is_wrong},
        {"bytes come one by one", bytes_come_one_by_one},
        {"both versions come whole", both_versions_come_whole},
        {"refuses old versions", refuses_old_versions},
        {"refuses other protocols", refuses_other_protocols},
        {"tells truncation", tells_truncation},
        {"tells an end in the handshake", tells_an_end_in_the_handshake},
        {"delivers what came before a bad record", delivers_what_came_before_a_bad_record},
        {"plain http is no handshake", plain_http_is_no_handshake},
        {"renegotiation is refused", renegotiation_is_refused},
        {"answers do not pile up", answers_do_not_pile_up},
        {"closes in callbacks", closes_in_callbacks},
        {"survives no memory", survives_no_memory},
        {"threads share contexts", threads_share_contexts},
    };
    if (!cast_open()) {
        fprintf(stderr, "no certificates\n");
        return 1;
    }
    int result = check__main(tests, sizeof tests / sizeof tests[0], argc, argv);
    cast_close();
    return result;
}
