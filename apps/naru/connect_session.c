/* naru connect, the session: what happens between open and the exit status.
 *
 * Not for: stdin (connect_input.c), how anything looks (connect_show.c, connect_report.c). Source: none. */
#include "connect_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "exit_status.h"

/* Stdout has to have less than this for the connection to be read from again. */
enum { OUTPUT_LOW_BYTES = 256 * 1024 };

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
    if (connect_retry_waits(session)) {
        connect_decide(session, EXIT_LOST);
    }
    (void)naru_reconnector_close(session->retry.reconnector, code, reason);
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

void connect_on_output(void *user)
{
    connect_session *session = user;
    if (session->out.error != 0 && session->status < 0) {
        connect_fail(session, "cannot write to stdout: %s", strerror(session->out.error));
        connect_decide(session, EXIT_OWN);
    }
    if (session->paused && output_waiting_bytes(&session->out) < OUTPUT_LOW_BYTES) {
        session->paused = false;
        naru_client_resume(session->client);
    }
    leave_when_done(session);
}

/* ---- the connection
 * -------------------------------------------------------------------------------------------- */

void connect_leave(connect_session *session)
{
    session->over = true;
    session->open = false;
    naru_timer_stop(session->finish);
    connect_input_stop(session);
    connect_replay_stop(session);
    connect_pings_report(session);
    leave_when_done(session);
}

static void on_open(naru_client *client, void *user)
{
    connect_session *session = user;
    session->client = client;
    session->open = true;
    connect_input_start(session);
    if (session->settings->json) {
        connect_json_open(session);
    } else {
        connect_report_open(session);
    }
    connect_pings_start(session);
}

static void on_ping(naru_client *client, naru_span data, void *user)
{
    connect_session *session = user;
    (void)client;
    if (session->settings->json) {
        connect_json_control(session, "ping", data, -1);
    } else if (session->settings->verbose) {
        connect_notice(session, "ping of %zu bytes answered", data.size);
    }
}

static void on_pong(naru_client *client, naru_span data, int32_t rtt_ms, void *user)
{
    connect_session *session = user;
    (void)client;
    if (connect_input_pong(session, data)) {
        return;
    }
    if (session->settings->json) {
        connect_json_control(session, "pong", data, rtt_ms);
    }
    bool shown = connect_pings_pong(session, rtt_ms) || session->settings->json;
    if (!shown && (session->settings->verbose || session->person) && rtt_ms >= 0) {
        connect_notice(session, "pong after %d ms", rtt_ms);
    }
}

static void on_drain(naru_client *client, void *user)
{
    connect_session *session = user;
    (void)client;
    connect_input_resume(session);
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    connect_session *session = user;
    (void)client;
    session->retry.failure_status = (int)exit_status_of_failure(failure);
    /* What we began ourselves (a signal while connecting, stdout gone) has been told and decided. */
    if (session->settings->json) {
        connect_json_failure(session, failure);
    } else if (session->status < 0) {
        connect_report_failure(session, failure);
    }
}

static void tell_close(connect_session *session, const naru_close_info *info)
{
    if (session->settings->json) {
        connect_json_close(session, info);
    } else if (session->open) {
        connect_report_close(session, info);
    }
    connect_record_close(session, info);
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    connect_session *session = user;
    int failure_status = session->retry.failure_status;
    int close_status = (int)exit_status_of_close(info, session->closing ? session->our_code : 0);
    int status = failure_status >= 0 ? failure_status : close_status;
    (void)client;
    tell_close(session, info);
    naru_timer_stop(session->finish);
    connect_pings_stop(session);
    connect_replay_stop(session);
    session->open = false;
    session->paused = false;
    session->retry.failure_status = -1;
    session->retry.status = status;
}

static bool on_redirect(naru_client *client, const naru_client_hop *hop, void *user)
{
    (void)client;
    connect_report_redirect(user, hop);
    return true;
}

const naru_client_handler connect_handler = {
    .on_open = on_open,
    .on_message = connect_receive_message,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_drain = on_drain,
    .on_error = on_error,
    .on_close = on_close,
    .on_redirect = on_redirect,
};
