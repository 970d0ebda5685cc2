/* A lane: one HTTP/2 stream, carried as a naru__stream for whoever owns that.
 *
 *   what the owner writes:  HEAD -> BODY or TUNNEL -> ENDED     a request or a response, then its content
 *   what the peer sends:    HEAD -> PLAIN or CHUNKS -> ENDED
 *
 * It is freed when both nghttp2 and its owner have done with it.
 *
 * Not for: what heads look like (head_in.c, head_out.c). Source: RFC 9113 5.1, 6.9, 8.1, RFC 8441 5. */
#include "inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"

/* ---- its life ------------------------------------------------------------------------------------------------ */

static const naru__carrier carrier;

naru__http2_lane *naru__lane_new(naru__http2 *http2, int32_t id)
{
    naru__http2_lane *lane = naru__alloc_zero(http2->allocator, sizeof *lane);
    if (!lane) {
        return NULL;
    }
    lane->http2 = http2;
    lane->id = id;
    lane->head = naru_http_head_new(http2->server ? NARU_HTTP_RESPONSE : NARU_HTTP_REQUEST, NULL, http2->allocator);
    lane->stream = lane->head ? naru__stream_over(http2->loop, &carrier, lane) : NULL;
    if (!lane->stream) {
        naru_http_head_free(lane->head);
        naru__free(http2->allocator, lane, sizeof *lane);
        return NULL;
    }
    naru__http2_add(http2, lane);
    return lane;
}

static void free_later(naru__http2_lane *lane, naru_loop *loop)
{
    naru_http_head_free(lane->head);
    lane->head = NULL;
    naru__loop_free_later(loop, lane, sizeof *lane);
}

/* A lane that was touched is freed by whoever goes through these. */
static void release_if_done(naru__http2_lane *lane)
{
    if (lane->stream || !lane->closed || lane->touched || lane->gone) {
        return;
    }
    lane->gone = true;
    naru_loop *loop = lane->http2->loop;
    naru__http2_remove(lane);
    free_later(lane, loop);
}

void naru__lane_touch(naru__http2_lane *lane)
{
    naru__http2 *http2 = lane->http2;
    if (!lane->touched) {
        lane->touched = true;
        lane->touched_next = http2->touched;
        http2->touched = lane;
    }
}

void naru__lane_reset(naru__http2_lane *lane, uint32_t error)
{
    if (lane->closed) {
        return;
    }
    if (lane->id == 0 || nghttp2_submit_rst_stream(lane->http2->session, NGHTTP2_FLAG_NONE, lane->id, error) != 0) {
        lane->closed = true; /* nghttp2 never knew it, or is out of memory, which ends the connection soon */
    }
    naru__http2_settle_later(lane->http2);
}

/* What waited for a pause to end counts no longer. */
static void forget_held(naru__http2_lane *lane)
{
    naru__http2 *http2 = lane->http2;
    http2->held_bytes -= lane->held_bytes;
    if (lane->owed_bytes > 0 && nghttp2_session_consume_connection(http2->session, lane->owed_bytes) != 0) {
        http2->failed = NARU_ERR_MEMORY;
    }
    lane->held_bytes = lane->owed_bytes = 0;
}

static void end_is_told(naru__http2_lane *lane)
{
    lane->http2->ends_due -= lane->end_due;
    lane->end_due = false;
}

/* A socket that is closed with everything read and sent ends in order. */
static bool closes_in_order(const naru__http2_lane *lane, const naru__stream *stream)
{
    return lane->out == NARU__LANE_OUT_TUNNEL && lane->in == NARU__LANE_IN_ENDED && !lane->closed &&
           naru__stream_queued(stream) == 0;
}

/* 8441 5: what was a reset of TCP is CANCEL. 9113 8.1: behind a whole response NO_ERROR says that the rest of the
 * request is of no interest. */
static void closed(naru__stream *stream)
{
    naru__http2_lane *lane = naru__stream_bearer(stream);
    lane->stream = NULL;
    if (!lane->http2) {
        free_later(lane, stream->loop);
        return;
    }
    bool whole = lane->sent; /* else a reset would take what waits in nghttp2 along */
    forget_held(lane);
    end_is_told(lane);
    if (closes_in_order(lane, stream)) {
        lane->last = true;
        (void)nghttp2_session_resume_data(lane->http2->session, lane->id);
    } else if (!whole || lane->in != NARU__LANE_IN_ENDED) {
        naru__lane_reset(lane, whole ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    }
    naru__http2_settle_later(lane->http2);
    release_if_done(lane);
}

void naru__lane_fail(naru__http2_lane *lane, naru_status why, int system_error, const char *text)
{
    lane->closed = true;
    if (!lane->stream) {
        release_if_done(lane);
        return;
    }
    naru__stream_over_fail(lane->stream, why, system_error, text);
    if (lane->stream) { /* it was told its end before: the owner lets go when he likes */
        end_is_told(lane);
        naru__http2_remove(lane);
        lane->http2 = NULL;
    }
}

/* ---- out ----------------------------------------------------------------------------------------------------- */

static naru_status send_head(naru__http2_lane *lane)
{
    bool server = lane->http2->server;
    naru_status status = server ? naru__lane_send_response(lane) : naru__lane_send_request(lane);
    naru_http_head_free(lane->head);
    lane->head = NULL;
    if (status == NARU_OK && lane->out == NARU__LANE_OUT_HEAD) { /* that was an interim one */
        lane->head = naru_http_head_new(NARU_HTTP_RESPONSE, NULL, lane->http2->allocator);
        status = lane->head ? NARU_OK : NARU_ERR_MEMORY;
    }
    return status;
}

/* The head that the owner is writing. false: nothing more of it is there. */
static bool write_head(naru__http2_lane *lane)
{
    naru_span front = naru__stream_over_front(lane->stream);
    naru_input in = {(uint8_t *)(uintptr_t)front.data, front.size};
    if (front.size == 0) {
        return false;
    }
    naru_status status = naru_http_head_feed(lane->head, &in);
    naru__stream_over_took(lane->stream, front.size - in.size);
    if (status == NARU_OK) {
        status = send_head(lane);
    }
    if (status < 0) {
        lane->out = NARU__LANE_OUT_ENDED;
        naru__lane_reset(lane, NGHTTP2_INTERNAL_ERROR);
    }
    return lane->out == NARU__LANE_OUT_HEAD;
}

static void pump(naru__http2_lane *lane)
{
    while (lane->out == NARU__LANE_OUT_HEAD && write_head(lane)) {
    }
    bool content = lane->out == NARU__LANE_OUT_BODY || lane->out == NARU__LANE_OUT_TUNNEL;
    if (content && naru__stream_queued(lane->stream) + naru__stream_over_is_shut(lane->stream) > 0) {
        /* That it was not waiting is fine. */
        (void)nghttp2_session_resume_data(lane->http2->session, lane->id);
    }
}

static size_t read_tunnel(naru__http2_lane *lane, uint8_t *out, size_t bytes, bool *end_out)
{
    size_t got = 0;
    while (got < bytes) {
        naru_span front = naru__stream_over_front(lane->stream);
        size_t part = front.size < bytes - got ? front.size : bytes - got;
        if (part == 0) {
            break;
        }
        memcpy(out + got, front.data, part);
        naru__stream_over_took(lane->stream, part);
        got += part;
    }
    *end_out = naru__stream_over_is_shut(lane->stream) && naru__stream_queued(lane->stream) == 0;
    return got;
}

/* A piece of the body, or of what frames it. errors NARU_MORE: nothing is there, or there is no room. */
static naru_status read_piece(naru__http2_lane *lane, uint8_t *out, size_t room, size_t *got)
{
    naru_span front = naru__stream_over_front(lane->stream), piece = {0};
    size_t size = front.size < room ? front.size : room;
    naru_input in = {(uint8_t *)(uintptr_t)front.data, size};
    naru_status status = naru_http_body_next(&lane->body, &in, &piece);
    if (status == NARU_OK) {
        memcpy(out, piece.data, piece.size);
        *got += piece.size;
    }
    if (size > in.size) {
        naru__stream_over_took(lane->stream, size - in.size);
        status = status == NARU_MORE ? NARU_OK : status;
    }
    return status;
}

static size_t read_body(naru__http2_lane *lane, uint8_t *out, size_t bytes, bool *end_out)
{
    size_t got = 0;
    naru_status status = NARU_OK;
    while (status == NARU_OK) {
        status = read_piece(lane, out + got, bytes - got, &got);
    }
    bool shut = naru__stream_over_is_shut(lane->stream) && naru__stream_queued(lane->stream) == 0;
    *end_out = status == NARU_END || (shut && naru_http_body_until_close(&lane->body));
    if (status < 0 || (shut && !*end_out)) {
        naru__lane_reset(lane, NGHTTP2_INTERNAL_ERROR);
    }
    return got;
}

ssize_t naru__lane_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t bytes, uint32_t *flags,
                        nghttp2_data_source *source, void *user)
{
    naru__http2_lane *lane = source->ptr;
    (void)session;
    (void)id;
    (void)user;
    if (!lane->stream && lane->last) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        lane->out = NARU__LANE_OUT_ENDED;
        return 0;
    }
    if (!lane->stream) {
        return NGHTTP2_ERR_DEFERRED; /* it is about to be reset */
    }
    bool end = false, tunnel = lane->out == NARU__LANE_OUT_TUNNEL;
    size_t got = tunnel ? read_tunnel(lane, out, bytes, &end) : read_body(lane, out, bytes, &end);
    if (end) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        lane->out = NARU__LANE_OUT_ENDED;
        naru__lane_touch(lane);
    }
    return got == 0 && !end ? NGHTTP2_ERR_DEFERRED : (ssize_t)got;
}

/* ---- in ------------------------------------------------------------------------------------------------------ */

/* false: it waits for the end of a pause. */
static bool hand_over(const naru__http2_lane *lane, naru_span bytes)
{
    return !lane->stream || naru__stream_over_receive(lane->stream, bytes);
}

static bool hand_over_chunk(const naru__http2_lane *lane, naru_span data)
{
    char line[24];
    uint8_t end[] = {'\r', '\n'};
    int size = snprintf(line, sizeof line, "%zx\r\n", data.size);
    (void)hand_over(lane, (naru_span){(const uint8_t *)line, (size_t)size});
    (void)hand_over(lane, data);
    return hand_over(lane, (naru_span){end, sizeof end});
}

/* The peer may send as much again only once the bytes are taken; other streams are not to wait for that, as long as
 * not too much waits. */
static int hold(naru__http2_lane *lane, size_t bytes)
{
    naru__http2 *http2 = lane->http2;
    lane->held_bytes += bytes;
    http2->held_bytes += bytes;
    if (http2->held_bytes <= NARU__HTTP2_HELD_BYTES_MAX) {
        return nghttp2_session_consume_connection(http2->session, bytes);
    }
    lane->owed_bytes += bytes;
    return 0;
}

void naru__lane_receive_head(naru__http2_lane *lane, naru_span text)
{
    (void)hand_over(lane, text);
    naru__lane_touch(lane);
}

void naru__lane_receive(naru__http2_lane *lane, naru_span data)
{
    bool taken = lane->in == NARU__LANE_IN_CHUNKS ? hand_over_chunk(lane, data) : hand_over(lane, data);
    nghttp2_session *session = lane->http2->session;
    if ((taken ? nghttp2_session_consume(session, lane->id, data.size) : hold(lane, data.size)) != 0) {
        lane->http2->failed = NARU_ERR_MEMORY;
    }
    naru__lane_touch(lane);
}

/* A WebSocket's peer has ended its side. A request is complete: whoever asked waits for the answer. */
void naru__lane_ended(naru__http2_lane *lane)
{
    bool chunks = lane->in == NARU__LANE_IN_CHUNKS;
    uint8_t last[] = {'0', '\r', '\n', '\r', '\n'};
    lane->in = NARU__LANE_IN_ENDED;
    if (chunks) {
        (void)hand_over(lane, (naru_span){last, sizeof last});
    }
    if (lane->stream && !lane->end_due && (lane->websocket || !lane->http2->server)) {
        lane->end_due = true;
        lane->http2->ends_due++;
    }
    naru__lane_touch(lane);
}

/* Behind a FIN a socket still takes what was written before it was read; Chromium ends its side with its Close, and
 * waits for ours. */
void naru__lane_tell_end(naru__http2_lane *lane)
{
    end_is_told(lane);
    if (lane->stream) {
        naru__stream_over_end(lane->stream);
        naru__lane_touch(lane);
    }
}

/* ---- the owner's stream -------------------------------------------------------------------------------------- */

/* For nghttp2 it is over; the owner has not heard of it, or has heard of the peer's end alone. */
static void tell_closed(naru__http2_lane *lane)
{
    char text[96];
    bool whole = lane->out == NARU__LANE_OUT_ENDED && lane->in == NARU__LANE_IN_ENDED;
    if (lane->error == NGHTTP2_NO_ERROR && whole) {
        naru__stream_over_end(lane->stream);
        return;
    }
    snprintf(text, sizeof text, "HTTP/2 stream reset: %s", nghttp2_http2_strerror(lane->error));
    naru__stream_over_fail(lane->stream, NARU_ERR_CLOSED, ECONNRESET, text);
}

/* One request for each: nothing follows its answer. */
static void end_answered(naru__http2_lane *lane)
{
    if (lane->turned_down) {
        naru__stream_over_fail(lane->stream, NARU_ERR_CLOSED, ECONNRESET, "the request was for a WebSocket");
    } else {
        naru__stream_over_end(lane->stream);
    }
}

void naru__lane_work(naru__http2_lane *lane)
{
    if (lane->stream && !lane->closed) {
        pump(lane);
    }
    if (lane->stream && lane->sent && lane->http2->server && !lane->websocket) {
        end_answered(lane);
    }
    if (lane->stream && lane->closed && !lane->told) {
        lane->told = true;
        tell_closed(lane);
    }
    release_if_done(lane);
}

static const naru__stream *beneath(const naru__stream *stream)
{
    const naru__http2_lane *lane = naru__stream_bearer(stream);
    return lane->http2 ? lane->http2->beneath : NULL;
}

static void work(naru__stream *stream)
{
    naru__http2_lane *lane = naru__stream_bearer(stream);
    if (lane->http2) {
        naru__lane_touch(lane);
        naru__http2_settle(lane->http2);
    }
}

static void released(naru__stream *stream)
{
    naru__http2_lane *lane = naru__stream_bearer(stream);
    if (!lane->http2) {
        return;
    }
    if (!lane->closed && nghttp2_session_consume_stream(lane->http2->session, lane->id, lane->held_bytes) != 0) {
        lane->http2->failed = NARU_ERR_MEMORY;
    }
    forget_held(lane);
    naru__http2_settle_later(lane->http2);
}

static const naru__carrier carrier = {
    .beneath = beneath, .flush = work, .shut = work, .released = released, .closed = closed};
