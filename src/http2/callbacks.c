/* What nghttp2 tells while it goes through bytes: heads begin, fields come, data comes, streams end; and how often a
 * peer does what is cheap for it and dear for us.
 *
 * Not for: what becomes of a stream (lane.c). Source: RFC 9113 6, 10.5; nghttp2's manual. */
#include "inside.h"

enum { RESETS_PER_SECOND = 33, RESETS_BURST = 1000, ODDITIES_PER_SECOND = 100, ODDITIES_BURST = 1000 };

static naru__http2_lane *lane_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* Told once the call of nghttp2 that is under way has returned. */
static void complain(naru__http2 *http2, const char *what)
{
    http2->complaint = http2->complaint ? http2->complaint : what;
}

/* ---- how often ----------------------------------------------------------------------------------------------- */

/* 9113 10.5: frames that are legal and do nothing. */
static bool is_odd(const nghttp2_frame_hd *frame)
{
    switch (frame->type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
        return true;
    case NGHTTP2_DATA:
        return frame->length == 0 && !(frame->flags & NGHTTP2_FLAG_END_STREAM);
    default:
        return false; /* of unknown types nghttp2 does not tell, and throws them away */
    }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *user)
{
    naru__http2 *http2 = user;
    uint64_t now_ms = naru_loop_now_ms(http2->loop);
    (void)session;
    if (is_odd(frame) && !naru__http2_meter_take(&http2->oddities, now_ms, ODDITIES_PER_SECOND, ODDITIES_BURST)) {
        complain(http2, "too many frames that do nothing");
    }
    http2->continuations = frame->type == NGHTTP2_CONTINUATION ? http2->continuations + 1 : 0;
    if (http2->continuations > NARU__HTTP2_CONTINUATIONS_MAX) {
        complain(http2, "a head in too many pieces");
    }
    return http2->complaint ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void count_reset(naru__http2 *http2)
{
    if (!naru__http2_meter_take(&http2->resets, naru_loop_now_ms(http2->loop), RESETS_PER_SECOND, RESETS_BURST)) {
        complain(http2, "too many streams reset");
    }
}

/* Those that the peer provokes are counted as if it had sent them; our owners' own are not its doing. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    bool content = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (content && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        naru__http2_lane *lane = lane_of(session, frame->hd.stream_id);
        if (lane) {
            lane->sent = true;
            naru__lane_touch(lane);
        }
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        frame->rst_stream.error_code != NGHTTP2_CANCEL) {
        count_reset(user);
    }
    return 0;
}

/* ---- heads --------------------------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    naru__http2 *http2 = user;
    (void)session;
    naru__intake_begin(http2, frame->hd.stream_id);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_bytes,
                     const uint8_t *value, size_t value_bytes, uint8_t flags, void *user)
{
    (void)session;
    (void)frame;
    (void)flags;
    naru__intake_take(user, (naru_span){name, name_bytes}, (naru_span){value, value_bytes});
    return 0;
}

/* 9113 8.1.1: a field that is none makes the whole malformed, and nghttp2 would only have left it out. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *user)
{
    naru__http2 *http2 = user;
    (void)session;
    (void)frame;
    (void)name;
    (void)name_bytes;
    (void)value;
    (void)value_bytes;
    (void)flags;
    http2->intake.status = NARU_ERR_PROTOCOL;
    return 0;
}

static int refuse(nghttp2_session *session, int32_t id, naru_status why)
{
    uint32_t error = why == NARU_ERR_PROTOCOL  ? NGHTTP2_PROTOCOL_ERROR
                     : why == NARU_ERR_REFUSED ? NGHTTP2_REFUSED_STREAM
                                               : NGHTTP2_INTERNAL_ERROR;
    int result = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, error);
    return result == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* 8441 4: a protocol that we do not know; 9220 3 names the status. */
static int answer_unknown_protocol(nghttp2_session *session, int32_t id)
{
    static uint8_t name[] = ":status", value[] = "501";
    const nghttp2_nv status = {name, value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE};
    return nghttp2_submit_response(session, id, &status, 1, NULL) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* 9218 4.2, 10: streams of one urgency take turns, whatever the peer would like: no WebSocket waits for a download. */
static void take_turns(nghttp2_session *session, int32_t id)
{
    const nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    (void)nghttp2_session_change_extpri_stream_priority(session, id, &turns, 1);
}

static int open_lane(naru__http2 *http2, int32_t id, bool ended)
{
    nghttp2_session *session = http2->session;
    naru__http2_lane *lane = naru__lane_new(http2, id);
    if (!lane) {
        return refuse(session, id, NARU_ERR_MEMORY);
    }
    naru_buf text;
    naru_buf_init(&text, http2->allocator);
    naru_status status = naru__intake_request(lane, ended, &text);
    if (status == NARU_OK && !http2->calls->on_stream(http2, lane->stream)) {
        status = NARU_ERR_REFUSED;
    }
    if (status != NARU_OK) {
        naru_buf_deinit(&text);
        lane->closed = true; /* nghttp2 has never heard of it */
        naru__stream_close(lane->stream);
        return status == NARU_ERR_UNSUPPORTED ? answer_unknown_protocol(session, id) : refuse(session, id, status);
    }
    nghttp2_session_set_stream_user_data(session, id, lane);
    take_turns(session, id);
    naru__stream_over_announce(lane->stream);
    naru__lane_receive_head(lane, naru_buf_span(&text));
    naru_buf_deinit(&text);
    return 0;
}

static int answer_lane(naru__http2 *http2, int32_t id)
{
    naru__http2_lane *lane = lane_of(http2->session, id);
    if (!lane || lane->in != NARU__LANE_IN_HEAD) {
        return 0; /* trailers */
    }
    naru_buf text;
    naru_buf_init(&text, http2->allocator);
    naru_status status = naru__intake_response(lane, &text);
    if (status != NARU_OK) {
        return refuse(http2->session, id, status);
    }
    naru__lane_receive_head(lane, naru_buf_span(&text));
    naru_buf_deinit(&text);
    return 0;
}

static int head_complete(naru__http2 *http2, const nghttp2_frame *frame)
{
    int32_t id = frame->hd.stream_id;
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    int result = 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        result = open_lane(http2, id, ended);
    } else if (!http2->server) {
        result = answer_lane(http2, id);
    }
    naru__intake_forget(http2);
    return result;
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

/* 8441 3. Those who wait for it are told by the first SETTINGS. */
static void settings_came(naru__http2 *http2)
{
    bool first = !http2->settled;
    http2->settled = true;
    if (http2->server || !first) {
        return;
    }
    bool connects = nghttp2_session_get_remote_settings(http2->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
    for (naru__http2_lane *lane = http2->lanes; lane; lane = lane->next) {
        if (lane->stream && connects) {
            naru__stream_over_announce(lane->stream);
        } else {
            http2->failed = connects ? http2->failed : NARU_ERR_UNSUPPORTED;
        }
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    naru__http2 *http2 = user;
    int result = 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        result = head_complete(http2, frame);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        count_reset(http2);
    } else if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
        settings_came(http2);
    }
    bool content = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    naru__http2_lane *lane = content ? lane_of(session, frame->hd.stream_id) : NULL;
    if (lane && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        naru__lane_ended(lane);
    }
    return http2->complaint ? NGHTTP2_ERR_CALLBACK_FAILURE : result;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
                         void *user)
{
    naru__http2 *http2 = user;
    naru__http2_lane *lane = lane_of(session, id);
    (void)flags;
    if (lane) {
        naru__lane_receive(lane, (naru_span){data, size});
    } else if (nghttp2_session_consume(session, id, size) != 0) {
        http2->failed = NARU_ERR_MEMORY;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    naru__http2 *http2 = user;
    naru__http2_lane *lane = lane_of(session, id);
    if (lane) {
        lane->closed = true;
        lane->error = error;
        naru__lane_touch(lane);
    }
    if (http2->intake.id == id) {
        naru__intake_forget(http2); /* the head was malformed */
    }
    return 0;
}

/* ---- the session --------------------------------------------------------------------------------------------- */

static void set_calls(nghttp2_session_callbacks *calls)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_frame_send);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
}

static bool greet(const naru__http2 *http2)
{
    const nghttp2_settings_entry server[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, http2->options.streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, NARU__HTTP2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http2->options.head_bytes_max},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    const nghttp2_settings_entry client[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, NARU__HTTP2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http2->options.head_bytes_max},
    };
    const nghttp2_settings_entry *entries = http2->server ? server : client;
    size_t count = http2->server ? sizeof server / sizeof server[0] : sizeof client / sizeof client[0];
    return nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, entries, count) == 0 &&
           nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
                                                 NARU__HTTP2_CONNECTION_WINDOW_BYTES) == 0;
}

bool naru__http2_make_session(naru__http2 *http2)
{
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&calls) == 0 && nghttp2_option_new(&option) == 0) {
        set_calls(calls);
        nghttp2_option_set_no_auto_window_update(option, 1); /* what a paused stream holds is not given back */
        nghttp2_option_set_no_closed_streams(option, 1);
        int result = http2->server
                         ? nghttp2_session_server_new3(&http2->session, calls, http2, option, &http2->memory.calls)
                         : nghttp2_session_client_new3(&http2->session, calls, http2, option, &http2->memory.calls);
        if (result != 0) {
            http2->session = NULL;
        }
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    return http2->session && greet(http2);
}
