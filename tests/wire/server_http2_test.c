/* HTTP/2 as a server speaks it: requests and WebSockets side by side, and what those get who overdo it.
 *
 * Source: RFC 9113, RFC 8441; the attacks by their names. */
#include "wire/http2_rig.h"

#include "unit/failing_allocator.h"

enum { FLOOD = 1500 };

/* ---- right ------------------------------------------------------------------------------------------------------ */

typedef struct told {
    char head[256];
    char body[64];
    bool http2, upgrade;
    unsigned count;
} told;

static const char *field_of(const naru_request *request, const char *name)
{
    static char text[128];
    naru_span value = {(const uint8_t *)"-", 1};
    (void)naru_http_head_find(naru_request_head(request), name, &value);
    snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    return text;
}

static void tell(naru_request *request, void *user)
{
    told *self = user;
    naru_span body = naru_request_body(request), method = naru_http_head_method(naru_request_head(request));
    size_t at = (size_t)snprintf(self->head, sizeof self->head, "%.*s %s", (int)method.size, (const char *)method.data,
                                 field_of(request, "Host"));
    snprintf(self->head + at, sizeof self->head - at, " %s", field_of(request, "Cookie"));
    snprintf(self->body, sizeof self->body, "%.*s", (int)body.size, body.size ? (const char *)body.data : "");
    self->http2 = naru_request_is_http2(request);
    self->count++;
    CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("told")), NARU_OK);
}

static void open_all(rig *self, told *what, const naru_server_options *options)
{
    h2_listen(self, options);
    rig_route_echo(self, "/echo");
    if (naru_server_route_http(self->server, "/tell", tell, what) != NARU_OK) {
        rig_die("cannot route");
    }
}

static void check_echo(h2_peer *p, uint32_t id, const char *text)
{
    h2_say(p, id, text);
    h2_check_echo(p, id, text);
}

TEST(a_websocket_and_a_page)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    naru_server_counts counts;
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    check_echo(&p, 1, "hello");
    h2_get(&p, 3, "/tell");
    CHECK_EQ(h2_status(&p, 3), 200);
    const h2_frame *got = h2_wait(&p, NGHTTP2_DATA, 3);
    CHECK_EQ(got->size, 4);
    CHECK_EQ(got->flags, H2_END);
    CHECK(what.http2);
    CHECK_STR(what.head, "GET a.example -");
    h2_get(&p, 5, "/nothing");
    CHECK_EQ(h2_status(&p, 5), 404);
    check_echo(&p, 1, "still there");
    const uint8_t bye[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};
    h2_send(&p, NGHTTP2_DATA, 0, 1, bye, sizeof bye);
    got = h2_wait(&p, NGHTTP2_DATA, 1);
    CHECK_EQ(got->size, 4);
    if (!(got->flags & H2_END)) {
        CHECK_EQ(h2_wait(&p, NGHTTP2_DATA, 1)->flags, H2_END);
    }
    h2_send(&p, NGHTTP2_DATA, H2_END, 1, NULL, 0);
    RIG_UNTIL(&self, self.closed == 1);
    CHECK_EQ(self.last_close.code, 1000);
    CHECK(self.last_close.clean);
    naru_server_counters(self.server, &counts);
    CHECK_EQ(counts.http2_connections, 1);
    CHECK_EQ(counts.http2_streams, 3);
    h2_close(&p);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    rig_close(&self);
}

/* As Chromium does. */
TEST(a_close_that_ends_the_stream)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t bye[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_send(&p, NGHTTP2_DATA, H2_END, 1, bye, sizeof bye);
    const h2_frame *got = h2_wait(&p, NGHTTP2_DATA, 1);
    CHECK_EQ(got->size, 4);
    CHECK_EQ(got->payload[0], 0x88);
    bool ended = (got->flags & H2_END) != 0;
    while (!ended) {
        got = h2_next(&p);
        REQUIRE(got->type != H2_ANY && got->type != NGHTTP2_RST_STREAM);
        ended = got->id == 1 && (got->flags & H2_END);
    }
    RIG_UNTIL(&self, self.closed == 1);
    CHECK(self.last_close.clean);
    h2_connect(&p, 3, "/tell"); /* a page, and no WebSocket: 2xx would mean that it is open */
    CHECK_EQ(h2_status(&p, 3), 404);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 1);
    h2_close(&p);
    rig_close(&self);
}

TEST(byte_by_byte)
{
    rig self;
    told what = {.count = 0};
    h2_peer p = {.inflater = NULL};
    uint8_t bytes[2048], block[512];
    open_all(&self, &what, NULL);
    peer_open(&p.at, &self);
    CHECK_EQ(nghttp2_hd_inflate_new(&p.inflater), 0);
    const h2_field fields[] = {
        {":method", "CONNECT"},      {":protocol", "websocket"},      {":scheme", "http"}, {":path", "/echo"},
        {":authority", "a.example"}, {"sec-websocket-version", "13"}, {NULL, NULL}};
    const uint8_t hi[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
    memcpy(bytes, NGHTTP2_CLIENT_MAGIC, 24);
    size_t size = 24 + h2_write(bytes + 24, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    size += h2_write(bytes + size, NGHTTP2_HEADERS, H2_HEAD_END, 1, block, h2_pack(block, fields));
    size += h2_write(bytes + size, NGHTTP2_DATA, 0, 1, hi, sizeof hi);
    peer_send_slowly(&p.at, bytes, size);
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_check_echo(&p, 1, "hi");
    h2_close(&p);
    RIG_UNTIL(&self, self.closed == 1);
    CHECK_EQ(self.last_close.code, 1006);
    rig_close(&self);
}

TEST(http1_at_the_same_address)
{
    rig self;
    told what = {.count = 0};
    answer a;
    open_all(&self, &what, NULL);
    peer p;
    peer_open(&p, &self);
    peer_send_slowly(&p, "PRI", 3); /* a method that begins like the preface */
    peer_send(&p, "NT /tell HTTP/1.1\r\nHost: a\r\n\r\nGET /tell HTTP/1.1\r\nHost: b\r\n\r\n");
    RIG_UNTIL(&self, what.count == 2);
    CHECK_STR(what.head, "GET b -");
    CHECK(!what.http2);
    peer_close(&p);
    peer_open(&p, &self);
    peer_send(&p, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    peer_wait_end(&p);
    a = (answer){.status = 0};
    CHECK(p.size > 12 && memcmp(p.data, "HTTP/1.1 505", 12) == 0);
    (void)a;
    peer_close(&p);
    rig_close(&self);
}

TEST(what_the_route_reads)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    const h2_field sized[] = {
        {":method", "POST"},   {":scheme", "http"}, {":path", "/tell"}, {":authority", "A.example"},
        {"host", "a.EXAMPLE"}, {"cookie", "a=1"},   {"te", "trailers"}, {"content-length", "4"},
        {"cookie", "b=2"},     {NULL, NULL}};
    h2_ask(&p, 1, 0, sized);
    h2_send(&p, NGHTTP2_DATA, 0, 1, "ab", 2);
    h2_send(&p, NGHTTP2_DATA, H2_END, 1, "cd", 2);
    CHECK_EQ(h2_status(&p, 1), 200);
    CHECK_STR(what.head, "POST A.example a=1; b=2");
    CHECK_STR(what.body, "abcd");
    const h2_field unsized[] = {
        {":method", "POST"}, {":scheme", "http"}, {":path", "/tell"}, {":authority", "b"}, {NULL, NULL}};
    h2_ask(&p, 3, 0, unsized);
    const uint8_t padded[] = {3, 'x', 'y', 'z', 0, 0, 0};
    h2_send(&p, NGHTTP2_DATA, H2_PADDED, 3, padded, sizeof padded);
    h2_send(&p, NGHTTP2_DATA, H2_END, 3, "!", 1);
    CHECK_EQ(h2_status(&p, 3), 200);
    CHECK_STR(what.body, "xyz!");
    h2_close(&p);
    rig_close(&self);
}

static char large[1000000];

TEST(a_long_answer_beside_a_websocket)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    size_t bytes = 0;
    memset(large, 'x', sizeof large);
    open_all(&self, &what, NULL);
    CHECK_EQ(naru_server_route_memory(self.server, "/large", "text/plain",
                                      (naru_span){(const uint8_t *)large, sizeof large}),
             NARU_OK);
    const uint8_t settings[] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff};
    h2_open_with(&p, &self, settings, sizeof settings);
    const uint8_t more[] = {0x00, 0x10, 0, 0};
    h2_get(&p, 1, "/large");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_connect(&p, 3, "/echo"); /* the connection's window is used up by now, or soon */
    CHECK_EQ(h2_status(&p, 3), 200);
    h2_send(&p, NGHTTP2_WINDOW_UPDATE, 0, 0, more, sizeof more);
    h2_say(&p, 3, "between");
    const h2_frame *got = h2_next(&p);
    bool ended = false, echoed = false;
    for (; got->type != H2_ANY && !(ended && echoed); got = h2_next(&p)) {
        echoed = echoed || (got->type == NGHTTP2_DATA && got->id == 3);
        bytes += got->type == NGHTTP2_DATA && got->id == 1 ? got->size : 0;
        ended = ended || (got->id == 1 && (got->flags & H2_END));
        if (ended && echoed) {
            break;
        }
    }
    CHECK(ended && echoed);
    CHECK(bytes <= sizeof large && bytes + 65535 >= sizeof large); /* what came before 200 of stream 3 was skipped */
    h2_close(&p);
    rig_close(&self);
}

/* ---- wrong ------------------------------------------------------------------------------------------------------ */

TEST(malformed_heads)
{
    static const h2_field cases[][9] = {
        {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", "a"}},
        {{":method", "GET"}, {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"Upper", "case"}},
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"connection", "close"}},
        {{":method", "GET"},
         {":scheme", "http"},
         {":path", "/"},
         {":authority", "a"},
         {"transfer-encoding", "chunked"}},
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"host", "b"}},
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}, {"x", "a\r\nb: c"}},
        {{":method", "GET"}, {":scheme", "http"}, {":path", "/ HTTP/1.1"}, {":authority", "a"}},
        {{":method", "GET"}, {":scheme", "x"}, {":path", "http://b/"}, {":authority", "a"}},
        {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {":protocol", "websocket"}},
    };
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint32_t id = 3;
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++, id += 2) {
        h2_ask(&p, id, H2_END, cases[i]);
        CHECK_EQ(h2_reset(&p, id), NGHTTP2_PROTOCOL_ERROR);
    }
    const h2_field other[] = {{":method", "CONNECT"}, {":protocol", "connect-udp"}, {":scheme", "http"},
                              {":path", "/echo"},     {":authority", "a"},          {NULL, NULL}};
    h2_ask(&p, id, 0, other);
    CHECK_EQ(h2_status(&p, id), 501);
    const h2_field old[] = {
        {":method", "CONNECT"}, {":protocol", "websocket"},     {":scheme", "http"}, {":path", "/echo"},
        {":authority", "a"},    {"sec-websocket-version", "8"}, {NULL, NULL}};
    h2_ask(&p, id + 2, 0, old);
    CHECK_EQ(h2_status(&p, id + 2), 426);
    const h2_field proxy[] = {{":method", "CONNECT"}, {":authority", "a:80"}, {NULL, NULL}};
    h2_ask(&p, id + 4, 0, proxy);
    CHECK_EQ(h2_status(&p, id + 4), 405);
    check_echo(&p, 1, "unmoved");
    CHECK_EQ(what.count, 0);
    h2_close(&p);
    rig_close(&self);
}

static void check_calm(rig *self, h2_peer *p, const char *why)
{
    CHECK_EQ(h2_goaway(p), NGHTTP2_ENHANCE_YOUR_CALM);
    peer_wait_end(&p->at);
    CHECK(rig_logged(self, why));
    h2_close(p);
    RIG_UNTIL(self, naru_server_connections(self->server) == 0);
    rig_close(self);
}

TEST(rapid_reset)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t cancel[] = {0, 0, 0, NGHTTP2_CANCEL};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    for (uint32_t i = 0; i < FLOOD; i++) {
        h2_get(&p, 2 * i + 1, "/tell");
        h2_send(&p, NGHTTP2_RST_STREAM, 0, 2 * i + 1, cancel, sizeof cancel);
    }
    check_calm(&self, &p, "too many streams reset");
    CHECK(what.count < FLOOD);
}

TEST(made_you_reset)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const h2_field fields[] = {{":method", "GET"},  {":scheme", "http"},     {":path", "/tell"},
                               {":authority", "a"}, {"connection", "close"}, {NULL, NULL}};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    for (uint32_t i = 0; i < FLOOD; i++) {
        h2_ask(&p, 2 * i + 1, H2_END, fields);
    }
    check_calm(&self, &p, "too many streams reset");
}

static void flood(const char *why, int type, unsigned flags, size_t size)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t payload[8] = {0};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    for (int i = 0; i < FLOOD; i++) {
        h2_send(&p, type, flags, type == NGHTTP2_DATA || type == NGHTTP2_PRIORITY, payload, size);
    }
    check_calm(&self, &p, why);
    CHECK_EQ(self.last_close.code, 1006);
}

TEST(pings_without_end)
{
    flood("too many frames that do nothing", NGHTTP2_PING, 0, 8);
}

TEST(settings_without_end)
{
    flood("too many frames that do nothing", NGHTTP2_SETTINGS, 0, 0);
}

TEST(data_without_bytes)
{
    flood("too many frames that do nothing", NGHTTP2_DATA, 0, 0);
}

TEST(too_many_settings)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint8_t settings[33 * 6] = {0};
    open_all(&self, &what, NULL);
    h2_open_with(&p, &self, settings, sizeof settings);
    CHECK(h2_goaway(&p) != NGHTTP2_NO_ERROR);
    peer_wait_end(&p.at);
    h2_close(&p);
    rig_close(&self);
}

TEST(continuations_without_end)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint8_t block[512];
    const h2_field fields[] = {{":method", "GET"}, {":scheme", "http"}, {NULL, NULL}};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_send(&p, NGHTTP2_HEADERS, H2_END, 1, block, h2_pack(block, fields));
    for (int i = 0; i < 9; i++) {
        h2_send(&p, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
    }
    CHECK(h2_goaway(&p) != NGHTTP2_NO_ERROR);
    peer_wait_end(&p.at);
    CHECK(rig_logged(&self, "HTTP/2 connection ended"));
    CHECK_EQ(what.count, 0);
    h2_close(&p);
    rig_close(&self);
}

TEST(a_head_without_end)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint8_t block[512];
    const h2_field fields[] = {{":method", "GET"}, {":scheme", "http"}, {NULL, NULL}};
    naru_server_options options = {.handshake_timeout_ms = 100};
    open_all(&self, &what, &options);
    h2_open(&p, &self);
    p.silent = true;
    h2_send(&p, NGHTTP2_HEADERS, H2_END, 1, block, h2_pack(block, fields));
    check_calm(&self, &p, "a head was not complete in time");
}

TEST(nothing_behind_the_preface)
{
    rig self;
    naru_server_options options = {.handshake_timeout_ms = 100};
    h2_listen(&self, &options);
    h2_peer p = {.silent = true};
    CHECK_EQ(nghttp2_hd_inflate_new(&p.inflater), 0);
    peer_open(&p.at, &self);
    peer_send(&p.at, NGHTTP2_CLIENT_MAGIC);
    check_calm(&self, &p, "a head was not complete in time");
}

/* 7541 2.3: one entry of the table, named again and again. */
TEST(a_head_that_unpacks_to_much)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint8_t block[H2_PAYLOAD_MAX];
    const h2_field fields[] = {
        {":method", "GET"}, {":scheme", "http"}, {":path", "/tell"}, {":authority", "a"}, {NULL, NULL}};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    size_t size = h2_pack(block, fields);
    const uint8_t entry[] = {0x40, 1,    'x',
                             0x7f, 0xb9, 0x1e}; /* indexed from now on; 0x7f + 0x39 + (0x1e << 7) = 4024 */
    memcpy(block + size, entry, sizeof entry);
    size += sizeof entry;
    memset(block + size, 'v', 4024);
    size += 4024;
    memset(block + size, 0x80 | 62, 8000);
    h2_send(&p, NGHTTP2_HEADERS, H2_END | H2_HEAD_END, 1, block, size + 8000);
    CHECK_EQ(h2_status(&p, 1), 431);
    h2_get(&p, 3, "/tell");
    CHECK_EQ(h2_status(&p, 3), 200);
    CHECK_EQ(what.count, 1);
    h2_close(&p);
    rig_close(&self);
}

/* ---- one stream's trouble --------------------------------------------------------------------------------------- */

TEST(a_window_of_one_byte)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t settings[] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 1};
    const uint8_t one[] = {0, 0, 0, 1};
    char text[8] = "";
    open_all(&self, &what, NULL);
    h2_open_with(&p, &self, settings, sizeof settings);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_say(&p, 1, "abc");
    for (size_t i = 0; i < 5; i++) {
        const h2_frame *got = h2_wait(&p, NGHTTP2_DATA, 1);
        REQUIRE(got->size == 1);
        text[i] = (char)got->payload[0];
        h2_send(&p, NGHTTP2_WINDOW_UPDATE, 0, 1, one, sizeof one);
    }
    CHECK_STR(text + 2, "abc");
    h2_close(&p);
    rig_close(&self);
}

TEST(one_ends_and_its_siblings_go_on)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t half[] = {0x81, 0x85, 0, 0, 0, 0, 'h'}, cancel[] = {0, 0, 0, NGHTTP2_CANCEL};
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    for (uint32_t id = 1; id <= 5; id += 2) {
        h2_connect(&p, id, "/echo");
        CHECK_EQ(h2_status(&p, id), 200);
    }
    h2_send(&p, NGHTTP2_DATA, H2_END, 1, half, sizeof half);
    RIG_UNTIL(&self, self.closed == 1);
    CHECK_EQ(self.last_close.code, 1006);
    self.last_close.code = 0;
    h2_send(&p, NGHTTP2_RST_STREAM, 0, 3, cancel, sizeof cancel);
    RIG_UNTIL(&self, self.closed == 2);
    CHECK_EQ(self.last_close.code, 1006);
    check_echo(&p, 5, "alive");
    h2_close(&p);
    rig_close(&self);
}

static naru_conn *paused;

static void open_paused(naru_conn *conn, void *user)
{
    rig_on_open(conn, user);
    paused = conn;
    naru_conn_pause(conn);
}

/* Its window closes, and no other's; what it held comes when it reads again. */
TEST(a_paused_stream_stops_its_peer)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    uint8_t bytes[16000] = {0x82, 0xfe, 0x3e, 0x78}; /* 15992 bytes, masked with zeros */
    naru_ws_route route = {.handler = {.on_open = open_paused, .on_message = rig_on_message, .on_close = rig_on_close}};
    open_all(&self, &what, NULL);
    CHECK_EQ(naru_server_route_ws(self.server, "/paused", &route, &self), NARU_OK);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/paused");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_connect(&p, 3, "/echo");
    CHECK_EQ(h2_status(&p, 3), 200);
    for (int i = 0; i < 16; i++) {
        h2_send(&p, NGHTTP2_DATA, 0, 1, bytes, sizeof bytes);
    }
    h2_say(&p, 3, "passes by");
    const h2_frame *got = h2_next(&p);
    for (; got->type != NGHTTP2_DATA && got->type != H2_ANY; got = h2_next(&p)) {
        CHECK(got->type != NGHTTP2_WINDOW_UPDATE || got->id != 1);
    }
    CHECK_EQ(got->id, 3);
    CHECK_EQ(self.messages, 1);
    naru_conn_resume(paused);
    CHECK_EQ(h2_wait(&p, NGHTTP2_WINDOW_UPDATE, 1)->type, NGHTTP2_WINDOW_UPDATE);
    RIG_UNTIL(&self, self.messages == 17);
    h2_close(&p);
    rig_close(&self);
}

/* Who does not open its windows has its own queue filled, by its own policy. */
TEST(stalled_readers_are_bounded)
{
    enum { STREAMS = 20 };
    rig self;
    told what = {.count = 0};
    h2_peer p;
    const uint8_t settings[] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 0};
    const uint8_t open[] = {0, 0, 0x10, 0};
    uint8_t bytes[8008] = {0x82, 0xfe, 0x1f, 0x40}; /* 8000 bytes */
    naru_server_options options = {.conn.queue_bytes_max = 32768, .conn.ws.close_timeout_ms = 100};
    options.conn.queue_policy = NARU_QUEUE_CLOSE;
    open_all(&self, &what, &options);
    h2_open_with(&p, &self, settings, sizeof settings);
    for (uint32_t id = 1; id <= 2 * STREAMS + 1; id += 2) {
        h2_connect(&p, id, "/echo");
        CHECK_EQ(h2_status(&p, id), 200);
    }
    for (uint32_t id = 3; id <= 2 * STREAMS + 1; id += 2) {
        for (int i = 0; i < 6; i++) {
            h2_send(&p, NGHTTP2_DATA, 0, id, bytes, sizeof bytes);
        }
    }
    RIG_UNTIL(&self, self.closed == STREAMS);
    CHECK_EQ(self.last_close.fault.status, NARU_ERR_TOO_BIG);
    h2_send(&p, NGHTTP2_WINDOW_UPDATE, 0, 1, open, sizeof open);
    check_echo(&p, 1, "reads");
    h2_close(&p);
    rig_close(&self);
}

/* ---- limits and ends --------------------------------------------------------------------------------------------- */

TEST(more_streams_than_there_may_be)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    naru_server_options options = {.connections_max = 3}; /* the connection and two streams */
    open_all(&self, &what, &options);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_connect(&p, 3, "/echo");
    CHECK_EQ(h2_status(&p, 3), 200);
    h2_connect(&p, 5, "/echo");
    CHECK_EQ(h2_reset(&p, 5), NGHTTP2_REFUSED_STREAM);
    check_echo(&p, 3, "one of two");
    h2_close(&p);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    rig_close(&self);
}

static void stopped(void *user)
{
    *(bool *)user = true;
}

TEST(a_stop_says_goodbye)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    bool done = false;
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    naru_server_stop(self.server, 5000, stopped, &done);
    bool goaway = false, closing = false;
    while (!goaway || !closing) {
        const h2_frame *got = h2_next(&p);
        REQUIRE(got->type != H2_ANY);
        goaway = goaway || (got->type == NGHTTP2_GOAWAY && h2_number(got->payload + 4) == NGHTTP2_NO_ERROR);
        closing = closing || (got->type == NGHTTP2_DATA && got->size >= 4 && got->payload[0] == 0x88 &&
                              got->payload[2] == 0x03 && got->payload[3] == 0xe9);
    }
    const uint8_t bye[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9};
    h2_send(&p, NGHTTP2_DATA, H2_END, 1, bye, sizeof bye);
    peer_wait_end(&p.at);
    h2_close(&p);
    RIG_UNTIL(&self, done);
    CHECK_EQ(self.closed, 1);
    CHECK(self.last_close.clean);
    rig_close(&self);
}

TEST(an_idle_connection_ends)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    naru_server_options options = {.idle_timeout_ms = 50};
    open_all(&self, &what, &options);
    h2_open(&p, &self);
    h2_get(&p, 1, "/tell");
    CHECK_EQ(h2_status(&p, 1), 200);
    CHECK_EQ(h2_goaway(&p), NGHTTP2_NO_ERROR);
    peer_wait_end(&p.at);
    h2_close(&p);
    rig_close(&self);
}

/* The server is freed with everything under way. */
TEST(freed_in_the_middle)
{
    rig self;
    told what = {.count = 0};
    h2_peer p;
    open_all(&self, &what, NULL);
    h2_open(&p, &self);
    h2_connect(&p, 1, "/echo");
    CHECK_EQ(h2_status(&p, 1), 200);
    h2_say(&p, 1, "lost");
    rig_close(&self);
    CHECK_EQ(self.closed, 1);
    h2_close(&p);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* One connection's life with a WebSocket and a page, as far as it gets. */
static void live(rig *self)
{
    h2_peer p;
    h2_open(&p, self);
    h2_connect(&p, 1, "/echo");
    h2_say(&p, 1, "hello");
    h2_get(&p, 3, "/tell");
    bool echoed = false, answered = false;
    while (!p.at.ended && !(echoed && answered)) {
        const h2_frame *got = h2_next(&p);
        bool refused = got->type == NGHTTP2_RST_STREAM;
        echoed = echoed || ((got->type == NGHTTP2_DATA || refused) && got->id == 1);
        answered = answered || ((got->type == NGHTTP2_DATA || refused) && got->id == 3);
        if (got->type == H2_ANY) {
            break;
        }
    }
    h2_close(&p);
    RIG_UNTIL(self, naru_server_connections(self->server) == 0);
}

TEST(each_allocation_fails_once)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        rig self = {.loop = NULL};
        told what = {.count = 0};
        char bound[128] = "";
        naru_listen_options listen = {.http2 = true};
        naru_server_options options = {.idle_timeout_ms = 200, .handshake_timeout_ms = 200};
        failing_allocator_init(&memory, 0);
        naru_loop_options loop = {.allocator = &memory.allocator, .log = rig_log, .log_user = &self};
        rig_open_on(&self, naru_loop_new(&loop), &options);
        REQUIRE(naru_server_listen(self.server, "127.0.0.1:0", &listen, bound) == NARU_OK);
        self.port = (uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10);
        rig_route_echo(&self, "/echo");
        REQUIRE(naru_server_route_http(self.server, "/tell", tell, &what) == NARU_OK);
        memory.fail_at = memory.calls + n;
        live(&self);
        bool failed = memory.failed;
        memory.fail_at = 0;
        rig_close(&self);
        CHECK_EQ(memory.live_bytes, 0);
        if (!failed) {
            CHECK(n > 20);
            break;
        }
    }
}

TEST_MAIN({"a WebSocket and a page", a_websocket_and_a_page},
          {"a Close that ends the stream", a_close_that_ends_the_stream}, {"byte by byte", byte_by_byte},
          {"HTTP/1.1 at the same address", http1_at_the_same_address}, {"what the route reads", what_the_route_reads},
          {"a long answer beside a WebSocket", a_long_answer_beside_a_websocket}, {"malformed heads", malformed_heads},
          {"rapid reset", rapid_reset}, {"made you reset", made_you_reset}, {"pings without end", pings_without_end},
          {"settings without end", settings_without_end}, {"data without bytes", data_without_bytes},
          {"too many settings", too_many_settings}, {"continuations without end", continuations_without_end},
          {"a head without end", a_head_without_end}, {"nothing behind the preface", nothing_behind_the_preface},
          {"a head that unpacks to much", a_head_that_unpacks_to_much}, {"a window of one byte", a_window_of_one_byte},
          {"one ends and its siblings go on", one_ends_and_its_siblings_go_on},
          {"a paused stream stops its peer", a_paused_stream_stops_its_peer},
          {"stalled readers are bounded", stalled_readers_are_bounded},
          {"more streams than there may be", more_streams_than_there_may_be},
          {"a stop says goodbye", a_stop_says_goodbye}, {"an idle connection ends", an_idle_connection_ends},
          {"freed in the middle", freed_in_the_middle}, {"each allocation fails once", each_allocation_fails_once})
