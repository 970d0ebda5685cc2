/* Several requests on one connection: keep-alive, pipelining, bodies, and answers that the peer is slow to read. */
#include "wire/server_rig.h"

typedef struct kept {
    rig at;
    naru_request *waiting;
    unsigned asked;
    unsigned cancelled;
    naru_span big;
} kept;

static void on_echo_body(naru_request *request, void *user)
{
    kept *self = user;
    self->asked++;
    CHECK_EQ(naru_request_respond(request, 200, "application/x-echo", naru_request_body(request)), NARU_OK);
}
static void on_big(naru_request *request, void *user)
{
    kept *self = user;
    self->asked++;
    CHECK_EQ(naru_request_respond(request, 200, NULL, self->big), NARU_OK);
}
static void on_cancel(void *user)
{
    kept *self = user;
    self->cancelled++;
    self->waiting = NULL;
}
static void on_wait(naru_request *request, void *user)
{
    kept *self = user;
    self->asked++;
    self->waiting = request;
    naru_request_on_cancel(request, on_cancel, self);
}

static uint8_t big_bytes[1 << 20];

static void kept_open(kept *self, const naru_server_options *options)
{
    *self = (kept){.big = {big_bytes, sizeof big_bytes}};
    for (size_t i = 0; i < sizeof big_bytes; i++) {
        big_bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    rig_open(&self->at, options);
    CHECK_EQ(naru_server_route_http(self->at.server, "/body", on_echo_body, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/wait", on_wait, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/big", on_big, self), NARU_OK);
    CHECK_EQ(naru_server_route_memory(self->at.server, "/memory", "text/css", self->big), NARU_OK);
}

static void check_body(peer *p, const char *body)
{
    answer a = peer_answer(p, true);
    CHECK_EQ(a.status, 200);
    CHECK_STR((char *)a.body, body);
    CHECK_STR(answer_field(&a, "Connection"), "");
    answer_free(&a);
}

#define POST_A "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na"
#define POST_B                                                                                                         \
    "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbb\r\n1\r\nb\r\n0\r\nT: x\r\n\r\n"
#define GET_NONE "GET /body HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_WAIT "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"

TEST(one_after_the_other)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    for (int i = 0; i < 3; i++) {
        peer_send(&p, POST_A);
        check_body(&p, "a");
        peer_send_slowly(&p, POST_B, strlen(POST_B));
        check_body(&p, "bbb");
        peer_send(&p, GET_NONE);
        check_body(&p, "");
    }
    CHECK_EQ(naru_server_connections(self.at.server), 1u);
    peer_close(&p);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    rig_close(&self.at);
}

TEST(pipelined)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    for (int i = 0; i < 1000; i++) {
        peer_send(&p, POST_A POST_B GET_NONE);
    }
    for (int i = 0; i < 1000; i++) {
        check_body(&p, "a");
        check_body(&p, "bbb");
        check_body(&p, "");
    }
    CHECK_EQ(self.asked, 3000u);
    peer_close(&p);
    rig_close(&self.at);
}

/* The second is not even asked before the first is answered. */
TEST(pipelined_behind_one_that_waits)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, GET_WAIT POST_A GET_WAIT POST_B);
    RIG_UNTIL(&self.at, self.waiting);
    peer_send(&p, GET_NONE);
    for (int i = 0; i < 5; i++) {
        naru_loop_turn(self.at.loop, 0);
    }
    CHECK_EQ(self.asked, 1u);
    naru_request *first = self.waiting;
    self.waiting = NULL;
    CHECK_EQ(naru_request_respond(first, 200, NULL, naru_span_of("first")), NARU_OK);
    CHECK_EQ(naru_request_respond(first, 200, NULL, naru_span_of("again")), NARU_ERR_STATE);
    check_body(&p, "first");
    check_body(&p, "a");
    RIG_UNTIL(&self.at, self.waiting);
    CHECK_EQ(naru_request_respond(self.waiting, 200, NULL, naru_span_of("third")), NARU_OK);
    check_body(&p, "third");
    check_body(&p, "bbb");
    check_body(&p, "");
    CHECK_EQ(self.asked, 5u);
    peer_close(&p);
    rig_close(&self.at);
}

/* Requests sent ahead fill a limited store and then the kernel's, not our memory. */
TEST(pipelining_is_held_back)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, GET_WAIT);
    RIG_UNTIL(&self.at, self.waiting);
    size_t sent = 0, at = 0;
    for (int idle = 0; idle < 50 && sent < 200000;) {
        ssize_t took = send(p.fd, &POST_A[at], strlen(POST_A) - at, MSG_NOSIGNAL);
        at += took > 0 ? (size_t)took : 0;
        idle = took > 0 ? 0 : idle + 1;
        if (at == strlen(POST_A)) {
            at = 0;
            sent++;
        }
        naru_loop_turn(self.at.loop, 0);
    }
    CHECK(sent < 200000);
    CHECK_EQ(naru_request_respond(self.waiting, 200, NULL, naru_span_of("first")), NARU_OK);
    check_body(&p, "first");
    for (size_t i = 0; i < sent; i++) {
        check_body(&p, "a");
    }
    CHECK_EQ(self.asked, sent + 1);
    peer_close(&p);
    rig_close(&self.at);
}

/* A peer that asks and asks and reads nothing is not answered into memory without bound. */
static void check_held_back(const char *request)
{
    enum { REQUESTS = 200 };
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    for (int i = 0; i < REQUESTS; i++) {
        peer_send(&p, request);
    }
    for (int i = 0; i < 200; i++) {
        naru_loop_turn(self.at.loop, 0);
    }
    CHECK(self.asked < REQUESTS / 4);
    for (int i = 0; i < REQUESTS; i++) {
        answer a = peer_answer(&p, true);
        CHECK_EQ(a.status, 200);
        CHECK_BYTES(((naru_span){a.body, a.body_bytes}), self.big);
        answer_free(&a);
    }
    peer_close(&p);
    rig_close(&self.at);
}

TEST(answers_nobody_reads_are_held_back)
{
    check_held_back("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    check_held_back("GET /memory HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(head_has_no_body)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, "HEAD /big HTTP/1.1\r\nHost: h\r\n\r\nHEAD /memory HTTP/1.1\r\nHost: h\r\n\r\n"
                  "HEAD /none HTTP/1.1\r\nHost: h\r\n\r\n" POST_A);
    for (int i = 0; i < 3; i++) {
        answer a = peer_answer(&p, false);
        CHECK_EQ(a.status, i < 2 ? 200 : 404);
        CHECK_STR(answer_field(&a, "Content-Length"), i < 2 ? "1048576" : "16");
        answer_free(&a);
    }
    check_body(&p, "a");
    peer_close(&p);
    rig_close(&self.at);
}

TEST(expect_100_continue)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    answer a =
        peer_ask(&p, &self.at, "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CHECK_EQ(a.status, 100);
    CHECK_EQ(self.asked, 0u);
    answer_free(&a);
    peer_send(&p, "abc");
    check_body(&p, "abc");
    /* The body came at once: nothing to wait for. Nothing to say where there is none. */
    peer_send(&p, "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc");
    check_body(&p, "abc");
    peer_send(&p, "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
    check_body(&p, "");
    peer_close(&p);
    /* Refused without asking for it. */
    a = peer_ask(&p, &self.at,
                 "POST /body HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n");
    CHECK_EQ(a.status, 413);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

static void check_ends(kept *self, const char *request, const char *connection, bool ends)
{
    peer p;
    answer a = peer_ask(&p, &self->at, request);
    CHECK_EQ(a.status, 200);
    CHECK_STR(answer_field(&a, "Connection"), connection);
    answer_free(&a);
    if (ends) {
        peer_wait_end(&p);
        CHECK(!p.reset);
        CHECK_EQ(p.size, 0u);
    } else {
        peer_send(&p, POST_A);
        a = peer_answer(&p, true);
        CHECK_EQ(a.status, 200);
        answer_free(&a);
    }
    peer_close(&p);
}

TEST(who_ends_the_connection)
{
    kept self;
    kept_open(&self, NULL);
    check_ends(&self, "GET /body HTTP/1.1\r\nHost: h\r\n\r\n", "", false);
    check_ends(&self, "GET /body HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close", true);
    check_ends(&self, "GET /body HTTP/1.0\r\n\r\n", "close", true);
    check_ends(&self, "GET /body HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false);
    rig_close(&self.at);
}

/* A client that has ended its side with requests still in the pipe gets all its answers. */
TEST(half_closed_with_requests_in_the_pipe)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, GET_WAIT POST_A POST_B);
    shutdown(p.fd, SHUT_WR);
    RIG_UNTIL(&self.at, self.waiting);
    naru_loop_turn(self.at.loop, 0);
    CHECK_EQ(naru_request_respond(self.waiting, 200, NULL, naru_span_of("first")), NARU_OK);
    check_body(&p, "first");
    check_body(&p, "a");
    check_body(&p, "bbb");
    peer_wait_end(&p);
    CHECK(!p.reset);
    peer_close(&p);
    peer_open(&p, &self.at);
    peer_send(&p, POST_A "GET /bo");
    shutdown(p.fd, SHUT_WR);
    check_body(&p, "a");
    peer_wait_end(&p);
    CHECK(!p.reset);
    peer_close(&p);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    rig_close(&self.at);
}

TEST(answers_of_every_kind)
{
    kept self;
    kept_open(&self, NULL);
    peer p;
    for (int status = 200; status < 600; status++) {
        if (status != 200 && status != 204 && status != 205 && status != 304 && status != 404 && status != 599) {
            continue;
        }
        peer_open(&p, &self.at);
        peer_send(&p, GET_WAIT POST_A);
        RIG_UNTIL(&self.at, self.waiting);
        naru_request *request = self.waiting;
        self.waiting = NULL;
        CHECK_EQ(naru_request_accept(request, (naru_span){0}, NULL, NULL), NARU_ERR_STATE);
        CHECK_EQ(naru_request_respond(request, 600, NULL, naru_span_of("x")), NARU_ERR_ARGUMENT);
        CHECK_EQ(naru_request_respond(request, status, "text/x", naru_span_of("body")), NARU_OK);
        answer a = peer_answer(&p, true);
        CHECK_EQ(a.status, status);
        bool none = status == 204 || status == 205 || status == 304;
        CHECK_STR((char *)a.body, none ? "" : "body");
        CHECK_STR(answer_field(&a, "Content-Length"), none ? (status == 205 ? "0" : "") : "4");
        answer_free(&a);
        check_body(&p, "a");
        peer_close(&p);
    }
    rig_close(&self.at);
}

TEST(the_same_path_for_both)
{
    kept self;
    kept_open(&self, NULL);
    rig_route_echo(&self.at, "/body");
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, POST_A);
    check_body(&p, "a");
    peer_send(&p, RIG_UPGRADE("/body"));
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 101);
    CHECK(peer_echoes(&p, "upgraded after a plain request"));
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST_MAIN({"one after the other", one_after_the_other}, {"pipelined", pipelined},
          {"pipelined behind one that waits", pipelined_behind_one_that_waits},
          {"pipelining is held back", pipelining_is_held_back},
          {"answers nobody reads are held back", answers_nobody_reads_are_held_back},
          {"HEAD has no body", head_has_no_body}, {"Expect: 100-continue", expect_100_continue},
          {"who ends the connection", who_ends_the_connection},
          {"half-closed with requests in the pipe", half_closed_with_requests_in_the_pipe},
          {"answers of every kind", answers_of_every_kind}, {"the same path for both", the_same_path_for_both})
