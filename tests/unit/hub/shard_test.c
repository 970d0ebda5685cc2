/* One shard as its callers see it, letters carried by hand: presence of several connections of a user, what refusing
 * drivers make of it, a broker that loses messages, and every allocation failing in turn. */
#include "hub/shard.h"

#include <stdlib.h>

#include "slow_store.h"
#include "unit/check.h"
#include "unit/failing_allocator.h"

/* Letters and publications come from the default allocator, since any thread may free them: it is wrapped here. */
static const naru_allocator *instead;
const naru_allocator *__real_naru_allocator_default(void);
const naru_allocator *__wrap_naru_allocator_default(void);

const naru_allocator *__wrap_naru_allocator_default(void)
{
    return instead ? instead : __real_naru_allocator_default();
}

typedef struct desk {
    naru__shard *shard;
    naru__letter *first, **end;
    char log[256];
    size_t size;
    naru_channel_answer answer;
    size_t answers;
} desk;

static desk k;

static void carry(void *user, naru__letter *letter)
{
    (void)user;
    letter->next = NULL;
    *k.end = letter;
    k.end = &letter->next;
}

static void settle(void)
{
    while (k.first) {
        naru__letter *letter = k.first;
        k.first = letter->next;
        if (!k.first) {
            k.end = &k.first;
        }
        naru__shard_receive(k.shard, letter);
    }
    (void)naru_hub_run(naru__shard_hub(k.shard), 0);
}

static void on_answer(void *user, const naru_channel_answer *answer)
{
    (void)user;
    k.answer = *answer;
    k.answers++;
}

static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    (void)subscriber;
    (void)user;
    naru_span who = publication->presence.user;
    int size = snprintf(k.log + k.size, sizeof k.log - k.size, "%c%.*s%s ", "MJL"[publication->kind],
                        who.size ? (int)who.size : (int)publication->data.size,
                        (const char *)(who.size ? who.data : publication->data.data), publication->alone ? "!" : "");
    k.size += (size_t)size;
}

static const naru_subscriber_calls calls = {.deliver = deliver};

static naru_status open(naru__shard_options options)
{
    k = (desk){0};
    k.end = &k.first;
    options.count = 1;
    options.send = carry;
    return naru__shard_new(&options, &k.shard);
}

static void close(void)
{
    naru__shard_free(k.shard);
    while (k.first) {
        naru__letter *letter = k.first;
        k.first = letter->next;
        naru__letter_free(letter);
    }
}

static naru_status join(naru_subscriber *subscriber, const char *client, const char *user, bool watch)
{
    naru_presence presence = {.client = naru_span_of(client), .user = naru_span_of(user), .data = naru_span_of("{}")};
    naru_subscription how = {.presence = client ? &presence : NULL, .wants_presence = watch, .done = on_answer};
    return naru__shard_subscribe(k.shard, subscriber, naru_span_of("a"), &how);
}

static naru_status say(const char *text, bool tell)
{
    naru_publication *p = naru_publication_new(NULL, naru_span_of("a"), 0, naru_span_of(text));
    return p ? naru__shard_publish_take(k.shard, NULL, p, tell ? on_answer : NULL, NULL) : NARU_ERR_MEMORY;
}

TEST(a_user_comes_once_and_leaves_once)
{
    REQUIRE(open((naru__shard_options){0}) == NARU_OK);
    naru_hub *hub = naru__shard_hub(k.shard);
    naru_subscriber *watcher = naru_subscriber_new(hub, &calls, NULL);
    naru_subscriber *phone = naru_subscriber_new(hub, &calls, NULL);
    naru_subscriber *desktop = naru_subscriber_new(hub, &calls, NULL);
    CHECK_EQ(join(watcher, NULL, NULL, true), NARU_OK);
    CHECK_EQ(join(phone, "phone", "ann", false), NARU_OK);
    CHECK_EQ(join(desktop, "desktop", "ann", false), NARU_OK);
    settle();
    CHECK_EQ(say("hi", false), NARU_OK);
    naru_subscriber_free(phone);
    settle();
    naru_subscriber_free(desktop);
    settle();
    CHECK_STR(k.log, "Jann! Jann Mhi Lann Mhi Lann! "); /* the message to the watcher and to the desktop */
    CHECK_EQ(naru__shard_counts(k.shard, naru_span_of("a"), on_answer, NULL), NARU_OK);
    settle();
    CHECK_EQ(k.answer.subscribers, 1);
    CHECK_EQ(k.answer.clients, 0);
    CHECK_EQ(k.answer.users, 0);
    close();
}

TEST(a_client_is_present_once)
{
    REQUIRE(open((naru__shard_options){.rules.presence_bytes_max = 2}) == NARU_OK);
    naru_hub *hub = naru__shard_hub(k.shard);
    naru_subscriber *first = naru_subscriber_new(hub, &calls, NULL);
    naru_subscriber *second = naru_subscriber_new(hub, &calls, NULL);
    CHECK_EQ(join(first, "c", "ann", false), NARU_OK);
    settle();
    CHECK_EQ(join(second, "c", "bob", false), NARU_OK);
    settle();
    CHECK_EQ(k.answer.status, NARU_ERR_STATE);
    CHECK(!naru_hub_subscribes(second, naru_span_of("a")));
    naru_subscriber_free(second); /* that does not take the first one away */
    settle();
    CHECK_EQ(naru__shard_presence(k.shard, naru_span_of("a"), 5, on_answer, NULL), NARU_OK);
    settle();
    CHECK_EQ(k.answer.items_count, 1);
    naru_presence big = {.client = naru_span_of("d"), .data = naru_span_of("{ }")};
    second = naru_subscriber_new(hub, &calls, NULL);
    naru_subscription how = {.presence = &big, .done = on_answer};
    CHECK_EQ(naru__shard_subscribe(k.shard, second, naru_span_of("a"), &how), NARU_OK);
    settle();
    CHECK_EQ(k.answer.status, NARU_ERR_TOO_BIG);
    close();
}

TEST(what_a_store_refuses_is_told)
{
    naru__shard_options options = {.rules.history_max = 5};
    slow_store *store = slow_store_new(&options.store);
    REQUIRE(store && open(options) == NARU_OK);
    naru_subscriber *subscriber = naru_subscriber_new(naru__shard_hub(k.shard), &calls, NULL);
    CHECK_EQ(join(subscriber, NULL, NULL, false), NARU_OK);
    settle();
    CHECK_EQ(k.answers, 0); /* it takes its time */
    CHECK(slow_step(store));
    CHECK_EQ(k.answer.status, NARU_OK);
    store->refuses = true;
    CHECK_EQ(say("no", true), NARU_OK);
    settle();
    CHECK_EQ(k.answer.status, NARU_ERR_REFUSED);
    store->refuses = false;
    CHECK_EQ(say("yes", true), NARU_OK);
    CHECK_EQ(say("late", true), NARU_OK);
    settle();
    CHECK(slow_step(store));
    settle();
    CHECK_EQ(k.answer.status, NARU_OK);
    CHECK_EQ(k.answer.position.offset, 1);
    CHECK_STR(k.log, "Myes ");
    size_t before = k.answers;
    close();
    CHECK_EQ(k.answers, before + 1);
    CHECK_EQ(k.answer.status, NARU_ERR_CLOSED);
}

/* ---- a broker that can be told to lose what it carried ---------------------------------------------------------- */

static const naru_broker_answers *broker_answers;
static void *broker_user;

static naru_status broker_open(void *self, const naru_broker_answers *answers, void *user)
{
    (void)self;
    broker_answers = answers;
    broker_user = user;
    return NARU_OK;
}

static naru_status broker_subscribe(void *self, naru_span channel)
{
    (void)channel;
    return *(naru_status *)self;
}

static void broker_unsubscribe(void *self, naru_span channel)
{
    (void)self, (void)channel;
}

static naru_status broker_publish(void *self, naru_publication *publication, uint64_t ticket)
{
    (void)publication, (void)ticket;
    return *(naru_status *)self;
}

static void broker_close(void *self)
{
    (void)self;
}

TEST(a_gap_of_the_broker_is_a_new_epoch)
{
    static const naru_broker_calls broker_calls = {broker_open, broker_subscribe, broker_unsubscribe, broker_publish,
                                                   broker_close};
    naru_status status = NARU_OK;
    REQUIRE(open((naru__shard_options){.rules.history_max = 5, .broker = {&broker_calls, &status}}) == NARU_OK);
    naru_subscriber *subscriber = naru_subscriber_new(naru__shard_hub(k.shard), &calls, NULL);
    CHECK_EQ(join(subscriber, NULL, NULL, false), NARU_OK);
    settle();
    naru_position place = k.answer.position;
    naru_publication *p = naru_publication_new(NULL, naru_span_of("a"), 0, naru_span_of("hi"));
    broker_answers->message(broker_user, p);
    naru_publication_unref(p);
    settle();
    CHECK_STR(k.log, "Mhi ");
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(naru_hub_unsubscribe(subscriber, naru_span_of("a")), NARU_OK);
        naru_subscription how = {.resume = true, .since = place, .done = on_answer};
        CHECK_EQ(naru__shard_subscribe(k.shard, subscriber, naru_span_of("a"), &how), NARU_OK);
        settle();
        CHECK_EQ(k.answer.recovered, i == 0);
        broker_answers->lost(broker_user);
    }
    status = NARU_ERR_CONNECT;
    CHECK_EQ(say("no", true), NARU_OK);
    settle();
    CHECK_EQ(k.answer.status, NARU_ERR_CONNECT);
    close();
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void a_life(const naru_allocator *allocator)
{
    if (open((naru__shard_options){.hub.allocator = allocator, .rules.history_max = 3}) != NARU_OK) {
        return;
    }
    naru_hub *hub = naru__shard_hub(k.shard);
    naru_subscriber *first = naru_subscriber_new(hub, &calls, NULL);
    naru_subscriber *second = naru_subscriber_new(hub, &calls, NULL);
    size_t asked = 0;
    asked += first && join(first, "c", "ann", true) == NARU_OK;
    asked += say("one", true) == NARU_OK;
    settle();
    asked += second && join(second, "d", "ann", false) == NARU_OK;
    asked += say("two", true) == NARU_OK;
    settle();
    asked +=
        naru__shard_history(k.shard, naru_span_of("a"), &(naru_history_range){.limit = 5}, on_answer, NULL) == NARU_OK;
    naru_subscriber_free(first);
    settle();
    CHECK_EQ(k.answers, asked);
    close();
}

TEST(every_allocation_may_fail)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        instead = &memory.allocator;
        a_life(&memory.allocator);
        instead = NULL;
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            CHECK(n > 40);
            break;
        }
    }
}

TEST_MAIN({"a user comes once and leaves once", a_user_comes_once_and_leaves_once},
          {"a client is present once", a_client_is_present_once},
          {"what a store refuses is told", what_a_store_refuses_is_told},
          {"a gap of the broker is a new epoch", a_gap_of_the_broker_is_a_new_epoch},
          {"every allocation may fail", every_allocation_may_fail})
