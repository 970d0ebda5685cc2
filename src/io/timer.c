/* Timers: the wheel of base/ run by the loop's clock. Source: none. */
#include "core.h"

#include <assert.h>

#include "base/memory.h"

static void start(naru_loop *loop, naru__timer *timer, uint64_t at_ms)
{
    assert(naru__loop_owns_thread(loop));
    /* A timer that starts itself again from its own callback must not keep this turn from ending. */
    if (loop->firing && at_ms <= loop->now_ms) {
        at_ms = loop->now_ms + 1;
    }
    naru__wheel_start(&loop->wheel, timer, at_ms);
}

void naru__loop_timer_start(naru_loop *loop, naru__loop_timer *timer, uint64_t at_ms)
{
    loop->active += !naru__timer_running(&timer->timer);
    start(loop, &timer->timer, at_ms);
}

void naru__loop_timer_stop(naru_loop *loop, naru__loop_timer *timer)
{
    assert(naru__loop_owns_thread(loop));
    if (naru__timer_running(&timer->timer)) {
        loop->active--;
        naru__wheel_stop(&loop->wheel, &timer->timer);
    }
}

/* A stream keeps the loop going by itself, and its timer is told by the mark. */
void naru__stream_timer_start(naru__stream *stream, uint64_t at_ms)
{
    stream->timer.at_ms |= NARU__TIMER_MARK;
    start(stream->loop, &stream->timer, at_ms);
}

void naru__stream_timer_stop(naru__stream *stream)
{
    assert(naru__loop_owns_thread(stream->loop));
    naru__wheel_stop(&stream->loop->wheel, &stream->timer);
}

/* Streams' timers in a turn. Those of thousands may be due together, as their pings are; the rest fire in the next
 * turn, which does not wait, once what these wrote has left and its memory is back. */
enum { STREAMS_MAX = NARU__BATCH_MAX };

static void fire_stream(naru__timer *due)
{
    naru__stream *stream = NARU__OWNER(due, naru__stream, timer);
    if (stream->handler->on_timer) {
        stream->handler->on_timer(stream);
    }
}

void naru__timers_fire(naru_loop *loop)
{
    naru__wheel_advance(&loop->wheel, loop->now_ms);
    loop->firing = true;
    naru__timer *due;
    unsigned streams = 0;
    while (streams < STREAMS_MAX && (due = naru__wheel_take(&loop->wheel)) != NULL) {
        if (due->at_ms & NARU__TIMER_MARK) {
            streams++;
            fire_stream(due);
            continue;
        }
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
