/* A real server and a real client on a naru loop that runs under somebody else's. A test file says what that loop is:
 * before it includes this it defines outer_open, outer_run, outer_close, outer_free, outer_after, outer_poke and
 * outer_turns.
 *
 * Not for: what naru does under its own loop. */
#ifndef NARU_WIRE_ADAPTER_CASES_H
#define NARU_WIRE_ADAPTER_CASES_H

#include "wire/bank_rig.h"
#include <pthread.h>
#include <unistd.h>

enum { ROUNDS = 200, IDLE_MS = 60 };

static bank at;
static naru_client *client;
static unsigned rounds;
static naru_timer *timers[2];

static void let_go(void *user)
{
    (void)user;
    naru_client_free(client);
    client = NULL;
    bank_down(&at);
}

static void on_echo(naru_client *self, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    if (++rounds < ROUNDS) {
        CHECK_EQ(naru_client_send(self, kind, data, 0), NARU_OK);
    } else {
        CHECK_EQ(naru_client_close(self, 1000, (naru_span){0}), NARU_OK);
    }
}

static void on_open_send(naru_client *self, void *user)
{
    (void)user;
    CHECK_EQ(naru_client_send(self, NARU_WS_TEXT, naru_span_of("round and round"), 0), NARU_OK);
}

static naru_status free_server_later(void)
{
    return naru_loop_post(at.loop, let_go, NULL);
}

static void on_close_let_go(naru_client *self, const naru_close_info *info, void *user)
{
    (void)self, (void)user;
    bank_note(&at, "close %u", info->code);
    CHECK_EQ(free_server_later(), NARU_OK);
}

static void on_open_note(naru_client *self, void *user)
{
    (void)self, (void)user;
    bank_note(&at, "open");
}

static void on_message_note(naru_client *self, naru_ws_kind kind, naru_span data, void *user)
{
    (void)self, (void)kind, (void)user;
    bank_note(&at, "got %.*s", (int)data.size, (const char *)data.data);
    CHECK_EQ(naru_client_close(self, 1000, (naru_span){0}), NARU_OK);
}

static bool begin(void)
{
    rounds = 0;
    client = NULL;
    return bank_start(&at) && outer_open(at.loop);
}

static void finish(void)
{
    outer_close();
    bank_stop(&at);
    outer_free();
}

static bool dial(const naru_client_handler *handler)
{
    return naru_client_open(at.loop, at.url, NULL, handler, NULL, &client, NULL) == NARU_OK;
}

/* It ends by itself once nothing is left, and has not turned for nothing. */
TEST(a_server_and_a_client_talk)
{
    static const naru_client_handler handler = {
        .on_open = on_open_send, .on_message = on_echo, .on_close = on_close_let_go};
    REQUIRE(begin());
    at.quiet = false;
    REQUIRE(dial(&handler));
    outer_run();
    CHECK_EQ(rounds, ROUNDS);
    CHECK(strstr(at.log, "close 1000"));
    CHECK(outer_turns() < 4 * ROUNDS + 50);
    CHECK(!naru_loop_alive(at.loop));
    finish();
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static uint64_t turns_before;

static void idle_is_over(void *user)
{
    (void)user;
    CHECK(outer_turns() - turns_before < 12);
    let_go(NULL);
    naru_timer_free(timers[0]);
}

static void begin_idle(naru_client *self, void *user)
{
    (void)self, (void)user;
    turns_before = outer_turns();
    naru_timer_start(timers[0], IDLE_MS);
}

TEST(waiting_costs_no_turns)
{
    static const naru_client_handler handler = {.on_open = begin_idle};
    REQUIRE(begin());
    timers[0] = naru_timer_new(at.loop, idle_is_over, NULL);
    REQUIRE(timers[0] && dial(&handler));
    uint64_t since_ms = naru_loop_now_ms(at.loop);
    outer_run();
    CHECK(naru_loop_now_ms(at.loop) - since_ms >= IDLE_MS);
    CHECK(!client);
    finish();
}

static unsigned fired;

static void fire_again(void *user)
{
    (void)user;
    bank_note(&at, "chain %u", ++fired);
    if (fired < 5) {
        naru_timer_start(timers[1], 1);
    } else {
        naru_timer_free(timers[0]);
        naru_timer_free(timers[1]);
        bank_down(&at);
    }
}

static void far(void *user)
{
    (void)user;
    CHECK(!"the far timer was stopped");
}

/* From the other loop's callback: a nearer timer than the one that is being waited for. */
static void start_nearer(void)
{
    naru_timer_start(timers[1], 2);
    outer_poke();
}

TEST(timers_change_and_start_others)
{
    REQUIRE(begin());
    fired = 0;
    timers[0] = naru_timer_new(at.loop, far, NULL);
    timers[1] = naru_timer_new(at.loop, fire_again, NULL);
    REQUIRE(timers[0] && timers[1]);
    naru_timer_start(timers[0], 3600000);
    outer_after(5, start_nearer);
    outer_run();
    CHECK_STR(at.log, "chain 1;chain 2;chain 3;chain 4;chain 5");
    finish();
}

/* ---- from elsewhere ----------------------------------------------------------------------------------------- */

static void say_hello(void)
{
    if (!strstr(at.log, "open")) {
        outer_after(2, say_hello);
        return;
    }
    CHECK_EQ(naru_client_send(client, NARU_WS_TEXT, naru_span_of("hello"), 0), NARU_OK);
    outer_poke();
}

TEST(what_another_callback_sends_leaves)
{
    static const naru_client_handler handler = {
        .on_open = on_open_note, .on_message = on_message_note, .on_close = on_close_let_go};
    REQUIRE(begin() && dial(&handler));
    outer_after(2, say_hello);
    outer_run();
    CHECK(strstr(at.log, "S hello"));
    CHECK(strstr(at.log, "got hello"));
    finish();
}

static void *post_from_a_thread(void *user)
{
    (void)user;
    CHECK_EQ(naru_loop_post(at.loop, let_go, NULL), NARU_OK);
    return NULL;
}

static pthread_t poster;

static void begin_posting(void)
{
    CHECK_EQ(pthread_create(&poster, NULL, post_from_a_thread, NULL), 0);
}

TEST(a_post_of_another_thread_wakes_it)
{
    REQUIRE(begin());
    outer_after(5, begin_posting);
    outer_run();
    CHECK(!at.server);
    CHECK_EQ(pthread_join(poster, NULL), 0);
    finish();
}

static void close_inside(naru_client *self, void *user)
{
    (void)self, (void)user;
    bank_note(&at, "closing");
    outer_close();
}

/* In a naru callback; what is on the naru loop waits for another loop, or for being freed. */
TEST(closed_inside_a_callback)
{
    static const naru_client_handler handler = {.on_open = close_inside};
    REQUIRE(begin() && dial(&handler));
    outer_run();
    CHECK(strstr(at.log, "closing"));
    CHECK(naru_loop_alive(at.loop));
    let_go(NULL);
    finish();
}

#define ADAPTER_CASES                                                                                                  \
    {"a server and a client talk", a_server_and_a_client_talk}, {"waiting costs no turns", waiting_costs_no_turns},    \
        {"timers change and start others", timers_change_and_start_others},                                            \
        {"what another callback sends leaves", what_another_callback_sends_leaves},                                    \
        {"a post of another thread wakes it", a_post_of_another_thread_wakes_it},                                      \
    {                                                                                                                  \
        "closed inside a callback", closed_inside_a_callback                                                           \
    }

#endif
