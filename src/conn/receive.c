/* From bytes to the application's callbacks. Not for: the protocol, which is ws/'s. */
#include <string.h>

#include "base/apart.h"
#include "base/memory.h"
#include "conn/inside.h"
#include "ws/short.h"

static void deliver_message(naru_conn *conn, const naru_ws_event *event)
{
    const naru_conn_handler *handler = conn->handler;
    if (naru__conn_options(conn)->ws.delivery != NARU_WS_MESSAGES || !event->first || !event->last) {
        if (handler->on_part) {
            handler->on_part(conn, event, conn->user);
        }
    } else if (handler->on_message) {
        handler->on_message(conn, event->kind, event->data, conn->user);
    }
}

static void count_control(const naru_conn *conn, naru_ws_event_type type)
{
    naru__conn_counts *counts = naru__conn_counts_of(conn);
    if (counts) {
        counts->pings_in += type == NARU_WS_EVENT_PING;
        counts->pongs_in += type == NARU_WS_EVENT_PONG;
    }
}

/* The event's bytes may be gone after the callback, its size is not. */
static void received(naru_conn *conn, size_t bytes, bool whole)
{
    const naru__conn_terms *terms = naru__conn_terms_of(conn);
    if (conn->phase == NARU__CONN_GONE) {
        return; /* and with it perhaps the terms */
    }
    if (terms->counts) {
        terms->counts->messages_in += whole;
        terms->counts->message_bytes_in += bytes;
    }
    if (conn->phase > NARU__CONN_OPEN) {
        return;
    }
    naru__conn_life_touch(conn);
    if (terms->on_received) {
        terms->on_received(conn, bytes, whole);
    }
}

/* on_close gives the reason to the application after the bytes it came in are gone. */
static void keep_reason(naru_conn *conn, naru_span reason)
{
    naru__conn_cold *cold = reason.size > 0 ? naru__conn_cold_get(conn) : NULL;
    if (!cold) {
        return;
    }
    cold->reason = naru__alloc(naru__conn_allocator(conn), reason.size);
    if (cold->reason) {
        memcpy(cold->reason, reason.data, reason.size);
        cold->reason_bytes = (uint8_t)reason.size;
    }
}

static void deliver(naru_conn *conn, const naru_ws_event *event)
{
    const naru_conn_handler *handler = conn->handler;
    switch (event->type) {
    case NARU_WS_EVENT_MESSAGE:
        deliver_message(conn, event);
        received(conn, event->data.size, event->last);
        return;
    case NARU_WS_EVENT_PING:
        count_control(conn, event->type);
        if (handler->on_ping) {
            handler->on_ping(conn, event->data, conn->user);
        }
        return;
    case NARU_WS_EVENT_PONG:
        count_control(conn, event->type);
        if (handler->on_pong) {
            handler->on_pong(conn, event->data, event->rtt_ms, conn->user);
        }
        return;
    case NARU_WS_EVENT_CLOSE:
        keep_reason(conn, event->data);
        return;
    }
}

void naru__conn_on_frame(naru_ws *ws, const naru_ws_frame *frame, void *user)
{
    (void)user;
    naru_conn *conn = (naru_conn *)(void *)((char *)ws - offsetof(naru_conn, ws));
    conn->handler->on_frame(conn, frame, conn->user);
}

void naru__conn_take(naru_conn *conn, naru_input *in)
{
    naru_ws_event event;
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_loop *loop = conn->stream->loop;
    while (conn->phase == NARU__CONN_OPEN && !conn->paused) {
        if (naru_ws_next(&conn->ws, in, &turn, &event) != NARU_OK) {
            return; /* all taken, or the session has ended: naru__conn_settle looks */
        }
        deliver(conn, &event);
        if (turn.entropy) {
            turn.entropy = naru__loop_entropy(loop); /* refilled: masks were spent */
        }
    }
}

void naru__conn_hold(naru_conn *conn, naru_span bytes)
{
    naru__conn_cold *cold = naru__conn_cold_get(conn);
    if (!cold || naru_buf_append(&cold->held, bytes) != NARU_OK) {
        naru__conn_doom(conn, NARU_ERR_MEMORY);
    }
}

static bool holds(const naru_conn *conn)
{
    return conn->cold && naru__buf_size(&conn->cold->held) > 0;
}

NARU__APART static void take_data(naru_conn *conn, uint8_t *bytes, size_t size)
{
    if (conn->phase > NARU__CONN_OPEN) {
        return;
    }
    if (conn->phase == NARU__CONN_NEW) {
        naru__conn_hold(conn, (naru_span){bytes, size});
        return;
    }
    naru_input in = {bytes, size};
    if (!holds(conn)) {
        naru__conn_take(conn, &in);
    }
    if (conn->phase == NARU__CONN_OPEN && in.size > 0 && conn->ws.state < NARU_WS_CLOSED) {
        naru__conn_hold(conn, (naru_span){in.data, in.size});
    }
    naru__conn_settle(conn);
    if (conn->phase == NARU__CONN_OPEN) {
        naru__stream_has_room(conn->stream, conn->ws.cold != NULL);
    }
}

NARU__APART static void fail_text(naru_conn *conn, naru_span text)
{
    naru_ws_turn turn = naru__conn_turn(conn);
    (void)naru__ws_fail_text(&conn->ws, text, &turn); /* the session's state tells it */
}

/* Messages that lie whole in the input, one behind the other: straight to the application, without an event. Answers
 * what is left. */
static naru_input take_short(naru_conn *conn, naru_input in)
{
    naru__conn_counts *counts = naru__conn_counts_of(conn);
    uint64_t now_ms = naru_loop_now_ms(conn->stream->loop);
    naru_ws_kind kind;
    naru_span data;
    while (conn->phase == NARU__CONN_OPEN && !conn->paused) {
        naru__short found = naru__ws_next_short(&conn->ws, true, &in, now_ms, &kind, &data);
        if (found != NARU__SHORT_TAKEN) {
            if (found == NARU__SHORT_NO_TEXT) {
                fail_text(conn, data);
            }
            break;
        }
        conn->handler->on_message(conn, kind, data, conn->user);
        if (counts) {
            counts->messages_in++;
            counts->message_bytes_in += data.size;
        }
    }
    return in;
}

void naru__conn_on_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_conn *conn = stream->owner;
    naru_input in = {bytes, size};
    if (conn->short_in && conn->phase == NARU__CONN_OPEN && !holds(conn)) {
        in = take_short(conn, in);
        if (in.size == 0 && naru__conn_is_settled(conn)) {
            return;
        }
    }
    take_data(conn, in.data, in.size);
}

naru_input naru__conn_on_room(naru__stream *stream)
{
    naru_conn *conn = stream->owner;
    bool direct = conn->phase == NARU__CONN_OPEN && !conn->paused && !holds(conn);
    return direct ? naru__ws_room(&conn->ws) : (naru_input){NULL, 0};
}

void naru__conn_take_held(naru_conn *conn)
{
    if (!holds(conn)) {
        return;
    }
    naru_buf *held = &conn->cold->held;
    naru_input in = {held->data + held->begin, naru__buf_size(held)};
    size_t before = in.size;
    naru__conn_take(conn, &in);
    if (conn->phase == NARU__CONN_GONE) {
        return;
    }
    naru_buf_take(held, before - in.size);
    if (!holds(conn)) {
        naru_buf_deinit(held);
    }
}

static void stop_reading(naru_conn *conn)
{
    conn->resume_due = false;
    if (conn->paused || conn->phase > NARU__CONN_OPEN) {
        return;
    }
    conn->paused = true;
    naru__stream_pause(conn->stream);
}

/* The callbacks for held bytes must not run inside this call, so the timer does it. */
static void start_reading(naru_conn *conn)
{
    if (!conn->paused || conn->halted || conn->throttled || conn->phase > NARU__CONN_OPEN) {
        return;
    }
    conn->resume_due = true;
    naru__conn_timer_now(conn);
}

void naru_conn_pause(naru_conn *conn)
{
    conn->halted = true;
    stop_reading(conn);
}

void naru_conn_resume(naru_conn *conn)
{
    conn->halted = false;
    start_reading(conn);
}

void naru__conn_throttle(naru_conn *conn, bool on)
{
    conn->throttled = on;
    if (on) {
        stop_reading(conn);
    } else {
        start_reading(conn);
    }
}
