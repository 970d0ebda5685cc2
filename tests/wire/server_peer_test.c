/* Who is there: trusted proxies, the PROXY protocol, and what one address may do. Peers come from loopback, and get
 * their addresses by a PROXY header or by X-Forwarded-For. */
#include "wire/memory_rig.h"

typedef struct site {
    rig at;
    uint16_t proxy_port;
    char peer[64];
    bool was_tls;
} site;

static void on_request(naru_request *request, void *user)
{
    site *self = user;
    naru_request_peer(request, self->peer, sizeof self->peer);
    self->was_tls = naru_request_is_tls(request);
    if (naru_request_is_upgrade(request)) {
        if (naru_request_accept(request, (naru_span){0}, &rig_echo, &self->at) != NARU_OK) {
            (void)naru_request_reject(request, 503);
        }
    } else {
        (void)naru_request_respond(request, 200, NULL, naru_span_of(self->peer));
    }
}

static void site_route(site *self)
{
    char bound[128];
    naru_listen_options listen = {.proxy_protocol = true};
    naru_ws_route route = {.on_request = on_request};
    if (naru_server_listen(self->at.server, "127.0.0.1:0", &listen, bound) != NARU_OK ||
        naru_server_route_ws(self->at.server, "/chat", &route, self) != NARU_OK ||
        naru_server_route_http(self->at.server, "/who", on_request, self) != NARU_OK) {
        rig_die("cannot route");
    }
    self->proxy_port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
}

static void site_open(site *self, naru_server_options options)
{
    memset(self, 0, sizeof *self);
    rig_open(&self->at, &options);
    site_route(self);
}

static void peer_open_proxy(peer *p, site *self)
{
    uint16_t port = self->at.port;
    self->at.port = self->proxy_port;
    peer_open(p, &self->at);
    self->at.port = port;
}

/* What the server takes a plain request with these fields to come from; "" when it was not answered. */
static const char *who(site *self, const char *fields)
{
    char request[1024];
    peer p;
    self->peer[0] = 0;
    snprintf(request, sizeof request, "GET /who HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    answer a = peer_ask(&p, &self->at, request);
    answer_free(&a);
    peer_close(&p);
    return self->peer;
}

/* ---- X-Forwarded-For -------------------------------------------------------------------------------------------- */

static const char *const loopback_and_ten[] = {"127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"};

TEST(a_trusted_proxy_names_the_peer)
{
    site self;
    site_open(&self, (naru_server_options){.trusted_proxies = loopback_and_ten, .trusted_proxies_count = 3});
    CHECK_STR(who(&self, "X-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.1:0");
    CHECK(!self.was_tls);
    CHECK_STR(who(&self, "X-Forwarded-For: 192.0.2.1:4711\r\nX-Forwarded-Proto: https\r\n"), "192.0.2.1:4711");
    CHECK(self.was_tls);
    CHECK_STR(who(&self, "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.2.3\r\n"), "192.0.2.1:0");
    CHECK_STR(who(&self, "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-For: 10.1.2.3\r\n"), "192.0.2.1:0");
    CHECK_STR(who(&self, "X-Forwarded-For: 10.1.2.4, 10.1.2.3\r\n"), "10.1.2.4:0"); /* trusted to the end */
    CHECK_STR(who(&self, "X-Forwarded-For: 2001:db9::1\r\n"), "[2001:db9::1]:0");
    CHECK_STR(who(&self, "X-Forwarded-For: 2001:db9::1, [2001:db8::7]:80\r\n"), "[2001:db9::1]:0");
    CHECK_STR(who(&self, "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1\r\n"), "10.0.0.1:0");
    CHECK(strncmp(who(&self, "X-Forwarded-For: unknown\r\n"), "127.0.0.1:", 10) == 0);
    CHECK(strncmp(who(&self, "X-Forwarded-For: 192.0.2.1%lo\r\n"), "127.0.0.1:", 10) == 0);
    CHECK(strncmp(who(&self, "X-Forwarded-For: \r\n"), "127.0.0.1:", 10) == 0);
    CHECK(strncmp(who(&self, "X-Forwarded-Proto: https, http\r\n"), "127.0.0.1:", 10) == 0);
    CHECK(!self.was_tls);
    rig_close(&self.at);
}

TEST(each_request_of_a_connection_has_its_own_peer)
{
    site self;
    peer p;
    site_open(&self, (naru_server_options){.trusted_proxies = loopback_and_ten, .trusted_proxies_count = 3});
    peer_open(&p, &self.at);
    peer_send(&p, "GET /who HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
                  "GET /who HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"
                  "GET /who HTTP/1.1\r\nHost: h\r\n\r\n");
    answer a = peer_answer(&p, true), b = peer_answer(&p, true), c = peer_answer(&p, true);
    CHECK_STR((char *)a.body, "192.0.2.1:0");
    CHECK_STR((char *)b.body, "192.0.2.2:0");
    CHECK(strncmp((char *)c.body, "127.0.0.1:", 10) == 0);
    answer_free(&a);
    answer_free(&b);
    answer_free(&c);
    peer_close(&p);
    rig_close(&self.at);
}

TEST(others_are_not_believed)
{
    static const char *const ten[] = {"10.0.0.0/8"};
    site self;
    site_open(&self, (naru_server_options){.trusted_proxies = ten, .trusted_proxies_count = 1});
    CHECK(strncmp(who(&self, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"), "127.0.0.1:", 10) == 0);
    CHECK(!self.was_tls);
    rig_close(&self.at);
}

TEST(what_is_no_network)
{
    static const char *const bad[] = {"",     "x",           "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "::/129",
                                      "10.1", "10.0.0.0/8 ", "[::1]",      "1.2.3.4:5",   "::1/64",    "10.0.0.0/-1"};
    static const char *const good[] = {"0.0.0.0/0", "::/0", "unix", "10.0.0.1", "10.0.0.1/32", "::1/128"};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_server_options options = {.trusted_proxies = bad + i, .trusted_proxies_count = 1};
        CHECK_EQ(naru_server_new(loop, &options, &server), NARU_ERR_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        naru_server_options options = {.trusted_proxies = good + i, .trusted_proxies_count = 1};
        CHECK_EQ(naru_server_new(loop, &options, &server), NARU_OK);
        naru_server_free(server);
    }
    naru_loop_free(loop);
}

/* ---- PROXY ------------------------------------------------------------------------------------------------------ */

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V2_IPV4 V2 "\x21\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x12\x34\0\x50"
#define BYTES(text) text, sizeof(text) - 1

/* Send header and request, and answer whom it named; "" when the connection was closed without a word. */
static const char *proxied(site *self, const char *header, size_t size, bool slowly)
{
    static const char request[] = "GET /who HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    static char text[64];
    peer p;
    peer_open_proxy(&p, self);
    if (slowly) {
        peer_send_slowly(&p, header, size);
    } else {
        peer_send_bytes(&p, header, size);
    }
    peer_send(&p, request);
    answer a = peer_answer(&p, true);
    snprintf(text, sizeof text, "%.60s", a.status == 200 ? (char *)a.body : "");
    CHECK(a.status == 200 || (a.status == 0 && p.size == 0));
    answer_free(&a);
    peer_close(&p);
    RIG_UNTIL(&self->at, naru_server_connections(self->at.server) == 0);
    return text;
}

TEST(a_proxy_header_names_the_peer)
{
    static char tlvs[16 + 12 + 3000], unspecified[16 + 12];
    site self;
    site_open(&self, (naru_server_options){0});
    for (int slowly = 0; slowly < 2; slowly++) {
        CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n"), slowly), "192.0.2.1:4660");
        CHECK_STR(proxied(&self, BYTES("PROXY TCP6 2001:db8::1 ::1 65535 80\r\n"), slowly), "[2001:db8::1]:65535");
        CHECK(strncmp(proxied(&self, BYTES("PROXY UNKNOWN\r\n"), slowly), "127.0.0.1:", 10) == 0);
        CHECK(strncmp(proxied(&self, BYTES("PROXY UNKNOWN what ever\r\n"), slowly), "127.0.0.1:", 10) == 0);
        CHECK_STR(proxied(&self, BYTES(V2_IPV4), slowly), "192.0.2.1:4660");
        CHECK(strncmp(proxied(&self, BYTES(V2 "\x20\0\0\0"), slowly), "127.0.0.1:", 10) == 0); /* LOCAL */
        CHECK_STR(proxied(&self,
                          BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x07\0\x50"),
                          slowly),
                  "[2001:db8::1]:7");
    }
    memcpy(tlvs, V2_IPV4, 28);
    tlvs[14] = (char)(3012 >> 8);
    tlvs[15] = (char)(3012 & 255);
    CHECK_STR(proxied(&self, tlvs, sizeof tlvs, false), "192.0.2.1:4660");
    memcpy(unspecified, V2_IPV4, 28);
    unspecified[13] = 0x31; /* Unix sockets: says nothing here */
    CHECK(strncmp(proxied(&self, unspecified, 28, false), "127.0.0.1:", 10) == 0);
    rig_close(&self.at);
}

TEST(bad_proxy_headers)
{
    static char long_line[200], long_v2[28];
    site self;
    site_open(&self, (naru_server_options){.handshake_timeout_ms = 300});
    memset(long_line, 'x', sizeof long_line);
    memcpy(long_line, "PROXY UNKNOWN ", 14);
    memcpy(long_v2, V2_IPV4, 28);
    long_v2[14] = 0x10;                              /* more than 4096 */
    CHECK_STR(proxied(&self, BYTES(""), false), ""); /* the request itself is no header */
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 65536 80\r\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4660 080\r\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1  10.0.0.1 4660 80\r\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 ::1 ::1 4660 80\r\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("PROXY TCP5 192.0.2.1 10.0.0.1 1 80\r\n"), false), "");
    CHECK_STR(proxied(&self, BYTES("proxy TCP4 192.0.2.1 10.0.0.1 1 80\r\n"), false), "");
    CHECK_STR(proxied(&self, long_line, sizeof long_line, false), "");
    CHECK_STR(proxied(&self, long_v2, sizeof long_v2, false), "");
    CHECK_STR(proxied(&self, BYTES(V2 "\x11\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x12\x34\0\x50"), false), "");
    CHECK_STR(proxied(&self, BYTES(V2 "\x22\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x12\x34\0\x50"), false), "");
    CHECK_STR(proxied(&self, BYTES(V2 "\x21\x11\0\x0b\xc0\0\x02\x01\x0a\0\0\x01\x12\x34\0"), false), "");
    rig_close(&self.at);
}

TEST(a_proxy_header_has_its_deadline)
{
    site self;
    peer silent, half, stopped;
    site_open(&self, (naru_server_options){.handshake_timeout_ms = 200});
    uint64_t began = rig_now_ms();
    peer_open_proxy(&silent, &self);
    peer_open_proxy(&half, &self);
    peer_send(&half, "PROXY TCP4 192.0.2.1 10");
    peer_wait_end(&half);
    peer_wait_end(&silent);
    CHECK(rig_now_ms() - began + 2 >= 200);
    CHECK(silent.size == 0 && half.size == 0);
    peer_open_proxy(&stopped, &self);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 1);
    naru_server_stop(self.at.server, 10000, NULL, NULL);
    CHECK_EQ(naru_server_connections(self.at.server), 0u);
    peer_close(&silent);
    peer_close(&half);
    peer_close(&stopped);
    rig_close(&self.at);
}

TEST(only_trusted_ones_may_send_a_header)
{
    static const char *const ten[] = {"10.0.0.0/8"}, *const here[] = {"127.0.0.1"};
    site self;
    site_open(&self, (naru_server_options){.trusted_proxies = ten, .trusted_proxies_count = 1});
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n"), false), "");
    rig_close(&self.at);
    site_open(&self, (naru_server_options){.trusted_proxies = here, .trusted_proxies_count = 1});
    CHECK_STR(proxied(&self, BYTES("PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n"), false), "192.0.2.1:4660");
    rig_close(&self.at);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static answer from(peer *p, site *self, const char *address)
{
    char header[128];
    bool ipv6 = strchr(address, ':') != NULL;
    snprintf(header, sizeof header, "PROXY TCP%d %s %s 1 80\r\n", ipv6 ? 6 : 4, address, ipv6 ? "::1" : "10.0.0.1");
    peer_open_proxy(p, self);
    peer_send(p, header);
    peer_send(p, RIG_UPGRADE("/chat"));
    return peer_answer(p, true);
}

static int status_from(peer *p, site *self, const char *address)
{
    answer a = from(p, self, address);
    answer_free(&a);
    return a.status;
}

static int status_and_leave(site *self, const char *address)
{
    size_t before = naru_server_connections(self->at.server);
    peer p;
    int status = status_from(&p, self, address);
    peer_close(&p);
    RIG_UNTIL(&self->at, naru_server_connections(self->at.server) == before);
    return status;
}

TEST(an_address_has_so_many_connections)
{
    site self;
    peer p[8];
    site_open(&self, (naru_server_options){.address_connections_max = 2});
    CHECK_EQ(status_from(&p[0], &self, "192.0.2.1"), 101);
    CHECK_EQ(status_from(&p[1], &self, "192.0.2.1"), 101);
    answer a = from(&p[2], &self, "192.0.2.1");
    CHECK_EQ(a.status, 429);
    CHECK_STR(answer_field(&a, "Retry-After"), "5");
    CHECK_STR(answer_field(&a, "Connection"), "close");
    answer_free(&a);
    CHECK_EQ(status_from(&p[3], &self, "192.0.2.2"), 101); /* another one */
    peer_open_proxy(&p[4], &self);
    peer_send(&p[4], "PROXY TCP4 192.0.2.1 10.0.0.1 1 80\r\n"); /* the fourth that is open, kept silent */
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 5);
    naru_loop_turn(self.at.loop, 0);
    CHECK_EQ(status_from(&p[5], &self, "192.0.2.1"), 0); /* unheard */
    CHECK(peer_echoes(&p[0], "still") && peer_echoes(&p[3], "there"));
    peer_close(&p[2]);
    peer_close(&p[4]);
    peer_close(&p[5]);
    peer_close(&p[1]);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 2);
    CHECK_EQ(status_from(&p[6], &self, "192.0.2.1"), 101); /* one has left */
    peer_close(&p[6]);
    peer_close(&p[0]);
    peer_close(&p[3]);
    CHECK_EQ(status_from(&p[0], &self, "2001:db8:0:1::1"), 101);
    CHECK_EQ(status_from(&p[1], &self, "2001:db8:0:1:ffff::2"), 101);
    CHECK_EQ(status_and_leave(&self, "2001:db8:0:1::3"), 429); /* the same /64 */
    CHECK_EQ(status_and_leave(&self, "2001:db8:0:2::1"), 101);
    peer_close(&p[0]);
    peer_close(&p[1]);
    rig_close(&self.at);
}

TEST(an_address_has_so_many_handshakes)
{
    site self;
    peer p;
    site_open(&self, (naru_server_options){.address_handshakes_per_second = 1});
    CHECK_EQ(status_and_leave(&self, "192.0.2.1"), 101);
    CHECK_EQ(status_and_leave(&self, "192.0.2.1"), 101);
    answer a = from(&p, &self, "192.0.2.1");
    CHECK_EQ(a.status, 429);
    CHECK_STR(answer_field(&a, "Retry-After"), "1");
    answer_free(&a);
    peer_close(&p);
    CHECK_EQ(status_and_leave(&self, "192.0.2.2"), 101);
    uint64_t until = rig_now_ms() + 1100; /* a token comes back; the time is the bucket's own */
    while (rig_now_ms() < until) {
        rig_turn(&self.at, NULL, 0, 20);
    }
    CHECK_EQ(status_and_leave(&self, "192.0.2.1"), 101);
    CHECK_EQ(status_and_leave(&self, "192.0.2.1"), 429);
    rig_close(&self.at);
}

TEST(clients_behind_a_proxy_are_counted_for_themselves)
{
    static const char request[] =
        "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "X-Forwarded-For: 6.6.6.6, 192.0.2.%d\r\n\r\n";
    site self;
    peer p[3];
    char text[512];
    int expected[3] = {101, 429, 101};
    site_open(&self, (naru_server_options){.trusted_proxies = loopback_and_ten,
                                           .trusted_proxies_count = 3,
                                           .address_connections_max = 1});
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, request, i == 2);
        answer a = peer_ask(&p[i], &self.at, text);
        CHECK_EQ(a.status, expected[i]);
        answer_free(&a);
    }
    CHECK_STR(self.peer, "192.0.2.1:0");
    for (int i = 0; i < 3; i++) {
        peer_close(&p[i]);
    }
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    rig_close(&self.at);
}

TEST(loopback_is_limited_only_if_asked)
{
    site self;
    peer p[4];
    for (int limited = 0; limited < 2; limited++) {
        site_open(&self, (naru_server_options){.address_connections_max = 1, .address_limits_loopback = limited == 1});
        for (int i = 0; i < 2; i++) {
            answer a = peer_ask(&p[i], &self.at, RIG_UPGRADE("/chat"));
            CHECK_EQ(a.status, limited && i > 0 ? 429 : 101);
            answer_free(&a);
        }
        peer_close(&p[0]);
        peer_close(&p[1]);
        rig_close(&self.at);
    }
}

/* Far more addresses than the table keeps: its memory stays bounded, and it still counts. */
TEST(a_flood_of_addresses)
{
    site self = {0};
    rig_memory = (memory_rig){0};
    naru_server_options options = {.trusted_proxies = loopback_and_ten,
                                   .trusted_proxies_count = 3,
                                   .address_connections_max = 1,
                                   .address_handshakes_per_second = 1,
                                   .conn.ws.close_timeout_ms = 100};
    rig_open_on(&self.at, rig_memory_loop(NULL), &options);
    site_route(&self);
    size_t before = 0;
    for (int i = 0; i < 12000; i++) {
        char request[512];
        peer p;
        snprintf(request, sizeof request,
                 "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "X-Forwarded-For: 7.%d.%d.1\r\n\r\n", i / 250, i % 250);
        before = i == 100 ? rig_memory.bytes : before;
        answer a = peer_ask(&p, &self.at, request);
        CHECK_EQ(a.status, 101);
        answer_free(&a);
        peer_close(&p);
        if (i % 50 == 0) {
            RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
        }
    }
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    CHECK(rig_memory.bytes < before + 1024 * 1024);
    rig_close(&self.at);
    CHECK_EQ(rig_memory.blocks, 0u);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static int run_once(site *self)
{
    peer p;
    int status = status_from(&p, self, "192.0.2.1");
    peer_close(&p);
    answer a =
        peer_ask(&p, &self->at, "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "X-Forwarded-For: 192.0.2.9\r\n\r\n");
    answer_free(&a);
    peer_close(&p);
    RIG_UNTIL(&self->at, naru_server_connections(self->at.server) == 0);
    naru_loop_turn(self->at.loop, 0);
    return status == 101 && a.status == 101;
}

TEST(each_allocation_fails_once)
{
    naru_server_options options = {
        .trusted_proxies = loopback_and_ten, .trusted_proxies_count = 3, .conn.ws.close_timeout_ms = 100};
    bool done = false;
    for (size_t i = 1; !done && i < 300; i++) {
        site self = {0};
        rig_memory = (memory_rig){0};
        rig_open_on(&self.at, rig_memory_loop(NULL), &options);
        site_route(&self);
        rig_memory.calls = 0;
        rig_memory.fail_at = i;
        int good = run_once(&self);
        done = rig_memory.calls < i;
        CHECK(good || !done);
        rig_memory.fail_at = 0;
        CHECK(run_once(&self));
        rig_close(&self.at);
        CHECK_EQ(rig_memory.blocks, 0u);
        CHECK_EQ(rig_memory.bytes, 0u);
    }
    CHECK(done);
}

TEST_MAIN({"a trusted proxy names the peer", a_trusted_proxy_names_the_peer},
          {"each request of a connection has its own peer", each_request_of_a_connection_has_its_own_peer},
          {"others are not believed", others_are_not_believed}, {"what is no network", what_is_no_network},
          {"a PROXY header names the peer", a_proxy_header_names_the_peer}, {"bad PROXY headers", bad_proxy_headers},
          {"a PROXY header has its deadline", a_proxy_header_has_its_deadline},
          {"only trusted ones may send a header", only_trusted_ones_may_send_a_header},
          {"an address has so many connections", an_address_has_so_many_connections},
          {"an address has so many handshakes", an_address_has_so_many_handshakes},
          {"clients behind a proxy are counted for themselves", clients_behind_a_proxy_are_counted_for_themselves},
          {"loopback is limited only if asked", loopback_is_limited_only_if_asked},
          {"a flood of addresses", a_flood_of_addresses}, {"each allocation fails once", each_allocation_fails_once})
