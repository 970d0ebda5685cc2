/* From the application to the queue. Not for: the policy of a full queue (queue.c), messages made
 * once for many connections (prepared.c). */
#include "base/apart.h"
#include "conn/inside.h"
#include "ws/short.h"

#include <string.h>

/* From here up a payload is worth a system call of its own instead of a copy into the queue. */
enum { WRITE_THROUGH_BYTES_MIN = 16 << 10 };

/* Is the connection open, and is there room, perhaps after the queue's policy has made it? */
naru_status naru__conn_send_admit(naru_conn *conn, size_t bytes)
{
    bool open = conn->phase <= NARU__CONN_OPEN && conn->ws.state == NARU_WS_OPEN;
    return open ? naru__conn_queue_admit(conn, bytes) : NARU_ERR_STATE;
}

/* What was queued leaves at the end of the turn. NARU_FULL owes the application an on_drain, also when this
 * turn's flush takes everything. */
naru_status naru__conn_send_answer(naru_conn *conn, naru_status status)
{
    const naru_conn_options *options = naru__conn_options(conn);
    if (status != NARU_OK || conn->ws.cold) {
        naru__conn_settle(conn); /* the session may have failed over it, or its compressor be due for release */
    }
    if (status != NARU_OK) {
        return status;
    }
    naru__stream_flush_later(conn->stream);
    if (naru__stream_queued(conn->stream) <= options->queue_high_bytes) {
        return NARU_OK;
    }
    if (!conn->over_high) {
        conn->over_high = true;
        naru__stream_want_drain(conn->stream, (uint32_t)options->queue_low_bytes);
    }
    return NARU_FULL;
}

/* Its head is queued: the payload goes from where it lies. */
static naru_status follow_through(naru_conn *conn, naru_span data, bool last)
{
    naru_status status = naru__stream_write_through(conn->stream, data);
    if (status != NARU_OK) {
        naru__conn_doom(conn, status); /* a head without its payload cannot be mended */
    } else {
        naru__conn_count_out(conn, data.size, last);
    }
    return status;
}

static bool goes_through(const naru_conn *conn, naru_span data)
{
    return data.size >= WRITE_THROUGH_BYTES_MIN && conn->ws.role == NARU_WS_SERVER && !conn->compressed;
}

/* Head into the queue, payload from where it lies. */
static naru_status send_through(naru_conn *conn, naru_ws_kind kind, naru_span data, unsigned flags)
{
    if (kind == NARU_WS_TEXT && !(flags & NARU_WS_VALID) && !naru_utf8_valid(data)) {
        return NARU_ERR_UTF8;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_status status = naru_ws_send_head(&conn->ws, kind, data.size, &turn);
    return status == NARU_OK ? follow_through(conn, data, true) : status;
}

static naru_status send_queued(naru_conn *conn, naru_ws_kind kind, naru_span data, unsigned flags)
{
    uint64_t begin = naru__conn_queue_end(conn);
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_status status = naru_ws_send(&conn->ws, kind, data, flags, &turn);
    if (status == NARU_OK) {
        naru__conn_count_out(conn, data.size, true);
    }
    if (status == NARU_OK && naru__conn_options(conn)->queue_policy == NARU_QUEUE_DROP_OLDEST) {
        naru__conn_queue_mark(conn, begin);
    }
    return status;
}

NARU__APART static naru_status send_long(naru_conn *conn, naru_ws_kind kind, naru_span data, unsigned flags)
{
    naru_status status = naru__conn_send_admit(conn, data.size);
    if (status != NARU_OK) {
        return status;
    }
    status = goes_through(conn, data) ? send_through(conn, kind, data, flags) : send_queued(conn, kind, data, flags);
    return naru__conn_send_answer(conn, status);
}

/* What two vectors do not cover is worth a call. */
NARU__APART static naru_status copy_behind_head(naru_ws_kind kind, naru_span data, naru_buf *out)
{
    uint8_t *to = naru__ws_send_short(kind, data, out);
    if (data.size > 0) {
        memcpy(to, data.data, data.size);
    }
    return NARU_OK;
}

/* Most messages need nothing but a head and a copy. Bytes that stand in front have asked for the flush already, and
 * what does not pass the high mark fits the queue. */
naru_status naru_conn_send(naru_conn *conn, naru_ws_kind kind, naru_span data, unsigned flags)
{
    bool plain = conn->phase == NARU__CONN_OPEN && conn->short_out && naru__ws_sends_plain(&conn->ws) &&
                 ((flags & NARU_WS_VALID) != 0 ? (unsigned)kind - NARU_WS_TEXT <= 1 : kind == NARU_WS_BINARY);
    naru__stream *stream = conn->stream;
    naru_buf *out = plain ? stream->out : NULL;
    if (!out || data.size >= WRITE_THROUGH_BYTES_MIN || stream->has_shots ||
        !naru__short_fits(out, data.size, naru__conn_options(conn)->queue_high_bytes)) {
        return send_long(conn, kind, data, flags);
    }
    if (naru__buf_size(out) == 0) {
        naru__stream_flush_later(stream);
    }
    naru__conn_counts *counts = naru__conn_counts_of(conn);
    if (counts) {
        counts->messages_out++;
        counts->message_bytes_out += data.size;
    }
    if (!naru__short_lanes(data.size)) {
        return copy_behind_head(kind, data, out);
    }
    naru__short_copy_lanes(naru__ws_send_short(kind, data, out), data);
    return NARU_OK;
}

naru_status naru_conn_send_begin(naru_conn *conn, naru_ws_kind kind, uint64_t bytes)
{
    naru_status status = naru__conn_has_source(conn) ? NARU_ERR_STATE : naru__conn_send_admit(conn, 0);
    if (status != NARU_OK) {
        return status;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    return naru__conn_send_answer(conn, naru_ws_send_begin(&conn->ws, kind, bytes, &turn));
}

/* A piece of a frame that is out to its head. */
static naru_status piece_through(naru_conn *conn, naru_ws_kind kind, naru_span data, bool last)
{
    naru_status status = naru__ws_begun_check(&conn->ws, kind, data.size, last);
    if (status == NARU_OK) {
        status = follow_through(conn, data, last);
    }
    if (status != NARU_OK) {
        return status;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    return naru__ws_begun_taken(&conn->ws, data.size, &turn);
}

static naru_status send_part(naru_conn *conn, naru_ws_kind kind, naru_span data, bool last, unsigned flags)
{
    bool checked = kind != NARU_WS_TEXT || (flags & NARU_WS_VALID) != 0;
    if (checked && data.size >= WRITE_THROUGH_BYTES_MIN && naru__ws_in_begun_frame(&conn->ws)) {
        return piece_through(conn, kind, data, last);
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    naru_status status = naru_ws_send_part(&conn->ws, kind, data, last, flags, &turn);
    if (status == NARU_OK) {
        naru__conn_count_out(conn, data.size, last);
    }
    return status;
}

naru_status naru_conn_send_part(naru_conn *conn, naru_ws_kind kind, naru_span data, bool last, unsigned flags)
{
    naru_status status = naru__conn_has_source(conn) ? NARU_ERR_STATE : naru__conn_send_admit(conn, data.size);
    return status == NARU_OK ? naru__conn_send_answer(conn, send_part(conn, kind, data, last, flags)) : status;
}

static naru_status send_control(naru_conn *conn, naru_span data,
                                naru_status (*write)(naru_ws *ws, naru_span data, const naru_ws_turn *turn))
{
    naru_status status = naru__conn_send_admit(conn, data.size);
    if (status != NARU_OK) {
        return status;
    }
    naru_ws_turn turn = naru__conn_turn(conn);
    status = write(&conn->ws, data, &turn);
    naru__conn_settle(conn);
    return status;
}

naru_status naru_conn_ping(naru_conn *conn, naru_span data)
{
    return send_control(conn, data, naru_ws_ping);
}

naru_status naru_conn_pong(naru_conn *conn, naru_span data)
{
    return send_control(conn, data, naru_ws_pong);
}
