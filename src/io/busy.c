/* Busy polling: a loop that has just had work looks for more for a while before it sleeps. Falling asleep and being
 * woken is most of a small message's latency; this buys it back with the core's time.
 *
 * Not for: foreign loops, which sleep as they like. Source: none. */
#include "core.h"

#include <time.h>

static uint64_t clock_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

bool naru__busy_polls(naru_loop *loop)
{
    if (loop->busy_until_us == 0) {
        return false;
    }
    if (clock_us() < loop->busy_until_us) {
        return true;
    }
    loop->busy_until_us = 0;
    return false;
}

void naru__busy_note(naru_loop *loop)
{
    if (loop->busy_poll_us == 0 || !loop->stirred) {
        return;
    }
    loop->stirred = false;
    loop->busy_until_us = clock_us() + loop->busy_poll_us;
}
