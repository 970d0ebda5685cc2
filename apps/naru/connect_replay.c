/* naru connect --replay: what a record has as sent is sent again, with the same pauses or shorter ones.
 *
 * Not for: what was received then; a record of the replay can be compared with it. Source: none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "connect_session.h"

static void on_time(void *user);

bool connect_replay_open(connect_session *session)
{
    connect_replay *replay = &session->replay;
    const char *path = session->settings->replay_file;
    if (!path) {
        return true;
    }
    replay->file = fopen(path, "re");
    if (!replay->file) {
        connect_notice(session, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    replay->timer = naru_timer_new(session->loop, on_time, session);
    return replay->timer != NULL;
}

static bool load_binary(connect_replay *replay, const json_t *value)
{
    naru_span text = {(const uint8_t *)json_string_value(value), json_string_length(value)};
    size_t size = 0;
    uint8_t *at = naru_buf_reserve(&replay->data, text.size / 4 * 3 + 3);
    if (!at || naru_base64_decode(text, at, &size) != NARU_OK) {
        return false;
    }
    naru_buf_commit(&replay->data, size);
    replay->kind = NARU_WS_BINARY;
    return true;
}

static bool load_text(connect_replay *replay, const json_t *value)
{
    naru_span text = {(const uint8_t *)json_string_value(value), json_string_length(value)};
    replay->kind = NARU_WS_TEXT;
    return naru_buf_append(&replay->data, text) == NARU_OK;
}

static bool load_message(connect_replay *replay, const json_t *root)
{
    const json_t *text = json_object_get(root, "text");
    const json_t *binary = json_object_get(root, "binary");
    naru_buf_deinit(&replay->data);
    if (json_is_string(text)) {
        return load_text(replay, text);
    }
    return json_is_string(binary) && load_binary(replay, binary);
}

/* How long to wait for a line of that time. Times that go back, or are none, mean no wait. */
static uint32_t delay_of(connect_session *session, const json_t *root)
{
    connect_replay *replay = &session->replay;
    const json_t *ms = json_object_get(root, "ms");
    uint64_t at_ms =
        json_is_integer(ms) && json_integer_value(ms) > 0 ? (uint64_t)json_integer_value(ms) : replay->last_ms;
    uint64_t pause_ms = replay->begun && at_ms > replay->last_ms ? at_ms - replay->last_ms : 0;
    uint64_t speed = session->settings->speed_thousandths;
    replay->begun = true;
    replay->last_ms = at_ms;
    if (speed == 0) {
        return 0;
    }
    uint64_t day_ms = 24 * 3600 * UINT64_C(1000);
    uint64_t delay_ms = (pause_ms > day_ms ? day_ms : pause_ms) * 1000 / speed;
    return delay_ms > day_ms ? (uint32_t)day_ms : (uint32_t)delay_ms;
}

static void fail(connect_session *session, const char *what)
{
    connect_fail(session, "%s, line %llu: %s", session->settings->replay_file,
                 (unsigned long long)session->replay.lines, what);
}

/* Look at one line. false: it is wrong, which was told. */
static bool take_line(connect_session *session, size_t bytes, uint32_t *delay_out)
{
    connect_replay *replay = &session->replay;
    json_t *root = json_loadb(replay->line, bytes, JSON_ALLOW_NUL, NULL);
    const char *event = json_string_value(json_object_get(root, "event"));
    bool good = event != NULL;
    if (good && strcmp(event, "sent") == 0) {
        *delay_out = delay_of(session, root);
        good = replay->loaded = load_message(replay, root);
    }
    json_decref(root);
    if (!good) {
        fail(session, "not a line of a record");
    }
    return good;
}

/* Load the next message that was sent, and wait for its time; or come to the end. */
static void next(connect_session *session)
{
    connect_replay *replay = &session->replay;
    uint32_t delay_ms = 0;
    while (!replay->loaded) {
        ssize_t bytes = getline(&replay->line, &replay->line_capacity, replay->file);
        if (bytes < 0) {
            if (ferror(replay->file)) {
                fail(session, "cannot be read");
            } else {
                connect_input_end(session);
            }
            return;
        }
        replay->lines++;
        if (bytes > 1 && !take_line(session, (size_t)bytes, &delay_ms)) {
            return;
        }
    }
    naru_timer_start(replay->timer, delay_ms);
}

static void on_time(void *user)
{
    connect_session *session = user;
    connect_replay *replay = &session->replay;
    if (session->closing || session->over) {
        return;
    }
    if (replay->loaded) {
        replay->loaded = false;
        session->records++;
        naru_status status = connect_send_message(session, replay->kind, naru_buf_span(&replay->data));
        if (status < 0) {
            return;
        }
        replay->paused = status == NARU_FULL;
    }
    if (!replay->paused) {
        next(session);
    }
}

void connect_replay_resume(connect_session *session)
{
    connect_replay *replay = &session->replay;
    if (replay->paused) {
        replay->paused = false;
        naru_timer_start(replay->timer, 0);
    }
}

void connect_replay_stop(connect_session *session)
{
    if (session->replay.timer) {
        naru_timer_stop(session->replay.timer);
        session->replay.paused = true;
    }
}

void connect_replay_free(connect_session *session)
{
    connect_replay *replay = &session->replay;
    naru_timer_free(replay->timer);
    naru_buf_deinit(&replay->data);
    free(replay->line);
    if (replay->file) {
        fclose(replay->file);
    }
}
