/* How a connection ends, and its one timer.
 *
 *  closing handshake through, or the session failed: flush, FIN, drop what comes until the peer's end (LINGER): a
 *  socket closed with unread input resets, and its own Close frame is lost. Stream broken, silence, abort: at once.
 *  Source: RFC 6455 7.1. */
#include "conn/inside.h"

void naru__conn_timer_now(naru_conn *conn)
{
    naru__stream_timer_start(conn->stream, naru_loop_now_ms(conn->stream->loop));
}

static uint64_t next_deadline_ms(const naru_conn *conn)
{
    if (conn->phase == NARU__CONN_LINGER) {
        return naru__stream_timer_at_ms(conn->stream);
    }
    /* A paused connection cannot hear the peer, so its silence means nothing; a Close still has its time. */
    bool deaf = conn->paused && conn->ws.state == NARU_WS_OPEN;
    uint64_t session_ms = deaf ? UINT64_MAX : naru_ws_deadline_ms(&conn->ws);
    uint64_t life_ms = conn->timed ? naru__conn_life_deadline_ms(conn) : UINT64_MAX;
    return session_ms < life_ms ? session_ms : life_ms;
}

static uint64_t with_company(const naru_conn *conn, uint64_t at_ms)
{
    uint64_t step_ms = naru__conn_ping_step_ms(conn);
    if (step_ms < 2 || !naru__ws_at_rest(&conn->ws)) {
        return at_ms;
    }
    return at_ms + step_ms - 1 - (at_ms + step_ms - 1) % step_ms;
}

/* Only ever moved nearer here: a timer that fires too early looks again. */
static void set_timer(naru_conn *conn)
{
    bool running = naru__stream_timer_running(conn->stream);
    uint64_t at_ms = next_deadline_ms(conn);
    if (at_ms == UINT64_MAX) {
        return;
    }
    at_ms = with_company(conn, at_ms);
    if (!running || at_ms < naru__stream_timer_at_ms(conn->stream)) {
        naru__stream_timer_start(conn->stream, at_ms);
    }
}

static void linger(naru_conn *conn)
{
    naru__stream *stream = conn->stream;
    conn->phase = NARU__CONN_LINGER;
    if (conn->paused) {
        conn->paused = false;
        naru__stream_resume(stream);
    }
    /* 6455 7.1.1: the server ends the TCP connection first, so that the client's port is not left in TIME_WAIT. */
    if (conn->ws.role == NARU_WS_SERVER || conn->ws.state == NARU_WS_FAILED) {
        naru__stream_shutdown(stream);
    }
    uint64_t at_ms = naru_loop_now_ms(stream->loop) + naru__conn_options(conn)->ws.close_timeout_ms;
    naru__stream_timer_start(stream, at_ms);
}

/* Is there anybody left who could read a Close? */
static bool peer_is_silent(const naru_conn *conn)
{
    const naru_fault *fault = naru_ws_fault(&conn->ws);
    return fault->close_code == 1006 || fault->close_code == 0;
}

void naru__conn_settle(naru_conn *conn)
{
    if (conn->phase != NARU__CONN_OPEN) {
        return;
    }
    if (naru__stream_out_size(conn->stream) > 0) { /* shots have asked for it themselves */
        naru__stream_flush_later(conn->stream);
    }
    if (conn->ws.state < NARU_WS_CLOSED) {
        if (!naru__conn_is_settled(conn)) {
            set_timer(conn);
        }
    } else if (conn->ws.state == NARU_WS_FAILED && peer_is_silent(conn)) {
        naru__conn_doom(conn, naru_ws_fault(&conn->ws)->status);
    } else {
        linger(conn);
    }
}

/* The first reason is the true one; the others follow from it. */
static void blame(naru_conn *conn, naru_status why)
{
    if (why < 0 && conn->end_status == NARU_OK) {
        conn->end_status = (int8_t)why;
    }
}

void naru__conn_doom(naru_conn *conn, naru_status why)
{
    if (conn->phase >= NARU__CONN_ENDING) {
        return;
    }
    blame(conn, why);
    conn->phase = NARU__CONN_ENDING;
    naru__conn_timer_now(conn);
}

static naru_fault why_it_ended(const naru_conn *conn)
{
    naru_fault fault = *naru_ws_fault(&conn->ws);
    bool slow = conn->end_status == NARU_ERR_TOO_BIG; /* whatever came of its Close, this was the reason */
    if (slow) {
        return (naru_fault){.status = NARU_ERR_TOO_BIG,
                            .close_code = 1013,
                            .rule = "queue_bytes_max",
                            .text = "the peer reads too slowly and its queue is full"};
    }
    if (fault.status == NARU_OK && conn->ws.state != NARU_WS_CLOSED) {
        naru_status status = conn->end_status < 0 ? (naru_status)conn->end_status : NARU_ERR_CLOSED;
        fault =
            (naru_fault){.status = status, .close_code = 1006, .rule = "6455 7.1.5", .text = naru_status_text(status)};
    }
    return fault;
}

static naru_close_info close_info(const naru_conn *conn)
{
    uint16_t code = naru_ws_close_code(&conn->ws);
    naru_close_info info = {
        .code = code ? code : 1006,
        .clean = conn->ws.state == NARU_WS_CLOSED,
        .fault = why_it_ended(conn),
    };
    if (conn->cold) {
        info.reason = (naru_span){conn->cold->reason, conn->cold->reason_bytes};
        info.dropped = conn->cold->dropped;
    }
    return info;
}

static void detach_all(naru_conn *conn)
{
    while (conn->attachments) {
        naru__conn_attachment *attachment = conn->attachments;
        conn->attachments = attachment->next;
        attachment->on_gone(attachment);
    }
}

void naru__conn_finish(naru_conn *conn)
{
    naru__stream *stream = conn->stream;
    bool opened = conn->phase > NARU__CONN_NEW;
    bool reset = conn->phase == NARU__CONN_ENDING;
    naru_close_info info = close_info(conn);
    conn->phase = NARU__CONN_GONE;
    naru__stream_timer_stop(stream);
    naru__conn_source_cancel(conn);
    if (opened && conn->handler->on_close) {
        conn->handler->on_close(conn, &info, conn->user);
    }
    detach_all(conn);
    naru__ws_deinit(&conn->ws);
    if (naru__conn_terms_of(conn)->on_gone) {
        naru__conn_terms_of(conn)->on_gone(conn, &info); /* and with it perhaps the terms */
    }
    naru__conn_cold_free(conn);
    if (reset) {
        naru__stream_abort(stream);
    } else {
        naru__stream_close(stream);
    }
}

static void on_end(naru__stream *stream, naru_status why)
{
    naru_conn *conn = stream->owner;
    blame(conn, why);
    (void)naru_ws_end(&conn->ws); /* the session's state tells it all */
    naru__conn_finish(conn);
}

void naru__conn_owe_drain(naru_conn *conn)
{
    if (conn->phase <= NARU__CONN_OPEN && !conn->over_high) {
        conn->over_high = true;
        naru__stream_want_drain(conn->stream, (uint32_t)naru__conn_options(conn)->queue_low_bytes);
    }
}

static void on_drain(naru__stream *stream)
{
    naru_conn *conn = stream->owner;
    if (conn->phase != NARU__CONN_OPEN) {
        return;
    }
    bool owed = conn->over_high;
    conn->over_high = false;
    if (owed && conn->handler->on_drain) {
        conn->handler->on_drain(conn, conn->user);
    }
    if (conn->phase == NARU__CONN_OPEN && naru__conn_has_source(conn)) {
        naru__conn_source_feed(conn);
    }
    naru__conn_settle(conn);
}

static void resume(naru_conn *conn)
{
    conn->resume_due = false;
    conn->paused = false;
    naru__ws_touch(&conn->ws, naru_loop_now_ms(conn->stream->loop)); /* silence counts from here */
    naru__conn_life_touch(conn);
    naru__conn_take_held(conn);
    if (!conn->paused && conn->phase == NARU__CONN_OPEN) {
        naru__stream_resume(conn->stream);
    }
}

static void tick(naru_conn *conn)
{
    bool deaf = conn->paused && conn->ws.state == NARU_WS_OPEN;
    if (deaf || naru_ws_deadline_ms(&conn->ws) > naru_loop_now_ms(conn->stream->loop)) {
        return;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_status status = naru_ws_tick(&conn->ws, &turn);
    (void)status; /* a failure is in the session's state, which settle reads */
}

static void on_timer(naru__stream *stream)
{
    naru_conn *conn = stream->owner;
    if (conn->phase >= NARU__CONN_LINGER) {
        naru__conn_finish(conn);
        return;
    }
    if (conn->resume_due) {
        resume(conn);
    }
    if (conn->timed && conn->phase == NARU__CONN_OPEN) {
        naru__conn_life_tick(conn);
    }
    if (conn->phase == NARU__CONN_OPEN) {
        tick(conn);
        naru__conn_settle(conn);
    }
}

const naru__stream_handler naru__conn_stream_handler = {
    .on_data = naru__conn_on_data,
    .on_room = naru__conn_on_room,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_timer = on_timer,
};

naru_status naru_conn_close(naru_conn *conn, uint16_t code, naru_span reason)
{
    if (conn->phase > NARU__CONN_OPEN || conn->ws.state != NARU_WS_OPEN) {
        return NARU_OK;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_status status = naru_ws_close(&conn->ws, code, reason, &turn);
    naru__conn_settle(conn);
    return status;
}

void naru_conn_abort(naru_conn *conn)
{
    naru__conn_doom(conn, NARU_ERR_CLOSED);
}
