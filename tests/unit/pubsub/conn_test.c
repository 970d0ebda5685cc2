/* Connections as subscribers, on one loop: what goes out, who is left out, who is too slow, and what is told. */
#include "hub/shard.h"
#include "unit/conn/harness.h"
#include <naru/pubsub.h>

enum { CONNS_MAX = 64 };

/* Several connections on one loop, each with its peer's end. */
typedef struct rig {
    counting count;
    naru_allocator allocator;
    naru_loop *loop;
    naru__conn_terms terms;
    naru_conn_handler handler;
    naru_pubsub *pubsub;
    naru_conn *conns[CONNS_MAX];
    int peers[CONNS_MAX];
    size_t conns_count;
    uint16_t close_code;
    naru_channel_answer answer; /* the last; items_count is right, items are gone */
    size_t answers;
} rig;

static rig r;

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)user;
    r.close_code = info->fault.status == NARU_OK ? info->code : info->fault.close_code;
    for (size_t i = 0; i < r.conns_count; i++) {
        r.conns[i] = r.conns[i] == conn ? NULL : r.conns[i];
    }
}

static void rig_open(const naru_pubsub_options *options)
{
    r = (rig){.handler = {.on_close = on_close}};
    r.allocator = (naru_allocator){counting_resize, &r.count};
    r.loop = naru_loop_new(&(naru_loop_options){.allocator = &r.allocator});
    CHECK(r.loop != NULL);
    CHECK_EQ(naru_pubsub_new(&r.loop, 1, options, &r.pubsub), NARU_OK);
    CHECK_EQ(naru__conn_options_fill(&r.terms.options), NARU_OK);
    r.terms.allocator = naru_loop_allocator(r.loop);
}

static naru_conn *rig_connect(void)
{
    int pair[2];
    CHECK(tcp_pair(pair));
    naru__stream *stream = naru__stream_accept(r.loop, pair[0], NULL, &naru__conn_stream_handler, NULL);
    naru_conn *conn =
        stream ? naru__conn_new(stream, NARU_WS_SERVER, &r.terms, NULL, (naru_span){0}, &r.handler, NULL) : NULL;
    if (!conn) {
        close(pair[1]);
        if (stream) {
            naru__stream_close(stream);
        } else {
            close(pair[0]);
        }
        return NULL;
    }
    r.peers[r.conns_count] = pair[1];
    r.conns[r.conns_count++] = conn;
    naru__conn_start(conn, NULL, 0);
    return conn;
}

static void turn(void)
{
    for (int i = 0; i < 4; i++) {
        naru_loop_turn(r.loop, 0);
    }
}

static void rig_close(void)
{
    for (size_t i = 0; i < r.conns_count; i++) {
        if (r.conns[i]) {
            naru__conn_destroy(r.conns[i]);
        }
        close(r.peers[i]);
    }
    naru_pubsub_free(r.pubsub);
    naru_loop_free(r.loop);
    CHECK_EQ(r.count.live_bytes, 0);
}

static void on_answer(void *user, const naru_channel_answer *answer)
{
    (void)user;
    r.answer = *answer;
    r.answers++;
}

static void join(size_t index, const char *channel)
{
    naru_subscription how = {.done = on_answer};
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, r.conns[index], naru_span_of(channel), &how), NARU_OK);
}

static void say_with(const char *channel, const char *data, const naru_publish_options *options)
{
    CHECK_EQ(naru_pubsub_publish(r.pubsub, r.loop, naru_span_of(channel), NARU_WS_TEXT, naru_span_of(data), options),
             NARU_OK);
}

static void say(const char *channel, const char *data)
{
    say_with(channel, data, NULL);
}

/* What has come to a peer: the payloads of its short text frames, one after the other. */
static const char *heard(size_t index)
{
    static char text[4096];
    uint8_t bytes[4096];
    ssize_t got = read(r.peers[index], bytes, sizeof bytes);
    size_t size = 0;
    for (ssize_t at = 0; got > 0 && at + 2 <= got; at += 2 + bytes[at + 1]) {
        CHECK_EQ(bytes[at], 0x81);
        memcpy(text + size, bytes + at + 2, bytes[at + 1]);
        size += bytes[at + 1];
    }
    text[size] = 0;
    return text;
}

TEST(what_is_published_comes_to_subscribers)
{
    rig_open(NULL);
    for (int i = 0; i < 3; i++) {
        REQUIRE(rig_connect() != NULL);
    }
    join(0, "a");
    join(1, "a");
    join(1, "b");
    CHECK_EQ(r.answers, 0); /* never inside the call */
    say("a", "same turn,");
    turn();
    CHECK_EQ(r.answers, 3);
    CHECK_EQ(r.answer.status, NARU_OK);
    say("a", "one,");
    say("b", "two,");
    say("a", "three,");
    say_with("a", "four", &(naru_publish_options){.except = r.conns[0]});
    CHECK_STR(heard(0), "same turn,"); /* what is published leaves at the end of the turn */
    turn();
    CHECK_STR(heard(0), "one,three,");
    CHECK_STR(heard(1), "same turn,one,two,three,four");
    CHECK_STR(heard(2), "");
    CHECK_EQ(naru_pubsub_unsubscribe(r.pubsub, r.conns[1], naru_span_of("a")), NARU_OK);
    CHECK_EQ(naru_pubsub_unsubscribe(r.pubsub, r.conns[1], naru_span_of("a")), NARU_ERR_STATE);
    CHECK_EQ(naru_pubsub_unsubscribe(r.pubsub, r.conns[2], naru_span_of("a")), NARU_ERR_STATE);
    say("a", "five");
    turn();
    CHECK_STR(heard(0), "five");
    CHECK_STR(heard(1), "");
    rig_close();
}

TEST(an_audience_of_several_channels)
{
    rig_open(NULL);
    for (int i = 0; i < 4; i++) {
        REQUIRE(rig_connect() != NULL);
    }
    join(0, "a");
    join(1, "a");
    join(1, "b");
    join(2, "b");
    join(2, "c");
    turn();
    naru_span to[] = {naru_span_of("a"), naru_span_of("b")};
    naru_span not_to[] = {naru_span_of("c")};
    naru_audience audience = {
        .channels = to, .channels_count = 2, .except_channels = not_to, .except_channels_count = 1};
    say_with("", "x", &(naru_publish_options){.audience = &audience});
    uint64_t not_him = naru_pubsub_id(r.pubsub, r.conns[0]);
    CHECK(not_him != 0);
    CHECK_EQ(naru_pubsub_id(r.pubsub, r.conns[3]), 0);
    naru_audience others = {.except_subscribers = &not_him, .except_subscribers_count = 1};
    say_with("", "y", &(naru_publish_options){.audience = &others});
    turn();
    CHECK_STR(heard(0), "x");
    CHECK_STR(heard(1), "xy");
    CHECK_STR(heard(2), "y");
    CHECK_STR(heard(3), "");
    rig_close();
}

TEST(a_closed_connection_is_unsubscribed)
{
    rig_open(NULL);
    REQUIRE(rig_connect() != NULL);
    REQUIRE(rig_connect() != NULL);
    join(0, "a");
    join(1, "a");
    turn();
    naru_conn_abort(r.conns[0]);
    turn();
    CHECK(r.conns[0] == NULL);
    CHECK_EQ(naru_pubsub_counts(r.pubsub, NULL, naru_span_of("a"), on_answer, NULL), NARU_OK);
    turn();
    CHECK_EQ(r.answer.subscribers, 1);
    say("a", "still here");
    turn();
    CHECK_STR(heard(1), "still here");
    naru_conn_abort(r.conns[1]);
    turn();
    CHECK_EQ(naru_hub_channels_count(naru_pubsub_hub(r.pubsub, r.loop)), 0);
    rig_close();
}

static int encoded;

static naru_status encode(void *user, const naru_publication *publication, naru_prepared **prepared_out)
{
    char text[64];
    (void)user;
    encoded++;
    int size =
        snprintf(text, sizeof text, "%c%.*s%s;", "MJL"[publication->kind], (int)publication -> presence.user.size,
                 (const char *)publication->presence.user.data, publication->alone ? "!" : "");
    return naru_prepared_new(NARU_WS_TEXT, (naru_span){(uint8_t *)text, (size_t)size}, NARU_WS_VALID, prepared_out);
}

TEST(each_publication_is_encoded_once_or_not_at_all)
{
    rig_open(&(naru_pubsub_options){.encode = encode});
    encoded = 0;
    for (int i = 0; i < 20; i++) {
        REQUIRE(rig_connect() != NULL);
        join((size_t)i, "a");
    }
    turn();
    say("a", "1");
    say("nobody", "2");
    turn();
    CHECK_EQ(encoded, 1);
    CHECK_STR(heard(7), "M;");
    rig_close();
}

TEST(who_comes_and_goes)
{
    rig_open(&(naru_pubsub_options){.encode = encode, .rules.presence_max = 2});
    for (int i = 0; i < 4; i++) {
        REQUIRE(rig_connect() != NULL);
    }
    naru_span a = naru_span_of("a");
    naru_subscription watch = {.wants_presence = true};
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, r.conns[0], a, &watch), NARU_OK);
    turn();
    const char *const clients[] = {"c1", "c2", "c3"};
    for (size_t i = 0; i < 3; i++) {
        naru_presence presence = {.client = naru_span_of(clients[i]), .user = naru_span_of("ann")};
        naru_subscription how = {.presence = &presence, .done = on_answer};
        CHECK_EQ(naru_pubsub_subscribe(r.pubsub, r.conns[i + 1], a, &how), NARU_OK);
        turn();
        CHECK_EQ(r.answer.status, i < 2 ? NARU_OK : NARU_ERR_TOO_MANY);
    }
    CHECK(!naru_pubsub_subscribes(r.pubsub, r.conns[3], a));
    CHECK_STR(heard(0), "Jann!;Jann;");
    CHECK_EQ(naru_pubsub_presence(r.pubsub, NULL, a, 1, on_answer, NULL), NARU_OK);
    turn();
    CHECK_EQ(r.answer.subscribers, 3);
    CHECK_EQ(r.answer.clients, 2);
    CHECK_EQ(r.answer.users, 1);
    CHECK_EQ(r.answer.items_count, 1);
    naru_conn_abort(r.conns[1]);
    turn();
    CHECK_EQ(naru_pubsub_unsubscribe(r.pubsub, r.conns[2], a), NARU_OK);
    turn();
    CHECK_STR(heard(0), "Lann;Lann!;");
    CHECK_STR(heard(2), ""); /* it did not ask for them */
    rig_close();
}

TEST(what_was_missed_comes_first)
{
    rig_open(&(naru_pubsub_options){.rules.history_max = 4});
    REQUIRE(rig_connect() != NULL);
    REQUIRE(rig_connect() != NULL);
    join(0, "a");
    turn();
    naru_position start = r.answer.position;
    CHECK(start.epoch != 0);
    CHECK_EQ(start.offset, 0);
    say("a", "1");
    say("a", "2");
    naru_subscription how = {.resume = true, .since = start, .done = on_answer};
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, r.conns[1], naru_span_of("a"), &how), NARU_OK);
    say("a", "3");
    turn();
    CHECK(r.answer.recovered);
    CHECK_EQ(r.answer.position.offset, 2);
    CHECK_EQ(r.answer.items_count, 2);
    CHECK_STR(heard(0), "123");
    CHECK_STR(heard(1), "123");
    /* One more than is kept: nothing of it. */
    CHECK_EQ(naru_pubsub_unsubscribe(r.pubsub, r.conns[1], naru_span_of("a")), NARU_OK);
    say("a", "4");
    say("a", "5");
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, r.conns[1], naru_span_of("a"), &how), NARU_OK);
    turn();
    CHECK(!r.answer.recovered);
    CHECK_EQ(r.answer.position.offset, 5);
    CHECK_STR(heard(1), "");
    naru_history_range range = {.limit = 10};
    CHECK_EQ(naru_pubsub_history(r.pubsub, NULL, naru_span_of("a"), &range, on_answer, NULL), NARU_OK);
    turn();
    CHECK_EQ(r.answer.items_count, 4);
    rig_close();
}

TEST(a_slow_reader_hurts_only_itself)
{
    static char kilobyte[1025];
    memset(kilobyte, 'x', 1024);
    rig_open(NULL);
    r.terms.options.queue_bytes_max = 64 << 10;
    naru_conn *slow = rig_connect();
    REQUIRE(slow != NULL);
    REQUIRE(rig_connect() != NULL);
    /* Else the kernel takes megabytes before anything waits here. */
    CHECK_EQ(setsockopt(slow->stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){16 << 10}, sizeof(int)), 0);
    CHECK_EQ(setsockopt(r.peers[0], SOL_SOCKET, SO_RCVBUF, &(int){16 << 10}, sizeof(int)), 0);
    join(0, "a");
    join(1, "a");
    turn();
    received in = {0};
    size_t said = 0;
    for (; naru_conn_state(r.conns[0]) == NARU_WS_OPEN && said < 100000; said++) {
        say("a", kilobyte);
        turn();
        harness fast = {.peer = r.peers[1]};
        peer_read(&fast, &in);
    }
    naru_conn_abort(r.conns[0]); /* rather than wait until it gives up on a Close that nobody reads */
    turn();
    CHECK_EQ(r.close_code, 1013);
    CHECK(r.conns[1] != NULL);
    CHECK_EQ(in.size, said * 1028);
    free(in.bytes);
    rig_close();
}

TEST(a_large_channel_yields_to_the_loop)
{
    rig_open(&(naru_pubsub_options){.deliveries_max = 10});
    for (size_t i = 0; i < 40; i++) {
        REQUIRE(rig_connect() != NULL);
        join(i, "a");
    }
    turn();
    say("a", "1");
    naru_loop_turn(r.loop, 0);
    CHECK_STR(heard(0), "1");
    CHECK_STR(heard(39), "");
    for (int i = 0; i < 20; i++) {
        naru_loop_turn(r.loop, 20);
    }
    CHECK_STR(heard(39), "1");
    rig_close();
}

TEST(a_full_queue_refuses)
{
    rig_open(&(naru_pubsub_options){.queue_max = 3, .deliveries_max = 1});
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(rig_connect() != NULL);
        join(i, "a");
    }
    turn();
    say("a", "1");
    say("a", "2");
    say("a", "3");
    naru_span a = naru_span_of("a");
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, a, NARU_WS_TEXT, a, NULL), NARU_ERR_TOO_MANY);
    naru_loop_turn(r.loop, 0);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, a, NARU_WS_TEXT, a, NULL), NARU_ERR_TOO_MANY);
    for (int i = 0; i < 20; i++) {
        naru_loop_turn(r.loop, 20);
    }
    say("a", "4");
    for (int i = 0; i < 20; i++) {
        naru_loop_turn(r.loop, 20);
    }
    CHECK_STR(heard(2), "1234");
    rig_close();
}

TEST(refusals)
{
    rig_open(&(naru_pubsub_options){.channel_bytes_max = 4, .subscriptions_max = 1});
    REQUIRE(rig_connect() != NULL);
    naru_conn *conn = r.conns[0];
    naru_span broken = {(const uint8_t *)"\xff", 1};
    naru_span a = naru_span_of("a");
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, naru_span_of("fives"), NULL), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, (naru_span){0}, NULL), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, a, NULL), NARU_OK);
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, a, NULL), NARU_ERR_STATE);
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, naru_span_of("b"), NULL), NARU_ERR_TOO_MANY);
    naru_presence nameless = {.user = a};
    naru_subscription how = {.presence = &nameless};
    CHECK_EQ(naru_pubsub_subscribe(r.pubsub, conn, naru_span_of("b"), &how), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, a, NARU_WS_TEXT, broken, NULL), NARU_ERR_UTF8);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, a, NARU_WS_BINARY, broken, NULL), NARU_OK);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, naru_span_of("fives"), NARU_WS_BINARY, broken, NULL),
             NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, NULL, a, (naru_ws_kind)9, broken, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_pubsub_publish(r.pubsub, (naru_loop *)(void *)&r, a, NARU_WS_TEXT, a, NULL), NARU_ERR_ARGUMENT);
    naru_loop *none = NULL;
    naru_pubsub *pubsub = NULL;
    CHECK_EQ(naru_pubsub_new(&none, 0, NULL, &pubsub), NARU_ERR_ARGUMENT);
    rig_close();
}

/* Everything once, with one allocation of the loop failing. */
static bool a_life(long fail_at)
{
    rig_open(&(naru_pubsub_options){.rules.history_max = 4});
    bool ready = rig_connect() && rig_connect();
    r.count.fail_at = fail_at;
    naru_span a = naru_span_of("a");
    naru_presence presence = {.client = naru_span_of("c"), .user = naru_span_of("u")};
    naru_subscription how = {.resume = true, .presence = &presence, .wants_presence = true, .done = on_answer};
    for (size_t i = 0; i < 2 && ready; i++) {
        if (r.conns[i]) {
            (void)!naru_pubsub_subscribe(r.pubsub, r.conns[i], a, i == 0 ? &how : NULL);
        }
        (void)naru_pubsub_publish(r.pubsub, NULL, a, NARU_WS_TEXT, a, &(naru_publish_options){.done = on_answer});
        turn();
    }
    (void)!naru_pubsub_presence(r.pubsub, NULL, a, 10, on_answer, NULL);
    (void)!naru_pubsub_history(r.pubsub, NULL, a, &(naru_history_range){.limit = 9}, on_answer, NULL);
    turn();
    bool failed = r.count.fail_at == 0;
    r.count.fail_at = 0;
    rig_close();
    return ready && failed;
}

TEST(every_allocation_may_fail)
{
    long fail_at = 1;
    while (a_life(fail_at)) {
        fail_at++;
    }
    CHECK(fail_at > 10);
}

TEST_MAIN({"what is published comes to subscribers", what_is_published_comes_to_subscribers},
          {"an audience of several channels", an_audience_of_several_channels},
          {"a closed connection is unsubscribed", a_closed_connection_is_unsubscribed},
          {"each publication is encoded once or not at all", each_publication_is_encoded_once_or_not_at_all},
          {"who comes and goes", who_comes_and_goes}, {"what was missed comes first", what_was_missed_comes_first},
          {"a slow reader hurts only itself", a_slow_reader_hurts_only_itself},
          {"a large channel yields to the loop", a_large_channel_yields_to_the_loop},
          {"a full queue refuses", a_full_queue_refuses}, {"refusals", refusals},
          {"every allocation may fail", every_allocation_may_fail})
