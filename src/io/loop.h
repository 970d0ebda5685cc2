/* The loop's face for the other wet rooms: timers inside their structs, the block that sockets are read into,
 * randomness, and the log. */
#ifndef NARU_IO_LOOP_H
#define NARU_IO_LOOP_H

#include "base/wheel.h"
#include <naru/loop.h>

/* A timer that is part of its owner's struct. Set fire once, then start and stop. */
typedef struct naru__loop_timer {
    naru__timer timer;
    void (*fire)(struct naru__loop_timer *timer);
} naru__loop_timer;

/* Due at at_ms of naru_loop_now_ms; restarting moves it. */
void naru__loop_timer_start(naru_loop *loop, naru__loop_timer *timer, uint64_t at_ms);
void naru__loop_timer_stop(naru_loop *loop, naru__loop_timer *timer);

/* At least 64 unspent random bytes from the kernel's generator (refilled here; not reused after fork). */
naru_entropy *naru__loop_entropy(naru_loop *loop);

/* Work at the end of this turn, after the sockets' callbacks: a part of its owner's struct. Once a turn
 * however often it is asked for; what is asked for during the end of the turn runs in the same end. */
typedef struct naru__deferred {
    struct naru__deferred *next;
    struct naru__deferred **link; /* what points at this one; NULL while not queued */
    bool queued;
    void (*run)(struct naru__deferred *deferred);
} naru__deferred;
void naru__loop_defer(naru_loop *loop, naru__deferred *deferred);
void naru__loop_defer_cancel(naru_loop *loop, naru__deferred *deferred); /* not queued is fine */

/* A post that needs no memory: a part of its owner's struct, which outlives it. From any thread, as naru_loop_post; not
 * again before its call has begun. */
typedef struct naru__post {
    struct naru__post *next;
    void (*call)(void *user);
    void *user;
    bool kept; /* by its owner */
} naru__post;
void naru__loop_post_kept(naru_loop *loop, naru__post *post);

/* Give a block of the loop's allocator back after this turn's last callback; until then its content stays.
 * At least 16 bytes. Only without memory for the note of it are its first 16 bytes overwritten at once. */
void naru__loop_free_later(naru_loop *loop, void *block, size_t bytes);

/* Give the kept blocks back, and have the system get what it may. */
void naru__loop_give_back(naru_loop *loop);
/* Keep naru_loop_run going with nothing on the loop, until let go. */
void naru__loop_hold(naru_loop *loop, bool hold);

bool naru__loop_owns_thread(const naru_loop *loop); /* for asserts */

void naru__log(naru_loop *loop, naru_log_level level, const char *format, ...) NARU_PRINTF(3, 4);

#endif
