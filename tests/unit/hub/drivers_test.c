/* The contract of stores and brokers (<naru/hub.h>), which every driver must keep: run here on those in memory, on a
 * store that answers late, and on a broker that does. A new driver is a row in `stores` or `brokers`. */
#include <naru/hub.h>
#include <stdlib.h>

#include "slow_store.h"
#include "unit/check.h"
#include "unit/failing_allocator.h"

enum { ANSWERS_MAX = 64, ITEMS_MAX = 32 };

/* One answer, as text would have it: what, for which ticket, in which order. */
typedef struct answer {
    bool is_read;
    uint64_t ticket;
    naru_status status;
    naru_position position;
    size_t count;
    uint64_t offsets[ITEMS_MAX];
} answer;

typedef struct driver {
    naru_store store;
    bool (*step)(void *self); /* do a piece of what waits; NULL: it answers at once */
    answer answers[ANSWERS_MAX];
    size_t count;
} driver;

static driver d;

static void appended(void *user, uint64_t ticket, naru_status status, naru_position position)
{
    CHECK(user == &d);
    d.answers[d.count++ % ANSWERS_MAX] = (answer){.ticket = ticket, .status = status, .position = position};
}

static void read_done(void *user, uint64_t ticket, naru_status status, naru_position head,
                      naru_publication *const *items, size_t count)
{
    CHECK(user == &d);
    answer *a = &d.answers[d.count++ % ANSWERS_MAX];
    *a = (answer){.is_read = true, .ticket = ticket, .status = status, .position = head, .count = count};
    for (size_t i = 0; i < count && i < ITEMS_MAX; i++) {
        a->offsets[i] = items[i]->position.offset;
        CHECK_EQ(items[i]->position.epoch, head.epoch);
        CHECK_EQ(items[i]->data.data[0], (uint8_t)items[i]->position.offset);
    }
}

static const naru_store_answers answers = {appended, read_done};

static bool step_slow(void *self)
{
    return slow_step(self);
}

static void open_memory(void)
{
    static const uint8_t key[16] = {9};
    CHECK_EQ(naru_store_memory_new(NULL, key, &d.store), NARU_OK);
}

static void open_slow(void)
{
    CHECK(slow_store_new(&d.store) != NULL);
    d.step = step_slow;
}

static void open(void (*make)(void))
{
    d = (driver){0};
    make();
    CHECK_EQ(d.store.calls->open(d.store.self, &answers, &d), NARU_OK);
}

static void wait_for_all(void)
{
    while (d.step && d.step(d.store.self)) {
    }
}

static naru_status append(const char *channel, uint8_t number, uint64_t time_ms, const naru_channel_rules *rules,
                          uint64_t ticket)
{
    naru_publication *p = naru_publication_new(NULL, naru_span_of(channel), 0, (naru_span){&number, 1});
    p->time_ms = time_ms;
    naru_status status = d.store.calls->append(d.store.self, p, rules, ticket);
    naru_publication_unref(p);
    return status;
}

static const answer *read_of(const char *channel, naru_history_range range)
{
    CHECK_EQ(d.store.calls->read(d.store.self, naru_span_of(channel), &range, 1000), NARU_OK);
    wait_for_all();
    const answer *a = &d.answers[(d.count - 1) % ANSWERS_MAX];
    CHECK(a->is_read);
    CHECK_EQ(a->ticket, 1000);
    return a;
}

static void check_offsets(const answer *a, uint64_t first, size_t count, bool backward)
{
    CHECK_EQ(a->count, count);
    for (size_t i = 0; i < count && i < a->count; i++) {
        CHECK_EQ(a->offsets[i], backward ? first - i : first + i);
    }
}

/* ---- the contract of stores ------------------------------------------------------------------------------------- */

static void store_answers_in_order(void)
{
    naru_channel_rules rules = {.history_max = 10};
    CHECK_EQ(append("a", 1, 0, &rules, 1), NARU_OK);
    naru_history_range all = {.limit = 10};
    CHECK_EQ(d.store.calls->read(d.store.self, naru_span_of("a"), &all, 2), NARU_OK);
    CHECK_EQ(append("a", 2, 0, &rules, 3), NARU_OK);
    wait_for_all();
    CHECK_EQ(d.count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(d.answers[i].ticket, i + 1);
        CHECK_EQ(d.answers[i].status, NARU_OK);
    }
    /* As of its place: the second one is not there yet. */
    CHECK_EQ(d.answers[1].position.offset, 1);
    check_offsets(&d.answers[1], 1, 1, false);
    CHECK_EQ(d.answers[2].position.offset, 2);
    CHECK_EQ(d.answers[2].position.epoch, d.answers[0].position.epoch);
    CHECK(d.answers[0].position.epoch != 0);
}

static void store_reads_ranges(void)
{
    naru_channel_rules rules = {.history_max = 5};
    for (uint8_t i = 1; i <= 8; i++) {
        CHECK_EQ(append("a", i, 0, &rules, i), NARU_OK);
    }
    check_offsets(read_of("a", (naru_history_range){.limit = 100}), 4, 5, false);
    check_offsets(read_of("a", (naru_history_range){.limit = 2}), 4, 2, false);
    check_offsets(read_of("a", (naru_history_range){.from = 6, .limit = 100}), 7, 2, false);
    check_offsets(read_of("a", (naru_history_range){.from = 8, .limit = 100}), 0, 0, false);
    check_offsets(read_of("a", (naru_history_range){.from = UINT64_MAX, .limit = 100}), 0, 0, false);
    check_offsets(read_of("a", (naru_history_range){.limit = 2, .backward = true}), 8, 2, true);
    check_offsets(read_of("a", (naru_history_range){.from = 6, .limit = 100, .backward = true}), 5, 2, true);
    check_offsets(read_of("a", (naru_history_range){.from = 4, .limit = 100, .backward = true}), 0, 0, true);
    const answer *a = read_of("a", (naru_history_range){0});
    check_offsets(a, 0, 0, false);
    CHECK_EQ(a->position.offset, 8);
    uint64_t epoch = a->position.epoch;
    CHECK_EQ(read_of("a", (naru_history_range){.epoch = epoch, .limit = 1})->status, NARU_OK);
    CHECK_EQ(read_of("a", (naru_history_range){.epoch = epoch ^ 2, .limit = 1})->status, NARU_ERR_STATE);
}

static void store_knows_what_has_begun(void)
{
    CHECK_EQ(read_of("new", (naru_history_range){0})->position.epoch, 0);
    uint64_t epoch = read_of("new", (naru_history_range){.begin = true})->position.epoch;
    CHECK(epoch != 0);
    CHECK_EQ(read_of("new", (naru_history_range){.begin = true})->position.epoch, epoch);
    naru_channel_rules rules = {.history_max = 1};
    CHECK_EQ(append("new", 1, 0, &rules, 1), NARU_OK);
    const answer *a = read_of("new", (naru_history_range){.limit = 1});
    CHECK_EQ(a->position.epoch, epoch);
    CHECK_EQ(a->position.offset, 1);
}

static void store_forgets(void)
{
    naru_channel_rules rules = {.history_max = 5};
    CHECK_EQ(append("a", 1, 0, &rules, 1), NARU_OK);
    uint64_t epoch = read_of("a", (naru_history_range){0})->position.epoch;
    d.store.calls->forget(d.store.self);
    CHECK(read_of("a", (naru_history_range){.begin = true})->position.epoch != epoch);
}

static void store_bounds_bytes(void)
{
    naru_channel_rules rules = {.history_max = 100, .history_bytes_max = 6}; /* each costs two: "a" and one byte */
    for (uint8_t i = 1; i <= 8; i++) {
        CHECK_EQ(append("a", i, 0, &rules, i), NARU_OK);
    }
    wait_for_all();
    check_offsets(read_of("a", (naru_history_range){.limit = 100}), 6, 3, false);
    rules.history_bytes_max = 1;
    CHECK_EQ(append("a", 9, 0, &rules, 9), NARU_OK);
    const answer *a = read_of("a", (naru_history_range){.limit = 100});
    CHECK_EQ(a->count, 0);
    CHECK_EQ(a->position.offset, 9);
}

static void store_bounds_age(void)
{
    naru_channel_rules rules = {.history_max = 100, .history_age_ms = 1000};
    for (uint8_t i = 1; i <= 4; i++) {
        CHECK_EQ(append("a", i, 1000 + 100 * (uint64_t)i, &rules, i), NARU_OK);
    }
    wait_for_all();
    CHECK(d.store.calls->trim(d.store.self, 1000) <= 1100);
    (void)d.store.calls->trim(d.store.self, 2200);
    check_offsets(read_of("a", (naru_history_range){.limit = 100}), 3, 2, false);
    (void)d.store.calls->trim(d.store.self, 2400);
    const answer *a = read_of("a", (naru_history_range){.limit = 100});
    CHECK_EQ(a->count, 0);
    CHECK_EQ(a->position.offset, 4); /* its place is known as long again */
    (void)d.store.calls->trim(d.store.self, 3400);
    CHECK_EQ(read_of("a", (naru_history_range){.limit = 100})->position.epoch, 0);
    CHECK_EQ(d.store.calls->trim(d.store.self, 3401), UINT64_MAX);
}

static void store_answers_at_close(void)
{
    naru_channel_rules rules = {.history_max = 10};
    CHECK_EQ(append("a", 1, 0, &rules, 1), NARU_OK);
    CHECK_EQ(append("a", 2, 0, &rules, 2), NARU_OK);
}

static void (*const store_contract[])(void) = {store_answers_in_order, store_reads_ranges, store_knows_what_has_begun,
                                               store_forgets,          store_bounds_bytes, store_bounds_age,
                                               store_answers_at_close};

static void hold_store_to_it(void (*make)(void))
{
    for (size_t i = 0; i < sizeof store_contract / sizeof store_contract[0]; i++) {
        open(make);
        store_contract[i]();
        size_t asked_last = store_contract[i] == store_answers_at_close ? 2 : d.count;
        d.store.calls->close(d.store.self);
        CHECK_EQ(d.count, asked_last); /* everything that was taken is answered */
    }
}

TEST(the_memory_store_keeps_the_contract)
{
    hold_store_to_it(open_memory);
}

TEST(a_slow_store_keeps_the_contract)
{
    hold_store_to_it(open_slow);
}

TEST(a_refused_call_is_not_answered)
{
    open(open_slow);
    ((slow_store *)d.store.self)->refuses = true;
    naru_channel_rules rules = {.history_max = 1};
    CHECK_EQ(append("a", 1, 0, &rules, 1), NARU_ERR_REFUSED);
    CHECK_EQ(d.store.calls->read(d.store.self, naru_span_of("a"), &(naru_history_range){0}, 2), NARU_ERR_REFUSED);
    d.store.calls->close(d.store.self);
    CHECK_EQ(d.count, 0);
}

TEST(logs_made_and_left_leave_nothing)
{
    static const uint8_t key[16] = {1};
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    d = (driver){0};
    REQUIRE(naru_store_memory_new(&memory.allocator, key, &d.store) == NARU_OK);
    CHECK_EQ(d.store.calls->open(d.store.self, &answers, &d), NARU_OK);
    size_t before = memory.live_bytes;
    naru_channel_rules rules = {.history_max = 3, .history_age_ms = 1000};
    char name[16];
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "%u", i);
        REQUIRE(append(name, 1, i / 100, &rules, 1) == NARU_OK);
    }
    uint64_t now_ms = 3000;
    for (uint64_t wait_ms = 0; wait_ms != UINT64_MAX; now_ms += wait_ms == UINT64_MAX ? 0 : wait_ms) {
        wait_ms = d.store.calls->trim(d.store.self, now_ms);
    }
    CHECK_EQ(memory.live_bytes, before);
    d.store.calls->close(d.store.self);
    CHECK_EQ(memory.live_bytes, 0);
}

/* ---- the contract of brokers ------------------------------------------------------------------------------------ */

typedef struct broker_seen {
    uint8_t messages[16];
    size_t messages_count;
    uint64_t tickets[16];
    size_t tickets_count;
} broker_seen;

static void published(void *user, uint64_t ticket, naru_status status)
{
    broker_seen *seen = user;
    CHECK_EQ(status, NARU_OK);
    seen->tickets[seen->tickets_count++] = ticket;
}

static void message(void *user, naru_publication *publication)
{
    broker_seen *seen = user;
    CHECK_SPAN(publication->channel, "a");
    seen->messages[seen->messages_count++] = publication->data.data[0];
}

static void lost(void *user)
{
    (void)user;
    CHECK(!"nothing was lost");
}

static void hold_broker_to_it(naru_broker broker)
{
    static const naru_broker_answers broker_answers = {published, message, lost};
    broker_seen seen = {0};
    CHECK_EQ(broker.calls->open(broker.self, &broker_answers, &seen), NARU_OK);
    CHECK_EQ(broker.calls->subscribe(broker.self, naru_span_of("a")), NARU_OK);
    for (uint8_t i = 0; i < 5; i++) {
        naru_publication *p = naru_publication_new(NULL, naru_span_of("a"), 0, (naru_span){&i, 1});
        CHECK_EQ(broker.calls->publish(broker.self, p, 100 + i), NARU_OK);
        naru_publication_unref(p);
    }
    CHECK_EQ(seen.messages_count, 5);
    CHECK_EQ(seen.tickets_count, 5);
    for (uint8_t i = 0; i < 5; i++) {
        CHECK_EQ(seen.messages[i], i);
        CHECK_EQ(seen.tickets[i], 100 + (uint64_t)i);
    }
    broker.calls->unsubscribe(broker.self, naru_span_of("a"));
    broker.calls->close(broker.self);
}

TEST(the_memory_broker_keeps_the_contract)
{
    naru_broker broker;
    REQUIRE(naru_broker_memory_new(NULL, &broker) == NARU_OK);
    hold_broker_to_it(broker);
}

TEST_MAIN({"the memory store keeps the contract", the_memory_store_keeps_the_contract},
          {"a slow store keeps the contract", a_slow_store_keeps_the_contract},
          {"a refused call is not answered", a_refused_call_is_not_answered},
          {"logs made and left leave nothing", logs_made_and_left_leave_nothing},
          {"the memory broker keeps the contract", the_memory_broker_keeps_the_contract})
