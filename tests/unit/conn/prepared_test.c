/* Messages prepared once: what goes out, who keeps what alive, and several threads at once. */
#include "harness.h"
#include "io/core.h"

#include <pthread.h>

static naru_prepared *prepare(naru_ws_kind kind, naru_span data, unsigned flags)
{
    naru_prepared *prepared = NULL;
    CHECK_EQ(naru_prepared_new(kind, data, flags, &prepared), NARU_OK);
    return prepared;
}

TEST(text_is_checked_once_and_only_text)
{
    naru_span broken = {(const uint8_t *)"\xc3(", 2};
    naru_prepared *prepared = NULL;
    CHECK_EQ(naru_prepared_new(NARU_WS_TEXT, broken, 0, &prepared), NARU_ERR_UTF8);
    CHECK_EQ(naru_prepared_new((naru_ws_kind)8, broken, 0, &prepared), NARU_ERR_ARGUMENT);
    CHECK(prepared == NULL);
    REQUIRE((prepared = prepare(NARU_WS_BINARY, broken, 0)) != NULL);
    CHECK_BYTES(naru_prepared_data(prepared), broken);
    CHECK_EQ(naru_prepared_kind(prepared), NARU_WS_BINARY);
    naru_prepared_unref(prepared);
    naru_prepared_unref(NULL);
}

/* Between others, small and large, and its maker lets go of it at once. */
TEST(goes_out_in_its_place)
{
    enum { LARGE = 3000 };
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    uint8_t large[LARGE];
    memset(large, 'L', sizeof large);
    naru_prepared *small = prepare(NARU_WS_TEXT, naru_span_of("hello"), 0);
    naru_prepared *big = prepare(NARU_WS_BINARY, (naru_span){large, sizeof large}, 0);
    CHECK_EQ(naru_conn_send_prepared(h.conn, small), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, big), NARU_OK);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("own"), 0), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, big), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, small), NARU_OK);
    naru_prepared_unref(small);
    naru_prepared_unref(big);
    size_t total = 7 + 4 + LARGE + 5 + 4 + LARGE + 7;
    CHECK_EQ(naru_conn_queued_bytes(h.conn), total);
    CHECK(naru__stream_out_size(h.conn->stream) < 1000); /* the large one is not copied */
    received in = {0};
    CHECK(peer_read_until(&h, &in, total));
    REQUIRE(in.size == total);
    CHECK_SPAN(((naru_span){in.bytes, 7}), "\x81\x05hello");
    CHECK_SPAN(((naru_span){in.bytes + 7, 5}), "\x82\x7e\x0b\xb8L");
    CHECK_SPAN(((naru_span){in.bytes + 11 + LARGE, 9}), "\x81\x03own\x82\x7e\x0b\xb8");
    CHECK_SPAN(((naru_span){in.bytes + total - 7, 7}), "\x81\x05hello");
    CHECK_EQ(naru_conn_queued_bytes(h.conn), 0);
    free(in.bytes);
    harness_end(&h);
}

/* Before the turn ends, and without anything being queued; but what is queued already goes first. */
TEST(alone_it_leaves_at_once)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    naru_prepared *hello = prepare(NARU_WS_TEXT, naru_span_of("hello"), 0);
    bool queues = h.conn->stream->loop->ring != NULL; /* its sends are one submission, at the end of the turn */
    uint8_t bytes[16];
    CHECK_EQ(naru__conn_send_prepared_now(h.conn, hello), NARU_OK);
    CHECK_EQ(naru_conn_queued_bytes(h.conn), queues ? 7 : 0);
    CHECK_EQ(recv(h.peer, bytes, sizeof bytes, MSG_PEEK), queues ? -1 : 7);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("own"), 0), NARU_OK);
    CHECK_EQ(naru__conn_send_prepared_now(h.conn, hello), NARU_OK);
    CHECK_EQ(naru_conn_queued_bytes(h.conn), queues ? 19 : 12);
    received in = {0};
    CHECK(peer_read_until(&h, &in, 19));
    CHECK_SPAN(((naru_span){in.bytes, in.size}), "\x81\x05hello\x81\x03own\x81\x05hello");
    naru_prepared_unref(hello);
    free(in.bytes);
    harness_end(&h);
}

/* The kernel takes a part or nothing: the rest is queued, small or shared, and counts towards the marks. */
TEST(alone_it_waits_for_a_full_socket)
{
    enum { BYTES = 5000, COUNT = 200, FRAME = 4 + BYTES };
    harness h;
    harness_init(&h);
    h.terms.options.queue_bytes_max = COUNT * FRAME;
    h.terms.options.queue_high_bytes = 20000;
    h.terms.options.queue_low_bytes = 1000;
    REQUIRE(harness_start(&h));
    CHECK_EQ(setsockopt(h.conn->stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    static uint8_t message[BYTES];
    naru_status status = NARU_OK;
    for (size_t i = 0; i < COUNT; i++) {
        memset(message, (int)i, sizeof message);
        naru_prepared *one = prepare(NARU_WS_BINARY, (naru_span){message, sizeof message}, 0);
        status = naru__conn_send_prepared_now(h.conn, one);
        CHECK(status >= 0);
        naru_prepared_unref(one);
    }
    CHECK_EQ(status, NARU_FULL);
    received in = {0};
    CHECK(peer_read_until(&h, &in, (size_t)COUNT * FRAME));
    REQUIRE(in.size == (size_t)COUNT * FRAME);
    for (size_t i = 0; i < COUNT; i++) {
        memset(message, (int)i, sizeof message);
        CHECK(memcmp(in.bytes + i * FRAME + 4, message, BYTES) == 0);
    }
    CHECK(turn_until(&h, 'D', 1));
    free(in.bytes);
    harness_end(&h);
}

/* The peer is gone: the end of the turn tells, not the send. */
TEST(alone_it_finds_the_peer_gone)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    naru_prepared *hello = prepare(NARU_WS_TEXT, naru_span_of("hello"), 0);
    close(h.peer);
    h.peer = -1;
    for (int i = 0; i < 3 && h.conn; i++) {
        CHECK_EQ(naru__conn_send_prepared_now(h.conn, hello), NARU_OK);
    }
    CHECK(turn_until(&h, 'G', 1));
    CHECK_EQ(h.closed.code, 1006);
    naru_prepared_unref(hello);
    harness_end(&h);
}

/* 6455 5.3: a client masks each frame anew, so that what is shared must not be sent as it is. */
TEST(a_clients_are_masked_each_for_itself)
{
    enum { BYTES = 2000, FRAME = 8 + BYTES };
    int pair[2];
    naru__conn_terms terms = {0};
    static const naru_conn_handler handler;
    REQUIRE(naru__conn_options_fill(&terms.options) == NARU_OK && tcp_pair(pair));
    naru_loop *loop = naru_loop_new(NULL);
    REQUIRE(loop != NULL);
    naru__stream *stream = naru__stream_accept(loop, pair[0], NULL, &naru__conn_stream_handler, NULL);
    REQUIRE(stream != NULL);
    terms.allocator = naru_loop_allocator(loop);
    naru_conn *conn = naru__conn_new(stream, NARU_WS_CLIENT, &terms, NULL, (naru_span){NULL, 0}, &handler, NULL);
    REQUIRE(conn != NULL);
    naru__conn_start(conn, NULL, 0);
    uint8_t message[BYTES], came[2 * FRAME];
    memset(message, 'm', sizeof message);
    naru_prepared *prepared = prepare(NARU_WS_BINARY, (naru_span){message, sizeof message}, 0);
    CHECK_EQ(naru_conn_send_prepared(conn, prepared), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(conn, prepared), NARU_OK);
    naru_prepared_unref(prepared);
    naru_loop_turn(loop, 0);
    REQUIRE(fcntl(pair[1], F_SETFL, 0) == 0 && recv(pair[1], came, sizeof came, MSG_WAITALL) == sizeof came);
    CHECK(memcmp(came + 4, came + FRAME + 4, 4) != 0);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *frame = came + i * FRAME;
        CHECK_SPAN(((naru_span){frame, 4}), "\x82\xfe\x07\xd0");
        for (size_t at = 0; at < BYTES; at++) {
            CHECK_EQ(frame[8 + at] ^ frame[4 + at % 4], 'm');
        }
    }
    naru__conn_destroy(conn);
    naru_loop_free(loop);
    close(pair[1]);
}

TEST(not_in_the_middle_of_a_message_and_not_after_the_end)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    naru_prepared *prepared = prepare(NARU_WS_TEXT, naru_span_of("hello"), 0);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_TEXT, naru_span_of("a"), false, 0), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_TEXT, naru_span_of("b"), true, 0), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_OK);
    CHECK_EQ(naru_conn_close(h.conn, 1000, naru_span_of("")), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_ERR_STATE);
    naru_prepared_unref(prepared);
    harness_end(&h);
}

/* Oldest first, whole, and by reference: the same as with messages of one's own. */
TEST(drop_oldest_drops_shared_ones)
{
    enum { BYTES = 2000, FRAME = 4 + BYTES, COUNT = 400 };
    harness h;
    harness_init(&h);
    h.terms.options.queue_policy = NARU_QUEUE_DROP_OLDEST;
    h.terms.options.queue_bytes_max = 20 * FRAME;
    REQUIRE(harness_start(&h));
    CHECK_EQ(setsockopt(h.conn->stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    uint8_t message[BYTES] = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(message, &i, sizeof i);
        naru_span data = {message, sizeof message};
        if (i % 3 == 0) {
            CHECK(naru_conn_send(h.conn, NARU_WS_BINARY, data, 0) >= 0);
        } else {
            naru_prepared *prepared = prepare(NARU_WS_BINARY, data, 0);
            CHECK(naru_conn_send_prepared(h.conn, prepared) >= 0);
            naru_prepared_unref(prepared);
        }
        CHECK(naru_conn_queued_bytes(h.conn) <= 21 * FRAME);
        if (i % 7 == 0) {
            naru_loop_turn(h.loop, 0);
        }
    }
    naru_conn_counts counts;
    naru_conn_counters(h.conn, &counts);
    CHECK(counts.dropped > 0);
    received in = {0};
    size_t left = COUNT - (size_t)counts.dropped;
    CHECK(peer_read_until(&h, &in, left * FRAME));
    CHECK_EQ(in.size, left * FRAME);
    uint32_t before = 0;
    for (size_t at = 0; at + FRAME <= in.size; at += FRAME) {
        uint32_t number;
        CHECK_EQ(in.bytes[at], 0x82);
        memcpy(&number, in.bytes + at + 4, sizeof number);
        CHECK(at == 0 || number > before);
        before = number;
    }
    CHECK_EQ(before, COUNT - 1);
    free(in.bytes);
    harness_end(&h);
}

TEST(counts_towards_the_marks)
{
    enum { BYTES = 2000 };
    harness h;
    harness_init(&h);
    h.terms.options.queue_policy = NARU_QUEUE_REFUSE;
    h.terms.options.queue_bytes_max = 10000;
    h.terms.options.queue_high_bytes = 5000;
    h.terms.options.queue_low_bytes = 1000;
    REQUIRE(harness_start(&h));
    uint8_t message[BYTES] = {0};
    naru_prepared *prepared = prepare(NARU_WS_BINARY, (naru_span){message, sizeof message}, 0);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_FULL);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_FULL);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_ERR_TOO_BIG);
    CHECK_EQ(count_of(&h, 'D'), 0);
    CHECK(turn_until(&h, 'D', 1));
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_OK);
    naru_prepared_unref(prepared);
    harness_end(&h);
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 40, TEXT_BYTES = 3000 };

typedef struct crew {
    naru_prepared *prepared[ROUNDS];
    pthread_barrier_t barrier;
} crew;

/* A thread with a loop of its own. */
typedef struct hand {
    crew *crew;
    pthread_t thread;
    naru__conn_terms terms;
    bool fine;
} hand;

static naru_conn *board(hand *self, naru_loop *loop, int pair[2])
{
    static const naru_conn_handler handler;
    static const naru_ws_deflate deflate = {.enabled = true, .server_window_bits = 15, .client_window_bits = 15};
    self->terms = (naru__conn_terms){.options = {.ws.deflate.enabled = true, .queue_bytes_max = 8 << 20}};
    if (!loop || naru__conn_options_fill(&self->terms.options) != NARU_OK || !tcp_pair(pair)) {
        return NULL;
    }
    naru__stream *stream = naru__stream_accept(loop, pair[0], NULL, &naru__conn_stream_handler, NULL);
    self->terms.allocator = naru_loop_allocator(loop);
    return stream ? naru__conn_new(stream, NARU_WS_SERVER, &self->terms, &deflate, (naru_span){NULL, 0}, &handler, NULL)
                  : NULL;
}

/* All want the compressed form of the same message at the same moment. */
static void *send_all(void *user)
{
    hand *self = user;
    int pair[2] = {-1, -1};
    naru_loop *loop = naru_loop_new(NULL);
    naru_conn *conn = board(self, loop, pair);
    self->fine = conn != NULL;
    if (conn) {
        naru__conn_start(conn, NULL, 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        naru_prepared *prepared = self->crew->prepared[i];
        pthread_barrier_wait(&self->crew->barrier);
        uint64_t before = conn ? naru_conn_queued_bytes(conn) : 0;
        self->fine = self->fine && naru_conn_send_prepared(conn, prepared) >= 0 &&
                     naru_conn_queued_bytes(conn) - before < TEXT_BYTES / 2;
        naru_prepared_unref(naru_prepared_ref(prepared));
        naru_prepared_unref(prepared); /* this thread's own */
        naru_loop_turn(loop, 0);
    }
    if (conn) {
        naru__conn_destroy(conn);
    }
    naru_loop_free(loop);
    close(pair[1]);
    return NULL;
}

TEST(many_threads_share_one)
{
    crew c;
    hand hands[THREADS];
    char text[TEXT_BYTES];
    REQUIRE(pthread_barrier_init(&c.barrier, NULL, THREADS) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        for (size_t at = 0; at < sizeof text; at++) {
            text[at] = (char)('a' + (at * at / 97 + (size_t)i) % 9);
        }
        c.prepared[i] = prepare(NARU_WS_TEXT, (naru_span){(uint8_t *)text, sizeof text}, 0);
        for (int k = 1; k < THREADS; k++) {
            naru_prepared_ref(c.prepared[i]);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        hands[i] = (hand){.crew = &c};
        REQUIRE(pthread_create(&hands[i].thread, NULL, send_all, &hands[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(hands[i].thread, NULL);
        CHECK(hands[i].fine);
    }
    pthread_barrier_destroy(&c.barrier);
}

TEST_MAIN({"text is checked once, and only text", text_is_checked_once_and_only_text},
          {"goes out in its place", goes_out_in_its_place}, {"alone it leaves at once", alone_it_leaves_at_once},
          {"alone it waits for a full socket", alone_it_waits_for_a_full_socket},
          {"alone it finds the peer gone", alone_it_finds_the_peer_gone},
          {"a client's are masked, each for itself", a_clients_are_masked_each_for_itself},
          {"not in the middle of a message and not after the end",
           not_in_the_middle_of_a_message_and_not_after_the_end},
          {"drop oldest drops shared ones", drop_oldest_drops_shared_ones},
          {"counts towards the marks", counts_towards_the_marks}, {"many threads share one", many_threads_share_one})
