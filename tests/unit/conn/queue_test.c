/* The outbound queue: marks, drain, and each policy against a peer that does not read. */
#include "harness.h"

enum { MESSAGE_BYTES = 1000 };

/* A message whose first eight bytes are its number. */
static naru_status send_numbered(harness *h, uint64_t number)
{
    uint8_t message[MESSAGE_BYTES] = {0};
    memcpy(message, &number, sizeof number);
    return naru_conn_send(h->conn, NARU_WS_BINARY, (naru_span){message, sizeof message}, 0);
}

enum { FRAME_BYTES = 4 + MESSAGE_BYTES };

static uint64_t number_at(const received *in, size_t frame)
{
    uint64_t number;
    memcpy(&number, in->bytes + frame * FRAME_BYTES + 4, sizeof number);
    return number;
}

/* Turn until the kernel's buffers are full and the queue grows. */
static void fill_kernel(harness *h, uint64_t *next)
{
    for (int i = 0; i < 100000; i++) {
        REQUIRE(send_numbered(h, *next) >= 0);
        ++*next;
        naru_loop_turn(h->loop, 0);
        if (naru_conn_queued_bytes(h->conn) > 0) {
            return;
        }
    }
}

static bool start_small(harness *h, naru_queue_policy policy)
{
    h->terms.options.queue_policy = policy;
    h->terms.options.queue_bytes_max = 20 * FRAME_BYTES;
    h->terms.options.queue_high_bytes = 10 * FRAME_BYTES;
    h->terms.options.queue_low_bytes = 2 * FRAME_BYTES;
    return harness_start(h);
}

TEST(refuse_pushes_back_and_drains_once)
{
    harness h;
    harness_init(&h);
    REQUIRE(start_small(&h, NARU_QUEUE_REFUSE));
    uint64_t next = 0;
    fill_kernel(&h, &next);
    naru_status status;
    bool full = false;
    while ((status = send_numbered(&h, next)) >= 0) {
        full = full || status == NARU_FULL;
        next++;
        REQUIRE(next < 1000000);
    }
    CHECK(full);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    CHECK(naru_conn_queued_bytes(h.conn) <= 20 * FRAME_BYTES);
    received in = {0};
    CHECK(peer_read_until(&h, &in, next * FRAME_BYTES));
    CHECK(turn_until(&h, 'D', 1));
    settle(&h);
    CHECK_EQ(count_of(&h, 'D'), 1);
    REQUIRE(in.size == next * FRAME_BYTES);
    for (size_t i = 0; i < next; i++) {
        CHECK_EQ(number_at(&in, i), i);
    }
    free(in.bytes);
    harness_end(&h);
}

TEST(drain_comes_also_when_the_flush_takes_all_at_once)
{
    harness h;
    harness_init(&h);
    REQUIRE(start_small(&h, NARU_QUEUE_REFUSE));
    naru_status status = NARU_OK;
    for (uint64_t i = 0; i < 15; i++) {
        status = send_numbered(&h, i);
    }
    CHECK_EQ(status, NARU_FULL);
    CHECK_EQ(count_of(&h, 'D'), 0);
    CHECK(turn_until(&h, 'D', 1));
    CHECK_EQ(naru_conn_queued_bytes(h.conn), 0);
    harness_end(&h);
}

TEST(one_message_of_any_size_fits_an_empty_queue)
{
    harness h;
    harness_init(&h);
    REQUIRE(start_small(&h, NARU_QUEUE_REFUSE));
    size_t size = 40 * FRAME_BYTES;
    uint8_t *big = calloc(1, size);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_BINARY, (naru_span){big, 10000}, 0), NARU_OK);
    settle(&h);
    CHECK(naru_conn_send(h.conn, NARU_WS_BINARY, (naru_span){big, size}, 0) >= 0);
    free(big);
    harness_end(&h);
}

TEST(close_ends_a_slow_reader_with_1013)
{
    harness h;
    harness_init(&h);
    h.terms.options.ws.close_timeout_ms = 30;
    REQUIRE(start_small(&h, NARU_QUEUE_CLOSE));
    uint64_t next = 0;
    fill_kernel(&h, &next);
    naru_status status;
    while ((status = send_numbered(&h, next)) >= 0) {
        next++;
    }
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    CHECK_EQ(send_numbered(&h, next), NARU_ERR_STATE);
    CHECK(turn_until(&h, 'G', 1));
    CHECK_STR(h.log, "OCG");
    CHECK_EQ(h.closed.code, 1006);
    CHECK_EQ(h.closed.fault.close_code, 1013);
    CHECK_EQ(h.closed.fault.status, NARU_ERR_TOO_BIG);
    harness_end(&h);
}

TEST(drop_oldest_drops_whole_messages_and_keeps_the_order)
{
    harness h;
    harness_init(&h);
    REQUIRE(start_small(&h, NARU_QUEUE_DROP_OLDEST));
    uint64_t next = 0;
    fill_kernel(&h, &next);
    uint64_t last = next + 500;
    for (; next < last; next++) {
        CHECK(send_numbered(&h, next) >= 0);
        if (next % 50 == 0) {
            CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("")), NARU_OK); /* control frames are never dropped */
        }
        naru_loop_turn(h.loop, 0);
    }
    CHECK(naru_conn_queued_bytes(h.conn) <= 21 * FRAME_BYTES);
    uint64_t dropped = h.conn->cold->dropped;
    CHECK(dropped >= 470);
    CHECK_EQ(naru_conn_close(h.conn, 1000, naru_span_of("")), NARU_OK);
    received in = {0};
    CHECK(peer_read_until(&h, &in, (next - dropped) * FRAME_BYTES + 4));
    size_t at = 0;
    size_t messages = 0;
    size_t pings = 0;
    uint64_t before = 0;
    while (at + 4 < in.size && in.bytes[at] != 0x88) {
        if (in.bytes[at] == 0x89) {
            at += 2;
            pings++;
            continue;
        }
        REQUIRE(in.bytes[at] == 0x82 && in.bytes[at + 1] == 126);
        uint64_t number;
        memcpy(&number, in.bytes + at + 4, sizeof number);
        CHECK(messages == 0 || number > before);
        before = number;
        messages++;
        at += FRAME_BYTES;
    }
    CHECK_EQ(pings, 10);
    CHECK_EQ(messages, next - dropped);
    CHECK_EQ(before, last - 1);
    free(in.bytes);
    harness_end(&h);
}

static void fill_pattern(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 7 + (i >> 11));
    }
}

/* A large payload does not pass through the queue but must keep its place among those that do. */
TEST(large_messages_keep_their_place)
{
    enum { LARGE = 1 << 20 };
    harness h;
    harness_init(&h);
    h.terms.options.queue_bytes_max = 16 << 20;
    REQUIRE(harness_start(&h));
    uint8_t *large = malloc(LARGE);
    fill_pattern(large, LARGE);
    CHECK(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("before"), 0) >= 0);
    CHECK(naru_conn_send(h.conn, NARU_WS_BINARY, (naru_span){large, LARGE}, 0) >= 0);
    CHECK(naru_conn_send(h.conn, NARU_WS_BINARY, (naru_span){large, LARGE}, 0) >= 0);
    CHECK(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("behind"), 0) >= 0);
    memset(large, 0xee, LARGE); /* a span is copied before the call returns */
    size_t total = 8 + 2 * (10 + (size_t)LARGE) + 8;
    received in = {0};
    CHECK(peer_read_until(&h, &in, total));
    REQUIRE(in.size == total);
    fill_pattern(large, LARGE);
    CHECK_SPAN(((naru_span){in.bytes, 8}), "\x81\x06"
                                           "before");
    CHECK_SPAN(((naru_span){in.bytes + 8, 10}), "\x82\x7f\0\0\0\0\0\x10\0\0");
    CHECK(memcmp(in.bytes + 18, large, LARGE) == 0);
    CHECK(memcmp(in.bytes + 28 + LARGE, large, LARGE) == 0);
    CHECK_SPAN(((naru_span){in.bytes + total - 8, 8}), "\x81\x06"
                                                       "behind");
    free(large);
    free(in.bytes);
    harness_end(&h);
}

TEST_MAIN({"refuse pushes back and drains once", refuse_pushes_back_and_drains_once},
          {"drain comes also when the flush takes all at once", drain_comes_also_when_the_flush_takes_all_at_once},
          {"one message of any size fits an empty queue", one_message_of_any_size_fits_an_empty_queue},
          {"close ends a slow reader with 1013", close_ends_a_slow_reader_with_1013},
          {"drop oldest drops whole messages and keeps the order",
           drop_oldest_drops_whole_messages_and_keeps_the_order},
          {"large messages keep their place", large_messages_keep_their_place})
