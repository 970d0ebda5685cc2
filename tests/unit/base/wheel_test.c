/* The wheel against a plain list of times. */
#include "base/wheel.h"

#include "unit/check.h"

enum { TIMERS = 200 };

typedef struct model {
    naru__wheel wheel;
    naru__timer timers[TIMERS];
    bool running[TIMERS];
    uint64_t at_ms[TIMERS];
    uint64_t now_ms;
} model;

static void model_init(model *m, uint64_t now_ms)
{
    memset(m, 0, sizeof *m);
    naru__wheel_init(&m->wheel, now_ms);
    m->now_ms = now_ms;
}

static void model_start(model *m, size_t i, uint64_t at_ms)
{
    naru__wheel_start(&m->wheel, &m->timers[i], at_ms);
    m->running[i] = true;
    m->at_ms[i] = at_ms;
}

/* Never late: no timer may come due before the wheel wants to be called. */
static void check_wait(const model *m)
{
    uint64_t wait_ms = naru__wheel_wait_ms(&m->wheel);
    bool any = false;
    for (size_t i = 0; i < TIMERS; i++) {
        CHECK_EQ(naru__timer_running(&m->timers[i]), m->running[i]);
        if (m->running[i]) {
            any = true;
            CHECK(m->at_ms[i] <= m->now_ms ? wait_ms == 0 : wait_ms <= m->at_ms[i] - m->now_ms);
        }
    }
    CHECK_EQ(wait_ms == UINT64_MAX, !any);
}

/* Every timer that comes out was due, in order; none that was due stays. */
static void model_advance(model *m, uint64_t now_ms)
{
    naru__wheel_advance(&m->wheel, now_ms);
    m->now_ms = now_ms > m->now_ms ? now_ms : m->now_ms;
    uint64_t last_ms = 0;
    for (naru__timer *timer = naru__wheel_take(&m->wheel); timer; timer = naru__wheel_take(&m->wheel)) {
        size_t i = (size_t)(timer - m->timers);
        REQUIRE(i < TIMERS);
        CHECK(m->running[i]);
        CHECK_EQ(timer->at_ms, m->at_ms[i]);
        CHECK(m->at_ms[i] <= m->now_ms);
        CHECK(m->at_ms[i] >= last_ms);
        CHECK(!naru__timer_running(timer));
        m->running[i] = false;
        last_ms = m->at_ms[i];
    }
    for (size_t i = 0; i < TIMERS; i++) {
        CHECK(!m->running[i] || m->at_ms[i] > m->now_ms);
    }
}

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A distance of any magnitude up to 2^bits. */
static uint64_t distance(uint64_t *seed, unsigned bits)
{
    return (draw(seed) >> 8) & (((uint64_t)1 << (draw(seed) % bits)) - 1);
}

static void churn(uint64_t start_ms, unsigned distance_bits, uint64_t seed)
{
    static model m;
    model_init(&m, start_ms);
    for (size_t step = 0; step < 4000; step++) {
        size_t i = draw(&seed) % TIMERS;
        switch (draw(&seed) % 8) {
        case 0:
            naru__wheel_stop(&m.wheel, &m.timers[i]);
            m.running[i] = false;
            break;
        case 1:
            model_advance(&m, m.now_ms + distance(&seed, distance_bits));
            break;
        case 2: /* as a loop does: sleep as long as the wheel allows */
            if (naru__wheel_wait_ms(&m.wheel) != UINT64_MAX) {
                model_advance(&m, m.now_ms + naru__wheel_wait_ms(&m.wheel));
            }
            break;
        case 3:
            model_start(&m, i, m.now_ms - distance(&seed, 6) % (m.now_ms + 1));
            model_advance(&m, m.now_ms);
            break;
        default:
            model_start(&m, i, m.now_ms + distance(&seed, distance_bits));
            break;
        }
        if (step % 16 == 0) {
            check_wait(&m);
        }
    }
    model_advance(&m, m.now_ms + ((uint64_t)1 << 44));
    check_wait(&m);
    for (size_t i = 0; i < TIMERS; i++) {
        CHECK(!m.running[i]);
    }
}

TEST(random_work_matches_the_model)
{
    static const uint64_t starts[] = {0,
                                      1,
                                      63,
                                      64,
                                      4095,
                                      1700000000000,
                                      ((uint64_t)1 << 32) - 5000,
                                      ((uint64_t)1 << 36) - 300,
                                      ((uint64_t)1 << 40) + 12345};
    static const unsigned bits[] = {4, 8, 14, 24, 33, 37, 42};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        for (size_t b = 0; b < sizeof bits / sizeof bits[0]; b++) {
            churn(starts[s], bits[b], 88172645463325252U + s * 100 + b);
        }
    }
}

TEST(every_distance_comes_due_at_its_millisecond)
{
    static model m;
    for (unsigned bit = 0; bit < 45; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t away_ms = ((uint64_t)1 << bit) + (uint64_t)(int64_t)delta;
            model_init(&m, 1000003);
            model_start(&m, 0, 1000003 + away_ms);
            if (away_ms > 0) {
                model_advance(&m, 1000003 + away_ms - 1);
                CHECK(m.running[0]);
            }
            model_advance(&m, 1000003 + away_ms);
            CHECK(!m.running[0]);
        }
    }
}

/* A jump of centuries must not be walked millisecond by millisecond, nor lap by lap. */
TEST(the_end_of_time_can_be_reached)
{
    static model m;
    model_init(&m, 5);
    model_start(&m, 0, INT64_MAX);
    model_start(&m, 1, INT64_MAX - 1);
    model_start(&m, 2, INT64_MAX / 2);
    model_start(&m, 3, 7);
    model_advance(&m, INT64_MAX - 1);
    CHECK(m.running[0]);
    CHECK(!m.running[1]);
    check_wait(&m);
    model_advance(&m, INT64_MAX);
    CHECK(!m.running[0]);
}

/* Between two calls of a loop that waits as long as it may, a timer of any distance costs few wake-ups. */
TEST(waiting_costs_one_wake_up_a_level)
{
    static model m;
    model_init(&m, 123456789);
    model_start(&m, 0, 123456789 + ((uint64_t)1 << 35));
    size_t wakes = 0;
    while (m.running[0]) {
        model_advance(&m, m.now_ms + naru__wheel_wait_ms(&m.wheel));
        wakes++;
    }
    CHECK(wakes <= NARU__WHEEL_LEVELS + 1);
}

TEST(time_does_not_go_back)
{
    static model m;
    model_init(&m, 100);
    model_start(&m, 0, 150);
    model_advance(&m, 149);
    naru__wheel_advance(&m.wheel, 10);
    CHECK_EQ(naru__wheel_wait_ms(&m.wheel), 1);
    model_advance(&m, 150);
    CHECK(!m.running[0]);
}

TEST(a_timer_may_be_stopped_while_it_waits_to_be_taken)
{
    naru__wheel wheel;
    naru__timer a = {0};
    naru__timer b = {0};
    naru__wheel_init(&wheel, 0);
    naru__wheel_start(&wheel, &a, 10);
    naru__wheel_start(&wheel, &b, 10);
    naru__wheel_advance(&wheel, 20);
    naru__timer *first = naru__wheel_take(&wheel);
    naru__wheel_stop(&wheel, first == &a ? &b : &a);
    CHECK(naru__wheel_take(&wheel) == NULL);
    CHECK_EQ(naru__wheel_wait_ms(&wheel), UINT64_MAX);
    naru__wheel_stop(&wheel, &a);
    naru__wheel_stop(&wheel, &b);
}

TEST(a_past_time_comes_out_of_the_same_round)
{
    naru__wheel wheel;
    naru__timer a = {0};
    naru__timer b = {0};
    naru__wheel_init(&wheel, 0);
    naru__wheel_start(&wheel, &a, 10);
    naru__wheel_advance(&wheel, 20);
    CHECK(naru__wheel_take(&wheel) == &a);
    naru__wheel_start(&wheel, &b, 15);
    CHECK_EQ(naru__wheel_wait_ms(&wheel), 0);
    CHECK(naru__wheel_take(&wheel) == &b);
    naru__wheel_start(&wheel, &a, 3);
    CHECK(naru__wheel_take(&wheel) == &a);
    CHECK(naru__wheel_take(&wheel) == NULL);
}

TEST_MAIN({"random work matches the model", random_work_matches_the_model},
          {"every distance comes due at its millisecond", every_distance_comes_due_at_its_millisecond},
          {"the end of time can be reached", the_end_of_time_can_be_reached},
          {"waiting costs one wake-up a level", waiting_costs_one_wake_up_a_level},
          {"time does not go back", time_does_not_go_back},
          {"a timer may be stopped while it waits to be taken", a_timer_may_be_stopped_while_it_waits_to_be_taken},
          {"a past time comes out of the same round", a_past_time_comes_out_of_the_same_round})
