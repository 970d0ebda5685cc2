/* naru connect, the session: what happens between open and the exit status.
 *
 * Not for: how anything looks (connect_show.c, connect_report.c). Source: none. */
#include "connect_session.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exit_status.h"

enum {
    /* The connection is not read from while more than this waits for stdout. */
    OUTPUT_HIGH_BYTES = 1024 * 1024,
    /* How long the peer has for the pong that marks the end of its answers. */
    LAST_PONG_MS = 2000,
    /* How often a close that waits for an upload or for stdout looks again. */
    PROGRESS_MS = 2000
};

static const char end_mark[] = "end of input";

void connect_decide(connect_session *session, int status)
{
    if (session->status < 0) {
        session->status = status;
    }
}

void connect_close(connect_session *session, uint16_t code, naru_span reason)
{
    if (session->closing || session->over) {
        return;
    }
    session->closing = true;
    session->our_code = code;
    (void)naru_client_close(session->client, code, reason);
    /* The Close must be read, and the messages before it. */
    if (session->paused) {
        session->paused = false;
        naru_client_resume(session->client);
    }
}

void connect_close_as_told(connect_session *session)
{
    const connect_settings *settings = session->settings;
    connect_close(session, (uint16_t)settings->close_code, naru_span_of(settings->close_reason));
}

void connect_fail(connect_session *session, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    connect_notice(session, "%s", text);
    connect_decide(session, EXIT_OWN);
    connect_close(session, 1000, (naru_span){0});
}

static void leave_when_done(connect_session *session)
{
    if (session->over && (output_waiting_bytes(&session->out) == 0 || session->out.error != 0)) {
        naru_loop_stop(session->loop);
    }
}

static void on_output(void *user)
{
    connect_session *session = user;
    if (session->out.error != 0 && session->status < 0) {
        connect_fail(session, "cannot write to stdout: %s", strerror(session->out.error));
        connect_decide(session, EXIT_OWN);
    }
    if (session->paused && output_waiting_bytes(&session->out) < OUTPUT_HIGH_BYTES / 4) {
        session->paused = false;
        naru_client_resume(session->client);
    }
    leave_when_done(session);
}

/* ---- the end of stdin
 * ------------------------------------------------------------------------------------------ */

/* A browser's WebSocket hears nothing more once it closes. So the close waits for a pong: a peer that answers
 * in order has answered all before it. */
static void on_input_end(void *user)
{
    connect_session *session = user;
    const connect_settings *settings = session->settings;
    session->ended = true;
    session->buffered_bytes = naru_client_buffered_bytes(session->client);
    if (settings->wait_ms != WAIT_NONE) {
        naru_timer_start(session->finish, settings->wait_ms);
    } else if (settings->count == 0) {
        (void)naru_client_ping(session->client, naru_span_of(end_mark));
        naru_timer_start(session->finish, LAST_PONG_MS);
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

static void on_finish(void *user)
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

static void start_input(connect_session *session)
{
    static const editor_handler typed = {.on_line = on_line, .on_end = on_typed_end};
    static const input_handler piped = {
        .on_record = on_record, .on_end = on_input_end, .on_error = on_input_error};
    const connect_settings *settings = session->settings;
    if (session->person) {
        session->editor = editor_new(session->loop, &typed, session);
    }
    if (session->editor) {
        return;
    }
    session->person = false;
    session->reading = true;
    /* A record of text that encodes a binary message is up to twice as long as it, with blanks three times.
     */
    uint64_t record_bytes_max = settings->message_bytes_max * (settings->hex || settings->base64 ? 3 : 1);
    if (input_open(&session->in, session->loop, settings->whole, record_bytes_max, &piped, session) !=
        NARU_OK) {
        connect_fail(session, "cannot read stdin");
    }
}

static void stop_input(connect_session *session)
{
    editor_free(session->editor);
    session->editor = NULL;
    if (session->reading) {
        input_close(&session->in);
        session->reading = false;
    }
}

/* ---- the connection
 * -------------------------------------------------------------------------------------------- */

static void on_open(naru_client *client, void *user)
{
    connect_session *session = user;
    (void)client;
    session->open = true;
    start_input(session);
    connect_report_open(session);
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    connect_session *session = user;
    uint64_t count = session->settings->count;
    if (count != 0 && session->received == count) {
        return;
    }
    session->received++;
    connect_show_message(session, kind, data);
    if (count != 0 && session->received == count) {
        connect_close_as_told(session);
    } else if (!session->paused && output_waiting_bytes(&session->out) > OUTPUT_HIGH_BYTES) {
        session->paused = true;
        naru_client_pause(client);
    }
}

static void on_ping(naru_client *client, naru_span data, void *user)
{
    connect_session *session = user;
    (void)client;
    if (session->settings->verbose) {
        connect_notice(session, "ping of %zu bytes answered", data.size);
    }
}

static void on_pong(naru_client *client, naru_span data, int32_t rtt_ms, void *user)
{
    connect_session *session = user;
    (void)client;
    bool marks_end = session->ended && naru_span_equal(data, naru_span_of(end_mark));
    if ((session->settings->verbose || session->person) && !marks_end && rtt_ms >= 0) {
        connect_notice(session, "pong after %d ms", rtt_ms);
    }
    if (marks_end && session->settings->wait_ms == WAIT_NONE && session->settings->count == 0) {
        finish(session);
    }
}

static void on_drain(naru_client *client, void *user)
{
    connect_session *session = user;
    (void)client;
    if (session->reading) {
        input_resume(&session->in);
    }
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    connect_session *session = user;
    (void)client;
    /* What we began ourselves (a signal while connecting, stdout gone) has been told and decided. */
    if (session->status < 0) {
        connect_report_failure(session, failure);
    }
    connect_decide(session, (int)exit_status_of_failure(failure));
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    connect_session *session = user;
    (void)client;
    session->over = true;
    naru_timer_stop(session->finish);
    if (session->open) {
        connect_report_close(session, info);
    }
    session->open = false;
    stop_input(session);
    connect_decide(session, (int)exit_status_of_close(info, session->closing ? session->our_code : 0));
    leave_when_done(session);
}

/* ---- signals
 * --------------------------------------------------------------------------------------------------- */

static void on_signal(void *user, int signal)
{
    connect_session *session = user;
    if (session->open && !session->closing) {
        connect_close_as_told(session);
        return;
    }
    connect_decide(session, EXIT_SIGNAL + signal);
    if (session->over) {
        naru_loop_stop(session->loop);
    } else {
        session->closing = true;
        naru_client_abort(session->client);
    }
}

static void on_resize(void *user, int signal)
{
    connect_session *session = user;
    (void)signal;
    if (session->editor) {
        editor_resize(session->editor);
    }
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------- */

enum { FIELDS_MAX = OPTION_LIST_MAX };

static naru_span trimmed(const char *text)
{
    naru_span span = naru_span_of(text);
    while (span.size > 0 && (span.data[0] == ' ' || span.data[0] == '\t')) {
        span.data++;
        span.size--;
    }
    while (span.size > 0 && (span.data[span.size - 1] == ' ' || span.data[span.size - 1] == '\t')) {
        span.size--;
    }
    return span;
}

/* The command line has seen to it that each header has its colon. */
static size_t read_headers(const option_list *headers, naru_http_field *fields)
{
    for (size_t i = 0; i < headers->count; i++) {
        const char *colon = strchr(headers->items[i], ':');
        size_t name_bytes = colon ? (size_t)(colon - headers->items[i]) : 0;
        fields[i].name = (naru_span){(const uint8_t *)headers->items[i], name_bytes};
        fields[i].value = trimmed(colon ? colon + 1 : "");
    }
    return headers->count;
}

static int open_client(connect_session *session, const char *url, naru_tls *tls)
{
    static const naru_client_handler handler = {.on_open = on_open,
                                                .on_message = on_message,
                                                .on_ping = on_ping,
                                                .on_pong = on_pong,
                                                .on_drain = on_drain,
                                                .on_error = on_error,
                                                .on_close = on_close};
    const connect_settings *settings = session->settings;
    naru_http_field fields[FIELDS_MAX];
    char address[256] = "";
    if (settings->unix_path) {
        snprintf(address, sizeof address, "unix:%s", settings->unix_path);
    }
    naru_client_options options = {
        .conn.ws.message_bytes_max = settings->message_bytes_max,
        .conn.ws.ping_interval_ms = settings->ping_interval_ms == 0 ? NARU_NEVER : settings->ping_interval_ms,
        .conn.ws.deflate.enabled = settings->deflate,
        .protocols = settings->protocols.items,
        .protocols_count = settings->protocols.count,
        .fields = fields,
        .fields_count = read_headers(&settings->headers, fields),
        .origin = settings->origin,
        .address = settings->unix_path ? address : NULL,
        .tls = tls,
        .handshake_timeout_ms = settings->timeout_ms,
        .allow_bad_ports = true,
    };
    const char *reason = NULL;
    naru_status status =
        naru_client_open(session->loop, url, &options, &handler, session, &session->client, &reason);
    if (status == NARU_OK) {
        return OPTIONS_RUN;
    }
    connect_notice(session, "%s", reason ? reason : naru_status_text(status));
    return status == NARU_ERR_ARGUMENT || status == NARU_ERR_UNSUPPORTED ? EXIT_USAGE : EXIT_OWN;
}

static bool hear_signals(connect_session *session)
{
    return naru_loop_signal(session->loop, SIGINT, on_signal, session) == NARU_OK &&
           naru_loop_signal(session->loop, SIGTERM, on_signal, session) == NARU_OK &&
           naru_loop_signal(session->loop, SIGWINCH, on_resize, session) == NARU_OK;
}

static int run(connect_session *session, const char *url, naru_tls *tls)
{
    session->finish = naru_timer_new(session->loop, on_finish, session);
    if (!session->finish || output_open(&session->out, session->loop, on_output, session) != NARU_OK ||
        !hear_signals(session)) {
        connect_notice(session, "cannot start: out of memory or of descriptors");
        return EXIT_OWN;
    }
    int status = open_client(session, url, tls);
    if (status != OPTIONS_RUN) {
        return status;
    }
    return naru_loop_run(session->loop) == NARU_OK && session->status >= 0 ? session->status : EXIT_OWN;
}

static bool wants_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return !(no_color && no_color[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

int connect_run(const connect_settings *settings, const char *url, naru_tls *tls)
{
    connect_session session = {.settings = settings, .status = -1};
    session.terminal = isatty(STDOUT_FILENO) == 1;
    session.person = session.terminal && isatty(STDIN_FILENO) == 1;
    session.colours = session.terminal && wants_colours();
    session.loop = naru_loop_new(NULL);
    if (!session.loop) {
        return EXIT_OWN;
    }
    int status = run(&session, url, tls);
    stop_input(&session);
    naru_client_free(session.client);
    naru_timer_free(session.finish);
    output_close(&session.out);
    naru_loop_free(session.loop);
    return status;
}
