/* How fast one connection's messages may come, and what is counted. */
#include "wire/memory_rig.h"

static naru_server_counts counts_of(const rig *self)
{
    naru_server_counts counts;
    naru_server_counters(self->server, &counts);
    return counts;
}

/* ---- pace ------------------------------------------------------------------------------------------------------- */

static void send_many(peer *p, int count, size_t size)
{
    static uint8_t frame[4096];
    char payload[2048];
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < count; i++) {
        peer_send_bytes(p, frame, rig_frame(frame, 2, payload, size));
    }
}

TEST(too_many_messages_have_to_wait)
{
    rig self;
    peer p, other;
    naru_server_options options = {.messages_per_second = 10};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")) && peer_upgrade(&other, &self, RIG_UPGRADE("/chat")));
    uint64_t began = rig_now_ms();
    send_many(&p, 15, 10);
    peer_wait_bytes(&p, 11 * 12); /* ten at once, and the one that ran into debt */
    CHECK_EQ(self.messages, 11u);
    CHECK_EQ(counts_of(&self).throttled, 1u);
    CHECK(peer_echoes(&other, "not me"));
    peer_wait_bytes(&p, 15 * 12);
    uint64_t took = rig_now_ms() - began;
    CHECK(took >= 300 && took < RIG_PATIENCE_MS); /* four more, a tenth of a second each */
    CHECK_EQ(self.messages, 16u);
    CHECK_EQ(counts_of(&self).throttled, 5u);
    CHECK(rig_logged(&self, "sends faster than it may"));
    peer_close(&p);
    peer_close(&other);
    rig_close(&self);
}

TEST(too_many_bytes_have_to_wait)
{
    rig self;
    peer p;
    naru_server_options options = {.message_bytes_per_second = 4000};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")));
    uint64_t began = rig_now_ms();
    send_many(&p, 6, 1000);
    peer_wait_bytes(&p, 6 * 1004);
    CHECK(rig_now_ms() - began >= 240); /* the fifth is a quarter of a second in debt */
    CHECK_EQ(self.messages, 6u);
    peer_close(&p);
    rig_close(&self);
}

TEST(too_many_messages_are_closed)
{
    rig self;
    peer p;
    naru_server_options options = {.messages_per_second = 10, .rate_policy = NARU_RATE_CLOSE};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")));
    send_many(&p, 10, 1);
    peer_wait_bytes(&p, 10 * 3);
    peer_take(&p, 10 * 3);
    send_many(&p, 1, 1);
    CHECK(peer_expect_frame(&p, 2, "x", 1));
    CHECK(peer_expect_frame(&p, 8, "\x03\xf0too many messages", 19));
    peer_close(&p);
    RIG_UNTIL(&self, self.closed == 1);
    rig_close(&self);
}

/* ---- the application's own pauses -------------------------------------------------------------------------------- */

static naru_conn *paused;

static void pause_at_once(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind, (void)data;
    ((rig *)user)->messages++;
    paused = conn;
    naru_conn_pause(conn);
}

TEST(the_application_may_pause_too)
{
    rig self;
    peer p;
    naru_server_options options = {.messages_per_second = 1};
    naru_ws_route route = {.handler = {.on_message = pause_at_once}};
    rig_open(&self, &options);
    CHECK_EQ(naru_server_route_ws(self.server, "/chat", &route, &self), NARU_OK);
    CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")));
    send_many(&p, 3, 1);
    RIG_UNTIL(&self, self.messages == 1);
    naru_conn_resume(paused);
    RIG_UNTIL(&self, self.messages == 2); /* now it is in debt, and paused as well */
    uint64_t began = rig_now_ms();
    naru_conn_resume(paused); /* that alone does not help */
    RIG_UNTIL(&self, self.messages == 3);
    CHECK(rig_now_ms() - began >= 900);
    send_many(&p, 1, 1);
    began = rig_now_ms();
    while (rig_now_ms() - began < 2500) { /* nor does time alone */
        rig_turn(&self, NULL, 0, 50);
    }
    CHECK_EQ(self.messages, 3u);
    naru_conn_resume(paused);
    RIG_UNTIL(&self, self.messages == 4);
    peer_close(&p);
    rig_close(&self);
}

/* ---- counters ---------------------------------------------------------------------------------------------------- */

static void send_back_twice(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    CHECK_EQ(naru_conn_send(conn, kind, data, 0), NARU_OK);
    CHECK_EQ(naru_conn_send_part(conn, kind, naru_span_of("ab"), false, 0), NARU_OK);
    CHECK_EQ(naru_conn_send_part(conn, kind, naru_span_of("c"), true, 0), NARU_OK);
}

static void take_counts(naru_conn *conn, void *user)
{
    naru_conn_counters(conn, user);
}

TEST(what_is_counted)
{
    rig self;
    peer p, plain;
    uint8_t frame[64];
    naru_conn_counts conn;
    naru_ws_route route = {.handler = {.on_message = send_back_twice}};
    naru_server_options options = {.address_connections_max = 1, .address_limits_loopback = true};
    rig_open(&self, &options);
    CHECK_EQ(naru_server_route_ws(self.server, "/chat", &route, &self), NARU_OK);
    naru_server_counts none = counts_of(&self);
    CHECK(none.accepted == 0 && none.connections == 0 && none.messages_in == 0);
    peer_open(&p, &self);
    peer_send(&p, RIG_UPGRADE("/chat"));
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 101);
    size_t head = strlen(a.head);
    answer_free(&a);
    peer_text(&p, "hello");
    peer_send_bytes(&p, frame, rig_frame(frame, 9, "pi", 2));
    peer_send_bytes(&p, frame, rig_frame(frame, 10, "po", 2));
    peer_send_bytes(&p, frame, rig_frame(frame, 2, "bin", 3));
    peer_wait_bytes(&p, 7 + 4 + 3 + 4 + 5 + 4 + 3);
    RIG_UNTIL(&self, counts_of(&self).pongs_in == 1);
    a = peer_ask(&plain, &self, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_EQ(a.status, 429);
    answer_free(&a);
    naru_server_counts counts = counts_of(&self);
    CHECK_EQ(counts.connections, 2u);
    CHECK_EQ(counts.websockets, 1u);
    CHECK_EQ(counts.accepted, 2u);
    CHECK_EQ(counts.requests, 2u);
    CHECK_EQ(counts.websockets_opened, 1u);
    CHECK_EQ(counts.refused, 1u);
    CHECK_EQ(counts.limited, 1u);
    CHECK_EQ(counts.throttled, 0u);
    CHECK_EQ(counts.messages_in, 2u);
    CHECK_EQ(counts.message_bytes_in, 8u);
    CHECK_EQ(counts.messages_out, 4u);
    CHECK_EQ(counts.message_bytes_out, 14u);
    CHECK_EQ(counts.pings_in, 1u);
    CHECK_EQ(counts.pongs_in, 1u);
    CHECK_EQ(counts.dropped, 0u);
    naru_server_each(self.server, take_counts, &conn);
    CHECK_EQ(conn.bytes_out, head + 7 + 4 + 3 + 4 + 5 + 4 + 3);
    CHECK_EQ(conn.queued_bytes, 0u);
    CHECK_EQ(conn.dropped, 0u);
    peer_close(&p);
    peer_close(&plain);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    counts = counts_of(&self);
    CHECK(counts.websockets == 0 && counts.websockets_opened == 1 && counts.accepted == 2);
    rig_close(&self);
}

TEST(each_allocation_fails_once)
{
    naru_server_options options = {.messages_per_second = 1, .conn.ws.close_timeout_ms = 100};
    bool done = false;
    for (size_t i = 1; !done && i < 200; i++) {
        rig self = {0};
        peer p;
        rig_memory = (memory_rig){0};
        rig_open_on(&self, rig_memory_loop(NULL), &options);
        rig_route_echo(&self, "/chat");
        rig_memory.calls = 0;
        rig_memory.fail_at = i;
        bool good = peer_upgrade(&p, &self, RIG_UPGRADE("/chat"));
        if (good) {
            send_many(&p, 3, 100);
            RIG_UNTIL(&self, counts_of(&self).throttled > 0 || self.closed > 0);
        }
        done = rig_memory.calls < i;
        CHECK(good || !done);
        rig_memory.fail_at = 0;
        peer_close(&p);
        RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
        CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")) && peer_echoes(&p, "alive"));
        peer_close(&p);
        rig_close(&self);
        CHECK_EQ(rig_memory.blocks, 0u);
        CHECK_EQ(self.opened, self.closed);
    }
    CHECK(done);
}

TEST_MAIN({"too many messages have to wait", too_many_messages_have_to_wait},
          {"too many bytes have to wait", too_many_bytes_have_to_wait},
          {"too many messages are closed", too_many_messages_are_closed},
          {"the application may pause too", the_application_may_pause_too}, {"what is counted", what_is_counted},
          {"each allocation fails once", each_allocation_fails_once})
