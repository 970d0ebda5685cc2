/* Timers by the hundred thousand: start, stop and expire in constant time, without allocation. A hierarchical
 * wheel of milliseconds. It reads no clock: the caller says what time it is. */
#ifndef NARU_BASE_WHEEL_H
#define NARU_BASE_WHEEL_H

#include <naru/base.h>

/* One timer, a part of the owner's struct. All zero is a stopped one. */
typedef struct naru__timer {
    struct naru__timer *next;
    struct naru__timer **link; /* what points at this one; NULL while stopped */
    uint64_t at_ms;            /* beside it a mark that is the owner's, which the wheel leaves as it is */
} naru__timer;

#define NARU__TIMER_MARK ((uint64_t)1 << 63)

static inline uint64_t naru__timer_at_ms(const naru__timer *timer)
{
    return timer->at_ms & ~NARU__TIMER_MARK;
}

enum { NARU__WHEEL_BITS = 6, NARU__WHEEL_SLOTS = 1 << NARU__WHEEL_BITS, NARU__WHEEL_LEVELS = 6 };

typedef struct naru__wheel {
    uint64_t now_ms;                   /* the time it was advanced to */
    uint64_t swept_ms;                 /* how far its slots have been emptied; taking catches up with now_ms */
    uint64_t used[NARU__WHEEL_LEVELS]; /* a bit for each slot that holds a timer */
    naru__timer *slots[NARU__WHEEL_LEVELS][NARU__WHEEL_SLOTS];
    naru__timer *due; /* those of swept_ms and earlier */
} naru__wheel;

void naru__wheel_init(naru__wheel *wheel, uint64_t now_ms);
/* (Re)start: due once the wheel has been advanced to at_ms, at once if that is past. Beyond the wheel's range
 * (2 years) it is kept and moved on when the time comes. */
void naru__wheel_start(naru__wheel *wheel, naru__timer *timer, uint64_t at_ms);
void naru__wheel_stop(naru__wheel *wheel, naru__timer *timer); /* a stopped one is fine */
static inline bool naru__timer_running(const naru__timer *timer)
{
    return timer->link != NULL;
}
/* Move the time on (never back: an earlier now_ms is ignored), then take the due timers one by one, in order
 * of their times; a taken one is stopped. NULL: none is due. Timers started meanwhile with a past time come
 * out too. */
void naru__wheel_advance(naru__wheel *wheel, uint64_t now_ms);
naru__timer *naru__wheel_take(naru__wheel *wheel);
/* Milliseconds until the wheel wants to be advanced next (0: now; it may be early, never late); UINT64_MAX:
 * no timer. */
uint64_t naru__wheel_wait_ms(const naru__wheel *wheel);

#endif
