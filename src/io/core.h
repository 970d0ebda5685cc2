/* The loop's inside, for this room's files only. */
#ifndef NARU_IO_CORE_H
#define NARU_IO_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/backend.h"
#include "io/cache.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/uring.h"

/* The struct that a member is part of. */
#define NARU__OWNER(pointer, type, member) ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))

typedef struct naru__signals naru__signals;
typedef struct naru__entropy_pool naru__entropy_pool;

/* A block that is given back at the end of the turn. */
typedef struct naru__burial {
    void *block;
    size_t bytes;
} naru__burial;

struct naru_loop {
    const naru_allocator *below; /* what the cache stands on, and what the loop itself was taken from */
    naru__cache cache;
    naru__loop_timer cooling; /* runs while the cache keeps large blocks; keeps no loop alive */
    uint8_t *receive;         /* every socket is read into it */
    size_t receive_bytes;
    uint8_t *decrypted; /* what TLS makes of it, as long; taken when it is first needed */
    int backend_fd;     /* epoll's */
    naru__uring *ring;  /* NULL: epoll tells of streams too */

    uint64_t now_ms;
    naru__wheel wheel;
    size_t active; /* streams, listeners, watches, running timers: what keeps naru_loop_run going */
    uint64_t turns;
    uint32_t busy_poll_us;
    uint64_t busy_until_us; /* when to sleep again */
    bool stirred;           /* this turn's wait brought something */
    bool in_turn;
    bool firing;
    bool stopping;
    bool owned;
    pthread_t owner;

    naru__stream *dirty; /* those that have work at the end of the turn, first come first */
    naru__stream **dirty_end;
    naru__deferred *deferred;
    naru__deferred **deferred_end;

    naru__burial *burials; /* filled up to burials_count; keeps its size */
    size_t burials_count;
    size_t burials_max;
    void *burials_without_note; /* linked through their own first bytes: there was no memory for the note */

    naru_watch *always_ready; /* watches of files that cannot be waited for */

    _Atomic(naru__post *) posts; /* newest first */
    int wake_fd;
    naru__source wake;

    naru__signals *signals; /* NULL: none asked for */
    naru__entropy_pool *entropy;
    naru_log_fn *log;
    void *log_user;
};

void naru__loop_read_clock(naru_loop *loop);

/* busy.c */
bool naru__busy_polls(naru_loop *loop); /* is it to look once more instead of sleeping? */
void naru__busy_note(naru_loop *loop);  /* after each wait */

bool naru__post_init(naru_loop *loop);
void naru__post_deinit(naru_loop *loop); /* drops what did not run */
static inline bool naru__post_pending(naru_loop *loop)
{
    return atomic_load_explicit(&loop->posts, memory_order_relaxed) != NULL;
}
void naru__post_run(naru_loop *loop);

void naru__timers_fire(naru_loop *loop);

void naru__watch_run_always_ready(naru_loop *loop);
bool naru__watch_always_ready(const naru_loop *loop); /* is there one that wants to be called? */

void naru__signals_deinit(naru_loop *loop);

naru__entropy_pool *naru__entropy_open(void); /* NULL: the kernel refused */
void naru__entropy_close(naru__entropy_pool *pool);

/* Send, announce, tell drains, free the closed: everything that streams left for the end of the turn. */
void naru__streams_end_turn(naru_loop *loop);

/* backend_uring.c */
NARU_MUST_USE naru_status naru__uring_turn(naru_loop *loop, int timeout_ms);
void naru__uring_ask_epoll(naru_loop *loop); /* have its descriptor watched once more */
/* Submit what is queued, and see to what was sent. Nothing without a ring. From the loop's thread, and before anybody
 * else may touch a stream. */
void naru__uring_settle(naru_loop *loop);
int naru__uring_both_fd(const naru_loop *loop); /* readable when the ring or epoll has something */
void naru__uring_stop(naru_loop *loop);         /* before the loop's memory goes */

/* stream_uring.c, for backend_uring.c */
void naru__uring_stream_received(naru_loop *loop, naru__stream *stream, const struct io_uring_cqe *cqe);
void naru__uring_stream_sent(naru__stream *stream, size_t size);
/* Less than everything: result is what left, or the negative errno. */
void naru__uring_stream_sent_less(naru__stream *stream, int result);
void naru__uring_bury_gone(naru_loop *loop, bool all);

#endif
