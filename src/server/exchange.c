/* One connection's requests, one strictly after the other. What a peer sends ahead waits here, within a limit, and then
 * in the kernel.
 *
 * Not for: reading a request (intake.c), how a connection ends (closing.c), the upgrade (upgrade.c). Source: RFC 9112,
 * RFC 9110. */
#include "server/exchange.h"

#include "base/buf.h"
#include "base/memory.h"
#include "server/guest.h"
#include "server/http2.h"
#include "server/remainder.h"
#include <string.h>

uint64_t naru__exchange_moved(const naru__exchange *exchange)
{
    bool answering = exchange->phase == NARU__EXCHANGE_SENDING || exchange->phase == NARU__EXCHANGE_FLUSHING;
    return answering ? exchange->stream->sent - naru__stream_in_flight(exchange->stream) : 0;
}

void naru__exchange_time(naru__exchange *exchange, uint32_t timeout_ms)
{
    naru_loop *loop = exchange->server->loop;
    exchange->moved_mark = naru__exchange_moved(exchange);
    if (timeout_ms == NARU_NEVER) {
        naru__loop_timer_stop(loop, &exchange->timer);
    } else {
        naru__loop_timer_start(loop, &exchange->timer, naru_loop_now_ms(loop) + timeout_ms);
    }
}

void naru__exchange_forget(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    naru_http_head_free(request->head);
    if (request->guest) {
        naru__stream_tell(exchange->stream, exchange->guest ? &exchange->guest->peer : NULL);
        naru__guest_free(exchange->server, request->guest);
        request->guest = NULL;
    }
    naru_buf_deinit(&request->path);
    naru_buf_deinit(&request->body);
    naru_buf_deinit(&request->fields);
    request->head = NULL;
    request->complete = false;
    request->upgrade = false;
    request->end_is_leaving = false;
    request->forwarded_tls = false;
    request->route = NULL;
    request->retry_after_s = 0;
    request->rule = NULL;
    request->on_cancel = NULL;
}

/* A peer that has ended its side is most likely gone: its request does not wait without end. */
static uint32_t patience_ms(const naru__exchange *exchange, uint32_t timeout_ms)
{
    uint32_t most_ms = exchange->server->options.handshake_timeout_ms;
    return exchange->ended == NARU_END && timeout_ms > most_ms ? most_ms : timeout_ms;
}

naru_status naru_request_set_timeout(naru_request *request, uint32_t timeout_ms)
{
    naru__exchange *exchange = naru__exchange_of(request);
    if (exchange->phase != NARU__EXCHANGE_ASKED) {
        return NARU_ERR_STATE;
    }
    naru__exchange_time(exchange, patience_ms(exchange, timeout_ms));
    return NARU_OK;
}

static void be_impatient(naru__exchange *exchange)
{
    const naru__timer *timer = &exchange->timer.timer;
    uint32_t most_ms = exchange->server->options.handshake_timeout_ms;
    uint64_t now_ms = naru_loop_now_ms(exchange->server->loop);
    if (!naru__timer_running(timer) || timer->at_ms > now_ms + most_ms) {
        naru__exchange_time(exchange, most_ms);
    }
}

/* ---- bytes --------------------------------------------------------------------------------------------------- */

static void hold(naru__exchange *exchange, const naru_input *in)
{
    if (in->size == 0) {
        return;
    }
    if (naru_buf_append(&exchange->held, (naru_span){in->data, in->size}) < 0) {
        naru__exchange_drop(exchange);
        return;
    }
    if (!exchange->paused && naru__buf_size(&exchange->held) >= NARU__HELD_BYTES_MAX) {
        exchange->paused = true;
        naru__stream_pause(exchange->stream);
    }
}

static void on_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru__exchange *exchange = stream->owner;
    naru_input in = {bytes, size};
    if (exchange->work.queued) {
        hold(exchange, &in);
        return;
    }
    if (exchange->may_be_http2 && naru__served_guess(exchange, (naru_span){bytes, size})) {
        return;
    }
    naru__exchange_read(exchange, &in);
    switch ((naru__exchange_phase)exchange->phase) {
    case NARU__EXCHANGE_ASKED:
    case NARU__EXCHANGE_LEAVING:
    case NARU__EXCHANGE_SENDING:
        hold(exchange, &in);
        break;
    case NARU__EXCHANGE_ACCEPTED:
        naru__upgrade_start(exchange, in.data, in.size);
        break;
    case NARU__EXCHANGE_FLUSHING:
    case NARU__EXCHANGE_LINGERING:
        naru__exchange_drain(exchange, in.size);
        break;
    case NARU__EXCHANGE_OPENING:
    case NARU__EXCHANGE_HEAD:
    case NARU__EXCHANGE_BODY:
    case NARU__EXCHANGE_GONE:
        break;
    }
}

void naru__exchange_unpause(naru__exchange *exchange)
{
    if (exchange->paused) {
        exchange->paused = false;
        naru__stream_resume(exchange->stream);
    }
}

/* The held bytes are gone through where they lie, and only what was used is taken off. */
static void on_work(naru__deferred *work)
{
    naru__exchange *exchange = (naru__exchange *)((char *)work - offsetof(naru__exchange, work));
    naru_buf *held = &exchange->held;
    size_t size = naru__buf_size(held);
    if (exchange->phase == NARU__EXCHANGE_LEAVING) {
        naru__exchange_depart(exchange);
        return;
    }
    naru_input in = {size > 0 ? held->data + held->begin : NULL, size};
    if (exchange->may_be_http2 && size > 0 && naru__served_guess(exchange, naru_buf_span(held))) {
        in.size = 0;
    }
    naru__exchange_read(exchange, &in);
    if (exchange->phase == NARU__EXCHANGE_ACCEPTED) {
        naru__exchange_unpause(exchange);
        naru__upgrade_start(exchange, in.data, in.size);
        return;
    }
    if (exchange->phase == NARU__EXCHANGE_GONE || naru__buf_size(held) == 0) {
        return;
    }
    naru_buf_take(held, size - in.size);
    if (in.size == 0) {
        naru_buf_deinit(held);
    }
    if (naru__buf_size(held) < NARU__HELD_BYTES_MAX && exchange->phase != NARU__EXCHANGE_LEAVING) {
        naru__exchange_unpause(exchange);
    }
    if (exchange->ended == NARU_END &&
        (exchange->phase == NARU__EXCHANGE_HEAD || exchange->phase == NARU__EXCHANGE_BODY)) {
        naru__exchange_close(exchange);
    }
}

/* ---- after the answer ---------------------------------------------------------------------------------------- */

void naru__exchange_next(naru__exchange *exchange)
{
    exchange->phase = NARU__EXCHANGE_HEAD;
    naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
    if (exchange->taking) {
        return;
    }
    if (naru__buf_size(&exchange->held) > 0) {
        naru__loop_defer(exchange->server->loop, &exchange->work);
    } else if (exchange->ended == NARU_END) {
        naru__exchange_close(exchange);
    }
}

void naru__exchange_answered(naru__exchange *exchange)
{
    naru__exchange_forget(exchange);
    naru__stream_flush_later(exchange->stream);
    if (!exchange->keep || exchange->server->stopping) {
        naru__exchange_close(exchange);
    } else if (naru__stream_out_size(exchange->stream) > NARU__OUT_HIGH_BYTES) {
        exchange->phase = NARU__EXCHANGE_SENDING;
        naru__stream_want_drain(exchange->stream, NARU__OUT_LOW_BYTES);
        naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
    } else {
        naru__exchange_next(exchange);
    }
}

/* ---- the stream's other events ------------------------------------------------------------------------------- */

static void on_ready(naru__stream *stream)
{
    naru__exchange *exchange = stream->owner;
    if (exchange->phase == NARU__EXCHANGE_OPENING) {
        exchange->phase = NARU__EXCHANGE_HEAD;
    }
    if (naru__stream_chose_http2(stream)) {
        naru__served_begin(exchange);
    }
}

/* A peer that only ended its own side may still be waiting for the answer to a plain request. */
static void on_end(naru__stream *stream, naru_status why)
{
    naru__exchange *exchange = stream->owner;
    exchange->ended = why;
    if (exchange->phase == NARU__EXCHANGE_ACCEPTED) {
        return;
    }
    bool waits =
        (exchange->phase == NARU__EXCHANGE_ASKED && !exchange->request.upgrade && !exchange->request.end_is_leaving) ||
        exchange->phase == NARU__EXCHANGE_SENDING || exchange->phase == NARU__EXCHANGE_FLUSHING;
    if (why == NARU_END && exchange->phase == NARU__EXCHANGE_ASKED) {
        be_impatient(exchange);
    }
    if (why == NARU_END && (waits || exchange->work.queued)) {
        return;
    }
    if (why == NARU_END && exchange->phase == NARU__EXCHANGE_HEAD && naru__stream_out_size(stream) > 0) {
        naru__exchange_close(exchange);
        return;
    }
    naru__exchange_drop(exchange);
}

static void on_drain(naru__stream *stream)
{
    naru__exchange *exchange = stream->owner;
    if (exchange->phase == NARU__EXCHANGE_FLUSHING) {
        naru__exchange_linger(exchange);
    } else if (exchange->phase == NARU__EXCHANGE_SENDING && exchange->remainder) {
        naru__remainder_drained(exchange->remainder);
    } else if (exchange->phase == NARU__EXCHANGE_SENDING) {
        naru__exchange_next(exchange);
    }
}

static const naru__stream_handler handler = {
    .on_ready = on_ready, .on_data = on_data, .on_end = on_end, .on_drain = on_drain};

/* ---- its life ------------------------------------------------------------------------------------------------ */

static naru__stream *take_stream(naru_server *server, const naru__arrival *arrival, naru__exchange *exchange)
{
    if (arrival->parcel) {
        return naru__stream_unpack(server->loop, arrival->parcel, &handler, exchange);
    }
    if (!arrival->over) {
        return naru__stream_accept(server->loop, arrival->fd, arrival->tls, &handler, exchange);
    }
    arrival->over->handler = &handler;
    arrival->over->owner = exchange;
    return arrival->over;
}

void naru__exchange_peer(const naru__exchange *exchange, char *out, size_t out_bytes)
{
    naru__peer peer = naru__exchange_who(exchange);
    naru__address address;
    if (!peer.known) {
        naru__stream_peer(exchange->stream, out, out_bytes);
        return;
    }
    naru__peer_address(&peer, &address);
    naru__address_format(&address, out, out_bytes);
}

naru_status naru__exchange_open(naru_server *server, const naru__arrival *arrival, naru__exchange **exchange_out)
{
    naru__exchange *exchange = naru__alloc_zero(server->allocator, sizeof *exchange);
    if (!exchange) {
        return NARU_ERR_MEMORY;
    }
    naru_buf_init(&exchange->held, server->allocator);
    if (arrival->bytes.size > 0 && naru_buf_append(&exchange->held, arrival->bytes) < 0) {
        naru__free(server->allocator, exchange, sizeof *exchange);
        return NARU_ERR_MEMORY;
    }
    exchange->stream = take_stream(server, arrival, exchange);
    if (!exchange->stream) {
        naru_buf_deinit(&exchange->held);
        naru__free(server->allocator, exchange, sizeof *exchange);
        return NARU_ERR_SYSTEM;
    }
    exchange->server = server;
    exchange->peer = arrival->peer;
    exchange->multiplexed = arrival->over != NULL;
    exchange->may_be_http2 = arrival->http2;
    naru_buf_init(&exchange->request.path, server->allocator);
    naru_buf_init(&exchange->request.body, server->allocator);
    naru_buf_init(&exchange->request.fields, server->allocator);
    exchange->timer.fire = naru__exchange_late;
    exchange->work.run = on_work;
    exchange->next = server->exchanges;
    exchange->link = &server->exchanges;
    if (exchange->next) {
        exchange->next->link = &exchange->next;
    }
    server->exchanges = exchange;
    naru__loop_timer_start(server->loop, &exchange->timer, arrival->until_ms);
    *exchange_out = exchange;
    return NARU_OK;
}

void naru__exchange_free(naru__exchange *exchange)
{
    naru_loop *loop = exchange->server->loop;
    exchange->phase = NARU__EXCHANGE_GONE;
    *exchange->link = exchange->next;
    if (exchange->next) {
        exchange->next->link = exchange->link;
    }
    naru__loop_timer_stop(loop, &exchange->timer);
    naru__loop_defer_cancel(loop, &exchange->work);
    naru__remainder_free(exchange->remainder);
    naru__exchange_forget(exchange);
    naru_buf_deinit(&exchange->held);
    if (exchange->guest) {
        naru__stream_tell(exchange->stream, NULL);
        naru__guest_free(exchange->server, exchange->guest);
    }
    naru__loop_free_later(loop, exchange, sizeof *exchange);
}
