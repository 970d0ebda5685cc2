/* Every answer that a client must refuse, says why it is refused, and the good ones that differ from them in
 * one thing. */
#include "wire/client_rig.h"

typedef struct answer_case {
    const char *name;
    const char *answer;
    const char *protocols[3];
    naru_status status; /* NARU_OK: it opens */
    const char *text;   /* is found in the failure's sentence */
} answer_case;

#define EXTENSION(value) SWITCHING UPGRADED ACCEPTED "Sec-WebSocket-Extensions: " value "\r\n\r\n"
#define PROTOCOL(value) SWITCHING UPGRADED ACCEPTED "Sec-WebSocket-Protocol: " value "\r\n\r\n"

static const answer_case answers[] = {
    {"good", GOOD_ANSWER, {0}, NARU_OK, ""},
    {"other fields and case",
     "HTTP/1.1 101 ok\r\nserver: x\r\nUPGRADE: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
     "SEC-WEBSOCKET-ACCEPT: {accept}\r\n\r\n",
     {0},
     NARU_OK,
     ""},
    {"no reason phrase", "HTTP/1.1 101 \r\n" UPGRADED ACCEPTED "\r\n", {0}, NARU_OK, ""},
    {"interim answers first",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" GOOD_ANSWER,
     {0},
     NARU_OK,
     ""},
    {"HTTP/1.0", "HTTP/1.0 101 Switching Protocols\r\n" UPGRADED ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, "HTTP/1."},
    {"HTTP/2", "HTTP/2.0 101 Switching Protocols\r\n" UPGRADED ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, ""},
    {"no Upgrade", SWITCHING "Connection: Upgrade\r\n" ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, "Upgrade"},
    {"another Upgrade",
     SWITCHING "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPTED "\r\n",
     {0},
     NARU_ERR_PROTOCOL,
     "Upgrade"},
    {"no Connection", SWITCHING "Upgrade: websocket\r\n" ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, "Connection"},
    {"Connection without the token",
     SWITCHING "Upgrade: websocket\r\nConnection: keep-alive\r\n" ACCEPTED "\r\n",
     {0},
     NARU_ERR_PROTOCOL,
     "Connection"},
    {"no accept", SWITCHING UPGRADED "\r\n", {0}, NARU_ERR_PROTOCOL, "Accept"},
    {"wrong accept",
     SWITCHING UPGRADED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     {0},
     NARU_ERR_PROTOCOL,
     "Accept"},
    {"accept and more", SWITCHING UPGRADED "Sec-WebSocket-Accept: {accept}=\r\n\r\n", {0}, NARU_ERR_PROTOCOL, "Accept"},
    {"accept twice", SWITCHING UPGRADED ACCEPTED ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, "Accept"},
    {"a protocol that was asked for", PROTOCOL("b"), {"a", "b"}, NARU_OK, ""},
    {"a protocol in another case", PROTOCOL("B"), {"a", "b"}, NARU_ERR_PROTOCOL, "protocol"},
    {"a protocol that was not asked for", PROTOCOL("c"), {"a", "b"}, NARU_ERR_PROTOCOL, "protocol"},
    {"a protocol though none was asked for", PROTOCOL("a"), {0}, NARU_ERR_PROTOCOL, "protocol"},
    {"two protocols", PROTOCOL("a, b"), {"a", "b"}, NARU_ERR_PROTOCOL, "protocol"},
    {"two fields with protocols",
     SWITCHING UPGRADED ACCEPTED "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: "
                                 "a\r\n\r\n",
     {"a"},
     NARU_ERR_PROTOCOL,
     "protocol"},
    {"no protocol though asked for", GOOD_ANSWER, {"a"}, NARU_ERR_PROTOCOL, "protocol"},
    {"the extension that was offered", EXTENSION("permessage-deflate"), {0}, NARU_OK, ""},
    {"an extension that was not offered", EXTENSION("x-webkit-deflate-frame"), {0}, NARU_ERR_PROTOCOL, "xtension"},
    {"an extension twice", EXTENSION("permessage-deflate, permessage-deflate"), {0}, NARU_ERR_PROTOCOL, "xtension"},
    {"an unknown parameter", EXTENSION("permessage-deflate; fast"), {0}, NARU_ERR_PROTOCOL, ""},
    {"window bits out of range",
     EXTENSION("permessage-deflate; server_max_window_bits=16"),
     {0},
     NARU_ERR_PROTOCOL,
     ""},
    {"garbage", "FOO BAR BAZ\r\n\r\n", {0}, NARU_ERR_PROTOCOL, ""},
    {"a bare line feed", "HTTP/1.1 101 Switching Protocols\n\n", {0}, NARU_ERR_PROTOCOL, ""},
    {"a blank before the colon", SWITCHING UPGRADED "X : y\r\n" ACCEPTED "\r\n", {0}, NARU_ERR_PROTOCOL, ""},
};

static naru_client_options options_of(const answer_case *one)
{
    naru_client_options options = {.protocols = one->protocols};
    options.conn.ws.deflate.enabled = true;
    while (options.protocols_count < 3 && one->protocols[options.protocols_count]) {
        options.protocols_count++;
    }
    return options;
}

static void run_answer(const answer_case *one, bool byte_by_byte)
{
    rig self;
    rig_script script = {.answer = one->answer, .byte_by_byte = byte_by_byte, .close_back = true};
    naru_client_options options = options_of(one);
    fprintf(stderr, "(%s%s) ", one->name, byte_by_byte ? ", byte by byte" : "");
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait(&self, self.events, one->status ? "close " : "open"));
    CHECK_STR(self.events, one->status ? "error; close 1006" : "open");
    if (one->status) {
        CHECK_EQ(self.status, one->status);
        CHECK_EQ(self.phase, NARU_PHASE_HANDSHAKE);
        CHECK(strstr(self.text, one->text) != NULL);
        CHECK_EQ(self.http_status, 0);
        fprintf(stderr, "%s\n", self.text);
        CHECK(naru_client_response(self.client) == NULL);
    } else {
        CHECK_EQ(naru_http_head_status(naru_client_response(self.client)), 101);
        fprintf(stderr, "opens\n");
    }
    rig_stop(&self);
}

TEST(answers_are_held_to_the_rules)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        run_answer(&answers[i], false);
        run_answer(&answers[i], true);
    }
}

/* ---- other statuses ----------------------------------------------------------------------------------------- */

typedef struct refusal_case {
    const char *answer;
    rig_end end;
    int http_status;
    const char *body;
    const char *text;
} refusal_case;

static const refusal_case refusals[] = {
    {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\nWWW-Authenticate: Basic realm=a\r\n\r\nwho you?!", RIG_STAYS,
     401, "who you?!", "the server answered 401 Unauthorized instead of 101"},
    {"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nA: b\r\n\r\n", RIG_STAYS,
     403, "abcdefg", "403 Forbidden"},
    {"HTTP/1.1 503 Busy\r\n\r\ncome back", RIG_FIN, 503, "come back", "503 Service Unavailable"},
    {"HTTP/1.0 404 Not Found\r\n\r\nold", RIG_FIN, 404, "old", "404 Not Found"},
    {"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf", RIG_FIN, 500, "half", "500"},
    {"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", RIG_STAYS, 500, "abc", "500"},
    {"HTTP/1.1 301 Moved Permanently\r\nLocation: ws://other.invalid/\r\nContent-Length: 0\r\n\r\n", RIG_STAYS, 301, "",
     "301 Moved Permanently instead of 101; redirects are not followed"},
    {"HTTP/1.1 204 No Content\r\n\r\n", RIG_STAYS, 204, "", "204"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", RIG_STAYS, 200, "hi", "200"},
    {"HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", RIG_STAYS, 599, "", "the server answered 599 instead of 101"},
};

static void run_refusal(const refusal_case *one, bool byte_by_byte)
{
    rig self;
    rig_script script = {.answer = one->answer, .byte_by_byte = byte_by_byte, .end = one->end};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_REFUSED);
    CHECK_EQ(self.phase, NARU_PHASE_HANDSHAKE);
    CHECK_EQ(self.http_status, one->http_status);
    CHECK_EQ(self.info.fault.http_status, one->http_status);
    CHECK(self.had_head);
    CHECK_BYTES(((naru_span){(const uint8_t *)self.body, self.body_bytes}), naru_span_of(one->body));
    CHECK(strstr(self.text, one->text) != NULL);
    rig_stop(&self);
}

TEST(refusals_carry_status_head_and_body)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        run_refusal(&refusals[i], false);
        run_refusal(&refusals[i], true);
    }
}

/* Of a long body the first 4 KiB are kept, and nobody waits for the rest. */
TEST(long_bodies_are_cut)
{
    static uint8_t body[6000];
    memset(body, 'b', sizeof body);
    rig self;
    rig_script script = {.answer = "HTTP/1.1 500 x\r\nContent-Length: 1000000\r\n\r\n", .frames = {body, sizeof body}};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.http_status, 500);
    CHECK_EQ(self.body_bytes, 4096);
    rig_stop(&self);
}

/* A body that never ends does not keep a refusal from being told: the handshake's time is over it too. */
TEST(slow_bodies_are_given_up)
{
    rig self;
    rig_script script = {.answer = "HTTP/1.1 403 x\r\nContent-Length: 10\r\n\r\nhalf"};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, &(naru_client_options){.handshake_timeout_ms = 300}) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.status, NARU_ERR_REFUSED);
    CHECK_EQ(self.http_status, 403);
    CHECK_EQ(self.body_bytes, 4);
    rig_stop(&self);
}

TEST(interim_answers_are_bounded)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char answer[17 * sizeof interim + sizeof GOOD_ANSWER];
    rig self;
    for (size_t i = 0; i < 17; i++) {
        memcpy(answer + i * (sizeof interim - 1), interim, sizeof interim);
    }
    memcpy(answer + 17 * (sizeof interim - 1), GOOD_ANSWER, sizeof GOOD_ANSWER);
    rig_script script = {.answer = answer};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.status, NARU_ERR_TOO_MANY);
    rig_stop(&self);

    rig_script fewer = {.answer = answer + sizeof interim - 1};
    REQUIRE(rig_start(&self, &fewer));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    rig_stop(&self);
}

TEST(heads_are_bounded)
{
    static char answer[20000] = SWITCHING "X: ";
    memset(answer + strlen(answer), 'x', 17000);
    rig self;
    rig_script script = {.answer = answer};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_EQ(self.status, NARU_ERR_TOO_BIG);
    CHECK_EQ(self.phase, NARU_PHASE_HANDSHAKE);
    rig_stop(&self);
}

/* ---- the connection ends too early -------------------------------------------------------------------------- */

static void run_early_end(const char *answer, rig_end end, bool byte_by_byte)
{
    rig self;
    rig_script script = {.answer = answer, .end = end, .byte_by_byte = byte_by_byte};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_CLOSED);
    CHECK_EQ(self.phase, NARU_PHASE_HANDSHAKE);
    CHECK(strstr(self.text, "the server ended the connection before its answer was complete") != NULL);
    rig_stop(&self);
}

TEST(ends_before_the_answer_is_complete)
{
    static const char *const parts[] = {NULL, "H", "HTTP/1.1 101 Switching Protocols\r\n", SWITCHING UPGRADED};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        run_early_end(parts[i], RIG_FIN, false);
        run_early_end(parts[i], RIG_FIN, true);
    }
    run_early_end(SWITCHING, RIG_RESET, false);
    run_early_end(NULL, RIG_FIN_AT_ONCE, false);
    run_early_end(NULL, RIG_RESET_AT_ONCE, false);
}

/* ---- the request -------------------------------------------------------------------------------------------- */

static bool request_has(const rig *self, const char *line)
{
    naru_span head = naru_buf_span(&self->request);
    return head.size > 0 && memmem(head.data, head.size, line, strlen(line)) != NULL;
}

TEST(the_request_carries_the_options)
{
    naru_http_field fields[] = {{naru_span_of("Cookie"), naru_span_of("a=b")},
                                {naru_span_of("X-Token"), naru_span_of("t")}};
    const char *protocols[] = {"one", "two"};
    naru_client_options options = {.fields = fields,
                                   .fields_count = 2,
                                   .origin = "https://example.com",
                                   .protocols = protocols,
                                   .protocols_count = 2};
    rig self;
    rig_script script = {.answer = PROTOCOL("two")};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "http://%%41b:c%%3Ad@%s/p%%20q?r#", self.address);
    CHECK_EQ(rig_open(&self, &options), NARU_ERR_ARGUMENT);
    self.url[strlen(self.url) - 1] = '\0';
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK(rig_wait(&self, self.events, "open"));
    char host[200];
    snprintf(host, sizeof host, "\r\nHost: %s\r\n", self.address);
    CHECK(request_has(&self, "GET /p%20q?r HTTP/1.1\r\n"));
    CHECK(request_has(&self, host));
    CHECK(request_has(&self, "\r\nUpgrade: websocket\r\n"));
    CHECK(request_has(&self, "\r\nSec-WebSocket-Version: 13\r\n"));
    CHECK(request_has(&self, "\r\nSec-WebSocket-Protocol: one, two\r\n"));
    CHECK(request_has(&self, "\r\nAuthorization: Basic QWI6Yzpk\r\n"));
    CHECK(request_has(&self, "\r\nOrigin: https://example.com\r\n"));
    CHECK(request_has(&self, "\r\nCookie: a=b\r\n"));
    CHECK(request_has(&self, "\r\nX-Token: t\r\n"));
    CHECK(!request_has(&self, "Sec-WebSocket-Extensions"));
    CHECK_SPAN(naru_client_protocol(self.client), "two");
    rig_stop(&self);
}

TEST(fields_that_naru_writes_are_refused)
{
    static const char *const names[] = {"host",
                                        "Upgrade",
                                        "CONNECTION",
                                        "Sec-WebSocket-Key",
                                        "sec-websocket-protocol",
                                        "Sec-WebSocket-Anything",
                                        "Content-Length",
                                        "Transfer-Encoding",
                                        "Origin",
                                        "Authorization",
                                        "bad name",
                                        ""};
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(rig_start(&self, &script));
    snprintf(self.url, sizeof self.url, "ws://user@%s/", self.address);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        naru_http_field field = {naru_span_of(names[i]), naru_span_of("x")};
        naru_client_options options = {.fields = &field, .fields_count = 1, .origin = "null"};
        CHECK_EQ(rig_open(&self, &options), NARU_ERR_ARGUMENT);
    }
    naru_http_field smuggled = {naru_span_of("X"), naru_span_of("a\r\nHost: b")};
    CHECK_EQ(rig_open(&self, &(naru_client_options){.fields = &smuggled, .fields_count = 1}), NARU_ERR_ARGUMENT);
    CHECK_EQ(rig_open(&self, &(naru_client_options){.origin = "a\r\nb"}), NARU_ERR_ARGUMENT);
    naru_http_field good = {naru_span_of("Origin"), naru_span_of("x")};
    CHECK_EQ(rig_open(&self, &(naru_client_options){.fields = &good, .fields_count = 1}), NARU_OK);
    rig_stop(&self);
}

TEST(masks_and_keys_differ)
{
    rig first;
    rig second;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(rig_start(&first, &script) && rig_start(&second, &script));
    REQUIRE(rig_open(&first, NULL) == NARU_OK && rig_open(&second, NULL) == NARU_OK);
    CHECK(rig_wait(&first, first.events, "open") && rig_wait(&second, second.events, "open"));
    const char *a = memmem(first.request.data, first.request.end, "Key: ", 5);
    const char *b = memmem(second.request.data, second.request.end, "Key: ", 5);
    CHECK(a && b && memcmp(a, b, 29) != 0);
    rig_stop(&first);
    rig_stop(&second);
}

TEST_MAIN({"answers are held to the rules", answers_are_held_to_the_rules},
          {"refusals carry status, head and body", refusals_carry_status_head_and_body},
          {"long bodies are cut", long_bodies_are_cut}, {"slow bodies are given up", slow_bodies_are_given_up},
          {"interim answers are bounded", interim_answers_are_bounded}, {"heads are bounded", heads_are_bounded},
          {"ends before the answer is complete", ends_before_the_answer_is_complete},
          {"the request carries the options", the_request_carries_the_options},
          {"fields that naru writes are refused", fields_that_naru_writes_are_refused},
          {"masks and keys differ", masks_and_keys_differ})
