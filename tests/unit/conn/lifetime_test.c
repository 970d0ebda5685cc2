/* A connection's life: events in order and once, pauses, closing from everywhere, silence, lost memory. */
#include "harness.h"

static void echo(harness *h, naru_span data)
{
    CHECK(naru_conn_send(h->conn, NARU_WS_BINARY, data, 0) >= 0);
}

TEST(echoes_and_closes)
{
    harness h;
    harness_init(&h);
    h.on_message = echo;
    REQUIRE(harness_start(&h));
    CHECK_SPAN(naru_conn_protocol(h.conn), "chat");
    peer_frame(&h, 2, "hello", 5);
    CHECK(turn_until(&h, 'M', 1));
    received in = {0};
    CHECK(peer_read_until(&h, &in, 7));
    CHECK_BYTES(((naru_span){in.bytes, in.size}), ((naru_span){(const uint8_t *)"\x82\x05hello", 7}));
    peer_frame(&h, 8, "\x0f\xa1why", 5);
    in.size = 0;
    CHECK(peer_read_until(&h, &in, 8));
    CHECK_SPAN(((naru_span){in.bytes, in.size}), "\x88\x05\x0f\xa1why");
    CHECK(in.ended || peer_read_until(&h, &in, 8));
    CHECK_EQ(count_of(&h, 'C'), 0); /* it waits for the peer's end of the stream */
    shutdown(h.peer, SHUT_WR);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OMCG");
    CHECK_EQ(h.closed.code, 4001);
    CHECK(h.closed.clean);
    CHECK_EQ(h.closed.fault.status, NARU_OK);
    CHECK_STR(h.reason, "why");
    free(in.bytes);
    harness_end(&h);
}

static void abort_now(harness *h, naru_span data)
{
    (void)data;
    naru_conn_abort(h->conn);
    naru_conn_abort(h->conn);
    CHECK_EQ(count_of(h, 'C'), 0);
    CHECK_EQ(naru_conn_send(h->conn, NARU_WS_TEXT, naru_span_of("x"), 0), NARU_ERR_STATE);
}

TEST(abort_inside_a_message_drops_the_rest)
{
    harness h;
    harness_init(&h);
    h.on_message = abort_now;
    REQUIRE(harness_start(&h));
    uint8_t frames[64];
    size_t size = put_frame(frames, 1, "a", 1);
    size += put_frame(frames + size, 1, "b", 1);
    peer_write(&h, frames, size);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OMCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK(!h.closed.clean);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_CLOSED);
    received in = {0};
    CHECK(peer_read_until(&h, &in, 1));
    CHECK(in.reset);
    free(in.bytes);
    harness_end(&h);
}

static void destroy_now(harness *h, naru_span data)
{
    (void)data;
    naru__conn_destroy(h->conn);
}

TEST(the_owner_may_destroy_inside_a_message)
{
    harness h;
    harness_init(&h);
    h.on_message = destroy_now;
    REQUIRE(harness_start(&h));
    uint8_t frames[64];
    size_t size = put_frame(frames, 1, "a", 1);
    size += put_frame(frames + size, 1, "b", 1);
    peer_write(&h, frames, size);
    CHECK(turn_until(&h, 'G', 1));
    settle(&h);
    CHECK_STR(h.log, "OMCG");
    harness_end(&h);
}

static void close_now(naru_conn *conn, void *user)
{
    note(user, 'O');
    CHECK_EQ(naru_conn_close(conn, 1001, naru_span_of("bye")), NARU_OK);
    CHECK_EQ(naru_conn_close(conn, 1000, naru_span_of("")), NARU_OK);
}

TEST(close_inside_on_open)
{
    harness h;
    harness_init(&h);
    h.handler.on_open = close_now;
    REQUIRE(harness_start(&h));
    received in = {0};
    CHECK(peer_read_until(&h, &in, 7));
    CHECK_SPAN(((naru_span){in.bytes, in.size}), "\x88\x05\x03\xe9"
                                                 "bye");
    peer_frame(&h, 8, "\x03\xe9", 2);
    CHECK(peer_read_until(&h, &in, SIZE_MAX));
    CHECK(in.ended);
    close(h.peer);
    h.peer = -1;
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK(h.closed.clean);
    CHECK_EQ(h.closed.code, 1001);
    free(in.bytes);
    harness_end(&h);
}

static void pause_now(harness *h, naru_span data)
{
    (void)data;
    naru_conn_pause(h->conn);
}

TEST(a_pause_holds_what_has_come_and_loses_nothing)
{
    harness h;
    harness_init(&h);
    h.on_message = pause_now;
    REQUIRE(harness_start(&h));
    uint8_t frames[64];
    size_t size = put_frame(frames, 1, "a", 1);
    size += put_frame(frames + size, 1, "b", 1);
    size += put_frame(frames + size, 1, "c", 1);
    peer_write(&h, frames, size - 3); /* the third one in two pieces */
    CHECK(turn_until(&h, 'M', 1));
    peer_write(&h, frames + size - 3, 3);
    settle(&h);
    CHECK_EQ(count_of(&h, 'M'), 1);
    naru_conn_resume(h.conn);
    CHECK_EQ(count_of(&h, 'M'), 1); /* not inside the call */
    settle(&h);
    CHECK_EQ(count_of(&h, 'M'), 2);
    naru_conn_resume(h.conn);
    naru_conn_pause(h.conn); /* takes the resume back */
    settle(&h);
    CHECK_EQ(count_of(&h, 'M'), 2);
    naru_conn_resume(h.conn);
    CHECK(turn_until(&h, 'M', 3));
    harness_end(&h);
}

TEST(bytes_before_the_start_are_kept)
{
    harness h;
    harness_init(&h);
    h.on_message = echo;
    REQUIRE(harness_make(&h));
    peer_frame(&h, 2, "early", 5);
    settle(&h);
    CHECK_EQ(h.log_size, 0);
    uint8_t frame[16];
    size_t size = put_frame(frame, 2, "!", 1);
    (void)size;
    naru__conn_start(h.conn, NULL, 0);
    CHECK_STR(h.log, "OM");
    received in = {0};
    CHECK(peer_read_until(&h, &in, 7));
    CHECK_SPAN(((naru_span){in.bytes, in.size}), "\x82\x05"
                                                 "early");
    free(in.bytes);
    harness_end(&h);
}

/* The peer breaks a rule and goes on sending: our Close must reach it all the same, then an orderly end. */
TEST(a_failure_lingers_so_that_its_close_is_read)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    static uint8_t junk[256 << 10];
    peer_write(&h, "\x81\x01x", 3); /* not masked */
    CHECK(turn_until(&h, 'O', 1));
    ssize_t sent = write(h.peer, junk, sizeof junk);
    CHECK(sent > 0);
    settle(&h);
    sent = write(h.peer, junk, sizeof junk);
    CHECK(sent > 0);
    received in = {0};
    CHECK(peer_read_until(&h, &in, SIZE_MAX));
    CHECK(in.ended);
    CHECK(!in.reset);
    REQUIRE(in.size >= 4);
    CHECK_BYTES(((naru_span){in.bytes, 1}), ((naru_span){(const uint8_t *)"\x88", 1}));
    CHECK_EQ(in.bytes[2] << 8 | in.bytes[3], 1002);
    shutdown(h.peer, SHUT_WR);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK(!h.closed.clean);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_PROTOCOL);
    CHECK_EQ(h.closed.fault.close_code, 1002);
    free(in.bytes);
    harness_end(&h);
}

TEST(a_peer_that_never_ends_is_dropped_after_the_close_timeout)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.close_timeout_ms = 30;
    REQUIRE(harness_start(&h));
    peer_frame(&h, 8, "", 0);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_EQ(h.closed.code, 1005);
    CHECK(h.closed.clean);
    harness_end(&h);
}

TEST(a_peer_that_never_answers_a_close_is_dropped)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.close_timeout_ms = 30;
    REQUIRE(harness_start(&h));
    CHECK_EQ(naru_conn_close(h.conn, 1000, naru_span_of("")), NARU_OK);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_TIMEOUT);
    harness_end(&h);
}

TEST(silence_is_noticed)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.ping_interval_ms = 20;
    h.terms.options.ws.pong_timeout_ms = 20;
    REQUIRE(harness_start(&h));
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_TIMEOUT);
    received in = {0};
    peer_read(&h, &in);
    REQUIRE(in.size >= 2);
    CHECK_EQ(in.bytes[0], 0x89);
    free(in.bytes);
    harness_end(&h);
}

/* Answer each ping; the connection must outlive many intervals. */
TEST(a_peer_that_answers_pings_lives)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.ping_interval_ms = 10;
    h.terms.options.ws.pong_timeout_ms = 60000; /* far beyond the patience of this test: no ping may wait for it */
    REQUIRE(harness_start(&h));
    received in = {0};
    for (size_t pongs = 0; pongs < 5; pongs++) {
        in.size = 0;
        CHECK(peer_read_until(&h, &in, 2));
        REQUIRE(in.size >= 2 && in.bytes[0] == 0x89);
        peer_frame(&h, 10, in.bytes + 2, in.bytes[1]);
        CHECK(turn_until(&h, 'P', pongs + 1));
    }
    CHECK_EQ(count_of(&h, 'C'), 0);
    free(in.bytes);
    harness_end(&h);
}

TEST(a_paused_connection_is_not_taken_for_silent)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.ping_interval_ms = 10;
    h.terms.options.ws.pong_timeout_ms = 10;
    REQUIRE(harness_start(&h));
    naru_conn_pause(h.conn);
    uint64_t end_ms = wall_ms() + 100; /* ten times as long as the silence that ends an unpaused one */
    while (wall_ms() < end_ms) {
        naru_loop_turn(h.loop, 5);
    }
    CHECK_EQ(count_of(&h, 'C'), 0);
    naru_conn_resume(h.conn);
    CHECK(turn_until(&h, 'C', 1));
    harness_end(&h);
}

TEST(a_lost_peer_is_1006)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    close(h.peer);
    h.peer = -1;
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_CLOSED);
    CHECK(!h.closed.clean);
    harness_end(&h);
}

static void pause_then_echo(harness *h, naru_span data)
{
    (void)naru_conn_send(h->conn, NARU_WS_BINARY, data, 0); /* memory may be lost here */
    naru_conn_pause(h->conn);
    naru_conn_resume(h->conn);
}

static uint64_t large_sum;
static size_t large_bytes;

static void sum_up(harness *h, naru_span data)
{
    (void)h;
    large_bytes += data.size;
    for (size_t i = 0; i < data.size; i++) {
        large_sum = large_sum * 31 + data.data[i];
    }
}

/* What is read straight into its place must be what was sent: several large messages whose pieces end anywhere, small
 * ones between them, and a pause in the middle. */
TEST(large_messages_arrive_whole)
{
    enum { LARGE = 700001, COUNT = 5 };
    harness h;
    harness_init(&h);
    h.on_message = sum_up;
    REQUIRE(harness_start(&h));
    size_t frame = 14 + LARGE;
    uint8_t *wire = calloc(COUNT, frame + 8);
    size_t size = 0;
    uint64_t expected = 0;
    for (size_t n = 0; n < COUNT; n++) {
        const uint8_t head[14] = {0x82, 0xff, 0, 0, 0, 0, 0, LARGE >> 16, LARGE >> 8 & 0xff, LARGE & 0xff, 1, 2, 3, 4};
        memcpy(wire + size, head, sizeof head);
        for (size_t i = 0; i < LARGE; i++) {
            uint8_t byte = (uint8_t)(i * 7 + n + (i >> 12));
            expected = expected * 31 + byte;
            wire[size + 14 + i] = byte ^ head[10 + i % 4];
        }
        size += frame;
        size += put_frame(wire + size, 2, "+", 1);
        expected = expected * 31 + '+';
    }
    large_sum = large_bytes = 0;
    size_t written = 0;
    uint64_t end_ms = wall_ms() + 5000;
    for (size_t round = 0; written < size && wall_ms() < end_ms; round++) {
        ssize_t some = write(h.peer, wire + written, size - written < 77777 ? size - written : 77777);
        written += some > 0 ? (size_t)some : 0;
        naru_loop_turn(h.loop, 0);
        if (round % 7 == 3) {
            naru_conn_pause(h.conn);
            naru_loop_turn(h.loop, 0);
            naru_conn_resume(h.conn);
        }
    }
    CHECK(turn_until(&h, 'M', (size_t)2 * COUNT));
    CHECK_EQ(large_bytes, COUNT * ((size_t)LARGE + 1));
    CHECK_EQ(large_sum, expected);
    free(wire);
    harness_end(&h);
}

/* Each allocation in turn fails once: the connection may die, on_close comes at most once, nothing leaks. */
TEST(every_allocation_may_fail)
{
    for (long n = 1; n < 200; n++) {
        harness h;
        harness_init(&h);
        h.on_message = pause_then_echo;
        h.count.fail_at = n;
        if (harness_start(&h)) {
            uint8_t frames[512];
            size_t size = put_frame(frames, 2, "one", 3);
            size += put_frame(frames + size, 2, "two", 3);
            size += put_frame(frames + size, 8,
                              "\x03\xe8"
                              "done",
                              6);
            peer_write(&h, frames, size - 4);
            settle(&h);
            (void)!write(h.peer, frames + size - 4, 4); /* it may be closed by now */
            shutdown(h.peer, SHUT_WR);
            CHECK(turn_until(&h, 'G', 1));
            CHECK_EQ(count_of(&h, 'C'), 1);
        }
        bool all_worked = h.count.fail_at > 0;
        if (h.loop) {
            harness_end(&h);
        } else {
            close(h.peer);
            CHECK_EQ(h.count.live_bytes, 0);
        }
        if (all_worked) {
            return;
        }
    }
    CHECK(!"there is no end to the allocations");
}

TEST_MAIN({"echoes and closes", echoes_and_closes},
          {"abort inside a message drops the rest", abort_inside_a_message_drops_the_rest},
          {"the owner may destroy inside a message", the_owner_may_destroy_inside_a_message},
          {"close inside on_open", close_inside_on_open},
          {"a pause holds what has come and loses nothing", a_pause_holds_what_has_come_and_loses_nothing},
          {"bytes before the start are kept", bytes_before_the_start_are_kept},
          {"a failure lingers so that its Close is read", a_failure_lingers_so_that_its_close_is_read},
          {"a peer that never ends is dropped", a_peer_that_never_ends_is_dropped_after_the_close_timeout},
          {"a peer that never answers a Close is dropped", a_peer_that_never_answers_a_close_is_dropped},
          {"silence is noticed", silence_is_noticed},
          {"a peer that answers pings lives", a_peer_that_answers_pings_lives},
          {"a paused connection is not taken for silent", a_paused_connection_is_not_taken_for_silent},
          {"a lost peer is 1006", a_lost_peer_is_1006}, {"large messages arrive whole", large_messages_arrive_whole},
          {"every allocation may fail", every_allocation_may_fail})
