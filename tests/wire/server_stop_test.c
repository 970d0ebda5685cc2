/* The end of a server with connections of every kind on it, the walk over the connections, and how many there may be.
 */
#include "wire/server_rig.h"

typedef struct stopping {
    rig at;
    naru_request *waiting;
    unsigned cancelled;
    unsigned stopped;
} stopping;

static void on_cancel(void *user)
{
    stopping *self = user;
    self->cancelled++;
    self->waiting = NULL;
}
static void on_wait(naru_request *request, void *user)
{
    stopping *self = user;
    self->waiting = request;
    naru_request_on_cancel(request, on_cancel, self);
}
static void on_stopped(void *user)
{
    ((stopping *)user)->stopped++;
}
static void on_stopped_free(void *user)
{
    stopping *self = user;
    self->stopped++;
    naru_server_free(self->at.server);
    self->at.server = NULL;
}

static void stopping_open(stopping *self)
{
    naru_ws_route wait = {.on_request = on_wait};
    *self = (stopping){0};
    rig_open(&self->at, NULL);
    rig_route_echo(&self->at, "/chat");
    CHECK_EQ(naru_server_route_ws(self->at.server, "/wait", &wait, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/wait", on_wait, self), NARU_OK);
}

#define GET_WAIT "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_STOP "GET /stop HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_NONE "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"

static void check_503(peer *p, const char *body)
{
    answer a = peer_answer(p, true);
    CHECK_EQ(a.status, 503);
    CHECK_STR((char *)a.body, body);
    answer_free(&a);
    peer_wait_end(p);
    CHECK(!p->reset);
    peer_close(p);
}

static void check_1001(peer *p)
{
    uint8_t echo[32];
    CHECK(peer_expect_frame(p, 8, "\x03\xe9going away", 12));
    peer_send_bytes(p, echo, rig_frame(echo, 8, "\x03\xe9", 2));
    peer_wait_end(p);
    CHECK(!p->reset);
    peer_close(p);
}

TEST(everyone_is_told)
{
    stopping self;
    stopping_open(&self);
    peer idle, kept, head, body, plain, undecided, sockets[3];
    peer_open(&idle, &self.at);
    answer a = peer_ask(&kept, &self.at, GET_NONE);
    answer_free(&a);
    peer_open(&head, &self.at);
    peer_send(&head, "GET /no");
    peer_open(&body, &self.at);
    peer_send(&body, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
    peer_open(&undecided, &self.at);
    peer_send(&undecided, RIG_UPGRADE("/wait"));
    RIG_UNTIL(&self.at, self.waiting);
    peer_open(&plain, &self.at);
    peer_send(&plain, GET_WAIT GET_NONE);
    naru_request *first = self.waiting;
    RIG_UNTIL(&self.at, self.waiting != first);
    for (int i = 0; i < 3; i++) {
        CHECK(peer_upgrade(&sockets[i], &self.at, RIG_UPGRADE("/chat")));
    }
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 9);
    naru_request *request = self.waiting;
    naru_server_stop(self.at.server, 10000, on_stopped, &self);
    CHECK_EQ(self.stopped, 0u);
    CHECK_EQ(self.cancelled, 1u);
    peer_wait_end(&idle);
    peer_wait_end(&kept);
    CHECK(!idle.reset && !kept.reset && idle.size == 0 && kept.size == 0);
    peer_close(&idle);
    peer_close(&kept);
    check_503(&head, "the server is going away\n");
    check_503(&body, "the server is going away\n");
    check_503(&undecided, "the server is going away\n");
    CHECK_EQ(self.stopped, 0u);
    /* What the application has may still be answered, and nothing behind it is begun. */
    CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("last")), NARU_OK);
    a = peer_answer(&plain, true);
    CHECK_EQ(a.status, 200);
    CHECK_STR(answer_field(&a, "Connection"), "close");
    answer_free(&a);
    peer_wait_end(&plain);
    CHECK(!plain.reset && plain.size == 0);
    peer_close(&plain);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(self.stopped, 0u);
        check_1001(&sockets[i]);
    }
    RIG_UNTIL(&self.at, self.stopped == 1);
    CHECK_EQ(self.at.closed, 3u);
    CHECK_EQ(self.at.last_close.code, 1001);
    CHECK_EQ(naru_server_connections(self.at.server), 0u);
    rig_close(&self.at);
    CHECK_EQ(self.stopped, 1u);
}

TEST(nobody_new_is_let_in)
{
    stopping self;
    stopping_open(&self);
    peer p;
    CHECK(peer_upgrade(&p, &self.at, RIG_UPGRADE("/chat")));
    naru_server_stop(self.at.server, NARU_NEVER, on_stopped, &self);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(self.at.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED);
    close(fd);
    CHECK_EQ(naru_server_listen(self.at.server, "127.0.0.1:0", NULL, NULL), NARU_ERR_STATE);
    check_1001(&p);
    RIG_UNTIL(&self.at, self.stopped == 1);
    rig_close(&self.at);
}

/* Who does not answer the Close and who never reads is ended at the deadline. */
TEST(the_deadline_holds)
{
    stopping self;
    stopping_open(&self);
    peer deaf, waiting;
    CHECK(peer_upgrade(&deaf, &self.at, RIG_UPGRADE("/chat")));
    peer_open(&waiting, &self.at);
    peer_send(&waiting, GET_WAIT);
    RIG_UNTIL(&self.at, self.waiting);
    naru_server_stop(self.at.server, NARU_NEVER, on_stopped, &self);
    for (int i = 0; i < 5; i++) {
        naru_loop_turn(self.at.loop, 0);
    }
    CHECK_EQ(self.stopped, 0u);
    naru_server_stop(self.at.server, 50, NULL, NULL); /* a shorter one takes over */
    naru_server_stop(self.at.server, 100000, NULL, NULL);
    RIG_UNTIL(&self.at, self.stopped == 1);
    CHECK_EQ(self.cancelled, 1u);
    CHECK_EQ(self.at.closed, 1u);
    CHECK_EQ(self.at.last_close.code, 1006);
    peer_close(&deaf);
    peer_close(&waiting);
    rig_close(&self.at);
}

TEST(freed_in_its_own_last_word)
{
    stopping self;
    stopping_open(&self);
    peer p;
    CHECK(peer_upgrade(&p, &self.at, RIG_UPGRADE("/chat")));
    naru_server_stop(self.at.server, 10, on_stopped_free, &self);
    RIG_UNTIL(&self.at, self.stopped == 1);
    CHECK(self.at.server == NULL);
    CHECK_EQ(self.at.closed, 1u);
    peer_close(&p);
    rig_close(&self.at);
}

TEST(an_empty_server_stops_from_the_loop)
{
    stopping self;
    stopping_open(&self);
    naru_server_stop(self.at.server, 1000, on_stopped, &self);
    CHECK_EQ(self.stopped, 0u);
    CHECK_EQ(naru_loop_run(self.at.loop), NARU_OK); /* nothing keeps it awake any more */
    CHECK_EQ(self.stopped, 1u);
    rig_close(&self.at);
}

static void on_message_stop(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    stopping *self = user;
    (void)conn;
    (void)kind;
    (void)data;
    naru_server_stop(self->at.server, 5000, on_stopped, self);
}
static void on_request_stop(naru_request *request, void *user)
{
    stopping *self = user;
    naru_server_stop(self->at.server, 5000, on_stopped, self);
    if (naru_request_is_upgrade(request)) {
        CHECK_EQ(naru_request_accept(request, (naru_span){0}, NULL, NULL), NARU_ERR_STATE);
    } else {
        CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("stopping")), NARU_OK);
    }
}

TEST(stopped_from_a_callback)
{
    static const char two[] = GET_STOP GET_NONE;
    static const char *const requests[] = {RIG_UPGRADE("/message"), RIG_UPGRADE("/stop"), two};
    for (int i = 0; i < 3; i++) {
        stopping self;
        stopping_open(&self);
        naru_ws_route message = {.handler = {.on_message = on_message_stop}};
        naru_ws_route stop = {.on_request = on_request_stop};
        CHECK_EQ(naru_server_route_ws(self.at.server, "/message", &message, &self), NARU_OK);
        CHECK_EQ(naru_server_route_ws(self.at.server, "/stop", &stop, &self), NARU_OK);
        CHECK_EQ(naru_server_route_http(self.at.server, "/stop", on_request_stop, &self), NARU_OK);
        peer p;
        answer a = peer_ask(&p, &self.at, requests[i]);
        CHECK_EQ(a.status, i == 0 ? 101 : i == 1 ? 503 : 200);
        answer_free(&a);
        if (i == 0) {
            peer_text(&p, "stop");
            check_1001(&p);
        } else {
            peer_wait_end(&p);
            CHECK(!p.reset && p.size == 0);
            peer_close(&p);
        }
        RIG_UNTIL(&self.at, self.stopped == 1);
        rig_close(&self.at);
    }
}

TEST(freed_with_everything_open)
{
    stopping self;
    stopping_open(&self);
    peer idle, waiting, undecided, chat;
    peer_open(&idle, &self.at);
    peer_open(&undecided, &self.at);
    peer_send(&undecided, RIG_UPGRADE("/wait"));
    RIG_UNTIL(&self.at, self.waiting);
    self.waiting = NULL;
    peer_open(&waiting, &self.at);
    peer_send(&waiting, GET_WAIT GET_NONE);
    RIG_UNTIL(&self.at, self.waiting);
    CHECK(peer_upgrade(&chat, &self.at, RIG_UPGRADE("/chat")));
    rig_close(&self.at);
    CHECK_EQ(self.cancelled, 2u);
    CHECK_EQ(self.at.closed, 1u);
    CHECK_EQ(self.at.last_close.code, 1006);
    peer_close(&idle);
    peer_close(&waiting);
    peer_close(&undecided);
    peer_close(&chat);
}

/* ---- walking -------------------------------------------------------------------------------------------------- */

typedef struct walked {
    rig at;
    unsigned visits;
    unsigned inner;
} walked;

static void count_inner(naru_conn *conn, void *user)
{
    (void)conn;
    ((walked *)user)->inner++;
}
static void end_some(naru_conn *conn, void *user)
{
    walked *self = user;
    if (self->visits % 3 == 0) {
        naru_conn_abort(conn);
    } else if (self->visits % 3 == 1) {
        CHECK_EQ(naru_conn_close(conn, 4000, (naru_span){0}), NARU_OK);
    } else {
        CHECK_EQ(naru_conn_send(conn, NARU_WS_TEXT, naru_span_of("all"), 0), NARU_OK);
        naru_server_each(self->at.server, count_inner, self);
    }
    self->visits++;
}

TEST(a_walk_survives_those_it_ends)
{
    walked self = {0};
    rig_open(&self.at, NULL);
    rig_route_echo(&self.at, "/chat");
    peer peers[9];
    for (int i = 0; i < 9; i++) {
        CHECK(peer_upgrade(&peers[i], &self.at, RIG_UPGRADE("/chat")));
    }
    naru_server_each(self.at.server, end_some, &self);
    CHECK_EQ(self.visits, 9u);
    CHECK(self.inner >= 9); /* three walks over those that are open yet */
    unsigned aborted = 0, closed = 0, told = 0;
    for (int i = 0; i < 9; i++) {
        peer_wait_bytes(&peers[i], 2);
        aborted += peers[i].size == 0;
        closed += peers[i].size >= 4 && peers[i].data[0] == 0x88;
        told += peers[i].size >= 5 && peers[i].data[0] == 0x81;
        peer_close(&peers[i]);
    }
    CHECK_EQ(aborted, 3u);
    CHECK_EQ(closed, 3u);
    CHECK_EQ(told, 3u);
    RIG_UNTIL(&self.at, self.at.closed == 9);
    rig_close(&self.at);
}

/* ---- how many ------------------------------------------------------------------------------------------------- */

TEST(more_than_allowed_wait_outside)
{
    naru_server_options options = {.connections_max = 3};
    rig self;
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    peer peers[5];
    for (int i = 0; i < 5; i++) {
        peer_open(&peers[i], &self);
        peer_send(&peers[i], RIG_UPGRADE("/chat"));
    }
    RIG_UNTIL(&self, self.opened == 3);
    for (int i = 0; i < 20; i++) {
        naru_loop_turn(self.loop, 0);
    }
    CHECK_EQ(naru_server_connections(self.server), 3u);
    for (int i = 0; i < 5; i++) {
        answer a = peer_answer(&peers[i], true);
        CHECK_EQ(a.status, 101);
        CHECK(peer_echoes(&peers[i], "in"));
        CHECK(naru_server_connections(self.server) <= 3);
        answer_free(&a);
        peer_close(&peers[i]);
    }
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    CHECK_EQ(self.opened, 5u);
    rig_close(&self);
}

/* ---- spread --------------------------------------------------------------------------------------------------- */

static void read_closes(peer *peers, size_t count, uint64_t began_ms, uint64_t *told_ms)
{
    for (size_t i = 0; i < count; i++) {
        peer_receive(&peers[i]);
        if (!told_ms[i] && peers[i].size >= 4) {
            CHECK(memcmp(peers[i].data, "\x88\x0c\x03\xf4going away", 14) == 0);
            told_ms[i] = rig_now_ms() - began_ms + 1;
        }
    }
}

static size_t told(const uint64_t *told_ms, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += told_ms[i] > 0;
    }
    return found;
}

/* Each has its own moment, in the first half as many as in the second; the untold go on as if nothing were. */
TEST(the_closes_are_spread)
{
    enum { PEERS = 20, SPREAD_MS = 600 };
    stopping self;
    stopping_open(&self);
    peer peers[PEERS];
    uint64_t told_ms[PEERS] = {0};
    for (size_t i = 0; i < PEERS; i++) {
        CHECK(peer_upgrade(&peers[i], &self.at, RIG_UPGRADE("/chat")));
    }
    naru_stop_options options = {.spread_ms = SPREAD_MS, .close_code = 1012};
    uint64_t began = rig_now_ms();
    naru_server_stop_with(self.at.server, &options, on_stopped, &self);
    CHECK_EQ(told(told_ms, PEERS), 0u);
    CHECK(peer_echoes(&peers[0], "still here")); /* the last that came is the first to go */
    peer_close(&peers[5]);                       /* one goes by itself, perhaps the next in the walk */
    told_ms[5] = 1;
    size_t half = 0;
    for (size_t found = 0; found < PEERS; found = told(told_ms, PEERS)) {
        rig_turn(&self.at, NULL, 0, 5);
        read_closes(peers, PEERS, began, told_ms);
        half = rig_now_ms() - began < SPREAD_MS / 2 ? told(told_ms, PEERS) : half;
        REQUIRE(rig_now_ms() - began < RIG_PATIENCE_MS);
    }
    CHECK(half <= PEERS / 2 + 1);
    CHECK(rig_now_ms() - began + 2 >= SPREAD_MS - SPREAD_MS / 10);
    for (size_t i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    RIG_UNTIL(&self.at, self.stopped == 1);
    rig_close(&self.at);
}

/* A second stop without a spread tells all the others at once. */
TEST(a_spread_may_be_cut_short)
{
    enum { PEERS = 5 };
    stopping self;
    stopping_open(&self);
    peer peers[PEERS];
    for (size_t i = 0; i < PEERS; i++) {
        CHECK(peer_upgrade(&peers[i], &self.at, RIG_UPGRADE("/chat")));
    }
    naru_stop_options options = {.spread_ms = 3600 * 1000};
    naru_server_stop_with(self.at.server, &options, on_stopped, &self);
    CHECK(peer_echoes(&peers[PEERS - 1], "still here"));
    naru_server_stop(self.at.server, 5000, NULL, NULL);
    for (size_t i = 0; i < PEERS; i++) {
        check_1001(&peers[i]);
    }
    RIG_UNTIL(&self.at, self.stopped == 1);
    rig_close(&self.at);
}

/* ---- who was accepted is served ------------------------------------------------------------------------------- */

static const peer *connect_quietly(peer *p, rig *at)
{
    peer_open(p, at);
    return p;
}

TEST(who_was_accepted_is_served)
{
    stopping self;
    stopping_open(&self);
    peer idle, half, waits, upgraded, silent, queued;
    answer a = peer_ask(&idle, &self.at, GET_NONE);
    answer_free(&a);
    peer_open(&half, &self.at);
    peer_send(&half, "GET /chat HTTP/1.1\r\n");
    peer_open(&waits, &self.at);
    peer_send(&waits, GET_WAIT);
    connect_quietly(&silent, &self.at);
    RIG_UNTIL(&self.at, self.waiting && naru_server_connections(self.at.server) == 4);
    CHECK(peer_upgrade(&upgraded, &self.at, RIG_UPGRADE("/chat")));
    connect_quietly(&queued, &self.at); /* the kernel has accepted it, the server has not */
    naru_stop_options options = {.spread_ms = 300, .finish_requests = true};
    naru_server_stop_with(self.at.server, &options, on_stopped, &self);
    CHECK_EQ(naru_server_connections(self.at.server), 6u);
    peer_wait_end(&idle);
    CHECK(idle.size == 0 && !idle.reset);
    peer_send(&half, RIG_UPGRADE_FIELDS "\r\n");
    a = peer_answer(&half, true);
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    CHECK_EQ(naru_request_respond(self.waiting, 200, NULL, naru_span_of("done")), NARU_OK);
    a = peer_answer(&waits, true);
    CHECK_EQ(a.status, 200);
    CHECK_STR(answer_field(&a, "Connection"), "close");
    answer_free(&a);
    peer_send(&silent, GET_NONE);
    a = peer_answer(&silent, true);
    CHECK_EQ(a.status, 404);
    CHECK_STR(answer_field(&a, "Connection"), "close");
    answer_free(&a);
    peer_send(&queued, RIG_UPGRADE("/chat"));
    a = peer_answer(&queued, true);
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    check_1001(&upgraded);
    check_1001(&half);
    check_1001(&queued);
    peer_close(&idle);
    peer_close(&waits);
    peer_close(&silent);
    RIG_UNTIL(&self.at, self.stopped == 1);
    rig_close(&self.at);
}

TEST(options_out_of_range)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_server_options options = {.server_name = "a\r\nb"};
    CHECK_EQ(naru_server_new(loop, &options, &server), NARU_ERR_ARGUMENT);
    options = (naru_server_options){.origin_policy = NARU_ORIGIN_LIST, .origins_count = 1};
    CHECK_EQ(naru_server_new(loop, &options, &server), NARU_ERR_ARGUMENT);
    options = (naru_server_options){.origin_policy = (naru_origin_policy)7};
    CHECK_EQ(naru_server_new(loop, &options, &server), NARU_ERR_ARGUMENT);
    CHECK(server == NULL);
    CHECK_EQ(naru_server_new(loop, NULL, &server), NARU_OK);
    CHECK(naru_server_listen(server, "no address", NULL, NULL) == NARU_ERR_ARGUMENT);
    naru_server_free(server);
    naru_loop_free(loop);
}

TEST_MAIN({"everyone is told", everyone_is_told}, {"nobody new is let in", nobody_new_is_let_in},
          {"the deadline holds", the_deadline_holds}, {"freed in its own last word", freed_in_its_own_last_word},
          {"an empty server stops from the loop", an_empty_server_stops_from_the_loop},
          {"stopped from a callback", stopped_from_a_callback},
          {"freed with everything open", freed_with_everything_open},
          {"a walk survives those it ends", a_walk_survives_those_it_ends},
          {"more than allowed wait outside", more_than_allowed_wait_outside},
          {"options out of range", options_out_of_range}, {"the Closes are spread", the_closes_are_spread},
          {"a spread may be cut short", a_spread_may_be_cut_short},
          {"who was accepted is served", who_was_accepted_is_served})
