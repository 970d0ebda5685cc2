/* Deadlines: each is short here, and each test waits for what the deadline does. What comes too early is as wrong as
 * what never comes. */
#include "wire/server_rig.h"

enum { SHORT_MS = 80 };

typedef struct timed {
    rig at;
    unsigned cancelled;
    unsigned asked;
    naru_request *held;
    uint32_t patience_ms;
} timed;

static void on_cancel(void *user)
{
    ((timed *)user)->cancelled++;
}
static void on_never(naru_request *request, void *user)
{
    ((timed *)user)->asked++;
    naru_request_on_cancel(request, on_cancel, user);
    CHECK_EQ(naru_request_add_field(request, "X-Application", naru_span_of("yes")), NARU_OK);
}
/* Long polling: the answer may take much longer than a handshake, or for ever. */
static void on_patient(naru_request *request, void *user)
{
    timed *self = user;
    self->asked++;
    self->held = request;
    naru_request_on_cancel(request, on_cancel, user);
    CHECK_EQ(naru_request_set_timeout(request, self->patience_ms), NARU_OK);
}
static void on_big(naru_request *request, void *user)
{
    static uint8_t bytes[8 << 20];
    (void)user;
    CHECK_EQ(naru_request_respond(request, 200, NULL, (naru_span){bytes, sizeof bytes}), NARU_OK);
}

static void timed_open(timed *self, uint32_t handshake_ms, uint32_t idle_ms)
{
    naru_server_options options = {
        .handshake_timeout_ms = handshake_ms, .idle_timeout_ms = idle_ms, .conn.ws.close_timeout_ms = SHORT_MS};
    naru_ws_route never = {.on_request = on_never};
    *self = (timed){0};
    rig_open(&self->at, &options);
    rig_route_echo(&self->at, "/chat");
    CHECK_EQ(naru_server_route_ws(self->at.server, "/never", &never, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/never", on_never, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/patient", on_patient, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/big", on_big, self), NARU_OK);
}

/* The end comes, and not before its time. */
static void check_ends(peer *p, uint64_t began_ms, int status, const char *body)
{
    answer a = peer_answer(p, true);
    CHECK_EQ(a.status, status);
    if (status) {
        CHECK_STR((char *)a.body, body);
        CHECK_STR(answer_field(&a, "Connection"), "close");
        CHECK_STR(answer_field(&a, "X-Application"), ""); /* its fields go with its answer only */
    }
    peer_wait_end(p);
    CHECK(!p->reset);
    CHECK(rig_now_ms() - began_ms + 2 >= SHORT_MS);
    answer_free(&a);
    peer_close(p);
}

TEST(no_byte_at_all)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    check_ends(&p, began, 0, NULL);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    rig_close(&self.at);
}

TEST(half_a_head_half_a_body)
{
    static const char late[] = "the request was not complete in time\n";
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, "GET /chat HTTP/1.1\r\nHo");
    check_ends(&p, began, 408, late);
    began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, "POST /never HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
    check_ends(&p, began, 408, late);
    CHECK_EQ(self.asked, 0u);
    rig_close(&self.at);
}

/* The deadline is not moved by bytes that keep coming. */
TEST(byte_by_byte_for_ever)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, "GET /chat HTTP/1.1\r\nHost: ");
    while (peer_receive(&p), p.size == 0 && !p.ended) {
        peer_send(&p, "h");
        rig_turn(&self.at, &p, POLLIN, 2);
        if (rig_now_ms() - began > RIG_PATIENCE_MS) {
            rig_die("no deadline");
        }
    }
    check_ends(&p, began, 408, "the request was not complete in time\n");
    rig_close(&self.at);
}

/* A first byte that comes late does not begin the time anew. */
TEST(the_first_request_counts_from_the_accept)
{
    enum { LONG_MS = 2000 };
    timed self;
    timed_open(&self, LONG_MS, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    RIG_UNTIL(&self.at, rig_now_ms() - began > LONG_MS / 2);
    peer_send(&p, "G");
    check_ends(&p, began, 408, "the request was not complete in time\n");
    CHECK(rig_now_ms() - began < LONG_MS + LONG_MS / 2);
    rig_close(&self.at);
}

/* A later request's deadline counts from its first byte; between requests there is another one. */
TEST(between_requests)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    peer p;
    answer a = peer_ask(&p, &self.at, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_EQ(a.status, 404);
    answer_free(&a);
    uint64_t began = rig_now_ms();
    RIG_UNTIL(&self.at, rig_now_ms() - began > 2 * SHORT_MS);
    peer_receive(&p);
    CHECK(!p.ended);
    began = rig_now_ms();
    peer_send(&p, "G");
    check_ends(&p, began, 408, "the request was not complete in time\n");
    rig_close(&self.at);
    timed_open(&self, NARU_NEVER, SHORT_MS);
    a = peer_ask(&p, &self.at, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    began = rig_now_ms();
    answer_free(&a);
    check_ends(&p, began, 0, NULL);
    rig_close(&self.at);
}

TEST(no_answer)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/never"));
    check_ends(&p, began, 503, "no answer was found in time\n");
    began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
    check_ends(&p, began, 503, "no answer was found in time\n");
    CHECK_EQ(self.asked, 2u);
    CHECK_EQ(self.cancelled, 2u);
    rig_close(&self.at);
}

TEST(an_answer_may_take_longer)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    self.patience_ms = NARU_NEVER;
    peer p;
    uint64_t began = rig_now_ms();
    peer_open(&p, &self.at);
    peer_send(&p, "GET /patient HTTP/1.1\r\nHost: h\r\n\r\n");
    RIG_UNTIL(&self.at, rig_now_ms() - began > 3 * SHORT_MS);
    REQUIRE(self.held && self.cancelled == 0);
    CHECK_EQ(naru_request_respond(self.held, 200, NULL, naru_span_of("late")), NARU_OK);
    CHECK_EQ(naru_request_set_timeout(self.held, 1), NARU_ERR_STATE);
    answer a = peer_answer(&p, true);
    CHECK_STR((char *)a.body, "late");
    answer_free(&a);
    /* The next request of the connection has its own time again, from its own call. */
    self.patience_ms = SHORT_MS;
    began = rig_now_ms();
    peer_send(&p, "GET /patient HTTP/1.1\r\nHost: h\r\n\r\n");
    check_ends(&p, began, 503, "no answer was found in time\n");
    CHECK_EQ(self.cancelled, 1u);
    rig_close(&self.at);
}

/* Without end nobody is waited for who has ended its side; before or after the call makes no difference. */
TEST(who_has_ended_its_side_is_not_waited_for)
{
    timed self;
    timed_open(&self, SHORT_MS, NARU_NEVER);
    self.patience_ms = NARU_NEVER;
    for (int after = 0; after < 2; after++) {
        peer p;
        peer_open(&p, &self.at);
        peer_send(&p, "GET /patient HTTP/1.1\r\nHost: h\r\n\r\n");
        self.held = NULL;
        RIG_UNTIL(&self.at, self.held);
        uint64_t began = rig_now_ms();
        shutdown(p.fd, SHUT_WR);
        if (after) {
            for (int i = 0; i < 20; i++) {
                naru_loop_turn(self.at.loop, 0);
            }
            CHECK_EQ(naru_request_set_timeout(self.held, NARU_NEVER), NARU_OK);
        }
        check_ends(&p, began, 503, "no answer was found in time\n");
    }
    CHECK_EQ(self.cancelled, 2u);
    rig_close(&self.at);
}

/* As long as bytes move, a slow peer is waited for. */
TEST(an_answer_read_slowly)
{
    enum { IDLE_MS = 250, STEP_MS = 40, STEP_BYTES = 256 * 1024 };
    timed self;
    timed_open(&self, NARU_NEVER, IDLE_MS);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    static uint8_t piece[STEP_BYTES];
    size_t total = 0;
    uint64_t began = rig_now_ms(), step = began;
    for (ssize_t got = -1; got != 0; step = rig_now_ms()) {
        RIG_UNTIL(&self.at, rig_now_ms() - step > STEP_MS);
        got = recv(p.fd, piece, sizeof piece, 0);
        REQUIRE(got >= 0 || errno == EAGAIN);
        total += got > 0 ? (size_t)got : 0;
    }
    CHECK(total > 8 << 20);
    CHECK(rig_now_ms() - began > 3 * IDLE_MS);
    peer_close(&p);
    rig_close(&self.at);
}

/* And one that reads nothing is let go. */
TEST(an_answer_nobody_reads)
{
    timed self;
    timed_open(&self, NARU_NEVER, SHORT_MS);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 1);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    CHECK(rig_logged(&self.at, "the peer does not read its answer"));
    peer_close(&p);
    rig_close(&self.at);
}

/* After a refusal the peer's end is waited for, and not for ever. */
TEST(lingering_ends)
{
    timed self;
    timed_open(&self, NARU_NEVER, NARU_NEVER);
    peer p;
    uint64_t began = rig_now_ms();
    answer a = peer_ask(&p, &self.at, "GET /chat HTTP/9.9\r\n\r\n");
    CHECK_EQ(a.status, 505);
    peer_wait_end(&p);
    CHECK_EQ(naru_server_connections(self.at.server), 1u);
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    CHECK(rig_now_ms() - began + 2 >= SHORT_MS);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

/* No deadline of HTTP follows a WebSocket. */
TEST(a_websocket_has_left_them_behind)
{
    timed self;
    timed_open(&self, SHORT_MS, SHORT_MS);
    peer p;
    CHECK(peer_upgrade(&p, &self.at, RIG_UPGRADE("/chat")));
    uint64_t began = rig_now_ms();
    RIG_UNTIL(&self.at, rig_now_ms() - began > 3 * SHORT_MS);
    CHECK(peer_echoes(&p, "still here"));
    peer_close(&p);
    rig_close(&self.at);
}

TEST_MAIN({"no byte at all", no_byte_at_all}, {"half a head, half a body", half_a_head_half_a_body},
          {"byte by byte for ever", byte_by_byte_for_ever},
          {"the first request counts from the accept", the_first_request_counts_from_the_accept},
          {"between requests", between_requests}, {"an answer read slowly", an_answer_read_slowly},
          {"no answer", no_answer}, {"an answer may take longer", an_answer_may_take_longer},
          {"who has ended its side is not waited for", who_has_ended_its_side_is_not_waited_for},
          {"an answer nobody reads", an_answer_nobody_reads}, {"lingering ends", lingering_ends},
          {"a WebSocket has left them behind", a_websocket_has_left_them_behind})
