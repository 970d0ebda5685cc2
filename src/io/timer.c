/* Timers: the wheel of base/ run by the loop's clock. Source: none. */
#include "core.h"

#include <assert.h>

#include "base/memory.h"

void naru__loop_timer_start(naru_loop *loop, naru__loop_timer *timer, uint64_t at_ms)
{
    assert(naru__loop_owns_thread(loop));
    /* A timer that starts itself again from its own callback must not keep this turn from ending. */
    if (loop->firing && at_ms <= loop->now_ms) {
        at_ms = loop->now_ms + 1;
    }
    if (!naru__timer_running(&timer->timer)) {
        loop->active++;
    }
    naru__wheel_start(&loop->wheel, &timer->timer, at_ms);
}

void naru__loop_timer_stop(naru_loop *loop, naru__loop_timer *timer)
{
    assert(naru__loop_owns_thread(loop));
    if (naru__timer_running(&timer->timer)) {
        loop->active--;
        naru__wheel_stop(&loop->wheel, &timer->timer);
    }
}

void naru__timers_fire(naru_loop *loop)
{
    naru__wheel_advance(&loop->wheel, loop->now_ms);
    loop->firing = true;
    naru__timer *due;
    while ((due = naru__wheel_take(&loop->wheel)) != NULL) {
        naru__loop_timer *timer = (naru__loop_timer *)due;
        loop->active -= timer != &loop->cooling;
        timer->fire(timer);
    }
    loop->firing = false;
}

struct naru_timer {
    naru__loop_timer timer; /* first: the wheel's timer is the whole */
    naru_loop *loop;
    void (*fire)(void *user);
    void *user;
};

static void fire_public(naru__loop_timer *timer)
{
    naru_timer *self = (naru_timer *)timer;
    self->fire(self->user);
}

naru_timer *naru_timer_new(naru_loop *loop, void (*fire)(void *user), void *user)
{
    naru_timer *timer = naru__alloc_zero(&loop->cache.allocator, sizeof *timer);
    if (!timer) {
        return NULL;
    }
    timer->timer.fire = fire_public;
    timer->loop = loop;
    timer->fire = fire;
    timer->user = user;
    return timer;
}

void naru_timer_free(naru_timer *timer)
{
    if (timer) {
        naru_timer_stop(timer);
        naru__free(&timer->loop->cache.allocator, timer, sizeof *timer);
    }
}

void naru_timer_start(naru_timer *timer, uint32_t delay_ms)
{
    naru__loop_timer_start(timer->loop, &timer->timer, naru_loop_now_ms(timer->loop) + delay_ms);
}

void naru_timer_stop(naru_timer *timer)
{
    naru__loop_timer_stop(timer->loop, &timer->timer);
}
