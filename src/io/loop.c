/* The loop: its making, and the order of a turn:
 *
 *   wait -> read the clock -> sockets, watches, signals -> posted calls -> due timers -> deferred work -> what streams
 *   have to send -> freeing
 *
 * Not for: what waits on it (watch.c, stream.c, ...). Source: none. */
#include "core.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/apart.h"
#include "base/memory.h"

/* Under AddressSanitizer a kept block would hide that somebody still uses it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NARU__CACHE_OFF 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NARU__CACHE_OFF 1
#endif
#ifdef NARU__CACHE_OFF
enum { CACHE_BYTES = 0 };
#else
enum { CACHE_BYTES = 16 << 20 };
#endif

enum { RECEIVE_BYTES = 128 << 10, BURIALS_MIN = 64, BURIALS_KEPT = 1024, COOLING_MS = 500 };

NARU__APART static uint64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void naru__loop_read_clock(naru_loop *loop)
{
    loop->now_ms = clock_ms(CLOCK_MONOTONIC);
}

/* Automatic is epoll: the ring was not faster anywhere that was measured (docs/performance.md), and a sandbox may
 * refuse it. errors false: refused. */
static bool open_ring(naru_loop *loop, naru_backend wanted)
{
    char why[NARU__URING_WHY_BYTES] = "";
    if (wanted != NARU_BACKEND_IO_URING) {
        return true;
    }
    loop->ring = naru__uring_open(loop->below, loop->receive_bytes, why);
    if (!loop->ring) {
        naru__log(loop, NARU_LOG_ERROR, "io_uring is not to be had: %s", why);
    }
    return loop->ring != NULL;
}

static void bury(naru_loop *loop);

static void close_ring(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    if (!ring) {
        return;
    }
    close(ring->fd); /* the kernel's last use of what follows */
    ring->fd = -1;
    naru__uring_bury_gone(loop, true);
    bury(loop);
    naru__uring_close(ring);
    loop->ring = NULL;
}

static void release(naru_loop *loop)
{
    naru__signals_deinit(loop);
    naru__post_deinit(loop);
    naru__entropy_close(loop->entropy);
    close_ring(loop);
    if (loop->backend_fd >= 0) {
        naru__backend_close(loop->backend_fd);
    }
    naru__free(loop->below, loop->receive, loop->receive_bytes);
    naru__free(loop->below, loop->decrypted, loop->receive_bytes);
    naru__free(loop->below, loop->burials, loop->burials_max * sizeof *loop->burials);
    naru__cache_deinit(&loop->cache);
    naru__free(loop->below, loop, sizeof *loop);
}

/* Large blocks that nobody has used for a while are given back. */
static void cool(naru__loop_timer *timer)
{
    naru_loop *loop = NARU__OWNER(timer, naru_loop, cooling);
    naru__cache_cool(&loop->cache);
    if (loop->cache.large_kept) {
        naru__wheel_start(&loop->wheel, &timer->timer, loop->now_ms + COOLING_MS);
    }
}

static bool acquire(naru_loop *loop, naru_backend backend)
{
    loop->receive = naru__alloc(loop->below, loop->receive_bytes);
    loop->burials = naru__alloc(loop->below, BURIALS_MIN * sizeof *loop->burials);
    loop->burials_max = loop->burials ? BURIALS_MIN : 0;
    loop->entropy = naru__entropy_open();
    loop->backend_fd = naru__backend_open();
    return loop->receive && loop->burials && loop->entropy && loop->backend_fd >= 0 && naru__post_init(loop) &&
           open_ring(loop, backend);
}

naru_loop *naru_loop_new(const naru_loop_options *options)
{
    const naru_loop_options chosen = options ? *options : (naru_loop_options){0};
    const naru_allocator *below = naru__allocator_or_default(chosen.allocator);
    naru_loop *loop = naru__alloc_zero(below, sizeof *loop);
    if (!loop) {
        return NULL;
    }
    loop->below = below;
    loop->receive_bytes = chosen.receive_bytes > 0 ? chosen.receive_bytes : RECEIVE_BYTES;
    loop->log = chosen.log;
    loop->log_user = chosen.log_user;
    loop->busy_poll_us = chosen.busy_poll_us;
    loop->backend_fd = -1;
    loop->wake_fd = -1;
    loop->dirty_end = &loop->dirty;
    loop->deferred_end = &loop->deferred;
    naru__cache_init(&loop->cache, below, chosen.cache_bytes_max > 0 ? chosen.cache_bytes_max : CACHE_BYTES);
    naru__loop_read_clock(loop);
    naru__wheel_init(&loop->wheel, loop->now_ms);
    loop->cooling.fire = cool;
    if (!acquire(loop, chosen.backend)) {
        release(loop);
        return NULL;
    }
    return loop;
}

/* ---- the end of a turn --------------------------------------------------------------------------------- */

void naru__loop_defer(naru_loop *loop, naru__deferred *deferred)
{
    if (deferred->queued) {
        return;
    }
    deferred->queued = true;
    deferred->next = NULL;
    deferred->link = loop->deferred_end;
    *loop->deferred_end = deferred;
    loop->deferred_end = &deferred->next;
}

void naru__loop_defer_cancel(naru_loop *loop, naru__deferred *deferred)
{
    if (!deferred->queued) {
        return;
    }
    *deferred->link = deferred->next;
    if (deferred->next) {
        deferred->next->link = deferred->link;
    } else {
        loop->deferred_end = deferred->link;
    }
    deferred->link = NULL;
    deferred->queued = false;
}

static void run_deferred(naru_loop *loop)
{
    while (loop->deferred) {
        naru__deferred *deferred = loop->deferred;
        naru__loop_defer_cancel(loop, deferred);
        deferred->run(deferred);
    }
}

/* Without memory for a note, the block itself has to hold it. */
static void bury_without_note(naru_loop *loop, void *block, size_t bytes)
{
    naru__burial note = {loop->burials_without_note, bytes};
    assert(bytes >= sizeof note);
    memcpy(block, &note, sizeof note);
    loop->burials_without_note = block;
}

void naru__loop_free_later(naru_loop *loop, void *block, size_t bytes)
{
    if (!block) {
        return;
    }
    if (loop->burials_count == loop->burials_max) {
        size_t old_bytes = loop->burials_max * sizeof *loop->burials;
        void *grown = loop->below->resize(loop->below->user, loop->burials, old_bytes, 2 * old_bytes);
        if (!grown) {
            bury_without_note(loop, block, bytes);
            return;
        }
        loop->burials = grown;
        loop->burials_max *= 2;
    }
    loop->burials[loop->burials_count++] = (naru__burial){block, bytes};
}

/* After a turn in which thousands were freed the list goes back to its size. */
static void shrink_burials(naru_loop *loop)
{
    if (loop->burials_max <= BURIALS_KEPT) {
        return;
    }
    size_t old_bytes = loop->burials_max * sizeof *loop->burials;
    size_t new_bytes = BURIALS_MIN * sizeof *loop->burials;
    void *smaller = loop->below->resize(loop->below->user, loop->burials, old_bytes, new_bytes);
    if (smaller) {
        loop->burials = smaller;
        loop->burials_max = BURIALS_MIN;
    }
}

static void bury(naru_loop *loop)
{
    const naru_allocator *allocator = &loop->cache.allocator;
    while (loop->burials_count > 0) {
        naru__burial *burial = &loop->burials[--loop->burials_count];
        naru__free(allocator, burial->block, burial->bytes);
    }
    shrink_burials(loop);
    while (loop->burials_without_note) {
        void *block = loop->burials_without_note;
        naru__burial note;
        memcpy(&note, block, sizeof note);
        loop->burials_without_note = note.block;
        naru__free(allocator, block, note.bytes);
    }
}

void naru_loop_free(naru_loop *loop)
{
    if (!loop) {
        return;
    }
    assert(!loop->in_turn);
    assert(loop->active == 0);
    naru__streams_end_turn(loop);
    if (loop->ring) {
        naru__uring_stop(loop);
    }
    bury(loop);
    release(loop);
}

/* ---- turns --------------------------------------------------------------------------------------------- */

static bool work_waits(naru_loop *loop)
{
    return loop->dirty || loop->deferred || naru__post_pending(loop) || naru__watch_always_ready(loop);
}

/* Milliseconds until a timer is due, by a clock that is read only if there is one. */
static uint64_t timer_wait_ms(naru_loop *loop, clockid_t clock)
{
    uint64_t wait_ms = naru__wheel_wait_ms(&loop->wheel);
    if (wait_ms == 0 || wait_ms == UINT64_MAX) {
        return wait_ms;
    }
    uint64_t present_ms = clock_ms(clock);
    uint64_t passed_ms = present_ms > loop->wheel.now_ms ? present_ms - loop->wheel.now_ms : 0;
    return wait_ms > passed_ms ? wait_ms - passed_ms : 0;
}

static int wait_limit_ms(naru_loop *loop, uint32_t timeout_ms, clockid_t clock)
{
    if (timeout_ms == 0 || work_waits(loop)) {
        return 0;
    }
    uint64_t wait_ms = timer_wait_ms(loop, clock);
    if (timeout_ms != UINT32_MAX && timeout_ms < wait_ms) {
        wait_ms = timeout_ms;
    }
    if (wait_ms == UINT64_MAX) {
        return -1;
    }
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

static naru_status wait_for_work(naru_loop *loop, int timeout_ms)
{
    return loop->ring ? naru__uring_turn(loop, timeout_ms) : naru__backend_turn(loop, timeout_ms);
}

naru_status naru_loop_turn(naru_loop *loop, uint32_t timeout_ms)
{
    if (!loop->owned) {
        loop->owned = true;
        loop->owner = pthread_self();
    }
    assert(naru__loop_owns_thread(loop));
    assert(!loop->in_turn);
    loop->in_turn = true;
    loop->turns++;
    /* The coarse clock costs next to nothing, and notices if the callbacks since the turn's reading took
     * long. */
    int wait_ms = naru__busy_polls(loop) ? 0 : wait_limit_ms(loop, timeout_ms, CLOCK_MONOTONIC_COARSE);
    naru_status status = wait_for_work(loop, wait_ms);
    naru__busy_note(loop);
    naru__watch_run_always_ready(loop);
    naru__post_run(loop);
    naru__timers_fire(loop);
    run_deferred(loop);
    naru__streams_end_turn(loop);
    bury(loop);
    if (loop->cache.large_kept && !naru__timer_running(&loop->cooling.timer)) {
        naru__wheel_start(&loop->wheel, &loop->cooling.timer, loop->now_ms + COOLING_MS);
    }
    loop->in_turn = false;
    return status;
}

/* What a turn leaves to be sent may go with the next turn's wait, if that follows at once. */
static void hold_submissions(naru_loop *loop, bool hold)
{
    if (loop->ring) {
        loop->ring->hold = hold;
        naru__uring_settle(loop);
    }
}

bool naru_loop_alive(const naru_loop *loop)
{
    return loop->active > 0 || work_waits((naru_loop *)(uintptr_t)loop);
}

naru_status naru_loop_run(naru_loop *loop)
{
    naru_status status = NARU_OK;
    hold_submissions(loop, true);
    while (status == NARU_OK && !loop->stopping && naru_loop_alive(loop)) {
        status = naru_loop_turn(loop, UINT32_MAX);
    }
    hold_submissions(loop, false);
    loop->stopping = false;
    loop->owned = false; /* whoever joins its thread may clear up, or run it again */
    return status;
}

void naru__loop_give_back(naru_loop *loop)
{
    if (loop->cache.kept_bytes > 0) {
        naru__cache_deinit(&loop->cache);
        naru__cache_trim_below(&loop->cache);
    }
}

void naru__loop_hold(naru_loop *loop, bool hold)
{
    loop->active = hold ? loop->active + 1 : loop->active - 1;
}

void naru_loop_stop(naru_loop *loop)
{
    loop->stopping = true;
}

int naru_loop_fd(const naru_loop *loop)
{
    return loop->ring ? naru__uring_both_fd(loop) : loop->backend_fd;
}

naru_backend naru_loop_backend(const naru_loop *loop)
{
    return loop->ring ? NARU_BACKEND_IO_URING : NARU_BACKEND_EPOLL;
}

uint32_t naru_loop_wait_ms(const naru_loop *loop)
{
    naru_loop *self = (naru_loop *)(uintptr_t)loop;
    int wait_ms = wait_limit_ms(self, UINT32_MAX, CLOCK_MONOTONIC);
    return wait_ms < 0 ? UINT32_MAX : (uint32_t)wait_ms;
}

uint64_t naru_loop_now_ms(const naru_loop *loop)
{
    /* Between turns the last reading may be arbitrarily old, and a timer counted from it would fire too
     * early. */
    return loop->in_turn ? loop->now_ms : clock_ms(CLOCK_MONOTONIC);
}

const naru_allocator *naru_loop_allocator(naru_loop *loop)
{
    return &loop->cache.allocator;
}

bool naru__loop_owns_thread(const naru_loop *loop)
{
    return !loop->owned || pthread_equal(loop->owner, pthread_self());
}
