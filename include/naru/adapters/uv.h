/* <naru/adapters/uv.h>: a naru loop inside a libuv loop: everything on it, sockets too, works whenever uv_run does.
 * Compile with libuv's headers, link with -luv; libnaru itself knows nothing of libuv.
 *
 *   naru_uv adapter;
 *   naru_uv_start(&adapter, uv_default_loop(), loop);   then servers, clients, timers on `loop` as ever
 *   uv_run(uv_default_loop(), UV_RUN_DEFAULT);          ends when neither loop has anything left to wait for
 *   naru_uv_close(&adapter, NULL);                      and one more uv_run for libuv's own closing
 *
 * naru may be called from any callback of libuv's loop: what that leaves to be done is done before libuv waits again.
 * Source: libuv's documentation of uv_prepare_t, uv_poll_t and uv_timer_t. */
#ifndef NARU_ADAPTERS_UV_H
#define NARU_ADAPTERS_UV_H

#include <naru/loop.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keep it where it is until naru_uv_close's closed. turns: of the naru loop so far. */
typedef struct naru_uv {
    naru_loop *loop;
    uv_poll_t poll;       /* its descriptor */
    uv_timer_t timer;     /* its timers */
    uv_prepare_t prepare; /* runs before each wait */
    void (*closed)(struct naru_uv *self);
    int handles;
    uint64_t turns;
} naru_uv;

static inline void naru_uv__turn(naru_uv *self)
{
    self->turns++;
    (void)naru_loop_turn(self->loop, 0);
}

static inline void naru_uv__on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    naru_uv__turn((naru_uv *)poll->data);
}

static inline void naru_uv__on_timer(uv_timer_t *timer)
{
    naru_uv__turn((naru_uv *)timer->data);
}

static inline void naru_uv__keep(uv_handle_t *handle, bool alive)
{
    if (alive) {
        uv_ref(handle);
    } else {
        uv_unref(handle);
    }
}

/* What callbacks have left to be done is done now; then libuv may wait as long as naru would. */
static inline void naru_uv__on_prepare(uv_prepare_t *prepare)
{
    naru_uv *self = (naru_uv *)prepare->data;
    if (naru_loop_wait_ms(self->loop) == 0) {
        naru_uv__turn(self);
    }
    if (uv_is_closing((uv_handle_t *)&self->timer)) {
        return;
    }
    uint32_t wait_ms = naru_loop_wait_ms(self->loop);
    if (wait_ms == UINT32_MAX) {
        uv_timer_stop(&self->timer);
    } else {
        uv_update_time(prepare->loop);
        uv_timer_start(&self->timer, naru_uv__on_timer, wait_ms, 0);
    }
    bool alive = naru_loop_alive(self->loop);
    naru_uv__keep((uv_handle_t *)&self->poll, alive);
    naru_uv__keep((uv_handle_t *)&self->timer, alive);
}

static inline void naru_uv__on_closed(uv_handle_t *handle)
{
    naru_uv *self = (naru_uv *)handle->data;
    if (--self->handles == 0 && self->closed) {
        self->closed(self);
    }
}

/* Let go of the libuv loop, in a callback of either loop too; the naru loop may be freed at once, with everything on it
 * freed before. closed (may be NULL) comes when libuv has let go of self as well. */
static inline void naru_uv_close(naru_uv *self, void (*closed)(naru_uv *self))
{
    self->closed = closed;
    self->handles = 3;
    uv_close((uv_handle_t *)&self->poll, naru_uv__on_closed);
    uv_close((uv_handle_t *)&self->timer, naru_uv__on_closed);
    uv_close((uv_handle_t *)&self->prepare, naru_uv__on_closed);
}

/* Put `loop` into uv. It keeps uv_run going as long as naru_loop_alive says.
 * errors    libuv's, below 0: nothing is left behind. thread: both loops' one. */
static inline int naru_uv_start(naru_uv *self, uv_loop_t *uv, naru_loop *loop)
{
    self->loop = loop;
    self->closed = NULL;
    self->turns = 0;
    int error = uv_poll_init(uv, &self->poll, naru_loop_fd(loop));
    if (error != 0) {
        return error;
    }
    uv_timer_init(uv, &self->timer); /* these two never fail */
    uv_prepare_init(uv, &self->prepare);
    self->poll.data = self->timer.data = self->prepare.data = self;
    uv_poll_start(&self->poll, UV_READABLE, naru_uv__on_poll);
    uv_prepare_start(&self->prepare, naru_uv__on_prepare);
    uv_unref((uv_handle_t *)&self->prepare);
    return 0;
}

#ifdef __cplusplus
}
#endif
#endif
