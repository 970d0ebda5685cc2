/* A client behind proxies that keep the rules and that break them: CONNECT and SOCKS5, with and without a password,
 * with TLS inside, and around; which proxy is chosen; and every allocation refused in turn. */
#include "wire/client_proxy_rig.h"

#include "client/proxy.h"
#include "unit/failing_allocator.h"
#include "wire/client_certificate.h"

#define B(literal) RIG_BYTES(literal)

static char directory[] = "/tmp/naru-proxy-XXXXXX";
static char certificate[64];
static char pin[45];

/* The proxy's URL: `pattern` with the address instead of `{}`. */
static void put_address(char *out, size_t out_bytes, const char *pattern, const char *address)
{
    const char *at = strstr(pattern, "{}");
    snprintf(out, out_bytes, "%.*s%s%s", (int)(at - pattern), pattern, address, at + 2);
}

/* ---- refusals ----------------------------------------------------------------------------------------------- */

#define CONNECT_TO(host) "CONNECT " host " HTTP/1.1\r\nHost: " host "\r\n"
#define CONNECT_HEAD CONNECT_TO("far.example:80") "\r\n"
#define CONNECT_ANSWERED(text) .steps = {{B(CONNECT_HEAD), B(text)}}

typedef struct proxy_case {
    const char *name;
    const char *proxy; /* {} is its address */
    proxy_script script;
    naru_client_phase phase; /* NARU_PHASE_OPEN: it opens */
    naru_status status;
    const char *text; /* is found in the failure's sentence */
    int http_status;
    const char *body;
} proxy_case;

#define GREETING "\x05\x01\x00"
#define GREETING_PASSWORD "\x05\x02\x00\x02"
#define ASK                                                                                                            \
    "\x05\x01\x00\x03\x0b"                                                                                             \
    "far.example\x00\x50"
#define BOUND "\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"
#define LOGIN "\x01\x02me\x03you"

static const proxy_case cases[] = {
    {"CONNECT",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 200 Connection established\r\n\r\n"), .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"no scheme is http",
     "{}",
     {CONNECT_ANSWERED("HTTP/1.0 200 OK\r\n\r\n"), .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"a length that means nothing",
     "http://{}/",
     {CONNECT_ANSWERED("HTTP/1.1 204 OK\r\nContent-Length: 100\r\n\r\n"), .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"interim answers",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"a password for CONNECT",
     "http://me:y%6fu@{}",
     {.steps = {{B(CONNECT_TO("far.example:80") "Proxy-Authorization: Basic bWU6eW91\r\n\r\n"),
                 B("HTTP/1.1 200 OK\r\n\r\n")}},
      .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"407 without a password",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=a\r\nContent-Length: 4\r\n\r\nwho?")},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "the proxy answered 407 Proxy Authentication Required to CONNECT; it wants a user and a password",
     407,
     "who?"},
    {"407 with one",
     "http://me:you@{}",
     {.steps = {{B(CONNECT_TO("far.example:80") "Proxy-Authorization: Basic bWU6eW91\r\n\r\n"),
                 B("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "it does not accept this user and password",
     407,
     ""},
    {"403",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "the proxy answered 403 Forbidden to CONNECT",
     403,
     "no"},
    {"502 until the end",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.0 502 x\r\n\r\nbad way"), .end = RIG_FIN},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "502 Bad Gateway",
     502,
     "bad way"},
    {"a redirect is none for a proxy",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 302 x\r\nLocation: ws://evil.example/\r\nContent-Length: 0\r\n\r\n")},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "the proxy answered 302 Found to CONNECT",
     302,
     ""},
    {"101 is no way",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "the proxy answered 101",
     101,
     ""},
    {"not HTTP",
     "http://{}",
     {CONNECT_ANSWERED("220 smtp\r\n\r\n")},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "the proxy's answer is bad",
     0,
     ""},
    {"more than its answer",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 x\r\n\r\n")},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "it sent more than its answer",
     0,
     ""},
    {"an end in the answer",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 200 OK\r\n"), .end = RIG_FIN},
     NARU_PHASE_PROXY,
     NARU_ERR_CLOSED,
     "the proxy ended the connection before its answer was complete",
     0,
     ""},
    {"a reset in the answer",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 200 OK\r\n"), .end = RIG_RESET},
     NARU_PHASE_PROXY,
     NARU_ERR_CLOSED,
     "connection reset",
     0,
     ""},
    {"a reset at once",
     "http://{}",
     {.end = RIG_RESET_AT_ONCE},
     NARU_PHASE_PROXY,
     NARU_ERR_CLOSED,
     "the proxy ended the connection",
     0,
     ""},
    {"an end behind the way's opening",
     "http://{}",
     {CONNECT_ANSWERED("HTTP/1.1 200 OK\r\n\r\n"), .end = RIG_FIN},
     NARU_PHASE_HANDSHAKE,
     NARU_ERR_CLOSED,
     "the server ended the connection",
     0,
     ""},

    {"SOCKS5",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B(BOUND)}}, .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"SOCKS5, bound to a name",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x00\x00\x03\x02hi\x00\x01")}}, .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"SOCKS5, bound to no name",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x00\x00\x03\x00\x00\x01")}}, .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"SOCKS5, bound to IPv6",
     "SOCKS5H://{}",
     {.steps = {{B(GREETING), B("\x05\x00")},
                {B(ASK), B("\x05\x00\x00\x04"
                           "0123456789abcdef"
                           "\x00\x01")}},
      .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"a password for SOCKS5",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\x02")}, {B(LOGIN), B("\x01\x00")}, {B(ASK), B(BOUND)}}, .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"a password that nobody asks for",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\x00")}, {B(ASK), B(BOUND)}}, .relay = true},
     NARU_PHASE_OPEN,
     NARU_OK,
     "",
     0,
     ""},
    {"a wrong password",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\x02")}, {B(LOGIN), B("\x01\x01")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "it does not accept this user and password",
     0,
     ""},
    {"a login of another version",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\x02")}, {B(LOGIN), B("\x05\x00")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "RFC 1929",
     0,
     ""},
    {"no method will do",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\xff")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "it wants a user and a password",
     0,
     ""},
    {"no method will do, with a password",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\xff")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "it takes neither",
     0,
     ""},
    {"a method that was not offered",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x02")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "a method that was not offered",
     0,
     ""},
    {"GSSAPI",
     "socks5h://me:you@{}",
     {.steps = {{B(GREETING_PASSWORD), B("\x05\x01")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "a method that was not offered",
     0,
     ""},
    {"SOCKS4",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x00\x5b")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "it does not speak SOCKS5",
     0,
     ""},
    {"HTTP for SOCKS5",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("HTTP/1.1 400 Bad\r\n\r\n")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "it does not speak SOCKS5",
     0,
     ""},
    {"rules",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x02\x00\x01\0\0\0\0\0\0")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "its rules forbid this connection",
     0,
     ""},
    {"refused, in two bytes",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x05")}}, .end = RIG_FIN},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "the server refused its connection",
     0,
     ""},
    {"a reply without a name",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x09")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_REFUSED,
     "a reason without a name",
     0,
     ""},
    {"a reply of another version",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x04\x00")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "its answer is not of SOCKS5",
     0,
     ""},
    {"an address of an unknown type",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x00\x00\x02\x01")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "an address of an unknown type",
     0,
     ""},
    {"more than its reply",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B(BOUND "H")}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "it sent more than its answer",
     0,
     ""},
    {"all answers before a question",
     "socks5h://{}",
     {.steps = {{{0}, B("\x05\x00" BOUND)}}},
     NARU_PHASE_PROXY,
     NARU_ERR_PROTOCOL,
     "it answered before it was asked",
     0,
     ""},
    {"an end in the reply",
     "socks5h://{}",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B(ASK), B("\x05\x00\x00\x01\x7f")}}, .end = RIG_FIN},
     NARU_PHASE_PROXY,
     NARU_ERR_CLOSED,
     "the proxy ended the connection before its answer was complete",
     0,
     ""},
};

/* Some of them are over before all of it has been said. */
static bool fits_bytes(const proxy_case *one)
{
    return strstr(one->name, "more than") == NULL && strstr(one->name, "before a question") == NULL;
}

static void run_case(const proxy_case *one, bool byte_by_byte)
{
    rig self;
    proxy_rig proxy;
    proxy_script script = one->script;
    rig_script beyond = {.answer = GOOD_ANSWER, .frames = RIG_BYTES("\x81\x02hi"), .close_back = true};
    char url[200];
    fprintf(stderr, "(%s%s) ", one->name, byte_by_byte ? ", byte by byte" : "");
    script.byte_by_byte = byte_by_byte;
    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(proxy_start(&proxy, &script, self.loop, self.address));
    snprintf(self.url, sizeof self.url, "ws://far.example/x");
    put_address(url, sizeof url, one->proxy, proxy.address);
    REQUIRE(rig_open(&self, &(naru_client_options){.proxy = url}) == NARU_OK);
    if (one->phase == NARU_PHASE_OPEN) {
        CHECK(rig_wait(&self, self.events, "text hi"));
        CHECK_STR(self.events, "open; text hi");
        CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
        CHECK(rig_wait(&self, self.events, "close 1000 clean"));
        CHECK(memmem(self.request.data, self.request.end, "Proxy-", 6) == NULL);
    } else {
        CHECK(rig_wait_closed(&self));
        CHECK_STR(self.events, "error; close 1006");
        CHECK_EQ(self.phase, one->phase);
        CHECK_EQ(self.status, one->status);
        CHECK_EQ(self.http_status, one->http_status);
        CHECK_EQ(self.proxy, one->phase == NARU_PHASE_PROXY);
        CHECK_EQ(self.had_head, one->http_status != 0);
        CHECK(strstr(self.text, one->text) != NULL);
        CHECK_BYTES(((naru_span){(const uint8_t *)self.body, self.body_bytes}), naru_span_of(one->body));
        CHECK_EQ(self.request.end, 0);
    }
    fprintf(stderr, "%s\n", self.text);
    proxy_stop(&proxy);
    rig_stop(&self);
}

TEST(answers_of_proxies)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_case(&cases[i], false);
        if (fits_bytes(&cases[i])) {
            run_case(&cases[i], true);
        }
    }
}

/* ---- sizes and times ---------------------------------------------------------------------------------------- */

static void run_answer(const char *answer, size_t bytes, uint32_t timeout_ms, naru_status status, const char *text)
{
    rig self;
    proxy_rig proxy;
    proxy_script script = {.steps = {{B(CONNECT_HEAD), {(const uint8_t *)answer, bytes}}}};
    rig_script beyond = {0};
    char url[200];
    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(proxy_start(&proxy, &script, self.loop, self.address));
    snprintf(self.url, sizeof self.url, "ws://far.example/");
    snprintf(url, sizeof url, "http://%s", proxy.address);
    naru_client_options options = {.proxy = url, .handshake_timeout_ms = timeout_ms};
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_PROXY);
    CHECK_EQ(self.status, status);
    CHECK(strstr(self.text, text) != NULL);
    fprintf(stderr, "%s\n", self.text);
    proxy_stop(&proxy);
    rig_stop(&self);
}

TEST(answers_have_limits)
{
    static char big[40000];
    size_t size = (size_t)snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\n");
    while (size < sizeof big - 600) {
        size += (size_t)snprintf(big + size, sizeof big - size, "A: %0500d\r\n", 0);
    }
    run_answer(big, size, 0, NARU_ERR_TOO_BIG, "the proxy's answer is bad");
    size = 0;
    for (int i = 0; i < 20; i++) {
        size += (size_t)snprintf(big + size, sizeof big - size, "HTTP/1.1 100 x\r\n\r\n");
    }
    run_answer(big, size, 0, NARU_ERR_TOO_MANY, "the proxy sent too many interim answers");
    size = (size_t)snprintf(big, sizeof big, "HTTP/1.1 503 x\r\n\r\n");
    memset(big + size, 'b', 9000);
    run_answer(big, size + 9000, 0, NARU_ERR_REFUSED, "503");
}

TEST(one_timeout_over_the_proxy_too)
{
    run_answer("HTTP/1.1 200", 12, 60, NARU_ERR_TIMEOUT, "timed out after 60 ms, waiting for the proxy's answer");
    run_answer("HTTP/1.1 500 x\r\n\r\nslow", 22, 60, NARU_ERR_REFUSED,
               "the proxy answered 500 instead of 2xx, and its body did not come in 60 ms");
}

TEST(a_proxy_that_is_not_there)
{
    rig self;
    rig_script beyond = {0};
    proxy_rig proxy;
    proxy_script script = {.end = RIG_STAYS};
    char url[200];
    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(proxy_start(&proxy, &script, self.loop, self.address));
    snprintf(url, sizeof url, "socks5h://%s", proxy.address);
    proxy_stop(&proxy);
    snprintf(self.url, sizeof self.url, "wss://far.example/");
    REQUIRE(rig_open(&self, &(naru_client_options){.proxy = url}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_CONNECT);
    CHECK_EQ(self.status, NARU_ERR_CONNECT);
    CHECK_EQ(self.system_error, ECONNREFUSED);
    CHECK(self.proxy);
    CHECK(strncmp(self.text, "to the proxy: connection to 127.0.0.1:", 38) == 0);
    rig_stop(&self);

    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(rig_open(&self, &(naru_client_options){.proxy = "http://no.such.invalid:1"}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_NAME);
    CHECK(self.proxy);
    CHECK(strstr(self.text, "no.such.invalid") != NULL);
    rig_stop(&self);
}

/* ---- what is asked for -------------------------------------------------------------------------------------- */

typedef struct ask_case {
    const char *url;
    const char *address;
    const char *scheme;
    proxy_script script;
} ask_case;

static const ask_case asks[] = {
    {"ws://[::1]:8080/",
     NULL,
     "http",
     {.steps = {{B(CONNECT_TO("[::1]:8080") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}}, .relay = true}},
    {"ws://far.example/",
     "near.example:81",
     "http",
     {.steps = {{B(CONNECT_TO("near.example:81") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}}, .relay = true}},
    {"ws://1.2.3.4:258/",
     NULL,
     "socks5",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B("\x05\x01\x00\x01\x01\x02\x03\x04\x01\x02"), B(BOUND)}},
      .relay = true}},
    {"ws://[::1]/",
     NULL,
     "socks5",
     {.steps = {{B(GREETING), B("\x05\x00")},
                {B("\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50"), B(BOUND)}},
      .relay = true}},
    {"ws://localhost/", /* resolved here, and nobody is asked about localhost */
     NULL,
     "socks5",
     {.steps = {{B(GREETING), B("\x05\x00")},
                {B("\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50"), B(BOUND)}},
      .relay = true}},
    {"ws://localhost:258/", /* resolved there */
     NULL,
     "socks5h",
     {.steps = {{B(GREETING), B("\x05\x00")}, {B("\x05\x01\x00\x03\x09localhost\x01\x02"), B(BOUND)}}, .relay = true}},
};

TEST(what_a_proxy_is_asked_for)
{
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        rig self;
        proxy_rig proxy;
        rig_script beyond = {.answer = GOOD_ANSWER};
        char url[200];
        REQUIRE(rig_start(&self, &beyond));
        REQUIRE(proxy_start(&proxy, &asks[i].script, self.loop, self.address));
        snprintf(self.url, sizeof self.url, "%s", asks[i].url);
        snprintf(url, sizeof url, "%s://%s", asks[i].scheme, proxy.address);
        naru_client_options options = {.proxy = url, .address = asks[i].address};
        REQUIRE(rig_open(&self, &options) == NARU_OK);
        CHECK(rig_wait(&self, self.events, "open"));
        proxy_stop(&proxy);
        rig_stop(&self);
    }
}

/* socks5:// resolves here: the failure is the name's and not the proxy's, which is never asked. */
TEST(a_name_that_nobody_has_for_socks5)
{
    rig self;
    rig_script beyond = {0};
    naru_client_options options = {.proxy = "socks5://127.0.0.1:1"};
    REQUIRE(rig_start(&self, &beyond));
    snprintf(self.url, sizeof self.url, "ws://no.such.invalid/");
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_NAME);
    CHECK_EQ(self.status, NARU_ERR_NAME);
    CHECK(!self.proxy);
    CHECK(strstr(self.text, "no.such.invalid"));
    rig_stop(&self);
    for (int turns = 0; turns < 4; turns++) { /* and freed while it is asked for */
        REQUIRE(rig_start(&self, &beyond));
        snprintf(self.url, sizeof self.url, "ws://no.such.invalid/");
        REQUIRE(rig_open(&self, &options) == NARU_OK);
        for (int i = 0; i < turns; i++) {
            CHECK_EQ(naru_loop_turn(self.loop, 0), NARU_OK);
        }
        rig_stop(&self);
    }
}

TEST(a_name_too_long_for_socks5)
{
    rig self;
    proxy_rig proxy;
    rig_script beyond = {0};
    proxy_script script = {.end = RIG_STAYS};
    char url[200];
    char target[400] = "ws://";
    memset(target + 5, 'a', 300);
    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(proxy_start(&proxy, &script, self.loop, self.address));
    snprintf(url, sizeof url, "socks5h://%s", proxy.address);
    naru_client_options options = {.proxy = url};
    REQUIRE(naru_client_open(self.loop, target, &options, &rig_handler, &self, &self.client, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_PROXY);
    CHECK_EQ(self.status, NARU_ERR_NAME);
    proxy_stop(&proxy);
    rig_stop(&self);
}

/* ---- TLS inside --------------------------------------------------------------------------------------------- */

static naru_tls *server_tls(void)
{
    naru_tls *tls = NULL;
    CHECK_EQ(naru_tls_server_new(&(naru_tls_server_options){.certificate_file = certificate}, &tls, NULL, 0), NARU_OK);
    return tls;
}

static naru_tls *client_tls(const char *ca_file, const char *key_hash)
{
    naru_tls *tls = NULL;
    naru_tls_client_options options = {.ca_file = ca_file, .insecure = !ca_file, .pinned_key = key_hash};
    char reason[100] = "";
    CHECK_EQ(naru_tls_client_new(&options, &tls, reason, sizeof reason), NARU_OK);
    CHECK_STR(reason, "");
    return tls;
}

static void run_tls(const char *scheme, const proxy_script *script, const char *host, naru_client_phase phase)
{
    rig self;
    proxy_rig proxy;
    rig_script beyond = {.answer = GOOD_ANSWER, .frames = RIG_BYTES("\x81\x02hi"), .close_back = true};
    naru_tls *server = server_tls();
    naru_tls *client = client_tls(certificate, NULL);
    char url[200];
    REQUIRE(rig_start_at(&self, &beyond, NULL, server));
    REQUIRE(proxy_start(&proxy, script, self.loop, self.address));
    snprintf(self.url, sizeof self.url, "wss://%s/", host);
    snprintf(url, sizeof url, "%s://%s", scheme, proxy.address);
    naru_client_options options = {.proxy = url, .tls = client};
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    if (phase == NARU_PHASE_OPEN) {
        CHECK(rig_wait(&self, self.events, "text hi"));
        CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
        CHECK(rig_wait(&self, self.events, "close 1000 clean"));
    } else {
        CHECK(rig_wait_closed(&self));
        CHECK_EQ(self.phase, phase);
        CHECK_EQ(self.status, NARU_ERR_TLS);
        CHECK(!self.proxy);
        fprintf(stderr, "%s\n", self.text);
    }
    proxy_stop(&proxy);
    rig_stop(&self);
    naru_tls_unref(server);
    naru_tls_unref(client);
}

TEST(tls_goes_through_the_proxy)
{
    proxy_script http = {.steps = {{B(CONNECT_TO("localhost:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}},
                         .relay = true};
    proxy_script socks5 = {
        .steps = {{B(GREETING), B("\x05\x00")}, {B("\x05\x01\x00\x03\x09localhost\x01\xbb"), B(BOUND)}}, .relay = true};
    proxy_script other = {.steps = {{B(CONNECT_TO("other.example:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}},
                          .relay = true};
    proxy_script garbage = {.steps = {{B(CONNECT_TO("localhost:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")},
                                      {{(const uint8_t *)"\x16\x03\x01", 3}, B("garbage, and no TLS at all")}}};
    run_tls("http", &http, "localhost", NARU_PHASE_OPEN);
    http.byte_by_byte = true;
    run_tls("http", &http, "localhost", NARU_PHASE_OPEN);
    run_tls("socks5h", &socks5, "localhost", NARU_PHASE_OPEN);
    /* The server's name is checked, whoever the proxy is. */
    run_tls("http", &other, "other.example", NARU_PHASE_TLS);
    run_tls("http", &garbage, "localhost", NARU_PHASE_TLS);
}

/* ---- TLS around --------------------------------------------------------------------------------------------- */

/* 0.0.0.0 is this machine too, by an address that the certificate does not have. */
typedef struct around_case {
    const char *proxy;  /* {} is its port */
    const char *target; /* wss: with TLS of its own, inside */
    const char *ca_file, *key_hash;
    naru_client_phase phase; /* NARU_PHASE_OPEN: it opens */
    const char *text;
} around_case;

static void check_around(rig *self, const around_case *one)
{
    if (one->phase == NARU_PHASE_OPEN) {
        CHECK(rig_wait(self, self->events, "text hi"));
        CHECK_EQ(naru_client_close(self->client, 1000, (naru_span){0}), NARU_OK);
        CHECK(rig_wait(self, self->events, "close 1000 clean"));
        return;
    }
    CHECK(rig_wait_closed(self));
    CHECK_STR(self->events, "error; close 1006");
    CHECK_EQ(self->phase, one->phase);
    CHECK_EQ(self->status, NARU_ERR_TLS);
    CHECK(self->proxy);
    CHECK(strstr(self->text, one->text) != NULL);
    CHECK_EQ(self->request.end, 0);
}

static void run_around(const around_case *one, const proxy_script *script, bool byte_by_byte)
{
    rig self;
    proxy_rig proxy;
    proxy_script asked = *script;
    rig_script beyond = {.answer = GOOD_ANSWER, .frames = RIG_BYTES("\x81\x02hi"), .close_back = true};
    naru_tls *server = server_tls();
    naru_tls *client = client_tls(certificate, NULL);
    naru_tls *to_proxy = client_tls(one->ca_file, one->key_hash);
    bool secure = strncmp(one->target, "wss:", 4) == 0;
    char url[200];
    asked.byte_by_byte = byte_by_byte;
    REQUIRE(rig_start_at(&self, &beyond, NULL, secure ? server : NULL));
    REQUIRE(proxy_start_at(&proxy, &asked, self.loop, self.address, server));
    snprintf(self.url, sizeof self.url, "%s", one->target);
    put_address(url, sizeof url, one->proxy, strrchr(proxy.address, ':') + 1);
    REQUIRE(rig_open(&self, &(naru_client_options){.proxy = url, .tls = client, .proxy_tls = to_proxy}) == NARU_OK);
    fprintf(stderr, "(%s to %s) ", one->proxy, one->target);
    check_around(&self, one);
    fprintf(stderr, "%s\n", self.text);
    proxy_stop(&proxy);
    rig_stop(&self);
    naru_tls_unref(server);
    naru_tls_unref(client);
    naru_tls_unref(to_proxy);
}

#define NO_PIN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

TEST(tls_to_the_proxy)
{
    static const proxy_script plain = {
        .steps = {{B(CONNECT_TO("far.example:80") "Proxy-Authorization: Basic bWU6eW91\r\n\r\n"),
                   B("HTTP/1.1 200 OK\r\n\r\n")}},
        .relay = true};
    static const proxy_script secure = {
        .steps = {{B(CONNECT_TO("localhost:443") "Proxy-Authorization: Basic bWU6eW91\r\n\r\n"),
                   B("HTTP/1.1 200 OK\r\n\r\n")}},
        .relay = true};
    const around_case opens[] = {
        {"https://me:you@127.0.0.1:{}", "ws://far.example/", certificate, NULL, NARU_PHASE_OPEN, ""},
        {"https://me:you@localhost:{}", "wss://localhost/", certificate, pin, NARU_PHASE_OPEN, ""},
        {"https://me:you@0.0.0.0:{}", "wss://localhost/", NULL, pin, NARU_PHASE_OPEN, ""},
    };
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++) {
        run_around(&opens[i], i == 0 ? &plain : &secure, false);
        run_around(&opens[i], i == 0 ? &plain : &secure, true);
    }
}

/* Each of these differs by one thing from one that opens; nothing is said to such a proxy. */
TEST(a_proxy_that_proves_nothing)
{
    static const proxy_script silent = {.steps = {{B("never"), B("")}}};
    const around_case refusals[] = {
        {"https://me:you@0.0.0.0:{}", "ws://far.example/", certificate, NULL, NARU_PHASE_TLS,
         "to the proxy: certificate verify failed: IP address mismatch"},
        {"https://me:you@localhost:{}", "wss://localhost/", certificate, NO_PIN, NARU_PHASE_TLS,
         "to the proxy: certificate verify failed: the server's public key is not the pinned one"},
        {"https://me:you@0.0.0.0:{}", "wss://localhost/", NULL, NO_PIN, NARU_PHASE_TLS,
         "to the proxy: certificate verify failed: the server's public key is not the pinned one"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        run_around(&refusals[i], &silent, false);
    }
}

typedef struct ending_case {
    proxy_script script;
    naru_tls *served, *expected; /* the proxy's context, and what we judge it with; NULL: none, the system's */
    naru_status status;
    bool proxy; /* whose fault it is */
    const char *text;
} ending_case;

static void run_ending(const ending_case *one)
{
    rig self;
    proxy_rig proxy;
    rig_script beyond = {.answer = GOOD_ANSWER};
    naru_tls *client = client_tls(certificate, NULL);
    char url[200];
    REQUIRE(rig_start(&self, &beyond));
    REQUIRE(proxy_start_at(&proxy, &one->script, self.loop, self.address, one->served));
    snprintf(self.url, sizeof self.url, "wss://localhost/");
    snprintf(url, sizeof url, "https://%s", proxy.address);
    REQUIRE(rig_open(&self, &(naru_client_options){.proxy = url, .tls = client, .proxy_tls = one->expected}) ==
            NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.phase, NARU_PHASE_TLS);
    CHECK_EQ(self.status, one->status);
    CHECK_EQ(self.proxy, one->proxy);
    fprintf(stderr, "%s\n", self.text);
    CHECK(strstr(self.text, one->text) != NULL);
    proxy_stop(&proxy);
    rig_stop(&self);
    naru_tls_unref(client);
}

#define AGREED .steps = {{B(CONNECT_TO("localhost:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}}

TEST(tls_around_that_fails)
{
    naru_tls *served = server_tls();
    naru_tls *trusted = client_tls(certificate, NULL);
    const ending_case endings[] = {
        /* The server's context is not the proxy's: without one of its own it is judged by the system's authorities. */
        {{.steps = {{B("never"), B("")}}},
         served,
         NULL,
         NARU_ERR_TLS,
         true,
         "to the proxy: certificate verify failed: self-signed certificate"},
        {{.steps = {{{0}, B("HTTP/1.1 200 OK\r\n\r\n")}}},
         NULL,
         trusted,
         NARU_ERR_TLS,
         true,
         "to the proxy: TLS failed: "},
        /* An end of the TLS around is none of the one inside. */
        {{AGREED, .end = RIG_FIN},
         served,
         trusted,
         NARU_ERR_CLOSED,
         false,
         "connection ended during the TLS handshake"},
        {{AGREED, .end = RIG_RESET}, served, trusted, NARU_ERR_CLOSED, false, "reset by the peer"},
        {{.steps = {{B(CONNECT_TO("localhost:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")},
                    {{(const uint8_t *)"\x16\x03\x01", 3}, B("garbage, and no TLS at all")}}},
         served,
         trusted,
         NARU_ERR_TLS,
         false,
         "TLS failed: wrong version number"},
    };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        run_ending(&endings[i]);
    }
    naru_tls_unref(served);
    naru_tls_unref(trusted);
}

/* ---- pinned keys -------------------------------------------------------------------------------------------- */

static void run_pin(const char *ca_file, const char *key_hash, const char *text)
{
    rig self;
    rig_script beyond = {.answer = GOOD_ANSWER};
    naru_tls *server = server_tls();
    naru_tls *client = client_tls(ca_file, key_hash);
    REQUIRE(rig_start_at(&self, &beyond, NULL, server));
    char *host = strstr(self.url, "127.0.0.1");
    REQUIRE(host != NULL);
    memcpy(host, "localhost", 9);
    REQUIRE(rig_open(&self, &(naru_client_options){.tls = client}) == NARU_OK);
    naru_tls_unref(client);
    CHECK(rig_wait(&self, self.events, text ? "close" : "open"));
    if (text) {
        CHECK_STR(self.events, "error; close 1006");
        CHECK_EQ(self.phase, NARU_PHASE_TLS);
        CHECK_EQ(self.status, NARU_ERR_TLS);
        CHECK_STR(self.text, text);
        CHECK_EQ(self.request.end, 0);
    }
    rig_stop(&self);
    naru_tls_unref(server);
}

TEST(pinned_keys)
{
    static const char wrong[] = NO_PIN;
    static const char refused[] = "certificate verify failed: the server's public key is not the pinned one";
    char both[100];
    snprintf(both, sizeof both, "%s;%s", wrong, pin);
    run_pin(certificate, pin, NULL);
    run_pin(NULL, pin, NULL);
    run_pin(NULL, both, NULL);
    run_pin(certificate, wrong, refused);
    run_pin(NULL, wrong, refused);
}

TEST(pins_are_checked)
{
    static const char *const bad[] = {"",
                                      "AAAA",
                                      "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      ";AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_tls *tls = NULL;
        char reason[100] = "";
        CHECK_EQ(naru_tls_client_new(&(naru_tls_client_options){.pinned_key = bad[i]}, &tls, reason, sizeof reason),
                 NARU_ERR_ARGUMENT);
        CHECK(tls == NULL && strstr(reason, "pinned key") != NULL);
    }
}

/* ---- which proxy -------------------------------------------------------------------------------------------- */

TEST(urls_of_proxies)
{
    static const struct {
        const char *text, *reason;
        naru__proxy_kind kind;
        const char *host;
        uint16_t port;
        const char *user, *password;
    } urls[] = {
        {"proxy", NULL, NARU__PROXY_HTTP, "proxy", 80, "", ""},
        {"proxy:3128", NULL, NARU__PROXY_HTTP, "proxy", 3128, "", ""},
        {"HTTP://Proxy:80/", NULL, NARU__PROXY_HTTP, "proxy", 80, "", ""},
        {"http://u:p%40@[::1]:8080", NULL, NARU__PROXY_HTTP, "::1", 8080, "u", "p@"},
        {"http://u@proxy", NULL, NARU__PROXY_HTTP, "proxy", 80, "u", ""},
        {"socks5://proxy", NULL, NARU__PROXY_SOCKS5, "proxy", 1080, "", ""},
        {"socks5h://proxy:80", NULL, NARU__PROXY_SOCKS5, "proxy", 80, "", ""},
        {"socks5://proxy:443", NULL, NARU__PROXY_SOCKS5, "proxy", 443, "", ""},
        {"socks5://a%3ab:c@proxy:9", NULL, NARU__PROXY_SOCKS5, "proxy", 9, "a:b", "c"},
        {"https://proxy", NULL, NARU__PROXY_HTTP, "proxy", 443, "", ""},
        {"HTTPS://u:p@proxy:80", NULL, NARU__PROXY_HTTP, "proxy", 80, "u", "p"},
        {"https://a%3ab:c@proxy", "has a colon", 0, "", 0, "", ""},
        {"socks4://proxy", "the proxy's scheme is none of", 0, "", 0, "", ""},
        {"ftp://proxy", "the proxy's scheme is none of", 0, "", 0, "", ""},
        {"http://", "the proxy is not a URL", 0, "", 0, "", ""},
        {"http://a b", "the proxy is not a URL", 0, "", 0, "", ""},
        {"proxy:99999", "the proxy is not a URL", 0, "", 0, "", ""},
        {"proxy:0", "the proxy's port is 0", 0, "", 0, "", ""},
        {"http://proxy/path", "something behind host and port", 0, "", 0, "", ""},
        {"http://proxy?", "something behind host and port", 0, "", 0, "", ""},
        {"socks5://u@proxy", "1 to 255 bytes each", 0, "", 0, "", ""},
        {"http://a%3ab:c@proxy", "has a colon", 0, "", 0, "", ""},
        {"http://a%zz:c@proxy", "percent-encoded", 0, "", 0, "", ""},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        naru__proxy proxy;
        const char *reason = "";
        fprintf(stderr, "(%s) ", urls[i].text);
        naru_status status = naru__proxy_parse(&proxy, naru_span_of(urls[i].text), naru_allocator_default(), &reason);
        CHECK_EQ(status, urls[i].reason ? NARU_ERR_ARGUMENT : NARU_OK);
        CHECK_EQ(proxy.kind, urls[i].kind);
        if (urls[i].reason) {
            CHECK(strstr(reason, urls[i].reason) != NULL);
            continue;
        }
        CHECK_EQ(proxy.secure, strncasecmp(urls[i].text, "https:", 6) == 0);
        CHECK_STR(proxy.host, urls[i].host);
        CHECK_EQ(proxy.port, urls[i].port);
        CHECK_BYTES(naru_buf_span(&proxy.user), naru_span_of(urls[i].user));
        CHECK_BYTES(naru_buf_span(&proxy.password), naru_span_of(urls[i].password));
        naru__proxy_deinit(&proxy);
    }
}

TEST(exceptions)
{
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool excepted;
    } lists[] = {
        {"", "a.example", 80, false},
        {" , ,", "a.example", 80, false},
        {"*", "a.example", 80, true},
        {"x, *", "[::1]", 80, true},
        {"example", "a.example", 80, true},
        {"example", "example", 80, true},
        {"EXAMPLE", "a.example", 80, true},
        {".example", "a.example", 80, true},
        {".example", "example", 80, true},
        {"*.example", "a.example", 80, true},
        {"example.", "a.example", 80, true},
        {"example", "a.example.", 80, true},
        {"example", "nonexample", 80, false},
        {"a.example", "example", 80, false},
        {"b.example a.example", "a.example", 80, true},
        {"a.example:81", "a.example", 80, false},
        {"a.example:80", "a.example", 80, true},
        {"a.example:", "a.example", 80, false},
        {"a.example:x", "a.example", 80, false},
        {":80", "a.example", 80, false},
        {".", "a.example", 80, false},
        {"127.0.0.1", "127.0.0.1", 80, true},
        {"127.0.0.2", "127.0.0.1", 80, false},
        {"0.0.1", "127.0.0.1", 80, false}, /* a suffix of text, not of addresses */
        {"127.0.0.0/8", "127.1.2.3", 80, true},
        {"127.0.0.0/9", "127.128.2.3", 80, false},
        {"10.0.0.0/8:80", "10.1.1.1", 80, true},
        {"10.0.0.0/8:81", "10.1.1.1", 80, false},
        {"0.0.0.0/0", "10.1.1.1", 80, true},
        {"10.0.0.0/33", "10.0.0.0", 80, false},
        {"10.0.0.0/", "10.0.0.0", 80, false},
        {"10.0.0.0/-1", "10.0.0.0", 80, false},
        {"0.0.0.0/0", "a.example", 80, false},
        {"::1", "[::1]", 80, true},
        {"0:0::1", "[::1]", 80, true},
        {"[::1]", "[::1]", 80, true},
        {"[::1]:80", "[::1]", 80, true},
        {"[::1]:81", "[::1]", 80, false},
        {"fe80::/10", "[febf::1]", 80, true},
        {"fe80::/10", "[fec0::1]", 80, false},
        {"[fe80::]/10", "[fe80::1]", 80, true},
        {"::/0", "[fec0::1]", 80, true},
        {"::/0", "10.0.0.1", 80, false},
        {"[", "[::1]", 80, false},
        {"]:80", "[::1]", 80, false},
        {":", "[::1]", 80, false},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        fprintf(stderr, "(%s, %s) ", lists[i].list, lists[i].host);
        CHECK_EQ(naru__proxy_excepts(naru_span_of(lists[i].list), naru_span_of(lists[i].host), lists[i].port),
                 lists[i].excepted);
    }
}

static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static void check_choice(const naru_client_options *options, const char *text, const char *expected)
{
    naru__proxies proxies;
    naru_url url;
    CHECK_EQ(naru_url_parse(&url, naru_span_of(text), NULL, NULL), NARU_OK);
    CHECK_EQ(naru__proxies_choose(&proxies, options, naru_allocator_default()), NARU_OK);
    CHECK_BYTES(naru__proxies_find(&proxies, &url), naru_span_of(expected));
    naru__proxies_deinit(&proxies);
    naru_url_deinit(&url);
}

TEST(the_environment_counts_when_asked_for)
{
    naru_client_options none = {0};
    naru_client_options asked = {.proxy_environment = true};
    naru_client_options direct = {.proxy_environment = true, .proxy = ""};
    naru_client_options given = {.proxy_environment = true, .proxy = "mine"};
    naru_client_options except = {.proxy_environment = true, .no_proxy = "b.example"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
    check_choice(&asked, "ws://a.example/", "");
    setenv("HTTP_PROXY", "from-a-request", 1);
    check_choice(&asked, "ws://a.example/", "");
    setenv("ALL_PROXY", "all", 1);
    check_choice(&asked, "ws://a.example/", "all");
    check_choice(&asked, "wss://a.example/", "all");
    setenv("http_proxy", "plain", 1);
    setenv("HTTPS_PROXY", "secure", 1);
    check_choice(&asked, "ws://a.example/", "plain");
    check_choice(&asked, "wss://a.example/", "secure");
    setenv("https_proxy", "lower", 1);
    check_choice(&asked, "wss://a.example/", "lower");
    setenv("https_proxy", "", 1);
    check_choice(&asked, "wss://a.example/", "secure");
    check_choice(&none, "ws://a.example/", "");
    check_choice(&direct, "ws://a.example/", "");
    check_choice(&given, "ws://a.example/", "mine");
    setenv("NO_PROXY", "a.example", 1);
    check_choice(&asked, "ws://a.example/", "");
    check_choice(&asked, "ws://b.example/", "plain");
    check_choice(&given, "ws://a.example/", "mine"); /* the environment's list goes with its proxies */
    check_choice(&except, "ws://a.example/", "plain");
    check_choice(&except, "ws://b.example/", "");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
}

TEST(proxies_are_checked_at_once)
{
    rig self;
    rig_script beyond = {0};
    const char *reason = NULL;
    naru_client_options options = {.proxy = "ftp://proxy.example"};
    REQUIRE(rig_start(&self, &beyond));
    CHECK_EQ(naru_client_open(self.loop, "ws://a.example/", &options, NULL, NULL, &self.client, &reason),
             NARU_ERR_ARGUMENT);
    CHECK_STR(reason, "the proxy's scheme is none of http, https, socks5 and socks5h");
    CHECK(self.client == NULL);
    rig_stop(&self);
}

/* A unix socket is on this machine: no proxy can reach it. */
TEST(unix_sockets_go_without)
{
    rig self;
    rig_script beyond = {.answer = GOOD_ANSWER};
    char address[160];
    snprintf(address, sizeof address, "unix:%s/socket", directory);
    REQUIRE(rig_start_at(&self, &beyond, address, NULL));
    naru_client_options options = {.address = address, .proxy = "http://proxy.invalid:1"};
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    rig_stop(&self);
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

typedef struct memory_case {
    const proxy_script *script;
    const char *proxy;
    naru_tls *server, *client; /* NULL: plain */
    naru_tls *around;          /* the proxy's own; NULL: plain */
} memory_case;

static void run_with(failing_allocator *memory, const memory_case *one)
{
    rig peer;
    rig self = {0};
    proxy_rig proxy;
    char url[200];
    rig_script beyond = {.answer = GOOD_ANSWER, .frames = RIG_BYTES("\x81\x02hi"), .close_back = true};
    REQUIRE(rig_start_at(&peer, &beyond, NULL, one->server));
    REQUIRE(proxy_start_at(&proxy, one->script, peer.loop, peer.address, one->around));
    put_address(url, sizeof url, one->proxy, proxy.address);
    self.loop = naru_loop_new(&(naru_loop_options){.allocator = &memory->allocator});
    if (self.loop) {
        naru_client_options options = {.proxy = url, .no_proxy = "x", .tls = one->client, .proxy_tls = one->client};
        const char *target = one->server ? "wss://localhost/" : "ws://far.example/";
        naru_status status = naru_client_open(self.loop, target, &options, &rig_handler, &self, &self.client, NULL);
        CHECK(status == NARU_OK || status == NARU_ERR_MEMORY);
        for (int i = 0; i < 5000 && status == NARU_OK && !self.closed; i++) {
            (void)naru_loop_turn(self.loop, 1);
            (void)naru_loop_turn(peer.loop, 0);
            if (strstr(self.events, "text hi") && naru_client_state(self.client) == NARU_OPEN) {
                (void)naru_client_close(self.client, 1000, (naru_span){0});
            }
        }
        CHECK(status != NARU_OK || self.closed);
        CHECK(memory->failed || strcmp(self.events, "open; text hi; close 1000 clean") == 0);
        naru_client_free(self.client);
        naru_loop_free(self.loop);
    }
    proxy_stop(&proxy);
    rig_stop(&peer);
}

static void run_failures(const memory_case *one)
{
    bool failed = true;
    for (size_t n = 1; failed && n < 500; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        run_with(&memory, one);
        CHECK_EQ(memory.live_bytes, 0);
        failed = memory.failed;
    }
    CHECK(!failed);
}

TEST(every_allocation_may_fail)
{
    static const proxy_script http = {
        .steps = {{B(CONNECT_TO("far.example:80") "Proxy-Authorization: Basic bWU6eW91\r\n\r\n"),
                   B("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")}},
        .relay = true};
    static const proxy_script socks5 = {
        .steps = {{B(GREETING_PASSWORD), B("\x05\x02")}, {B(LOGIN), B("\x01\x00")}, {B(ASK), B(BOUND)}}, .relay = true};
    static const proxy_script tls = {.steps = {{B(CONNECT_TO("localhost:443") "\r\n"), B("HTTP/1.1 200 OK\r\n\r\n")}},
                                     .relay = true};
    naru_tls *server = server_tls();
    naru_tls *client = client_tls(certificate, pin);
    run_failures(&(memory_case){&http, "http://me:you@{}", NULL, NULL, NULL});
    run_failures(&(memory_case){&socks5, "socks5h://me:you@{}", NULL, NULL, NULL});
    run_failures(&(memory_case){&tls, "http://{}", server, client, NULL});
    run_failures(&(memory_case){&http, "https://me:you@{}", NULL, client, server});
    run_failures(&(memory_case){&tls, "https://{}", server, client, server});
    naru_tls_unref(server);
    naru_tls_unref(client);
}

int main(int argc, char **argv)
{
    const check_test tests[] = {
        {"answers of proxies", answers_of_proxies},
        {"answers have limits", answers_have_limits},
        {"one timeout over the proxy too", one_timeout_over_the_proxy_too},
        {"a proxy that is not there", a_proxy_that_is_not_there},
        {"what a proxy is asked for", what_a_proxy_is_asked_for},
        {"a name that nobody has for SOCKS5", a_name_that_nobody_has_for_socks5},
        {"a name too long for SOCKS5", a_name_too_long_for_socks5},
        {"TLS goes through the proxy", tls_goes_through_the_proxy},
        {"TLS to the proxy", tls_to_the_proxy},
        {"a proxy that proves nothing", a_proxy_that_proves_nothing},
        {"TLS around that fails", tls_around_that_fails},
        {"pinned keys", pinned_keys},
        {"pins are checked", pins_are_checked},
        {"URLs of proxies", urls_of_proxies},
        {"exceptions", exceptions},
        {"the environment counts when asked for", the_environment_counts_when_asked_for},
        {"proxies are checked at once", proxies_are_checked_at_once},
        {"unix sockets go without", unix_sockets_go_without},
        {"every allocation may fail", every_allocation_may_fail},
    };
    if (!mkdtemp(directory)) {
        return 2;
    }
    snprintf(certificate, sizeof certificate, "%s/good.pem", directory);
    certificate_write(certificate, "DNS:localhost,IP:127.0.0.1", pin);
    int status = check__main(tests, sizeof tests / sizeof tests[0], argc, argv);
    unlink(certificate);
    rmdir(directory);
    return status;
}
