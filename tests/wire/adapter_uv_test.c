/* <naru/adapters/uv.h>: a naru loop under libuv. */
#include "unit/check.h"
#include <naru/adapters/uv.h>

static uv_loop_t uv;
static naru_uv adapter;
static uv_timer_t outer_timer;
static void (*outer_call)(void);
static bool outer_is_open;

static bool outer_open(naru_loop *loop)
{
    outer_is_open = uv_loop_init(&uv) == 0 && naru_uv_start(&adapter, &uv, loop) == 0;
    uv_timer_init(&uv, &outer_timer);
    return outer_is_open;
}

static void outer_run(void)
{
    uv_run(&uv, UV_RUN_DEFAULT);
}

static void outer_close(void)
{
    if (outer_is_open) {
        naru_uv_close(&adapter, NULL);
        uv_close((uv_handle_t *)&outer_timer, NULL);
    }
    outer_is_open = false;
}

/* libuv finds no handle of ours left. */
static void outer_free(void)
{
    uv_run(&uv, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&uv), 0);
}

static void on_outer_timer(uv_timer_t *timer)
{
    (void)timer;
    outer_call();
}

static void outer_after(unsigned ms, void (*call)(void))
{
    outer_call = call;
    uv_timer_start(&outer_timer, on_outer_timer, ms, 0);
}

static void outer_poke(void)
{
    /* The prepare handle sees to it. */
}

static uint64_t outer_turns(void)
{
    return adapter.turns;
}

#include "wire/adapter_cases.h"

static unsigned closes;

static void count_close(naru_uv *self)
{
    CHECK(self == &adapter);
    closes++;
}

/* naru's loop may be gone before libuv has closed its handles. */
TEST(nothing_is_left_behind)
{
    REQUIRE(bank_start(&at) && outer_open(at.loop));
    closes = 0;
    naru_uv_close(&adapter, count_close);
    uv_close((uv_handle_t *)&outer_timer, NULL);
    outer_is_open = false;
    bank_stop(&at);
    CHECK_EQ(closes, 0);
    outer_free();
    CHECK_EQ(closes, 1);
}

TEST_MAIN(ADAPTER_CASES, {"nothing is left behind", nothing_is_left_behind})
