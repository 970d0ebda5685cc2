/* A server's certificates: which of them a client gets, changing them under way, and those of the clients. */
#include "wire/server_rig.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- OpenSSL's memory, which fails when it is told to ----------------------------------------------------------- */

static size_t ssl_calls, ssl_fail_at;

static bool ssl_fails(void)
{
    return __atomic_add_fetch(&ssl_calls, 1, __ATOMIC_RELAXED) == ssl_fail_at;
}

static void *ssl_malloc(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return bytes == 0 || ssl_fails() ? NULL : malloc(bytes);
}

static void *ssl_realloc(void *block, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    return ssl_fails() ? NULL : realloc(block, bytes);
}

static void ssl_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    free(block);
}

__attribute__((constructor)) static void take_memory(void)
{
    CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free);
}

/* ---- certificates ----------------------------------------------------------------------------------------------- */

typedef struct issued {
    EVP_PKEY *key;
    X509 *x509;
} issued;

/* issuer NULL: its own authority. names: as for subjectAltName, or NULL. */
static issued issue(const char *common_name, const char *names, const issued *issuer)
{
    static long serial = 1;
    issued made = {EVP_EC_gen("P-256"), X509_new()};
    X509_set_version(made.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), 3600);
    X509_NAME *name = X509_get_subject_name(made.x509);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(made.x509, issuer ? X509_get_subject_name(issuer->x509) : name);
    X509_set_pubkey(made.x509, made.key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, names ? NID_subject_alt_name : NID_basic_constraints,
                                                    names    ? names
                                                    : issuer ? "CA:FALSE"
                                                             : "critical,CA:TRUE");
    X509_add_ext(made.x509, extension, -1);
    X509_EXTENSION_free(extension);
    if (X509_sign(made.x509, issuer ? issuer->key : made.key, EVP_sha256()) == 0) {
        rig_die("cannot sign");
    }
    return made;
}

static void issued_free(issued *made)
{
    X509_free(made->x509);
    EVP_PKEY_free(made->key);
}

static void write_pem(const char *path, const issued *made, bool key)
{
    FILE *file = fopen(path, "w");
    if (!file || PEM_write_X509(file, made->x509) != 1 ||
        (key && PEM_write_PrivateKey(file, made->key, NULL, NULL, 0, NULL, NULL) != 1)) {
        rig_die("cannot write a certificate");
    }
    fclose(file);
}

/* ---- the site --------------------------------------------------------------------------------------------------- */

typedef struct site {
    rig at;
    naru_tls *tls;
    char folder[64], first[96], second[96], wild[96], ca[96];
    naru_tls_identity further[2];
    issued authority;
    char subject[128];
    bool has_subject;
} site;

static void on_request(naru_request *request, void *user)
{
    site *self = user;
    self->has_subject = naru_request_client_subject(request, self->subject, sizeof self->subject);
    (void)naru_request_accept(request, (naru_span){0}, &rig_echo, &self->at);
}

static void rewrite(const char *path, const char *common_name, const char *names)
{
    issued made = issue(common_name, names, NULL);
    write_pem(path, &made, true);
    issued_free(&made);
}

static void site_open(site *self, bool clients, bool optional)
{
    char bound[128] = "", reason[256] = "";
    memset(self, 0, sizeof *self);
    naru_server_options patient = {.conn.ws.ping_interval_ms = NARU_NEVER}; /* its peers read only when asked */
    rig_open(&self->at, &patient);
    snprintf(self->folder, sizeof self->folder, "/tmp/naru-tls-XXXXXX");
    if (!mkdtemp(self->folder)) {
        rig_die("cannot make a folder");
    }
    snprintf(self->first, sizeof self->first, "%s/first.pem", self->folder);
    snprintf(self->second, sizeof self->second, "%s/second.pem", self->folder);
    snprintf(self->wild, sizeof self->wild, "%s/wild.pem", self->folder);
    snprintf(self->ca, sizeof self->ca, "%s/ca.pem", self->folder);
    self->authority = issue("authority", NULL, NULL);
    write_pem(self->ca, &self->authority, false);
    rewrite(self->first, "first", "DNS:first.test");
    rewrite(self->second, "second", "DNS:second.test,DNS:also.test");
    rewrite(self->wild, "wild", "DNS:*.wild.test");
    self->further[0] = (naru_tls_identity){self->second, NULL};
    self->further[1] = (naru_tls_identity){self->wild, self->wild};
    naru_tls_server_options options = {.certificate_file = self->first,
                                       .client_ca_file = clients ? self->ca : NULL,
                                       .client_optional = optional,
                                       .identities = self->further,
                                       .identities_count = 2};
    CHECK_EQ(naru_tls_server_new(&options, &self->tls, reason, sizeof reason), NARU_OK);
    CHECK_STR(reason, "");
    naru_listen_options listen = {.tls = self->tls};
    naru_ws_route route = {.on_request = on_request};
    if (naru_server_listen(self->at.server, "127.0.0.1:0", &listen, bound) != NARU_OK ||
        naru_server_route_ws(self->at.server, "/chat", &route, self) != NARU_OK) {
        rig_die("cannot listen");
    }
    self->at.port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

static void site_close(site *self)
{
    rig_close(&self->at);
    naru_tls_unref(self->tls);
    issued_free(&self->authority);
    unlink(self->first);
    unlink(self->second);
    unlink(self->wild);
    unlink(self->ca);
    CHECK_EQ(rmdir(self->folder), 0);
}

/* ---- a client in the same thread --------------------------------------------------------------------------------- */

typedef struct secure {
    peer under;
    SSL_CTX *context;
    SSL *ssl;
} secure;

/* Turn the server until SSL has got on with what it was told. negative: it failed. */
static int go_on(secure *s, int done)
{
    int error = SSL_get_error(s->ssl, done);
    if (done > 0 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)) {
        return done > 0 ? done : -1;
    }
    struct pollfd fd = {.fd = s->under.fd, .events = POLLIN};
    naru_loop_turn(s->under.at->loop, 0);
    poll(&fd, 1, 1);
    return 0;
}

#define DO(s, call)                                                                                                    \
    ({                                                                                                                 \
        int done_;                                                                                                     \
        uint64_t until_ = rig_now_ms() + RIG_PATIENCE_MS;                                                              \
        do {                                                                                                           \
            ERR_clear_error();                                                                                         \
            done_ = go_on((s), (call));                                                                                \
        } while (done_ == 0 && rig_now_ms() < until_);                                                                 \
        done_;                                                                                                         \
    })

static int newest_version; /* that clients speak; 0: any */

/* name NULL: no SNI. shown NULL: no certificate. session NULL: a new one. false: the handshake failed. */
static bool secure_open(secure *s, site *at, const char *name, const issued *shown, SSL_SESSION *session)
{
    peer_open(&s->under, &at->at);
    s->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(s->context, newest_version);
    if (shown) {
        SSL_CTX_use_certificate(s->context, shown->x509);
        SSL_CTX_use_PrivateKey(s->context, shown->key);
    }
    s->ssl = SSL_new(s->context);
    SSL_set_fd(s->ssl, s->under.fd);
    if (name) {
        SSL_set_tlsext_host_name(s->ssl, name);
    }
    if (session) {
        SSL_set_session(s->ssl, session);
    }
    return DO(s, SSL_connect(s->ssl)) > 0;
}

static bool secure_echoes(secure *s, const char *text)
{
    uint8_t frame[256], bytes[256];
    int size = (int)rig_frame(frame, 1, text, strlen(text)), got = 0;
    if (DO(s, SSL_write(s->ssl, frame, size)) != size) {
        return false;
    }
    while (got < 2 + (int)strlen(text)) {
        int more = DO(s, SSL_read(s->ssl, bytes + got, (int)sizeof bytes - got));
        if (more <= 0) {
            return false;
        }
        got += more;
    }
    return memcmp(bytes + 2, text, strlen(text)) == 0;
}

/* In TLS 1.3 a client learns that its certificate is not taken when it first reads. */
static bool secure_upgrade(secure *s)
{
    static const char request[] = RIG_UPGRADE("/chat");
    char bytes[1024];
    int got = 0;
    if (DO(s, SSL_write(s->ssl, request, (int)sizeof request - 1)) < 0) {
        return false;
    }
    do {
        int more = DO(s, SSL_read(s->ssl, bytes + got, (int)sizeof bytes - got));
        if (more <= 0) {
            return false;
        }
        got += more;
    } while (!memmem(bytes, (size_t)got, "\r\n\r\n", 4));
    return memcmp(bytes, "HTTP/1.1 101", 12) == 0;
}

static void secure_close(secure *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->context);
    peer_close(&s->under);
}

/* The common name of the certificate that a client gets who asks for `name`; static until the next call. */
static const char *served(site *at, const char *name)
{
    static char text[64];
    secure s;
    text[0] = 0;
    if (secure_open(&s, at, name, NULL, NULL)) {
        X509_NAME *subject = X509_get_subject_name(SSL_get0_peer_certificate(s.ssl));
        X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text);
    }
    secure_close(&s);
    return text;
}

static void take_peer(naru_conn *conn, void *user)
{
    naru_conn_peer(conn, user, 64);
}

TEST(the_name_chooses_the_certificate)
{
    site self;
    site_open(&self, false, false);
    CHECK_STR(served(&self, "first.test"), "first");
    CHECK_STR(served(&self, "second.test"), "second");
    CHECK_STR(served(&self, "also.TEST"), "second");
    CHECK_STR(served(&self, "a.wild.test"), "wild");
    CHECK_STR(served(&self, "a.b.wild.test"), "first"); /* 6125 6.4.3: a star is one label */
    CHECK_STR(served(&self, "other.test"), "first");
    CHECK_STR(served(&self, NULL), "first");
    site_close(&self);
}

/* The header comes before TLS, and not a byte of the handshake is lost, however they are cut. */
TEST(tls_behind_a_proxy_header)
{
    static const char header[] = "PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\r\n";
    site self;
    char bound[128], peer_name[64] = "";
    site_open(&self, false, false);
    naru_listen_options listen = {.tls = self.tls, .proxy_protocol = true};
    CHECK_EQ(naru_server_listen(self.at.server, "127.0.0.1:0", &listen, bound), NARU_OK);
    self.at.port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
    for (int slowly = 0; slowly < 2; slowly++) {
        secure s;
        peer_open(&s.under, &self.at);
        if (slowly) {
            peer_send_slowly(&s.under, header, sizeof header - 1);
        } else {
            peer_send(&s.under, header);
        }
        s.context = SSL_CTX_new(TLS_client_method());
        s.ssl = SSL_new(s.context);
        SSL_set_fd(s.ssl, s.under.fd);
        CHECK(DO(&s, SSL_connect(s.ssl)) > 0 && secure_upgrade(&s) && secure_echoes(&s, "behind"));
        naru_server_each(self.at.server, take_peer, peer_name);
        CHECK_STR(peer_name, "192.0.2.1:4660");
        secure_close(&s);
        RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    }
    site_close(&self);
}

TEST(a_reload_drops_nobody)
{
    site self;
    secure before, after;
    char reason[256] = "";
    site_open(&self, false, false);
    CHECK(secure_open(&before, &self, "second.test", NULL, NULL) && secure_upgrade(&before));
    rewrite(self.second, "renewed", "DNS:second.test");
    CHECK_STR(served(&self, "second.test"), "second"); /* not before it is told */
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
    CHECK_STR(served(&self, "second.test"), "renewed");
    CHECK_STR(served(&self, "first.test"), "first");
    CHECK(secure_echoes(&before, "still here"));
    for (int i = 0; i < 200; i++) { /* in the middle of a handshake too */
        secure half;
        peer_open(&half.under, &self.at);
        half.context = SSL_CTX_new(TLS_client_method());
        half.ssl = SSL_new(half.context);
        SSL_set_fd(half.ssl, half.under.fd);
        SSL_set_tlsext_host_name(half.ssl, "a.wild.test");
        (void)SSL_connect(half.ssl);
        naru_loop_turn(self.at.loop, 0);
        CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
        CHECK(DO(&half, SSL_connect(half.ssl)) > 0);
        secure_close(&half);
    }
    CHECK(secure_echoes(&before, "and still"));
    naru_tls_server_options other = {.certificate_file = self.wild};
    CHECK_EQ(naru_tls_reload(self.tls, &other, reason, sizeof reason), NARU_OK);
    CHECK_STR(served(&self, "first.test"), "wild");
    CHECK(secure_open(&after, &self, NULL, NULL, NULL) && secure_upgrade(&after) && secure_echoes(&after, "new"));
    secure_close(&before);
    secure_close(&after);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    site_close(&self);
}

static void *reload_often(void *tls)
{
    char reason[256];
    naru_status status = NARU_OK;
    for (int i = 0; i < 100 && status == NARU_OK; i++) {
        status = naru_tls_reload(tls, NULL, reason, sizeof reason);
    }
    return status == NARU_OK ? NULL : tls;
}

TEST(another_thread_may_reload)
{
    site self;
    pthread_t thread;
    void *failed = NULL;
    site_open(&self, false, false);
    CHECK_EQ(pthread_create(&thread, NULL, reload_often, self.tls), 0);
    for (int i = 0; i < 50; i++) {
        CHECK_STR(served(&self, "second.test"), "second");
    }
    pthread_join(thread, &failed);
    CHECK(!failed);
    site_close(&self);
}

TEST(a_bad_pair_is_refused_and_the_old_one_stays)
{
    site self;
    char reason[256] = "";
    issued stranger = issue("stranger", NULL, NULL), other = issue("other", NULL, NULL);
    site_open(&self, false, false);
    X509 *right = stranger.x509;
    stranger.x509 = other.x509; /* a key that does not fit */
    write_pem(self.wild, &stranger, true);
    stranger.x509 = right;
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_ERR_TLS);
    CHECK(strstr(reason, "key file") && strstr(reason, "wild.pem"));
    CHECK_STR(served(&self, "a.wild.test"), "wild");
    CHECK_EQ(naru_tls_reload(self.tls, NULL, NULL, 0), NARU_ERR_TLS);
    unlink(self.second);
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_ERR_TLS);
    CHECK(strstr(reason, "certificate file") && strstr(reason, "second.pem"));
    CHECK_STR(served(&self, "second.test"), "second");
    rewrite(self.second, "second", "DNS:second.test");
    rewrite(self.wild, "mended", "DNS:*.wild.test");
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
    CHECK_STR(served(&self, "a.wild.test"), "mended");
    naru_tls *client = NULL;
    CHECK_EQ(naru_tls_client_new(NULL, &client, reason, sizeof reason), NARU_OK);
    CHECK_EQ(naru_tls_reload(client, NULL, reason, sizeof reason), NARU_ERR_STATE);
    naru_tls_unref(client);
    issued_free(&stranger);
    issued_free(&other);
    site_close(&self);
}

TEST(clients_show_who_they_are)
{
    site self;
    secure s;
    issued elsewhere = issue("elsewhere", NULL, NULL);
    for (int optional = 0; optional < 2; optional++) {
        site_open(&self, true, optional == 1);
        issued good = issue("ann, with comma", "DNS:ann.test", &self.authority);
        issued bad = issue("mallory", "DNS:mallory.test", &elsewhere);
        CHECK(secure_open(&s, &self, "second.test", &good, NULL) && secure_upgrade(&s));
        CHECK(self.has_subject);
        CHECK_STR(self.subject, "CN=ann\\, with comma,O=Example");
        secure_close(&s);
        CHECK(!secure_open(&s, &self, NULL, &bad, NULL) || !secure_upgrade(&s));
        secure_close(&s);
        bool none = secure_open(&s, &self, NULL, NULL, NULL) && secure_upgrade(&s);
        CHECK_EQ(none, optional == 1);
        CHECK(!none || (!self.has_subject && self.subject[0] == 0));
        secure_close(&s);
        issued_free(&good);
        issued_free(&bad);
        RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
        site_close(&self);
    }
    issued_free(&elsewhere);
}

static void check_resumption(int version)
{
    site self;
    secure s;
    char reason[256];
    newest_version = version;
    site_open(&self, true, false);
    issued ann = issue("ann", "DNS:ann.test", &self.authority);
    CHECK(secure_open(&s, &self, "second.test", &ann, NULL) && secure_upgrade(&s) && secure_echoes(&s, "x"));
    SSL_SESSION *session = SSL_get1_session(s.ssl);
    CHECK(!SSL_session_reused(s.ssl));
    CHECK_EQ(SSL_version(s.ssl), version);
    CHECK(SSL_SESSION_has_ticket(session));
    SSL_shutdown(s.ssl); /* else OpenSSL takes the session for a bad one */
    secure_close(&s);
    self.has_subject = false;
    CHECK(secure_open(&s, &self, "second.test", &ann, session) && secure_upgrade(&s));
    CHECK(SSL_session_reused(s.ssl));
    CHECK(self.has_subject);
    CHECK_STR(self.subject, "CN=ann,O=Example");
    SSL_shutdown(s.ssl);
    secure_close(&s);
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
    CHECK(secure_open(&s, &self, "second.test", &ann, session) && secure_upgrade(&s));
    CHECK(!SSL_session_reused(s.ssl));
    secure_close(&s);
    SSL_SESSION_free(session);
    issued_free(&ann);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    site_close(&self);
}

TEST(sessions_are_resumed_until_a_reload)
{
    check_resumption(TLS1_2_VERSION);
    check_resumption(TLS1_3_VERSION);
    newest_version = 0;
}

/* ---- many reloads under load ------------------------------------------------------------------------------------- */

enum { RELOADS = 200, STAYING = 8 };

typedef struct reloads {
    site *of;
    issued one, two;
    atomic_uint done;
    bool failed;
} reloads;

static void *reload_with_changes(void *user)
{
    reloads *self = user;
    char reason[256];
    for (unsigned i = 0; i < RELOADS && !self->failed; i++) {
        write_pem(self->of->second, i % 2 ? &self->two : &self->one, true);
        self->failed = naru_tls_reload(self->of->tls, NULL, reason, sizeof reason) != NARU_OK;
        atomic_fetch_add(&self->done, 1);
    }
    return NULL;
}

/* Connections that stay, and those that come and go by one certificate or the other, none of which fails. */
TEST(two_hundred_reloads_under_load)
{
    site self;
    secure staying[STAYING];
    pthread_t thread;
    unsigned visits = 0, seen[2] = {0};
    site_open(&self, false, false);
    reloads all = {.of = &self};
    all.one = issue("one", "DNS:second.test", NULL);
    all.two = issue("two", "DNS:second.test", NULL);
    write_pem(self.second, &all.two, true);
    CHECK_EQ(naru_tls_reload(self.tls, NULL, NULL, 0), NARU_OK);
    for (int i = 0; i < STAYING; i++) {
        REQUIRE(secure_open(&staying[i], &self, "second.test", NULL, NULL) && secure_upgrade(&staying[i]));
    }
    CHECK_EQ(pthread_create(&thread, NULL, reload_with_changes, &all), 0);
    while (atomic_load(&all.done) < RELOADS && visits < RELOADS * 100) {
        const char *name = served(&self, "second.test");
        CHECK(strcmp(name, "one") == 0 || strcmp(name, "two") == 0);
        seen[strcmp(name, "one") == 0]++;
        CHECK(secure_echoes(&staying[visits++ % STAYING], "still here"));
    }
    pthread_join(thread, NULL);
    CHECK(!all.failed);
    CHECK(visits > 0 && seen[0] + seen[1] == visits);
    for (int i = 0; i < STAYING; i++) {
        CHECK(secure_echoes(&staying[i], "to the end"));
        secure_close(&staying[i]);
    }
    CHECK_STR(served(&self, "second.test"), "two");
    issued_free(&all.one);
    issued_free(&all.two);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    site_close(&self);
}

TEST(openssl_runs_out_of_memory)
{
    site self;
    char reason[256];
    site_open(&self, true, true);
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
    ssl_calls = 0;
    CHECK_EQ(naru_tls_reload(self.tls, NULL, reason, sizeof reason), NARU_OK);
    size_t count = ssl_calls;
    CHECK(count > 100);
    unsigned refused = 0;
    for (size_t i = 1; i <= count; i += 1 + count / 400) {
        ssl_calls = 0;
        ssl_fail_at = i;
        naru_status status = naru_tls_reload(self.tls, NULL, reason, sizeof reason);
        ssl_fail_at = 0;
        CHECK(status == NARU_OK || status == NARU_ERR_MEMORY || status == NARU_ERR_TLS);
        refused += status != NARU_OK;
        CHECK_STR(served(&self, "second.test"), "second");
    }
    CHECK(refused > 10); /* most of what OpenSSL takes meanwhile it can do without */
    CHECK_STR(served(&self, "a.wild.test"), "wild");
    site_close(&self);
}

TEST_MAIN({"the name chooses the certificate", the_name_chooses_the_certificate},
          {"TLS behind a PROXY header", tls_behind_a_proxy_header}, {"a reload drops nobody", a_reload_drops_nobody},
          {"another thread may reload", another_thread_may_reload},
          {"a bad pair is refused and the old one stays", a_bad_pair_is_refused_and_the_old_one_stays},
          {"clients show who they are", clients_show_who_they_are},
          {"sessions are resumed until a reload", sessions_are_resumed_until_a_reload},
          {"two hundred reloads under load", two_hundred_reloads_under_load},
          {"OpenSSL runs out of memory", openssl_runs_out_of_memory})
