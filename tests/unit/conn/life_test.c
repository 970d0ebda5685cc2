/* The limits of time that a connection may have: without messages, and at all. */
#include "unit/conn/harness.h"

enum { SHORT_MS = 60 };

/* The peer reads this Close, and answers it; then it is over. */
static void check_close(harness *h, received *in, size_t before, uint16_t code, const char *reason)
{
    size_t size = strlen(reason);
    REQUIRE(peer_read_until(h, in, before + 4 + size));
    const uint8_t *frame = in->bytes + before;
    CHECK_EQ(frame[0], 0x88);
    CHECK_EQ(frame[1], 2 + size);
    CHECK_EQ(frame[2] << 8 | frame[3], code);
    CHECK(memcmp(frame + 4, reason, size) == 0);
    uint8_t answer[] = {(uint8_t)(code >> 8), (uint8_t)code};
    peer_frame(h, 8, answer, sizeof answer);
    /* The server ends its side, and waits for ours. */
    while (!in->ended && peer_read_until(h, in, SIZE_MAX)) {
    }
    close(h->peer);
    h->peer = -1;
    CHECK(turn_until(h, 'G', 1));
    CHECK(h->closed.clean);
    free(in->bytes);
    harness_end(h);
}

TEST(without_messages_it_is_closed)
{
    harness h;
    harness_init(&h);
    h.terms.options.idle_timeout_ms = SHORT_MS;
    h.terms.options.ws.ping_interval_ms = 5; /* pings and pongs are no messages */
    h.terms.options.ws.pong_timeout_ms = 60000;
    uint64_t began = wall_ms();
    REQUIRE(harness_start(&h));
    CHECK_BYTES(naru_conn_protocol(h.conn), naru_span_of("chat"));
    received in = {0};
    size_t at = 0;
    while (at == in.size || in.bytes[at] == 0x89) { /* each ping has eight letters */
        if (in.size >= at + 10) {
            peer_frame(&h, 10, in.bytes + at + 2, 8);
            at += 10;
        }
        REQUIRE(peer_read_until(&h, &in, at + 10));
    }
    /* On a machine that stalls it may be over before the first ping. That neither ping nor pong moves the deadline is
     * asked below, where no time passes. */
    CHECK(wall_ms() - began + 2 >= SHORT_MS);
    check_close(&h, &in, at, 1001, "idle too long");
}

static uint64_t later_deadline(harness *h)
{
    for (uint64_t began = wall_ms(); wall_ms() - began < 5;) {
        naru_loop_turn(h->loop, 1);
    }
    return naru__conn_life_deadline_ms(h->conn);
}

/* Either direction is life, and of what comes only messages are. */
TEST(messages_keep_it_open)
{
    harness h;
    harness_init(&h);
    h.terms.options.idle_timeout_ms = 100000;
    REQUIRE(harness_start(&h));
    uint64_t first = later_deadline(&h);
    peer_frame(&h, 9, "ping", 4);
    CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("ping")), NARU_OK);
    CHECK_EQ(later_deadline(&h), first);
    peer_frame(&h, 1, "x", 1);
    uint64_t second = later_deadline(&h);
    CHECK(second >= first + 5);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("x"), 0), NARU_OK);
    uint64_t third = later_deadline(&h);
    CHECK(third >= second + 5);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_TEXT, naru_span_of("x"), false, 0), NARU_OK);
    CHECK(later_deadline(&h) >= third + 5);
    harness_end(&h);
}

/* Nothing is heard during a pause, and so nothing is missed. */
TEST(a_pause_is_not_idle)
{
    harness h;
    harness_init(&h);
    h.terms.options.idle_timeout_ms = SHORT_MS;
    REQUIRE(harness_start(&h));
    naru_conn_pause(h.conn);
    for (uint64_t began = wall_ms(); wall_ms() - began < 3 * SHORT_MS;) {
        naru_loop_turn(h.loop, 10);
    }
    CHECK_EQ(naru_conn_state(h.conn), NARU_WS_OPEN);
    uint64_t resumed = wall_ms();
    naru_conn_resume(h.conn);
    received in = {0};
    check_close(&h, &in, 0, 1001, "idle too long");
    CHECK(wall_ms() - resumed + 2 >= SHORT_MS);
}

/* However busy, and also during a pause. */
TEST(its_age_ends_it)
{
    for (int paused = 0; paused < 2; paused++) {
        harness h;
        harness_init(&h);
        h.terms.options.age_max_ms = 2 * SHORT_MS;
        h.terms.options.age_jitter_ms = 1;
        REQUIRE(harness_start(&h));
        uint64_t began = wall_ms();
        received in = {0};
        size_t sent = 0;
        if (paused) {
            naru_conn_pause(h.conn);
        }
        while (naru_conn_state(h.conn) == NARU_WS_OPEN) {
            if (!paused && naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("x"), 0) == NARU_OK) {
                sent += 3;
            }
            naru_loop_turn(h.loop, 5);
            REQUIRE(wall_ms() - began < 5000);
        }
        CHECK(wall_ms() - began + 3 >= 2 * SHORT_MS);
        if (paused) { /* it hears our answer only when it is resumed */
            naru_conn_resume(h.conn);
        }
        check_close(&h, &in, sent, 1001, "open too long");
    }
}

/* Many that come together go in different moments, none after its time. */
TEST(ages_differ)
{
    enum { MANY = 32, AGE_MS = 100000, JITTER_MS = 40000 };
    uint64_t ends[MANY];
    size_t different = 0;
    for (size_t i = 0; i < MANY; i++) {
        harness h;
        harness_init(&h);
        h.terms.options.age_max_ms = AGE_MS;
        h.terms.options.age_jitter_ms = JITTER_MS;
        uint64_t began = naru_loop_now_ms((harness_make(&h), h.loop));
        naru__conn_start(h.conn, NULL, 0);
        ends[i] = naru__conn_life_deadline_ms(h.conn) - began;
        CHECK(ends[i] <= AGE_MS + 100 && ends[i] >= AGE_MS - JITTER_MS);
        different += i > 0 && ends[i] != ends[i - 1];
        harness_end(&h);
    }
    CHECK(different > MANY / 2);
}

TEST(options_out_of_range)
{
    naru_conn_options options = {.age_max_ms = 10, .age_jitter_ms = 11};
    CHECK_EQ(naru__conn_options_fill(&options), NARU_ERR_ARGUMENT);
    options = (naru_conn_options){.timeout_code = 1005};
    CHECK_EQ(naru__conn_options_fill(&options), NARU_ERR_ARGUMENT);
    options = (naru_conn_options){.timeout_code = 1012, .age_max_ms = 1000};
    CHECK_EQ(naru__conn_options_fill(&options), NARU_OK);
    CHECK_EQ(options.age_jitter_ms, 100u);
    options = (naru_conn_options){0};
    CHECK_EQ(naru__conn_options_fill(&options), NARU_OK);
    CHECK_EQ(options.timeout_code, 1001);
}

TEST_MAIN({"without messages it is closed", without_messages_it_is_closed},
          {"messages keep it open", messages_keep_it_open}, {"a pause is not idle", a_pause_is_not_idle},
          {"its age ends it", its_age_ends_it}, {"ages differ", ages_differ},
          {"options out of range", options_out_of_range})
