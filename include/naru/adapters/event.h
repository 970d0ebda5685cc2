/* <naru/adapters/event.h>: a naru loop inside a libevent base: everything on it, sockets too, works whenever the base
 * is dispatched. Compile with libevent's headers, link with -levent_core; libnaru itself knows nothing of libevent.
 *
 *   naru_event adapter;
 *   naru_event_start(&adapter, base, loop);   then servers, clients, timers on `loop` as ever
 *   event_base_dispatch(base);                ends when neither has anything left to wait for
 *   naru_event_close(&adapter);
 *
 * libevent has nothing that runs before each wait: whoever calls naru from a callback that is not naru's own, or while
 * the base is not being dispatched, calls naru_event_poke afterwards. Source: libevent's event2/event.h. */
#ifndef NARU_ADAPTERS_EVENT_H
#define NARU_ADAPTERS_EVENT_H

#include <event2/event.h>
#include <naru/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keep it where it is until naru_event_close. turns: of the naru loop so far. */
typedef struct naru_event {
    naru_loop *loop;
    struct event *io;    /* its descriptor */
    struct event *timer; /* its timers */
    uint64_t turns;
} naru_event;

/* naru was called from outside: see to what that has left to be done, from the loop. */
static inline void naru_event_poke(naru_event *self)
{
    event_active(self->timer, EV_TIMEOUT, 0);
}

/* What is to be done at once is given another turn of libevent, so that others have theirs. */
static inline void naru_event__wait(naru_event *self)
{
    uint32_t wait_ms = naru_loop_wait_ms(self->loop);
    struct timeval wait;
    wait.tv_sec = (time_t)(wait_ms / 1000);
    wait.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
    if (wait_ms == UINT32_MAX) {
        event_del(self->timer);
    } else {
        event_add(self->timer, &wait);
    }
    if (naru_loop_alive(self->loop)) {
        event_add(self->io, NULL);
    } else {
        event_del(self->io);
    }
}

static inline void naru_event__ready(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    naru_event *self = (naru_event *)user;
    self->turns++;
    (void)naru_loop_turn(self->loop, 0);
    if (self->io) {
        naru_event__wait(self);
    }
}

/* Let go of the base, in any callback too. The naru loop may be freed then, with everything on it freed before. Twice
 * is harmless. */
static inline void naru_event_close(naru_event *self)
{
    if (self->io) {
        event_free(self->io);
    }
    if (self->timer) {
        event_free(self->timer);
    }
    self->io = NULL;
    self->timer = NULL;
}

/* Put `loop` into base. It keeps the base going as long as naru_loop_alive says.
 * errors    -1: no memory; nothing is left behind. thread: both loops' one. */
static inline int naru_event_start(naru_event *self, struct event_base *base, naru_loop *loop)
{
    self->loop = loop;
    self->turns = 0;
    self->io = event_new(base, naru_loop_fd(loop), EV_READ | EV_PERSIST, naru_event__ready, self);
    self->timer = event_new(base, -1, 0, naru_event__ready, self);
    if (!self->io || !self->timer) {
        naru_event_close(self);
        return -1;
    }
    naru_event_poke(self);
    return 0;
}

#ifdef __cplusplus
}
#endif
#endif
