/* naru connect: what stdin says, from a person or a program, and what its end means.
 *
 * Not for: reading it (input.c, editor.c). Source: WHATWG WebSockets 4, for why a close must wait. */
#include "connect_session.h"

#include "exit_status.h"

enum {
    /* How long the peer has for the pong that marks the end of its answers. */
    LAST_PONG_MS = 2000,
    /* How often a close that waits for an upload or for stdout looks again. */
    PROGRESS_MS = 2000,
    COMMAND_BYTES = 1024 /* of JSON around a message */
};

static const char end_mark[] = "end of input";

/* A browser's WebSocket hears nothing more once it closes. So the close waits for a pong: a peer that answers
 * in order has answered all before it. */
static void wait_for_answers(connect_session *session)
{
    const connect_settings *settings = session->settings;
    session->buffered_bytes = naru_client_buffered_bytes(session->client);
    if (settings->wait_ms != WAIT_NONE) {
        naru_timer_start(session->finish, settings->wait_ms);
    } else if (settings->count == 0) {
        (void)connect_ping(session, naru_span_of(end_mark));
        naru_timer_start(session->finish, LAST_PONG_MS);
    }
}

void connect_input_end(void *user)
{
    connect_session *session = user;
    session->ended = true;
    /* What waits for a connection goes out first; then connect_input_resume comes here again. */
    if (session->open) {
        wait_for_answers(session);
    }
}

static void finish(connect_session *session)
{
    if (session->settings->count > session->received) {
        connect_notice(session, "%llu of %llu messages came in time", (unsigned long long)session->received,
                       (unsigned long long)session->settings->count);
        connect_decide(session, EXIT_TIMEOUT);
    }
    connect_close_as_told(session);
}

void connect_on_finish(void *user)
{
    connect_session *session = user;
    uint64_t buffered = naru_client_buffered_bytes(session->client);
    bool moves = buffered > 0 && buffered != session->buffered_bytes;
    session->buffered_bytes = buffered;
    if (moves || session->paused) {
        naru_timer_start(session->finish, PROGRESS_MS);
        return;
    }
    finish(session);
}

bool connect_input_pong(connect_session *session, naru_span data)
{
    bool marks_end = session->ended && naru_span_equal(data, naru_span_of(end_mark));
    if (marks_end && session->settings->wait_ms == WAIT_NONE && session->settings->count == 0) {
        finish(session);
    }
    return marks_end;
}

/* ---- stdin
 * ----------------------------------------------------------------------------------------------------- */

static naru_status on_record(naru_span record, void *user)
{
    connect_session *session = user;
    session->records++;
    return connect_send(session, record);
}

static void on_input_error(const char *text, void *user)
{
    connect_fail(user, "cannot read stdin: %s", text);
}

static void on_line(naru_span line, void *user)
{
    connect_session *session = user;
    if (line.size > 0 && line.data[0] == '/') {
        connect_slash(session, line);
    } else {
        (void)connect_send(session, line);
    }
}

static void on_typed_end(void *user)
{
    connect_close_as_told(user);
}

static void start_pipe(connect_session *session)
{
    static const input_handler piped = {
        .on_record = on_record, .on_end = connect_input_end, .on_error = on_input_error};
    const connect_settings *settings = session->settings;
    session->person = false;
    session->reading = true;
    /* A record of text that encodes a binary message is up to twice as long as it, with blanks three times; a
     * character takes six in JSON. */
    uint64_t widest = settings->json ? 6 : settings->hex || settings->base64 ? 3 : 1;
    uint64_t record_bytes_max = settings->message_bytes_max * widest + (settings->json ? COMMAND_BYTES : 0);
    if (input_open(&session->in, session->loop, settings->whole, record_bytes_max, &piped, session) != NARU_OK) {
        connect_fail(session, "cannot read stdin");
    }
}

/* The next of --once, and time for its answer. */
static void send_once(connect_session *session)
{
    const option_list *once = &session->settings->once;
    const char *text = once->items[session->once_sent++];
    session->records++;
    if (connect_send(session, naru_span_of(text)) < 0) {
        return;
    }
    session->ended = session->once_sent == once->count;
    session->buffered_bytes = naru_client_buffered_bytes(session->client);
    naru_timer_start(session->finish, session->settings->wait_ms);
}

void connect_input_answered(connect_session *session)
{
    if (session->open && !session->closing && session->once_sent < session->settings->once.count) {
        send_once(session);
    }
}

void connect_input_start(connect_session *session)
{
    static const editor_handler typed = {.on_line = on_line, .on_end = on_typed_end};
    if (session->started) {
        return;
    }
    session->started = true;
    if (session->settings->once.count > 0) {
        session->person = false;
        send_once(session);
        return;
    }
    if (session->replay.file) {
        session->person = false;
        naru_timer_start(session->replay.timer, 0);
        return;
    }
    if (session->person && !session->settings->json) {
        session->editor = editor_new(session->loop, &typed, session);
    }
    if (!session->editor) {
        start_pipe(session);
    }
}

void connect_input_stop(connect_session *session)
{
    editor_free(session->editor);
    session->editor = NULL;
    if (session->reading) {
        input_close(&session->in);
        session->reading = false;
    }
}

void connect_input_resume(connect_session *session)
{
    if (session->reading) {
        input_resume(&session->in);
    }
    if (!session->ended) {
        connect_replay_resume(session);
    }
}

/* A new connection after a lost one: what waited has been sent. */
void connect_input_again(connect_session *session)
{
    bool ended = session->ended;
    if (session->settings->once.count > 0) {
        /* Nobody can tell whether the question was lost or only its answer. */
        session->once_sent = session->received < session->settings->once.count ? (size_t)session->received : 0;
        send_once(session);
        return;
    }
    connect_input_resume(session);
    if (ended) {
        wait_for_answers(session);
    }
}
