/* One HTTP/2 connection: nghttp2's session on the stream beneath. What came goes in, what there is to send comes out as
 * long as the stream's queue has room, and what that touched is seen to in between.
 *
 *   OPEN -> LEAVING -> LINGER -> GONE      GOAWAY, the last lane ends, our side is shut, the peer's end
 *       \-> FAILED -/                      GOAWAY with an error, and no lane any more
 *
 * Not for: what nghttp2 tells (callbacks.c), one stream of it (lane.c). Source: RFC 9113 3, 5.4.1, 6.8. */
#include "inside.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"

const char naru__http2_preface[] = NGHTTP2_CLIENT_MAGIC;
_Static_assert(NGHTTP2_CLIENT_MAGIC_LEN == NARU__HTTP2_PREFACE_BYTES, "9113 3.4");

void naru__http2_settle_later(naru__http2 *http2)
{
    naru__loop_defer(http2->loop, &http2->work);
}

void *naru__http2_user(const naru__http2 *http2)
{
    return http2->user;
}

naru__stream *naru__http2_beneath(const naru__http2 *http2)
{
    return http2->beneath;
}

void naru__http2_add(naru__http2 *http2, naru__http2_lane *lane)
{
    lane->next = http2->lanes;
    lane->link = &http2->lanes;
    if (lane->next) {
        lane->next->link = &lane->next;
    }
    http2->lanes = lane;
    http2->lanes_count++;
}

void naru__http2_remove(naru__http2_lane *lane)
{
    naru__http2 *http2 = lane->http2;
    *lane->link = lane->next;
    if (lane->next) {
        lane->next->link = lane->link;
    }
    http2->lanes_count--;
    http2->idle_since_ms = naru_loop_now_ms(http2->loop);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void fail_lanes(naru__http2 *http2, naru_status why, int system_error, const char *text)
{
    while (http2->touched) {
        naru__http2_lane *lane = http2->touched;
        http2->touched = lane->touched_next;
        lane->touched = false;
    }
    while (http2->lanes) {
        naru__lane_fail(http2->lanes, why, system_error, text);
    }
}

static void delete_session(naru__http2 *http2)
{
    if (http2->memory.failed) {
        naru__http2_memory_drop(&http2->memory);
    } else {
        nghttp2_session_del(http2->session);
    }
}

static void end(naru__http2 *http2, naru_status why, int system_error, const char *text)
{
    if (http2->phase == NARU__HTTP2_GONE) {
        return;
    }
    http2->phase = NARU__HTTP2_GONE;
    fail_lanes(http2, why, system_error, text);
    naru__loop_timer_stop(http2->loop, &http2->timer);
    naru__loop_defer_cancel(http2->loop, &http2->work);
    naru__intake_forget(http2);
    delete_session(http2);
    if (http2->calls && http2->calls->on_gone) {
        http2->calls->on_gone(http2);
    }
    naru__stream_close(http2->beneath);
    naru__loop_free_later(http2->loop, http2, sizeof *http2);
}

static const char over[] = "HTTP/2 connection ended";

void naru__http2_destroy(naru__http2 *http2)
{
    if (http2->busy) {
        http2->failed = NARU_ERR_CLOSED;
    } else {
        end(http2, NARU_ERR_CLOSED, 0, over);
    }
}

void naru__http2_abandon(naru__http2 *http2)
{
    if (http2) {
        http2->calls = NULL;
        naru__http2_destroy(http2);
    }
}

/* All is said. What still comes is dropped, until the peer's end. */
static void linger(naru__http2 *http2)
{
    http2->phase = NARU__HTTP2_LINGER;
    http2->busy = true;
    fail_lanes(http2, NARU_ERR_CLOSED, ECONNRESET, over);
    http2->busy = false;
    if (http2->failed != NARU_OK) {
        naru__http2_destroy(http2);
        return;
    }
    naru__stream_shutdown(http2->beneath);
    naru__loop_timer_start(http2->loop, &http2->timer, naru_loop_now_ms(http2->loop) + NARU__HTTP2_LINGER_MS);
}

static void say_goodbye(naru__http2 *http2, uint32_t error, naru__http2_phase phase)
{
    int result = error == NGHTTP2_NO_ERROR && http2->lanes_count > 0
                     ? nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
                                             nghttp2_session_get_last_proc_stream_id(http2->session), error, NULL, 0)
                     : nghttp2_session_terminate_session(http2->session, error);
    http2->phase = (uint8_t)phase;
    if (result != 0) {
        http2->failed = NARU_ERR_MEMORY;
    }
}

void naru__http2_leave(naru__http2 *http2)
{
    if (http2->phase == NARU__HTTP2_OPEN) {
        say_goodbye(http2, NGHTTP2_NO_ERROR, NARU__HTTP2_LEAVING);
        naru__http2_settle_later(http2);
    }
}

/* Tell the log, and the peer. */
static void break_off(naru__http2 *http2, const char *why, uint32_t error)
{
    char peer[128];
    if (http2->phase >= NARU__HTTP2_FAILED) {
        return;
    }
    naru__stream_peer(http2->beneath, peer, sizeof peer);
    naru__log(http2->loop, NARU_LOG_INFO, "%s: HTTP/2 connection ended: %s", peer, why);
    say_goodbye(http2, error, NARU__HTTP2_FAILED);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static uint64_t sooner(uint64_t at_ms, uint64_t since_ms, uint32_t timeout_ms)
{
    uint64_t end_ms = timeout_ms == NARU_NEVER ? UINT64_MAX : since_ms + timeout_ms;
    return end_ms < at_ms ? end_ms : at_ms;
}

static uint64_t deadline_ms(const naru__http2 *http2)
{
    const naru__http2_options *options = &http2->options;
    uint64_t at_ms = UINT64_MAX;
    if (!http2->settled) {
        at_ms = sooner(at_ms, http2->idle_since_ms, options->head_timeout_ms);
    } else if (http2->lanes_count == 0) {
        at_ms = sooner(at_ms, http2->idle_since_ms, options->idle_timeout_ms);
    }
    return http2->intake.id != 0 ? sooner(at_ms, http2->intake.since_ms, options->head_timeout_ms) : at_ms;
}

static void set_timer(naru__http2 *http2)
{
    uint64_t now_ms = naru_loop_now_ms(http2->loop);
    bool failed =
        http2->phase == NARU__HTTP2_FAILED || (http2->phase == NARU__HTTP2_LEAVING && http2->lanes_count == 0);
    if (failed && naru__timer_running(&http2->timer.timer) &&
        http2->timer.timer.at_ms <= now_ms + NARU__HTTP2_LINGER_MS) {
        return; /* a peer that does not even read the GOAWAY */
    }
    uint64_t at_ms = failed ? now_ms + NARU__HTTP2_LINGER_MS : deadline_ms(http2);
    if (at_ms == UINT64_MAX) {
        naru__loop_timer_stop(http2->loop, &http2->timer);
    } else if (!naru__timer_running(&http2->timer.timer) || http2->timer.timer.at_ms != at_ms) {
        naru__loop_timer_start(http2->loop, &http2->timer, at_ms);
    }
}

static void on_timer(naru__loop_timer *timer)
{
    naru__http2 *http2 = (naru__http2 *)(void *)((char *)timer - offsetof(naru__http2, timer));
    if (http2->phase >= NARU__HTTP2_FAILED || (http2->phase == NARU__HTTP2_LEAVING && http2->lanes_count == 0)) {
        naru__http2_destroy(http2);
        return;
    }
    if (deadline_ms(http2) > naru_loop_now_ms(http2->loop)) {
        set_timer(http2);
        return;
    }
    if (!http2->settled || http2->intake.id != 0) {
        break_off(http2, "a head was not complete in time", NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
        naru__http2_leave(http2);
    }
    naru__http2_settle(http2);
}

/* ---- out ------------------------------------------------------------------------------------------------------- */

/* As much as the stream's queue has room for. */
static void fill(naru__http2 *http2)
{
    naru__stream *beneath = http2->beneath;
    const uint8_t *bytes;
    ssize_t size = 0;
    while (naru__stream_out_size(beneath) < NARU__HTTP2_OUT_HIGH_BYTES) {
        size = nghttp2_session_mem_send(http2->session, &bytes);
        if (size <= 0) {
            break;
        }
        if (naru_buf_append(naru__stream_out(beneath), (naru_span){bytes, (size_t)size}) != NARU_OK) {
            size = NGHTTP2_ERR_NOMEM;
            break;
        }
    }
    if (size < 0) {
        http2->failed = NARU_ERR_MEMORY;
    }
    if (naru__stream_out_size(beneath) > 0) {
        naru__stream_flush_later(beneath);
    }
    if (naru__stream_out_size(beneath) >= NARU__HTTP2_OUT_HIGH_BYTES && !http2->draining) {
        http2->draining = true;
        naru__stream_want_drain(beneath, NARU__HTTP2_OUT_LOW_BYTES);
    }
}

static void work_through_touched(naru__http2 *http2)
{
    while (http2->touched) {
        naru__http2_lane *lane = http2->touched;
        http2->touched = lane->touched_next;
        lane->touched = false;
        naru__lane_work(lane);
    }
}

static void tell_ends(naru__http2 *http2)
{
    while (http2->ends_due > 0 && http2->failed == NARU_OK) {
        naru__http2_lane *lane = http2->lanes;
        while (lane && !lane->end_due) {
            lane = lane->next;
        }
        if (!lane) {
            return;
        }
        naru__lane_tell_end(lane);
    }
}

static bool is_over(const naru__http2 *http2)
{
    return !nghttp2_session_want_read(http2->session) && !nghttp2_session_want_write(http2->session);
}

static const char *why_failed(const naru__http2 *http2)
{
    switch (http2->failed) {
    case NARU_ERR_MEMORY:
        return "no memory";
    case NARU_ERR_UNSUPPORTED:
        return "the server takes no WebSockets over HTTP/2";
    default:
        return over;
    }
}

void naru__http2_settle(naru__http2 *http2)
{
    if (http2->busy || http2->phase >= NARU__HTTP2_LINGER) {
        return;
    }
    http2->busy = true;
    do {
        work_through_touched(http2);
        fill(http2);
        tell_ends(http2);
    } while (http2->touched && http2->failed == NARU_OK);
    http2->busy = false;
    if (http2->failed != NARU_OK) {
        end(http2, http2->failed, http2->failed == NARU_ERR_MEMORY ? ENOMEM : 0, why_failed(http2));
        return;
    }
    if (http2->complaint && http2->phase < NARU__HTTP2_FAILED) {
        break_off(http2, http2->complaint, NGHTTP2_ENHANCE_YOUR_CALM);
        fill(http2);
    }
    if (http2->lanes_count == 0 && (http2->phase == NARU__HTTP2_LEAVING || !http2->server) &&
        http2->phase < NARU__HTTP2_FAILED) {
        say_goodbye(http2, NGHTTP2_NO_ERROR, NARU__HTTP2_LEAVING);
        fill(http2);
    }
    if (is_over(http2)) {
        linger(http2);
    } else {
        set_timer(http2);
    }
}

static void on_work(naru__deferred *work)
{
    naru__http2_settle((naru__http2 *)(void *)((char *)work - offsetof(naru__http2, work)));
}

static void on_drain(naru__stream *stream)
{
    naru__http2 *http2 = stream->owner;
    http2->draining = false;
    naru__http2_settle(http2);
}

/* ---- in -------------------------------------------------------------------------------------------------------- */

static void drain(naru__http2 *http2, size_t bytes)
{
    http2->drained_bytes += bytes;
    if (http2->drained_bytes > NARU__HTTP2_LINGER_BYTES_MAX) {
        naru__http2_destroy(http2);
    }
}

/* nghttp2 gives the session up: what it has not told the peer itself is to be told. */
static void broke(naru__http2 *http2, ssize_t error)
{
    if (http2->complaint || http2->failed != NARU_OK) {
        return; /* naru__http2_settle tells */
    }
    if (error == NGHTTP2_ERR_NOMEM || error == NGHTTP2_ERR_CALLBACK_FAILURE) {
        http2->failed = NARU_ERR_MEMORY;
    } else if (error == NGHTTP2_ERR_FLOODED) {
        http2->complaint = "answers that it does not read";
    } else {
        break_off(http2, nghttp2_strerror((int)error), NGHTTP2_PROTOCOL_ERROR);
    }
}

void naru__http2_receive(naru__http2 *http2, naru_span bytes)
{
    if (http2->phase >= NARU__HTTP2_FAILED) {
        drain(http2, bytes.size);
        return;
    }
    http2->busy = true;
    ssize_t used = nghttp2_session_mem_recv(http2->session, bytes.data, bytes.size);
    http2->busy = false;
    if (used < 0) {
        broke(http2, used);
    }
    naru__http2_settle(http2);
}

static void on_data(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru__http2_receive(stream->owner, (naru_span){bytes, size});
}

static void on_end(naru__stream *stream, naru_status why)
{
    int system_error = 0;
    const char *text = naru__stream_error(stream, &system_error);
    end(stream->owner, why == NARU_END ? NARU_ERR_CLOSED : why, system_error,
        why == NARU_END ? "connection ended" : text);
}

static const naru__stream_handler handler = {.on_data = on_data, .on_end = on_end, .on_drain = on_drain};

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static naru__http2 *begin(naru__stream *beneath, const naru__http2_options *options, const naru__http2_calls *calls,
                          void *user, bool server)
{
    const naru_allocator *allocator = naru_loop_allocator(beneath->loop);
    naru__http2 *http2 = naru__alloc_zero(allocator, sizeof *http2);
    if (!http2) {
        return NULL;
    }
    http2->beneath = beneath;
    http2->loop = beneath->loop;
    http2->allocator = allocator;
    naru__http2_memory_init(&http2->memory, allocator);
    http2->calls = calls;
    http2->user = user;
    http2->options = *options;
    http2->server = server;
    http2->timer.fire = on_timer;
    http2->work.run = on_work;
    http2->idle_since_ms = naru_loop_now_ms(http2->loop);
    naru__intake_init(http2);
    if (!naru__http2_make_session(http2)) {
        delete_session(http2);
        naru__free(allocator, http2, sizeof *http2);
        return NULL;
    }
    beneath->handler = &handler;
    beneath->owner = http2;
    naru__http2_settle_later(http2);
    return http2;
}

naru__http2 *naru__http2_serve(naru__stream *beneath, const naru__http2_options *options,
                               const naru__http2_calls *calls, void *user)
{
    return begin(beneath, options, calls, user, true);
}

naru__http2 *naru__http2_join(naru__stream *beneath, const naru__http2_options *options, const naru__http2_calls *calls,
                              void *user)
{
    return begin(beneath, options, calls, user, false);
}

naru__stream *naru__http2_open(naru__http2 *http2)
{
    naru__http2_lane *lane = naru__lane_new(http2, 0);
    if (!lane) {
        return NULL;
    }
    lane->websocket = true;
    if (http2->settled) {
        naru__stream_over_announce(lane->stream);
    }
    return lane->stream;
}
