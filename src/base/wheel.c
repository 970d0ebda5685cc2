/* The timer wheel: six levels of 64 slots. A slot of level 0 is one millisecond, one of level n is 64^n of
 * them.
 *
 * A timer lies on the level of the highest digit, in base 64, in which its time differs from swept_ms, in the
 * slot that this digit names. So the slots of a level lie before all those of the level above, and the next
 * slot in use is found by its bit. When swept_ms reaches a slot of a higher level, its timers move down; each
 * moves at most once a level. The top level is a ring: behind its last slot comes the first again.
 *
 * Not for: reading clocks. Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 7. */
#include "wheel.h"

#include <string.h>

enum { TOP = NARU__WHEEL_LEVELS - 1, SLOT_MASK = NARU__WHEEL_SLOTS - 1 };

static unsigned shift_of(unsigned level)
{
    return level * NARU__WHEEL_BITS;
}

static unsigned digit(uint64_t time_ms, unsigned level)
{
    return (unsigned)(time_ms >> shift_of(level)) & SLOT_MASK;
}

/* What one turn of the top level lasts. */
static const uint64_t LAP_MS = (uint64_t)1 << (NARU__WHEEL_LEVELS * NARU__WHEEL_BITS);

void naru__wheel_init(naru__wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->now_ms = now_ms;
    wheel->swept_ms = now_ms;
}

static void push(naru__timer **head, naru__timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (*head) {
        (*head)->link = &timer->next;
    }
    *head = timer;
}

static void unlink_timer(naru__timer *timer)
{
    *timer->link = timer->next;
    if (timer->next) {
        timer->next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
}

/* The top level's slot for a time: its own one, or the last to be reached if the time is a lap or more away.
 */
static unsigned top_slot(const naru__wheel *wheel, uint64_t at_ms)
{
    uint64_t slots_away = (at_ms >> shift_of(TOP)) - (wheel->swept_ms >> shift_of(TOP));
    return slots_away < NARU__WHEEL_SLOTS ? digit(at_ms, TOP) : (digit(wheel->swept_ms, TOP) - 1) & SLOT_MASK;
}

static void place(naru__wheel *wheel, naru__timer *timer)
{
    uint64_t at_ms = naru__timer_at_ms(timer);
    if (at_ms <= wheel->swept_ms) {
        push(&wheel->due, timer);
        return;
    }
    unsigned highest_bit = 63 - (unsigned)__builtin_clzll(at_ms ^ wheel->swept_ms);
    unsigned level = highest_bit / NARU__WHEEL_BITS;
    unsigned slot;
    if (level >= TOP) {
        level = TOP;
        slot = top_slot(wheel, at_ms);
    } else {
        slot = digit(at_ms, level);
    }
    push(&wheel->slots[level][slot], timer);
    wheel->used[level] |= (uint64_t)1 << slot;
}

void naru__wheel_start(naru__wheel *wheel, naru__timer *timer, uint64_t at_ms)
{
    naru__wheel_stop(wheel, timer);
    at_ms = at_ms < NARU__TIMER_MARK ? at_ms : NARU__TIMER_MARK - 1;
    timer->at_ms = (timer->at_ms & NARU__TIMER_MARK) | at_ms;
    place(wheel, timer);
}

void naru__wheel_stop(naru__wheel *wheel, naru__timer *timer)
{
    if (!timer->link) {
        return;
    }
    /* The last one of a slot clears the slot's bit; a link that is no slot's head lies outside of the array.
     */
    uintptr_t offset = (uintptr_t)timer->link - (uintptr_t)&wheel->slots[0][0];
    if (!timer->next && offset < sizeof wheel->slots) {
        size_t index = offset / sizeof wheel->slots[0][0];
        wheel->used[index / NARU__WHEEL_SLOTS] &= ~((uint64_t)1 << (index & SLOT_MASK));
    }
    unlink_timer(timer);
}

void naru__wheel_advance(naru__wheel *wheel, uint64_t now_ms)
{
    if (now_ms > wheel->now_ms) {
        wheel->now_ms = now_ms;
    }
}

/* The slots of a level, beginning behind the one of swept_ms; on the lower levels none before it is in use.
 */
static uint64_t used_from(const naru__wheel *wheel, unsigned level)
{
    unsigned first = (digit(wheel->swept_ms, level) + 1) & SLOT_MASK;
    uint64_t used = wheel->used[level];
    return first == 0 ? used : used >> first | used << (NARU__WHEEL_SLOTS - first);
}

/* The next slot in use and the time at which it begins. false: there is none. */
static bool next_slot(const naru__wheel *wheel, unsigned *level_out, uint64_t *begin_ms_out)
{
    for (unsigned level = 0; level < NARU__WHEEL_LEVELS; level++) {
        uint64_t used = used_from(wheel, level);
        if (used == 0) {
            continue;
        }
        uint64_t slots_away = (uint64_t)(unsigned)__builtin_ctzll(used) + 1;
        *level_out = level;
        *begin_ms_out = ((wheel->swept_ms >> shift_of(level)) + slots_away) << shift_of(level);
        return true;
    }
    return false;
}

/* Take all timers out of a slot and place them anew, as swept_ms has moved. */
static void move_down(naru__wheel *wheel, unsigned level, unsigned slot)
{
    naru__timer *timer = wheel->slots[level][slot];
    wheel->slots[level][slot] = NULL;
    wheel->used[level] &= ~((uint64_t)1 << slot);
    while (timer) {
        naru__timer *next = timer->next;
        place(wheel, timer);
        timer = next;
    }
}

static uint64_t earliest(const naru__timer *timer, uint64_t earliest_ms)
{
    for (; timer; timer = timer->next) {
        earliest_ms = naru__timer_at_ms(timer) < earliest_ms ? naru__timer_at_ms(timer) : earliest_ms;
    }
    return earliest_ms;
}

/* The time stands a lap or more ahead and only the top level is in use: go to its first timer at once,
 * instead of turning the ring lap by lap. */
static void skip_laps(naru__wheel *wheel)
{
    uint64_t first_ms = wheel->now_ms;
    for (unsigned slot = 0; slot < NARU__WHEEL_SLOTS; slot++) {
        first_ms = earliest(wheel->slots[TOP][slot], first_ms);
    }
    naru__timer *all = NULL;
    for (unsigned slot = 0; slot < NARU__WHEEL_SLOTS; slot++) {
        while (wheel->slots[TOP][slot]) {
            naru__timer *timer = wheel->slots[TOP][slot];
            unlink_timer(timer);
            push(&all, timer);
        }
    }
    wheel->used[TOP] = 0;
    wheel->swept_ms = first_ms;
    while (all) {
        naru__timer *timer = all;
        unlink_timer(timer);
        place(wheel, timer);
    }
}

/* Empty the next slot that now_ms has reached. false: there is none. */
static bool sweep(naru__wheel *wheel)
{
    unsigned level;
    uint64_t begin_ms;
    if (!next_slot(wheel, &level, &begin_ms) || begin_ms > wheel->now_ms) {
        wheel->swept_ms = wheel->now_ms;
        return false;
    }
    if (level == TOP && wheel->now_ms - wheel->swept_ms >= LAP_MS) {
        skip_laps(wheel);
        return true;
    }
    wheel->swept_ms = begin_ms;
    move_down(wheel, level, digit(begin_ms, level));
    return true;
}

naru__timer *naru__wheel_take(naru__wheel *wheel)
{
    while (!wheel->due) {
        if (!sweep(wheel)) {
            return NULL;
        }
    }
    naru__timer *timer = wheel->due;
    unlink_timer(timer);
    return timer;
}

uint64_t naru__wheel_wait_ms(const naru__wheel *wheel)
{
    unsigned level;
    uint64_t begin_ms;
    if (wheel->due) {
        return 0;
    }
    if (!next_slot(wheel, &level, &begin_ms)) {
        return UINT64_MAX;
    }
    return begin_ms > wheel->now_ms ? begin_ms - wheel->now_ms : 0;
}
