/* Channels, subscribers, unions and exceptions, and callbacks that change what is being walked. */
#include <naru/hub.h>
#include <stdlib.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

/* A subscriber that writes down what it hears, and may do something about it. */
typedef struct ear {
    naru_subscriber *subscriber;
    char heard[64];
    size_t size;
    void (*then)(struct ear *ear);
} ear;

static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    ear *e = user;
    CHECK(subscriber == e->subscriber);
    if (e->size < sizeof e->heard - 1) {
        e->heard[e->size++] = (char)publication->data.data[0];
    }
    if (e->then) {
        e->then(e);
    }
}

static const naru_subscriber_calls calls = {.deliver = deliver};

static naru_hub *hub_new(void)
{
    naru_hub *hub = NULL;
    CHECK_EQ(naru_hub_new(NULL, &hub), NARU_OK);
    return hub;
}

static void ear_open(naru_hub *hub, ear *e, const char *channels)
{
    *e = (ear){0};
    e->subscriber = naru_subscriber_new(hub, &calls, e);
    for (const char *c = channels; *c; c++) {
        CHECK_EQ(naru_hub_subscribe(e->subscriber, (naru_span){(const uint8_t *)c, 1}), NARU_OK);
    }
}

static naru_status say(naru_hub *hub, const char *channel, const char *data)
{
    naru_publication *p = naru_publication_new(NULL, naru_span_of(channel), 1, naru_span_of(data));
    naru_status status = p ? naru_hub_publish_to_channel(hub, p) : NARU_ERR_MEMORY;
    naru_publication_unref(p);
    return status;
}

static naru_status say_to(naru_hub *hub, const naru_audience *audience, const char *data)
{
    naru_publication *p = naru_publication_new(NULL, (naru_span){0}, 1, naru_span_of(data));
    naru_status status = p ? naru_hub_publish(hub, audience, p) : NARU_ERR_MEMORY;
    naru_publication_unref(p);
    return status;
}

TEST(a_publication_reaches_its_channel)
{
    naru_hub *hub = hub_new();
    ear a, b, c;
    ear_open(hub, &a, "x");
    ear_open(hub, &b, "xy");
    ear_open(hub, &c, "y");
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    CHECK_STR(a.heard, ""); /* publishing only queues */
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    CHECK_EQ(say(hub, "y", "2"), NARU_OK);
    CHECK_EQ(say(hub, "z", "3"), NARU_OK);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    CHECK_STR(a.heard, "1");
    CHECK_STR(b.heard, "12");
    CHECK_STR(c.heard, "2");
    CHECK_EQ(naru_hub_channel_count(hub, naru_span_of("x")), 2);
    CHECK_EQ(naru_hub_channels_count(hub), 2);
    CHECK_EQ(naru_hub_subscribers_count(hub), 3);
    CHECK_EQ(naru_hub_unsubscribe(b.subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(naru_hub_unsubscribe(b.subscriber, naru_span_of("x")), NARU_ERR_STATE);
    CHECK_EQ(naru_subscriber_channels_count(b.subscriber), 1);
    naru_hub_free(hub);
}

TEST(twice_subscribed_is_once)
{
    naru_hub *hub = hub_new();
    ear a;
    ear_open(hub, &a, "xx");
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    CHECK_STR(a.heard, "1");
    CHECK_EQ(naru_subscriber_channels_count(a.subscriber), 1);
    naru_hub_free(hub);
}

TEST(who_comes_later_does_not_hear_what_waits)
{
    naru_hub *hub = hub_new();
    ear a, b;
    ear_open(hub, &a, "x");
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    ear_open(hub, &b, "x");
    CHECK_EQ(say(hub, "x", "2"), NARU_OK);
    /* Going and coming back is a new beginning. */
    CHECK_EQ(naru_hub_unsubscribe(a.subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(say(hub, "x", "3"), NARU_OK);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    CHECK_STR(a.heard, "3");
    CHECK_STR(b.heard, "23");
    naru_hub_free(hub);
}

TEST(a_union_serves_each_once)
{
    naru_hub *hub = hub_new();
    ear a, b, c, d;
    ear_open(hub, &a, "x");
    ear_open(hub, &b, "xy");
    ear_open(hub, &c, "yz");
    ear_open(hub, &d, "w");
    naru_span to[] = {naru_span_of("x"), naru_span_of("y"), naru_span_of("nobody")};
    naru_span except[] = {naru_span_of("z"), naru_span_of("nobody too")};
    naru_audience all = {.channels = to, .channels_count = 3};
    CHECK_EQ(say_to(hub, &all, "1"), NARU_OK);
    naru_audience some = {.channels = to, .channels_count = 3, .except_channels = except, .except_channels_count = 2};
    CHECK_EQ(say_to(hub, &some, "2"), NARU_OK);
    uint64_t not_me = naru_subscriber_id(a.subscriber);
    naru_audience others = {
        .channels = to, .channels_count = 1, .except_subscribers = &not_me, .except_subscribers_count = 1};
    CHECK_EQ(say_to(hub, &others, "3"), NARU_OK);
    CHECK_EQ(say_to(hub, &(naru_audience){0}, "4"), NARU_OK);
    while (naru_hub_run(hub, 1) == NARU_MORE) {
    }
    CHECK_STR(a.heard, "124");
    CHECK_STR(b.heard, "1234");
    CHECK_STR(c.heard, "14");
    CHECK_STR(d.heard, "4");
    CHECK(naru_hub_heard(hub, &some));
    CHECK(!naru_hub_heard(hub, &(naru_audience){.channels = to + 2, .channels_count = 1}));
    naru_hub_free(hub);
}

TEST(what_goes_to_one_channel_comes_in_a_row)
{
    naru_hub *hub = hub_new();
    enum { COUNT = 100 };
    static ear ears[COUNT];
    for (int i = 0; i < COUNT; i++) {
        ear_open(hub, &ears[i], "x");
    }
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    CHECK_EQ(say(hub, "x", "2"), NARU_OK);
    CHECK_EQ(naru_hub_run(hub, 30), NARU_MORE);
    CHECK_STR(ears[0].heard, "12");
    CHECK_STR(ears[COUNT - 1].heard, "");
    /* What is published between two slices comes after what is under way. */
    CHECK_EQ(say(hub, "x", "3"), NARU_OK);
    while (naru_hub_run(hub, 30) == NARU_MORE) {
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_STR(ears[i].heard, "123");
    }
    naru_hub_free(hub);
}

/* ---- callbacks that change things ------------------------------------------------------------------------------- */

static ear crowd[8];

static void free_the_next(ear *e)
{
    if (e + 1 < crowd + 8 && e[1].subscriber) {
        naru_subscriber_free(e[1].subscriber);
        e[1].subscriber = NULL;
    }
}

static void free_itself(ear *e)
{
    naru_subscriber_free(e->subscriber);
    e->subscriber = NULL;
}

static void come_again(ear *e)
{
    CHECK_EQ(naru_hub_unsubscribe(e->subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(naru_hub_subscribe(e->subscriber, naru_span_of("x")), NARU_OK);
}

static void answer(ear *e)
{
    if (e->size == 1) {
        CHECK_EQ(say(naru_subscriber_hub(e->subscriber), "x", "a"), NARU_OK);
    }
}

static naru_hub *crowd_new(void (*then)(ear *e))
{
    naru_hub *hub = hub_new();
    for (int i = 0; i < 8; i++) {
        ear_open(hub, &crowd[i], "x");
        crowd[i].then = then;
    }
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    CHECK_EQ(say(hub, "x", "2"), NARU_OK);
    return hub;
}

TEST(a_subscriber_frees_others_while_they_are_served)
{
    naru_hub *hub = crowd_new(free_the_next);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    for (int i = 0; i < 8; i++) {
        CHECK_STR(crowd[i].heard, i % 2 == 0 ? "12" : "");
    }
    CHECK_EQ(naru_hub_subscribers_count(hub), 4);
    naru_hub_free(hub);
}

TEST(a_subscriber_frees_itself_in_deliver)
{
    naru_hub *hub = crowd_new(free_itself);
    CHECK_EQ(naru_hub_run(hub, 3), NARU_MORE);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    for (int i = 0; i < 8; i++) {
        CHECK_STR(crowd[i].heard, "1");
    }
    CHECK_EQ(naru_hub_channels_count(hub), 0);
    naru_hub_free(hub);
}

TEST(a_subscriber_comes_again_in_deliver)
{
    naru_hub *hub = crowd_new(come_again);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    for (int i = 0; i < 8; i++) {
        CHECK_STR(crowd[i].heard, "1");
    }
    naru_hub_free(hub);
}

TEST(what_is_published_in_deliver_follows)
{
    naru_hub *hub = crowd_new(answer);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    for (int i = 0; i < 8; i++) {
        CHECK_STR(crowd[i].heard, "12aaaaaaaa");
    }
    naru_hub_free(hub);
}

/* ---- walks ------------------------------------------------------------------------------------------------------ */

static size_t met_count;

static bool free_whom_it_meets(naru_subscriber *subscriber, void *user)
{
    (void)user;
    met_count++;
    naru_subscriber_free(subscriber);
    return true;
}

static bool take_out_of_y(naru_subscriber *subscriber, void *user)
{
    (void)user;
    met_count++;
    (void)naru_hub_unsubscribe(subscriber, naru_span_of("x"));
    return true;
}

TEST(a_walk_survives_what_its_callback_does)
{
    naru_hub *hub = hub_new();
    for (int i = 0; i < 8; i++) {
        ear_open(hub, &crowd[i], "xy");
    }
    naru_span both[] = {naru_span_of("x"), naru_span_of("y")};
    naru_audience audience = {.channels = both, .channels_count = 2};
    met_count = 0;
    naru_hub_each_subscriber(hub, &audience, take_out_of_y, NULL);
    CHECK_EQ(met_count, 8);
    CHECK_EQ(naru_hub_channel_count(hub, both[0]), 0);
    met_count = 0;
    naru_hub_each_subscriber(hub, &audience, free_whom_it_meets, NULL);
    CHECK_EQ(met_count, 8);
    CHECK_EQ(naru_hub_subscribers_count(hub), 0);
    naru_hub_free(hub);
}

static bool leave_all(naru_subscriber *subscriber, naru_span channel, void *user)
{
    (void)channel;
    (void)user;
    met_count++;
    naru_hub_unsubscribe_all(subscriber);
    return true;
}

static bool leave_this(naru_subscriber *subscriber, naru_span channel, void *user)
{
    (void)user;
    met_count++;
    CHECK_EQ(naru_hub_unsubscribe(subscriber, channel), NARU_OK);
    return true;
}

static bool empty_channel(naru_hub *hub, naru_span channel, void *user)
{
    ear *e = user;
    (void)hub;
    met_count++;
    CHECK_EQ(naru_hub_unsubscribe(e->subscriber, channel), NARU_OK);
    return true;
}

TEST(walks_over_channels)
{
    naru_hub *hub = hub_new();
    ear a;
    ear_open(hub, &a, "abcdef");
    met_count = 0;
    naru_subscriber_each_channel(a.subscriber, leave_all, NULL);
    CHECK_EQ(met_count, 1);
    ear_open(hub, &a, "abcdef");
    met_count = 0;
    naru_subscriber_each_channel(a.subscriber, leave_this, NULL);
    CHECK_EQ(met_count, 6);
    ear_open(hub, &a, "abcdef");
    met_count = 0;
    naru_hub_each_channel(hub, empty_channel, &a);
    CHECK_EQ(met_count, 6);
    CHECK_EQ(naru_hub_channels_count(hub), 0);
    naru_hub_free(hub);
}

/* ---- limits, memory --------------------------------------------------------------------------------------------- */

TEST(limits)
{
    naru_hub *hub = NULL;
    naru_hub_options options = {.channel_bytes_max = 4, .channels_max = 3, .subscriptions_max = 2, .queue_max = 1};
    REQUIRE(naru_hub_new(&options, &hub) == NARU_OK);
    ear a, b;
    ear_open(hub, &a, "x");
    ear_open(hub, &b, "x");
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("")), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("fives")), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("four")), NARU_OK);
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("y")), NARU_ERR_TOO_MANY);
    CHECK_EQ(naru_hub_subscribe(a.subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(naru_hub_subscribe(b.subscriber, naru_span_of("y")), NARU_OK);
    CHECK_EQ(naru_hub_unsubscribe(b.subscriber, naru_span_of("x")), NARU_OK);
    CHECK_EQ(naru_hub_subscribe(b.subscriber, naru_span_of("z")), NARU_ERR_TOO_MANY);
    CHECK_EQ(naru_hub_subscribe(b.subscriber, naru_span_of("four")), NARU_OK);
    CHECK_EQ(say(hub, "x", "1"), NARU_OK);
    CHECK_EQ(say(hub, "x", "2"), NARU_ERR_TOO_MANY);
    CHECK_EQ(naru_hub_run(hub, 0), NARU_OK);
    CHECK_STR(a.heard, "1");
    naru_hub_free(hub);
}

TEST(channels_made_and_left_leave_nothing)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    naru_hub *hub = NULL;
    naru_hub_options options = {.allocator = &memory.allocator, .channels_max = 2000000, .subscriptions_max = 2000000};
    REQUIRE(naru_hub_new(&options, &hub) == NARU_OK);
    naru_subscriber *subscriber = naru_subscriber_new(hub, &calls, NULL);
    size_t before = memory.live_bytes;
    for (uint32_t i = 0; i < 1000000; i++) {
        REQUIRE(naru_hub_subscribe(subscriber, (naru_span){(uint8_t *)&i, sizeof i}) == NARU_OK);
    }
    CHECK(memory.live_bytes < UINT64_C(250) * 1000000);
    for (uint32_t i = 0; i < 1000000; i++) {
        REQUIRE(naru_hub_unsubscribe(subscriber, (naru_span){(uint8_t *)&i, sizeof i}) == NARU_OK);
    }
    CHECK_EQ(memory.live_bytes, before);
    naru_hub_free(hub);
    CHECK_EQ(memory.live_bytes, 0);
}

static void a_life(const naru_allocator *allocator)
{
    naru_hub *hub = NULL;
    naru_hub_options options = {.allocator = allocator};
    if (naru_hub_new(&options, &hub) != NARU_OK) {
        return;
    }
    ear ears[6] = {0};
    for (int i = 0; i < 6; i++) {
        ears[i].subscriber = naru_subscriber_new(hub, &calls, &ears[i]);
        if (ears[i].subscriber) {
            (void)!naru_hub_subscribe(ears[i].subscriber, naru_span_of("x"));
        }
    }
    naru_publication *p = naru_publication_new(allocator, naru_span_of("x"), 0, naru_span_of("1"));
    if (p) {
        naru_span names[] = {naru_span_of("x"), naru_span_of("y")};
        (void)!naru_hub_publish_to_channel(hub, p);
        (void)!naru_hub_publish(hub, &(naru_audience){.channels = names, .channels_count = 2}, p);
        (void)naru_hub_run(hub, 2);
        naru_publication_unref(p);
    }
    naru_hub_free(hub);
}

TEST(every_allocation_may_fail)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        a_life(&memory.allocator);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

typedef struct encoding {
    naru_variant variant;
    int *freed;
} encoding;

static int made_count;

static void encoding_free(naru_variant *variant)
{
    encoding *e = (encoding *)(void *)variant;
    ++*e->freed;
    free(e);
}

static naru_variant *encode(naru_publication *publication, void *user)
{
    (void)publication;
    encoding *e = malloc(sizeof *e);
    if (!e) {
        return NULL;
    }
    *e = (encoding){{encoding_free}, user};
    made_count++;
    return &e->variant;
}

TEST(an_encoding_is_made_once_and_freed_with_the_publication)
{
    int freed = 0;
    made_count = 0;
    naru_publication *p = naru_publication_new(NULL, naru_span_of("x"), 7, naru_span_of("hello"));
    REQUIRE(p != NULL);
    CHECK_SPAN(p->channel, "x");
    CHECK_SPAN(p->data, "hello");
    CHECK_EQ(p->tag, 7);
    naru_variant *first = naru_publication_variant(p, NARU_VARIANT_USER, encode, &freed);
    CHECK(first != NULL);
    CHECK(naru_publication_variant(p, NARU_VARIANT_USER, encode, &freed) == first);
    CHECK(naru_publication_variant(p, NARU_VARIANTS, encode, &freed) == NULL);
    CHECK_EQ(made_count, 1);
    naru_publication_ref(p);
    naru_publication_unref(p);
    CHECK_EQ(freed, 0);
    naru_publication_unref(p);
    CHECK_EQ(freed, 1);
}

TEST_MAIN({"a publication reaches its channel", a_publication_reaches_its_channel},
          {"twice subscribed is once", twice_subscribed_is_once},
          {"who comes later does not hear what waits", who_comes_later_does_not_hear_what_waits},
          {"a union serves each once", a_union_serves_each_once},
          {"what goes to one channel comes in a row", what_goes_to_one_channel_comes_in_a_row},
          {"a subscriber frees others while they are served", a_subscriber_frees_others_while_they_are_served},
          {"a subscriber frees itself in deliver", a_subscriber_frees_itself_in_deliver},
          {"a subscriber comes again in deliver", a_subscriber_comes_again_in_deliver},
          {"what is published in deliver follows", what_is_published_in_deliver_follows},
          {"a walk survives what its callback does", a_walk_survives_what_its_callback_does},
          {"walks over channels", walks_over_channels}, {"limits", limits},
          {"channels made and left leave nothing", channels_made_and_left_leave_nothing},
          {"every allocation may fail", every_allocation_may_fail},
          {"an encoding is made once and freed with the publication",
           an_encoding_is_made_once_and_freed_with_the_publication})
