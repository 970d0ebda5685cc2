/* One message of any size, pulled from a source as the queue drains.
 *
 * Each fragment is pulled into a block, and framed, masked and compressed into the queue as a whole, so that control
 * frames always find a frame's edge there (6455 5.4, 5.5) and no frame is ever left open. Pulling begins at the end of
 * the turn and goes on from the stream's on_drain, and so never runs inside a call of the application.
 *
 * Not for: files (source_file.c). Source: RFC 6455 5.4. */
#include "conn/source.h"

#include "base/memory.h"

#include <assert.h>

enum { FRAGMENT_BYTES = 64 << 10 };

static void free_source(naru_conn *conn, naru__conn_source *source)
{
    naru__free(naru__conn_allocator(conn), source, sizeof *source + FRAGMENT_BYTES);
}

/* ---- its end -------------------------------------------------------------------------------------------- */

/* The source is let go of first: on_done may send the next one. */
static void finish(naru_conn *conn, naru_status status)
{
    naru__conn_source *source = conn->cold->source;
    naru_source calls = source->calls;
    void *user = source->user;
    conn->cold->source = NULL;
    naru__ws_sending_release(&conn->ws);
    if (source->pulling) {
        source->gone = true; /* whoever pulls frees it */
    } else {
        free_source(conn, source);
    }
    if (calls.on_done) {
        calls.on_done(conn, status, user);
    }
}

void naru__conn_source_cancel(naru_conn *conn)
{
    if (naru__conn_has_source(conn)) {
        finish(conn, NARU_ERR_CLOSED);
    }
}

/* A message that has begun can neither be finished nor taken back. */
static void fail(naru_conn *conn, naru_status why)
{
    naru__ws_sending_release(&conn->ws);
    (void)naru_conn_close(conn, 1011, naru_span_of("the message cannot be read to its end"));
    finish(conn, why);
}

/* ---- its pieces ------------------------------------------------------------------------------------------ */

/* What is pulled leaves a quarter of the queue to control frames, which a full one would take for a slow reader. */
static size_t fragment_bytes(const naru_conn *conn)
{
    uint64_t quarter = naru__conn_options(conn)->queue_bytes_max / 4;
    return quarter >= FRAGMENT_BYTES ? (size_t)FRAGMENT_BYTES : quarter > 0 ? (size_t)quarter : 1;
}
static bool has_room(const naru_conn *conn)
{
    size_t queued = naru__stream_queued(conn->stream);
    return queued < naru__conn_options(conn)->queue_high_bytes &&
           queued <= naru__conn_options(conn)->queue_bytes_max / 2;
}

/* Go on once there is room again. */
static void ask_again(naru_conn *conn)
{
    const naru_conn_options *options = naru__conn_options(conn);
    uint64_t mark =
        options->queue_low_bytes < options->queue_high_bytes ? options->queue_low_bytes : options->queue_high_bytes - 1;
    uint64_t half = options->queue_bytes_max / 2;
    naru__stream_want_drain(conn->stream, (uint32_t)(mark < half ? mark : half));
}

/* errors    NARU_MORE: nothing at the moment. NARU_ERR_CLOSED: pull has ended the connection. */
static naru_status pull(naru_conn *conn, naru__conn_source *source, naru_span *piece_out, bool *last_out)
{
    size_t most = fragment_bytes(conn);
    size_t room = source->left < most ? (size_t)source->left : most;
    size_t got = 0;
    source->pulling = true;
    naru_status status = room > 0 ? source->calls.pull(source->user, source->block, room, &got) : NARU_END;
    source->pulling = false;
    if (source->gone) {
        free_source(conn, source);
        return NARU_ERR_CLOSED;
    }
    if (status != NARU_OK && status != NARU_END) {
        return status;
    }
    assert(got <= room);
    source->left -= source->left == NARU_UNLIMITED ? 0 : got;
    bool sized = source->left != NARU_UNLIMITED;
    *last_out = status == NARU_END || source->left == 0;
    *piece_out = (naru_span){source->block, got};
    bool wrong = (*last_out && sized && source->left > 0) || (status == NARU_OK && got == 0);
    return wrong ? NARU_ERR_ARGUMENT : NARU_OK;
}

/* NARU_END: that was the last one. */
static naru_status send_fragment(naru_conn *conn, naru__conn_source *source)
{
    naru_span piece;
    bool last;
    naru_status status = pull(conn, source, &piece, &last);
    if (status != NARU_OK) {
        return status;
    }
    naru__ws_sending_release(&conn->ws);
    naru_ws_turn turn = naru__conn_turn(conn);
    status = naru_ws_send_part(&conn->ws, source->kind, piece, last, source->flags, &turn);
    if (status != NARU_OK) {
        return status;
    }
    naru__conn_count_out(conn, piece.size, last);
    return last ? NARU_END : NARU_OK;
}

static bool open_for_more(const naru_conn *conn)
{
    return conn->phase == NARU__CONN_OPEN && conn->ws.state == NARU_WS_OPEN;
}

void naru__conn_source_feed(naru_conn *conn)
{
    naru__conn_source *source = conn->cold->source;
    naru_status status = NARU_OK;
    while (status == NARU_OK && open_for_more(conn) && has_room(conn)) {
        status = send_fragment(conn, source);
        if (conn->phase == NARU__CONN_GONE) {
            return;
        }
    }
    if (!naru__conn_has_source(conn)) {
        return;
    }
    if (!open_for_more(conn)) {
        finish(conn, NARU_ERR_CLOSED);
    } else if (status == NARU_END) {
        finish(conn, NARU_OK);
    } else if (status < 0) {
        fail(conn, status);
    } else if (status == NARU_OK) {
        ask_again(conn);
    }
}

/* ---- its beginning --------------------------------------------------------------------------------------- */

void naru_conn_source_ready(naru_conn *conn)
{
    if (conn->phase <= NARU__CONN_OPEN && naru__conn_has_source(conn)) {
        ask_again(conn);
    }
}

naru_status naru_conn_send_source(naru_conn *conn, naru_ws_kind kind, uint64_t bytes, const naru_source *source,
                                  void *user, unsigned flags)
{
    if ((kind != NARU_WS_TEXT && kind != NARU_WS_BINARY) || !source->pull) {
        return NARU_ERR_ARGUMENT;
    }
    if (conn->phase > NARU__CONN_OPEN || conn->ws.state != NARU_WS_OPEN || conn->ws.sending != 0) {
        return NARU_ERR_STATE;
    }
    naru__conn_cold *cold = naru__conn_cold_get(conn);
    naru__conn_source *fresh = cold ? naru__alloc(naru__conn_allocator(conn), sizeof *fresh + FRAGMENT_BYTES) : NULL;
    if (!fresh) {
        return NARU_ERR_MEMORY;
    }
    *fresh = (naru__conn_source){.calls = *source, .user = user, .left = bytes, .kind = kind, .flags = flags};
    cold->source = fresh;
    naru__ws_sending_reserve(&conn->ws);
    naru_conn_source_ready(conn);
    return NARU_OK;
}
