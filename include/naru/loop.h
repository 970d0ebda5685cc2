/* <naru/loop.h>: one thread's event loop: sockets, timers, signals, and posts from other threads.
 *
 * One thread owns a loop and everything on it. Exactly one call is safe from elsewhere: naru_loop_post. Debug builds
 * assert it. A callback is never run inside the call that caused it. Source: none. */
#ifndef NARU_LOOP_H
#define NARU_LOOP_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_loop naru_loop;

typedef enum naru_log_level { NARU_LOG_ERROR = 0, NARU_LOG_WARN, NARU_LOG_INFO, NARU_LOG_DEBUG } naru_log_level;

/* Where the library says what it decided. line: one line, no newline, escaped, valid until the call returns. */
typedef void naru_log_fn(void *user, naru_log_level level, const char *line);

/* How the loop hears of its sockets. */
typedef enum naru_backend {
    NARU_BACKEND_AUTO = 0, /* whichever docs/performance.md found faster: epoll */
    NARU_BACKEND_EPOLL,
    NARU_BACKEND_IO_URING /* Linux 6.1, and a sandbox that allows it */
} naru_backend;

/* 0 and NULL mean the default that is named. */
typedef struct naru_loop_options {
    const naru_allocator *allocator; /* everything on the loop is taken from it (through the loop's own cache) */
    size_t receive_bytes;            /* the block that all sockets are read into, once per loop; 128 KiB */
    size_t cache_bytes_max;          /* freed blocks kept for use again; 16 MiB, a quarter for those below 64 KiB */
    naru_log_fn *log;                /* none */
    void *log_user;
    naru_backend backend; /* NARU_BACKEND_AUTO */
    /* After work, look for more for so long before sleeping: what comes meanwhile is answered sooner, by about what
     * waking up takes, and the thread takes up to a whole core. 0: sleep at once */
    uint32_t busy_poll_us;
} naru_loop_options;

/* options NULL: the defaults. errors NULL: no memory, no descriptors, or the kernel refuses the backend that was asked
 * for by name (the log tells why). thread: whoever runs it owns it until
 * naru_loop_run returns. */
NARU_API NARU_MUST_USE naru_loop *naru_loop_new(const naru_loop_options *options);
/* Everything on it must have been freed before. NULL is fine. */
NARU_API void naru_loop_free(naru_loop *loop);

/* Run until naru_loop_stop, or until nothing is left that could wake it (no socket, no timer, no watch).
 * errors    NARU_ERR_SYSTEM: waiting itself failed. */
NARU_API naru_status naru_loop_run(naru_loop *loop);
/* End naru_loop_run after this turn. Owner's thread; from elsewhere post it. */
NARU_API void naru_loop_stop(naru_loop *loop);
/* One turn: wait at most timeout_ms (0: not at all, NARU_NEVER there is in <naru/ws.h>: UINT32_MAX for ever), then
 * handle what is ready. For a foreign loop: watch naru_loop_fd for reading, and call this when it is or when
 * naru_loop_wait_ms has passed; ask for that anew after each call into naru, 0 says that there is something to do now.
 * <naru/adapters/uv.h> and <naru/adapters/event.h> do it under libuv and libevent. */
NARU_API naru_status naru_loop_turn(naru_loop *loop, uint32_t timeout_ms);
NARU_API int naru_loop_fd(const naru_loop *loop);
NARU_API uint32_t naru_loop_wait_ms(const naru_loop *loop);     /* UINT32_MAX: no timer */
NARU_API naru_backend naru_loop_backend(const naru_loop *loop); /* never AUTO */
/* Is there anything that could wake it: a socket, a running timer, a watch, or work that waits? naru_loop_run ends
 * when there is not. */
NARU_API bool naru_loop_alive(const naru_loop *loop);

/* Milliseconds of a clock that never goes back, read once a turn. */
NARU_API uint64_t naru_loop_now_ms(const naru_loop *loop);
/* The loop's allocator: cached, for its thread only. */
NARU_API const naru_allocator *naru_loop_allocator(naru_loop *loop);

/* Have call(user) run on the loop's thread, in the order of posts of one thread. Any thread, also a signal-free
 * callback.
 * errors    NARU_ERR_MEMORY: it will not run. */
NARU_API NARU_MUST_USE naru_status naru_loop_post(naru_loop *loop, void (*call)(void *user), void *user);

/* ---- timers ------------------------------------------------------------------------------------------------- */

typedef struct naru_timer naru_timer;

/* A stopped timer. errors NULL: no memory. */
NARU_API NARU_MUST_USE naru_timer *naru_timer_new(naru_loop *loop, void (*fire)(void *user), void *user);
NARU_API void naru_timer_free(naru_timer *timer); /* NULL is fine; from its own callback too */
/* (Re)start: fires once, delay_ms from this turn's time. */
NARU_API void naru_timer_start(naru_timer *timer, uint32_t delay_ms);
NARU_API void naru_timer_stop(naru_timer *timer);

/* ---- other descriptors, signals ------------------------------------------------------------------------------ */

typedef struct naru_watch naru_watch;

enum { NARU_READABLE = 1, NARU_WRITABLE = 2 };

/* Call ready(user, events) whenever fd is ready (level-triggered). The caller keeps the fd, and frees the watch before
 * closing it. A regular file, which cannot be waited for, counts as always ready.
 * errors    NULL: no memory or the kernel refused. */
NARU_API NARU_MUST_USE naru_watch *naru_watch_new(naru_loop *loop, int fd, unsigned events,
                                                  void (*ready)(void *user, unsigned events), void *user);
NARU_API void naru_watch_set(naru_watch *watch, unsigned events); /* 0: pause */
NARU_API void naru_watch_free(naru_watch *watch);                 /* NULL is fine; from its own callback too */

/* Have caught(user, signal) run on this loop when the process gets `signal`. It is blocked for the calling thread: call
 * this before other threads start. errors NARU_ERR_SYSTEM, NARU_ERR_MEMORY. Freed with the loop. */
NARU_API NARU_MUST_USE naru_status naru_loop_signal(naru_loop *loop, int signal, void (*caught)(void *user, int signal),
                                                    void *user);

#ifdef __cplusplus
}
#endif
#endif
