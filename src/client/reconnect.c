/* The reconnector's life: attempts, what follows a loss, the end.
 *
 * Not for: one connection (client.c), sending (reconnect_send.c). Source: RFC 6455 7.2.3. */
#include "client/reconnect.h"
#include "base/memory.h"
#include <string.h>
#include <time.h>

/* ---- freeing ------------------------------------------------------------------------------------------------ */

void naru__reconnect_enter(naru_reconnector *self)
{
    self->calling++;
}

/* The struct itself stays for the rest of the turn: functions that called the application may still look at it. */
void naru__reconnect_leave(naru_reconnector *self)
{
    self->calling--;
    if (self->freed && self->calling == 0) {
        naru__loop_free_later(self->loop, self, sizeof *self);
    }
}

void naru_reconnector_free(naru_reconnector *self)
{
    if (!self || self->freed) {
        return;
    }
    self->freed = true;
    self->handler = (naru_reconnect_handler){0};
    self->state = NARU_RECONNECT_OVER;
    naru__loop_timer_stop(self->loop, &self->timer);
    naru__loop_defer_cancel(self->loop, &self->work);
    naru_client_free(self->client);
    self->client = NULL;
    naru__reconnect_queue_clear(&self->queue);
    naru__reconnect_enter(self);
    naru__reconnect_leave(self);
}

/* ---- after a loss ------------------------------------------------------------------------------------------- */

static uint64_t draw_lot(naru_loop *loop)
{
    uint64_t lot = 0;
    naru_entropy *entropy = naru__loop_entropy(loop);
    if (entropy->size - entropy->used >= sizeof lot) {
        memcpy(&lot, entropy->bytes + entropy->used, sizeof lot);
        entropy->used += sizeof lot;
    }
    return lot;
}

static uint32_t retry_after_ms(const naru_reconnector *self)
{
    const naru_client_failure *failure = &self->failure;
    naru_span value;
    bool asked = failure->head && (failure->http_status == 503 || failure->http_status == 429) &&
                 naru_http_head_find(failure->head, "Retry-After", &value);
    return asked ? naru__reconnect_retry_after_ms(value, (int64_t)time(NULL), self->options.retry_after_max_ms) : 0;
}

static naru_reconnect_loss describe(const naru_reconnector *self, const naru_close_info *close)
{
    return (naru_reconnect_loss){.failure = self->failure.status != NARU_OK ? &self->failure : NULL,
                                 .close = close,
                                 .was_up = self->was_up,
                                 .attempts = self->attempts,
                                 .retry_after_ms = retry_after_ms(self),
                                 .unsent = self->queue.messages,
                                 .unsent_bytes = self->queue.payload_bytes,
                                 .dropped = self->queue.dropped};
}

static void give_up(naru_reconnector *self, naru_reconnect_loss *loss, naru_reconnect_end end)
{
    loss->end = end;
    self->state = NARU_RECONNECT_OVER;
    naru__loop_defer_cancel(self->loop, &self->work);
    if (self->handler.on_giving_up) {
        self->handler.on_giving_up(self, loss, self->user);
    }
    naru__reconnect_queue_clear(&self->queue);
}

static void wait_and_tell(naru_reconnector *self, naru_reconnect_loss *loss)
{
    uint32_t pause_ms = naru__reconnect_draw_ms(&self->options, self->attempts + 1, draw_lot(self->loop));
    uint64_t delay_ms = (uint64_t)pause_ms + loss->retry_after_ms;
    loss->delay_ms = delay_ms < UINT32_MAX ? (uint32_t)delay_ms : UINT32_MAX;
    self->state = NARU_RECONNECT_WAITING;
    naru__loop_timer_start(self->loop, &self->timer, naru_loop_now_ms(self->loop) + loss->delay_ms);
    if (self->handler.on_down) {
        self->handler.on_down(self, loss, self->user);
    }
}

static bool wants_another(naru_reconnector *self, const naru_reconnect_loss *loss)
{
    if (!self->handler.should_retry) {
        return naru_reconnect_wise(loss);
    }
    return self->handler.should_retry(self, loss, self->user);
}

void naru__reconnect_lost(naru_reconnector *self, const naru_close_info *close)
{
    uint64_t now_ms = naru_loop_now_ms(self->loop);
    if (self->was_up && now_ms - self->opened_ms >= self->options.stable_ms) {
        self->attempts = 0;
    }
    naru_reconnect_loss loss = describe(self, close);
    bool wanted = !self->closing && wants_another(self, &loss);
    if (self->freed) {
        return;
    }
    if (self->closing) {
        give_up(self, &loss, NARU_RECONNECT_CLOSED);
    } else if (!wanted) {
        give_up(self, &loss, NARU_RECONNECT_UNWISE);
    } else if (self->options.attempts_max != 0 && self->attempts >= self->options.attempts_max) {
        give_up(self, &loss, NARU_RECONNECT_ATTEMPTS);
    } else {
        wait_and_tell(self, &loss);
    }
    self->failure = (naru_client_failure){.status = NARU_OK}; /* what it points to goes now */
}

/* ---- attempts ----------------------------------------------------------------------------------------------- */

static void fail(naru_reconnector *self, naru_status status, const char *text)
{
    naru_fault fault = {.status = status, .close_code = 1006, .rule = "naru_reconnect_target", .text = text};
    self->failure = (naru_client_failure){.phase = NARU_PHASE_URL, .status = status, .text = text, .fault = fault};
    if (status == NARU_ERR_MEMORY) {
        naru__reconnect_lost(self, NULL);
        return;
    }
    naru_reconnect_loss loss = describe(self, NULL);
    give_up(self, &loss, NARU_RECONNECT_REFUSED);
}

static void open_client(naru_reconnector *self, const naru_reconnect_target *target)
{
    const char *reason = "";
    naru_client_handler handler = naru__reconnect_client_handler(self);
    naru_client_free(self->client);
    self->client = NULL;
    naru_status status =
        naru_client_open(self->loop, target->url, &target->options, &handler, self, &self->client, &reason);
    if (status != NARU_OK) {
        fail(self, status, reason);
    }
}

static void attempt(naru_reconnector *self)
{
    naru_reconnect_target target = self->options.target;
    self->state = NARU_RECONNECT_CONNECTING;
    self->attempts += self->begun && !self->asking;
    self->begun = true;
    self->asking = false;
    self->was_up = false;
    self->failure = (naru_client_failure){.status = NARU_OK};
    naru_status status = NARU_OK;
    if (self->handler.on_attempt) {
        status = self->handler.on_attempt(self, &target, self->user);
    }
    if (self->freed) {
        return;
    }
    if (self->closing) {
        naru__reconnect_lost(self, NULL);
    } else if (status == NARU_OK) {
        open_client(self, &target);
    } else if (status == NARU_MORE) {
        self->asking = true;
        self->state = NARU_RECONNECT_WAITING;
    } else {
        fail(self, status, "the application refused the attempt");
    }
}

static void run_work(naru__deferred *deferred)
{
    naru_reconnector *self = (naru_reconnector *)(void *)((char *)deferred - offsetof(naru_reconnector, work));
    naru__reconnect_enter(self);
    if (self->closing) {
        naru__reconnect_lost(self, NULL);
    } else {
        attempt(self);
    }
    naru__reconnect_leave(self);
}

static void pause_is_over(naru__loop_timer *timer)
{
    naru_reconnector *self = (naru_reconnector *)(void *)((char *)timer - offsetof(naru_reconnector, timer));
    run_work(&self->work);
}

naru_status naru_reconnector_new(naru_loop *loop, const naru_reconnect_options *options,
                                 const naru_reconnect_handler *handler, void *user, naru_reconnector **reconnector_out)
{
    naru_reconnect_options filled = options ? *options : (naru_reconnect_options){0};
    naru_status status = naru__reconnect_options_fill(&filled);
    if (status) {
        return status;
    }
    const naru_allocator *allocator = naru_loop_allocator(loop);
    naru_reconnector *self = naru__alloc_zero(allocator, sizeof *self);
    if (!self) {
        return NARU_ERR_MEMORY;
    }
    self->loop = loop;
    self->options = filled;
    self->handler = handler ? *handler : (naru_reconnect_handler){0};
    self->user = user;
    self->timer.fire = pause_is_over;
    self->work.run = run_work;
    naru_buf_init(&self->queue.bytes, allocator);
    naru__loop_defer(loop, &self->work);
    *reconnector_out = self;
    return NARU_OK;
}

void naru_reconnector_retry(naru_reconnector *self)
{
    if (self->state == NARU_RECONNECT_WAITING) {
        naru__loop_timer_stop(self->loop, &self->timer);
        naru__loop_defer(self->loop, &self->work);
    }
}

/* ---- ending ------------------------------------------------------------------------------------------------- */

naru_status naru_reconnector_close(naru_reconnector *self, uint16_t code, naru_span reason)
{
    naru_status status = self->client ? naru_client_close(self->client, code, reason) : NARU_OK;
    if (status == NARU_ERR_ARGUMENT || status == NARU_ERR_UTF8 || self->state == NARU_RECONNECT_OVER) {
        return status;
    }
    self->closing = true;
    bool none = !self->client || self->state == NARU_RECONNECT_WAITING;
    if (none) {
        naru__loop_timer_stop(self->loop, &self->timer);
        naru__loop_defer(self->loop, &self->work);
    }
    return status;
}

/* ---- what it knows ------------------------------------------------------------------------------------------ */

naru_reconnect_state naru_reconnector_state(const naru_reconnector *self)
{
    return (naru_reconnect_state)self->state;
}

naru_client *naru_reconnector_client(const naru_reconnector *self)
{
    return self->client;
}

uint64_t naru_reconnector_offline_bytes(const naru_reconnector *self)
{
    return self->queue.payload_bytes;
}

naru_loop *naru_reconnector_loop(const naru_reconnector *self)
{
    return self->loop;
}
