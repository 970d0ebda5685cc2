/* One server on several addresses at once: plain, TLS, and a Unix socket. */
#include "wire/server_rig.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

typedef struct many {
    rig at;
    char folder[64], certificate[96], socket_path[96], socket_address[108];
    uint16_t tls_port;
    naru_tls *tls;
    bool was_tls;
    char peer[64];
} many;

/* A key and a certificate of its own for "localhost", in one PEM file. */
static void write_certificate(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    FILE *file = fopen(path, "w");
    if (!key || !x509 || !file) {
        rig_die("cannot make a certificate");
    }
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME *name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key);
    if (X509_sign(x509, key, EVP_sha256()) == 0 || PEM_write_X509(file, x509) != 1 ||
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1) {
        rig_die("cannot write a certificate");
    }
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void on_request(naru_request *request, void *user)
{
    many *self = user;
    self->was_tls = naru_request_is_tls(request);
    naru_request_peer(request, self->peer, sizeof self->peer);
    if (naru_request_is_upgrade(request)) {
        CHECK_EQ(naru_request_accept(request, (naru_span){0}, &rig_echo, &self->at), NARU_OK);
    } else {
        CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("fine")), NARU_OK);
    }
}

static void many_open(many *self)
{
    naru_server_options options = {.handshake_timeout_ms = 300, .conn.ws.close_timeout_ms = 100};
    char bound[128] = "", reason[256] = "";
    *self = (many){0};
    rig_open(&self->at, &options);
    snprintf(self->folder, sizeof self->folder, "/tmp/naru-listen-XXXXXX");
    if (!mkdtemp(self->folder)) {
        rig_die("cannot make a folder");
    }
    snprintf(self->certificate, sizeof self->certificate, "%s/c.pem", self->folder);
    snprintf(self->socket_path, sizeof self->socket_path, "%s/s", self->folder);
    snprintf(self->socket_address, sizeof self->socket_address, "unix:%s", self->socket_path);
    write_certificate(self->certificate);
    naru_tls_server_options tls = {.certificate_file = self->certificate};
    CHECK_EQ(naru_tls_server_new(&tls, &self->tls, reason, sizeof reason), NARU_OK);
    naru_listen_options listen = {.tls = self->tls};
    CHECK_EQ(naru_server_listen(self->at.server, "127.0.0.1:0", &listen, bound), NARU_OK);
    naru_tls_unref(self->tls); /* the server has its own reference */
    self->tls_port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
    CHECK_EQ(naru_server_listen(self->at.server, self->socket_address, NULL, bound), NARU_OK);
    naru_ws_route route = {.on_request = on_request};
    CHECK_EQ(naru_server_route_ws(self->at.server, "/chat", &route, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/plain", on_request, self), NARU_OK);
}

static void many_close(many *self)
{
    rig_close(&self->at);
    CHECK(access(self->socket_path, F_OK) != 0); /* the socket's file is gone */
    unlink(self->certificate);
    rmdir(self->folder);
}

static void peer_open_unix(peer *p, many *self)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, self->socket_path, strlen(self->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        rig_die("cannot connect");
    }
    peer_init(p, &self->at, fd);
}

/* ---- a TLS client in the same thread ------------------------------------------------------------------------- */

typedef struct secure {
    peer under;
    SSL_CTX *context;
    SSL *ssl;
} secure;

static void secure_open(secure *s, many *self)
{
    rig at_tls = self->at;
    at_tls.port = self->tls_port;
    peer_open(&s->under, &at_tls);
    s->under.at = &self->at;
    s->context = SSL_CTX_new(TLS_client_method());
    s->ssl = SSL_new(s->context);
    SSL_set_fd(s->ssl, s->under.fd);
}

/* Call SSL's `what` until it is done; the server takes its turns in between. 0: the end, negative: a failure. */
static int secure_do(secure *s, int (*what)(secure *s, void *bytes, int size), void *bytes, int size)
{
    uint64_t until = rig_now_ms() + RIG_PATIENCE_MS;
    for (;;) {
        int done = what(s, bytes, size);
        int error = SSL_get_error(s->ssl, done);
        if (done > 0 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)) {
            return error == SSL_ERROR_ZERO_RETURN ? 0 : done > 0 ? done : -1;
        }
        rig_turn(s->under.at, &s->under, POLLIN, 50);
        if (rig_now_ms() > until) {
            rig_die("TLS does not come on");
        }
    }
}
static int do_connect(secure *s, void *bytes, int size)
{
    (void)bytes;
    (void)size;
    return SSL_connect(s->ssl);
}
static int do_read(secure *s, void *bytes, int size)
{
    return SSL_read(s->ssl, bytes, size);
}
static int do_write(secure *s, void *bytes, int size)
{
    return SSL_write(s->ssl, bytes, size);
}

static void secure_close(secure *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
    peer_close(&s->under);
}

/* Read until `text` has come. */
static bool secure_sees(secure *s, const char *text)
{
    char got[4096];
    int size = 0;
    while (!memmem(got, (size_t)size, text, strlen(text))) {
        int more = secure_do(s, do_read, got + size, (int)sizeof got - size);
        if (more <= 0) {
            return false;
        }
        size += more;
    }
    return true;
}

TEST(plain_tls_and_unix_side_by_side)
{
    many self;
    many_open(&self);
    peer plain, local;
    secure safe;
    CHECK(peer_upgrade(&plain, &self.at, RIG_UPGRADE("/chat")));
    CHECK(!self.was_tls && strncmp(self.peer, "127.0.0.1:", 10) == 0);
    peer_open_unix(&local, &self);
    peer_send(&local, RIG_UPGRADE("/chat"));
    answer a = peer_answer(&local, true);
    CHECK_EQ(a.status, 101);
    CHECK(!self.was_tls);
    CHECK_STR(self.peer, "unix:");
    answer_free(&a);
    secure_open(&safe, &self);
    CHECK(secure_do(&safe, do_connect, NULL, 0) > 0);
    char bytes[1024];
    int size = snprintf(bytes, sizeof bytes, "%s", RIG_UPGRADE("/chat"));
    size += (int)rig_frame((uint8_t *)bytes + size, 1, "early and safe", 14);
    CHECK_EQ(secure_do(&safe, do_write, bytes, size), size);
    CHECK(secure_sees(&safe, "early and safe"));
    CHECK(self.was_tls);
    CHECK(peer_echoes(&plain, "plain"));
    CHECK(peer_echoes(&local, "local"));
    CHECK_EQ(naru_server_connections(self.at.server), 3u);
    secure_close(&safe);
    peer_close(&plain);
    peer_close(&local);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    many_close(&self);
}

TEST(plain_requests_over_tls)
{
    many self;
    many_open(&self);
    secure safe;
    secure_open(&safe, &self);
    CHECK(secure_do(&safe, do_connect, NULL, 0) > 0);
    char keep[] = "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n";
    char last[] = "GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    CHECK(secure_do(&safe, do_write, keep, (int)strlen(keep)) > 0);
    CHECK(secure_sees(&safe, "fine"));
    CHECK(secure_do(&safe, do_write, last, (int)strlen(last)) > 0);
    CHECK(secure_sees(&safe, "fine"));
    char byte;
    CHECK_EQ(secure_do(&safe, do_read, &byte, 1), 0); /* close_notify */
    secure_close(&safe);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    many_close(&self);
}

/* The handshake's deadline covers TLS: half a ClientHello, one byte at a time, and HTTP where TLS is spoken. */
TEST(tls_has_the_same_deadline)
{
    many self;
    many_open(&self);
    self.at.port = self.tls_port;
    peer silent, slow, http;
    uint64_t began = rig_now_ms();
    peer_open(&silent, &self.at);
    peer_open(&slow, &self.at);
    peer_send_bytes(&slow, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    uint64_t sent = 0;
    while (peer_receive(&slow), !slow.ended && rig_now_ms() - began < RIG_PATIENCE_MS) {
        if (rig_now_ms() - began > 10 * sent) {
            peer_send_bytes(&slow, "a", 1);
            sent++;
        }
        rig_turn(&self.at, &slow, POLLIN, 5);
    }
    CHECK(rig_now_ms() - began + 2 >= 300);
    CHECK(slow.size == 0 || slow.data[0] == 0x15); /* an alert at most */
    peer_wait_end(&silent);
    peer_open(&http, &self.at);
    peer_send(&http, RIG_UPGRADE("/chat"));
    peer_wait_end(&http);
    CHECK(http.size == 0 || http.data[0] != 'H');
    peer_close(&silent);
    peer_close(&slow);
    peer_close(&http);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    many_close(&self);
}

TEST(stopped_in_the_middle_of_a_handshake)
{
    many self;
    many_open(&self);
    self.at.port = self.tls_port;
    peer p;
    peer_open(&p, &self.at);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 1);
    naru_server_stop(self.at.server, 10000, NULL, NULL);
    CHECK_EQ(naru_server_connections(self.at.server), 0u);
    CHECK(access(self.socket_path, F_OK) != 0);
    peer_wait_end(&p);
    peer_close(&p);
    many_close(&self);
}

TEST_MAIN({"plain, TLS and Unix side by side", plain_tls_and_unix_side_by_side},
          {"plain requests over TLS", plain_requests_over_tls},
          {"TLS has the same deadline", tls_has_the_same_deadline},
          {"stopped in the middle of a handshake", stopped_in_the_middle_of_a_handshake})
