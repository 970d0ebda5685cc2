/* Where a client connects to, and how it fails before there is HTTP: names, ports, sockets' paths, TLS, time;
 * and every allocation refused in turn. */
#include "wire/client_rig.h"

#include "unit/failing_allocator.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

/* ---- certificates ------------------------------------------------------------------------------------------- */

static char directory[] = "/tmp/naru-client-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, 128, "%s/%s", directory, name);
    return path;
}

static void add_names(X509 *certificate, const char *names)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A self-signed certificate for `names` and its key, in one file; good from now for `seconds`. */
static void write_certificate(const char *file, const char *names, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"naru test", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    add_names(certificate, names);
    X509_sign(certificate, key, EVP_sha256());
    FILE *out = fopen(path_of(file), "w");
    if (!out || !PEM_write_X509(out, certificate) || !PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) {
        abort();
    }
    fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static naru_tls *server_tls(const char *file)
{
    naru_tls *tls = NULL;
    char reason[200] = "";
    naru_status status =
        naru_tls_server_new(&(naru_tls_server_options){.certificate_file = path_of(file)}, &tls, reason, sizeof reason);
    CHECK_EQ(status, NARU_OK);
    CHECK_STR(reason, "");
    return tls;
}

static naru_tls *client_tls(const char *ca_file, bool insecure)
{
    naru_tls *tls = NULL;
    naru_tls_client_options options = {.ca_file = ca_file ? path_of(ca_file) : NULL, .insecure = insecure};
    CHECK_EQ(naru_tls_client_new(&options, &tls, NULL, 0), NARU_OK);
    return tls;
}

/* ---- TLS ---------------------------------------------------------------------------------------------------- */

typedef struct tls_case {
    const char *name;
    const char *certificate;
    const char *ca_file; /* NULL: the client's default */
    bool insecure;
    const char *text; /* NULL: it opens */
} tls_case;

static const tls_case tls_cases[] = {
    {"trusted", "good.pem", "good.pem", false, NULL},
    {"unknown authority", "good.pem", "other.pem", false, "certificate"},
    {"the system's authorities", "good.pem", NULL, false, "certificate"},
    {"another name", "other-name.pem", "other-name.pem", false, "ame"},
    {"expired", "expired.pem", "expired.pem", false, "expired"},
    {"expired, not checked", "expired.pem", NULL, true, NULL},
};

static void run_tls(const tls_case *one)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .close_back = true};
    naru_tls *server = server_tls(one->certificate);
    naru_tls *client = one->ca_file || one->insecure ? client_tls(one->ca_file, one->insecure) : NULL;
    fprintf(stderr, "(%s) ", one->name);
    REQUIRE(rig_start_at(&self, &script, NULL, server));
    naru_client_options options = {.tls = client};
    snprintf(self.url, sizeof self.url, "wss://localhost/");
    options.address = self.address;
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    naru_tls_unref(client);
    CHECK(rig_wait(&self, self.events, one->text ? "close " : "open"));
    CHECK_STR(self.events, one->text ? "error; close 1006" : "open");
    if (one->text) {
        CHECK_EQ(self.phase, NARU_PHASE_TLS);
        CHECK_EQ(self.status, NARU_ERR_TLS);
        CHECK(strstr(self.text, one->text) != NULL);
        fprintf(stderr, "%s\n", self.text);
    } else {
        CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
        CHECK(rig_wait_closed(&self));
        CHECK_STR(self.events, "open; close 1000 clean");
    }
    rig_stop(&self);
    naru_tls_unref(server);
}

TEST(certificates_are_checked)
{
    for (size_t i = 0; i < sizeof tls_cases / sizeof tls_cases[0]; i++) {
        run_tls(&tls_cases[i]);
    }
}

/* The peer speaks no TLS: it answers the hello with HTTP, or hangs up. */
TEST(tls_to_a_plain_peer)
{
    static const rig_end ends[] = {RIG_FIN_AT_ONCE, RIG_RESET_AT_ONCE};
    for (size_t i = 0; i < 2; i++) {
        rig self;
        rig_script script = {.end = ends[i]};
        REQUIRE(rig_start(&self, &script));
        snprintf(self.url, sizeof self.url, "wss://%s/", self.address);
        REQUIRE(rig_open(&self, NULL) == NARU_OK);
        CHECK(rig_wait_closed(&self));
        CHECK_STR(self.events, "error; close 1006");
        CHECK_EQ(self.phase, NARU_PHASE_TLS);
        fprintf(stderr, "(%s)\n", self.text);
        rig_stop(&self);
    }
}

/* ---- connecting --------------------------------------------------------------------------------------------- */

/* A port of 127.0.0.1 that nobody listens on as long as the descriptor is open. */
static int bound_port(uint16_t *port_out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || getsockname(fd, (struct sockaddr *)&address, &size)) {
        abort();
    }
    *port_out = ntohs(address.sin_port);
    return fd;
}

TEST(a_refused_connection_says_so)
{
    rig self;
    rig_script script = {0};
    uint16_t port;
    char expected[64];
    REQUIRE(rig_start(&self, &script));
    int fd = bound_port(&port);
    snprintf(self.url, sizeof self.url, "ws://127.0.0.1:%u/", port);
    snprintf(expected, sizeof expected, "connection to 127.0.0.1:%u refused", port);
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_CONNECT);
    CHECK_EQ(self.status, NARU_ERR_CONNECT);
    CHECK_EQ(self.system_error, ECONNREFUSED);
    CHECK_STR(self.text, expected);
    CHECK_STR(self.events, "error; close 1006");
    close(fd);
    rig_stop(&self);
}

/* RFC 6761 6.4: .invalid never resolves, and naru asks nobody. */
TEST(an_unknown_name_says_so)
{
    rig self;
    rig_script script = {0};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "ws://something.invalid/");
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_NAME);
    CHECK_EQ(self.status, NARU_ERR_NAME);
    CHECK(strstr(self.text, "something.invalid") != NULL);
    rig_stop(&self);
}

TEST(bad_ports_fail_later)
{
    rig self;
    rig_script script = {0};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "ws://127.0.0.1:6667/");
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK_STR(self.events, "");
    CHECK_EQ(naru_client_state(self.client), NARU_CONNECTING);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "error; close 1006");
    CHECK_EQ(self.phase, NARU_PHASE_URL);
    CHECK_EQ(self.status, NARU_ERR_REFUSED);
    CHECK_STR(self.text, "port 6667 is one that browsers refuse to connect to");
    rig_stop(&self);
}

TEST(bad_ports_may_be_allowed)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "ws://example.com:6667/");
    naru_client_options options = {.allow_bad_ports = true, .address = self.address};
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    CHECK(memmem(self.request.data, self.request.end, "\r\nHost: example.com:6667\r\n", 26) != NULL);
    rig_stop(&self);
}

TEST(unix_sockets)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    char address[160];
    snprintf(address, sizeof address, "unix:%s", path_of("socket"));
    REQUIRE(rig_start_at(&self, &script, address, NULL));
    REQUIRE(rig_open(&self, &(naru_client_options){.address = address}) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    CHECK(memmem(self.request.data, self.request.end, "\r\nHost: localhost\r\n", 19) != NULL);
    rig_stop(&self);

    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, &(naru_client_options){.address = address}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_CONNECT);
    CHECK_EQ(self.system_error, ENOENT);
    rig_stop(&self);
}

TEST(addresses_are_checked)
{
    static const char *const bad[] = {
        "",    "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:8x",
        ":80", "::1:80",    "[]:80",      "unix:",       "127.0.0.1: 80",   "127.0.0.1:-1"};
    rig self;
    rig_script script = {0};
    REQUIRE(rig_start(&self, &script));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(rig_open(&self, &(naru_client_options){.address = bad[i]}), NARU_ERR_ARGUMENT);
        CHECK(self.client == NULL);
    }
    CHECK_EQ(rig_open(&self, &(naru_client_options){.address = "[::1]:80"}), NARU_OK);
    rig_stop(&self);
}

TEST(arguments_name_their_reason)
{
    rig self;
    rig_script script = {0};
    const char *reason = NULL;
    const char *twice[] = {"a", "A"};
    naru_client_options options = {.protocols = twice, .protocols_count = 2};
    REQUIRE(rig_start(&self, &script));
    CHECK_EQ(naru_client_open(self.loop, "ws://a/#", NULL, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "the URL has a fragment (#), which a WebSocket's must not have");
    CHECK_EQ(naru_client_open(self.loop, "ws://a/", &options, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "a subprotocol is given twice");
    CHECK_EQ(naru_client_open(self.loop, "/a", NULL, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "the URL is relative, and there is no base URL");
    CHECK_EQ(naru_client_open(self.loop, NULL, NULL, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "there is no URL");
    char url[70000] = "ws://a/";
    memset(url + 7, 'x', sizeof url - 8);
    CHECK_EQ(naru_client_open(self.loop, url, NULL, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "the URL is longer than 64 KiB");
    options = (naru_client_options){.conn.ws.deflate.level = 10};
    CHECK_EQ(naru_client_open(self.loop, "ws://a/", &options, NULL, NULL, &self.client, &reason), NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "an option of the connection is out of its range");
    CHECK(self.client == NULL);
    rig_stop(&self);
}

/* ---- time --------------------------------------------------------------------------------------------------- */

static void run_timeout(const char *scheme, const char *answer, naru_client_phase phase, const char *text)
{
    rig self;
    rig_script script = {.answer = answer};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "%s://%s/", scheme, self.address);
    REQUIRE(rig_open(&self, &(naru_client_options){.handshake_timeout_ms = 40}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_TIMEOUT);
    CHECK_EQ(self.phase, phase);
    CHECK_STR(self.text, text);
    rig_stop(&self);
}

TEST(one_timeout_for_the_whole_handshake)
{
    run_timeout("ws", NULL, NARU_PHASE_HANDSHAKE, "timed out after 40 ms, waiting for the server's answer");
    run_timeout("ws", SWITCHING, NARU_PHASE_HANDSHAKE, "timed out after 40 ms, waiting for the server's answer");
    run_timeout("wss", NULL, NARU_PHASE_TLS, "timed out after 40 ms, in the TLS handshake");
}

/* A listener whose queue is full takes no more: the kernel drops our SYN. */
TEST(a_connection_that_hangs_times_out)
{
    rig self;
    rig_script script = {0};
    uint16_t port;
    int fillers[4];
    int fd = bound_port(&port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
    REQUIRE(listen(fd, 0) == 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "ws://127.0.0.1:%u/", port);
    REQUIRE(rig_open(&self, &(naru_client_options){.handshake_timeout_ms = 40}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_CONNECT);
    CHECK_EQ(self.status, NARU_ERR_TIMEOUT);
    CHECK_STR(self.text, "timed out after 40 ms, connecting");
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(fd);
    rig_stop(&self);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void run_with(failing_allocator *memory)
{
    static const char *const protocols[] = {"a", "b"};
    rig peer;
    rig self = {0};
    rig_script script = {.answer = SWITCHING UPGRADED ACCEPTED "Sec-WebSocket-Protocol: a\r\n\r\n",
                         .frames = RIG_BYTES("\x81\x02hi"),
                         .close_back = true};
    REQUIRE(rig_start(&peer, &script));
    self.loop = naru_loop_new(&(naru_loop_options){.allocator = &memory->allocator});
    if (!self.loop) {
        rig_stop(&peer);
        return;
    }
    naru_client_options options = {
        .protocols = protocols, .protocols_count = 2, .base_url = "http://b\xc3\xbc.invalid/x"};
    options.address = peer.address;
    naru_status status = naru_client_open(self.loop, "y", &options, &rig_handler, &self, &self.client, NULL);
    CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
    for (int i = 0; i < 5000 && status == NARU_OK && !self.closed; i++) {
        (void)naru_loop_turn(self.loop, 1);
        (void)naru_loop_turn(peer.loop, 0);
        if (strstr(self.events, "text hi") && naru_client_state(self.client) == NARU_OPEN) {
            (void)naru_client_send(self.client, NARU_WS_TEXT, naru_span_of("yo"), 0);
            (void)naru_client_close(self.client, 1000, (naru_span){0});
        }
    }
    CHECK(status != NARU_OK || self.closed);
    CHECK(memory->failed || strcmp(self.events, "open; text hi; close 1000 clean") == 0);
    naru_client_free(self.client);
    naru_loop_free(self.loop);
    rig_stop(&peer);
}

TEST(every_allocation_may_fail)
{
    bool failed = true;
    for (size_t n = 1; failed && n < 500; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        run_with(&memory);
        CHECK_EQ(memory.live_bytes, 0);
        failed = memory.failed;
    }
    CHECK(!failed);
}

static void make_files(void)
{
    if (!mkdtemp(directory)) {
        abort();
    }
    write_certificate("good.pem", "DNS:localhost,IP:127.0.0.1", 86400);
    write_certificate("other.pem", "DNS:localhost", 86400);
    write_certificate("other-name.pem", "DNS:example.com", 86400);
    write_certificate("expired.pem", "DNS:localhost", -3600);
}

static void remove_files(void)
{
    static const char *const names[] = {"good.pem", "other.pem", "other-name.pem", "expired.pem", "socket"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(path_of(names[i]));
    }
    rmdir(directory);
}

int main(int argc, char **argv)
{
    const check_test tests[] = {
        {"certificates are checked", certificates_are_checked},
        {"TLS to a plain peer", tls_to_a_plain_peer},
        {"a refused connection says so", a_refused_connection_says_so},
        {"an unknown name says so", an_unknown_name_says_so},
        {"bad ports fail later", bad_ports_fail_later},
        {"bad ports may be allowed", bad_ports_may_be_allowed},
        {"unix sockets", unix_sockets},
        {"addresses are checked", addresses_are_checked},
        {"arguments name their reason", arguments_name_their_reason},
        {"one timeout for the whole handshake", one_timeout_for_the_whole_handshake},
        {"a connection that hangs times out", a_connection_that_hangs_times_out},
        {"every allocation may fail", every_allocation_may_fail},
    };
    make_files();
    int status = check__main(tests, sizeof tests / sizeof tests[0], argc, argv);
    remove_files();
    return status;
}
