/* Watches: other people's descriptors on our loop. Source: epoll(7). */
#include "core.h"

#include <assert.h>
#include <errno.h>

#include "base/memory.h"

struct naru_watch {
    void (*ready)(void *user, unsigned events); /* these two first: what a burial without a note may overwrite */
    void *user;
    naru_loop *loop;
    naru__source source;
    int fd;
    unsigned events; /* wanted; 0: the backend does not know of it, so that a hang-up cannot spin */
    bool always_ready;
    naru_watch *next, **link; /* of the always ready ones */
};

static unsigned backend_events(unsigned events)
{
    return (events & NARU_READABLE ? (unsigned)NARU__READY_IN : 0) |
           (events & NARU_WRITABLE ? (unsigned)NARU__READY_OUT : 0);
}

static void watch_ready(naru__source *source, unsigned events)
{
    naru_watch *watch = NARU__OWNER(source, naru_watch, source);
    /* The owner's next read or write tells it what broke. */
    bool ended = events & (NARU__READY_BROKEN | NARU__READY_HANGUP);
    unsigned told = (events & NARU__READY_IN || ended ? (unsigned)NARU_READABLE : 0) |
                    (events & NARU__READY_OUT || ended ? (unsigned)NARU_WRITABLE : 0);
    told &= watch->events;
    if (told) {
        watch->ready(watch->user, told);
    }
}

static bool begin(naru_watch *watch)
{
    watch->source.ready = watch_ready;
    return watch->always_ready ||
           naru__backend_add(watch->loop, &watch->source, watch->fd, backend_events(watch->events));
}

static void link_always_ready(naru_watch *watch)
{
    naru_loop *loop = watch->loop;
    watch->always_ready = true;
    watch->next = loop->always_ready;
    watch->link = &loop->always_ready;
    if (watch->next) {
        watch->next->link = &watch->next;
    }
    loop->always_ready = watch;
}

static void unlink_always_ready(naru_watch *watch)
{
    *watch->link = watch->next;
    if (watch->next) {
        watch->next->link = watch->link;
    }
}

naru_watch *naru_watch_new(naru_loop *loop, int fd, unsigned events, void (*ready)(void *user, unsigned events),
                           void *user)
{
    assert(naru__loop_owns_thread(loop));
    naru_watch *watch = naru__alloc_zero(&loop->cache.allocator, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    *watch = (naru_watch){.loop = loop, .ready = ready, .user = user, .fd = fd, .events = events};
    /* Asked even when nothing is wanted yet, to find out what kind of file it is. */
    if (!begin(watch)) {
        if (errno != EPERM) {
            naru__free(&loop->cache.allocator, watch, sizeof *watch);
            return NULL;
        }
        link_always_ready(watch);
    } else if (events == 0) {
        naru__backend_remove(loop, &watch->source, fd);
    }
    loop->active++;
    return watch;
}

void naru_watch_set(naru_watch *watch, unsigned events)
{
    unsigned before = watch->events;
    watch->events = events;
    if (watch->always_ready || before == events) {
        return;
    }
    if (events == 0) {
        naru__backend_remove(watch->loop, &watch->source, watch->fd);
    } else if (before != 0) {
        naru__backend_set(watch->loop, &watch->source, watch->fd, backend_events(events));
    } else if (!begin(watch)) {
        watch->events = 0;
        naru__log(watch->loop, NARU_LOG_ERROR, "descriptor %d cannot be watched any more", watch->fd);
    }
}

void naru_watch_free(naru_watch *watch)
{
    if (!watch) {
        return;
    }
    if (watch->always_ready) {
        unlink_always_ready(watch);
    } else if (watch->events != 0) {
        naru__backend_remove(watch->loop, &watch->source, watch->fd);
    }
    watch->events = 0;
    watch->loop->active--;
    naru__loop_free_later(watch->loop, watch, sizeof *watch);
}

bool naru__watch_always_ready(const naru_loop *loop)
{
    for (const naru_watch *watch = loop->always_ready; watch; watch = watch->next) {
        if (watch->events) {
            return true;
        }
    }
    return false;
}

void naru__watch_run_always_ready(naru_loop *loop)
{
    naru_watch *watch = loop->always_ready;
    while (watch) {
        if (watch->events) {
            watch->ready(watch->user, watch->events);
        }
        /* A watch freed by its callback keeps its content, next included, until the turn ends; the one
         * behind it may have been freed as well, and then wants nothing. */
        watch = watch->next;
    }
}
