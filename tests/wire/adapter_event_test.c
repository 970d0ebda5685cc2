/* <naru/adapters/event.h>: a naru loop under libevent. */
#include <naru/adapters/event.h>

static struct event_base *base;
static naru_event adapter;
static void (*outer_call)(void);

static bool outer_open(naru_loop *loop)
{
    base = event_base_new();
    return base && naru_event_start(&adapter, base, loop) == 0;
}

static void outer_run(void)
{
    event_base_dispatch(base);
}

static void outer_close(void)
{
    naru_event_close(&adapter);
}

static void outer_free(void)
{
    event_base_free(base);
}

static void on_outer_timer(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    outer_call();
}

static void outer_after(unsigned ms, void (*call)(void))
{
    struct timeval wait = {0, (suseconds_t)ms * 1000};
    outer_call = call;
    event_base_once(base, -1, EV_TIMEOUT, on_outer_timer, NULL, &wait);
}

static void outer_poke(void)
{
    naru_event_poke(&adapter);
}

static uint64_t outer_turns(void)
{
    return adapter.turns;
}

#include "wire/adapter_cases.h"

TEST(closed_twice)
{
    REQUIRE(begin());
    outer_close();
    finish();
}

TEST_MAIN(ADAPTER_CASES, {"closed twice", closed_twice})
