/* naru connect: messages as a program or a person wants them, and notices beside them.
 *
 * To a pipe, bytes go out as they came. To a terminal, nothing goes that could drive it.
 * Source: https://no-color.org for NO_COLOR. */
#include <stdarg.h>
#include <stdio.h>

#include "connect_session.h"
#include "encoding.h"
#include "pretty.h"
#include "say.h"
#include "stamp.h"

static const char who[] = "naru connect";

enum { BINARY_SHOWN_BYTES = 64 };

static naru_status append(naru_buf *out, const char *text)
{
    return naru_buf_append(out, naru_span_of(text));
}

static naru_status colour(const connect_session *session, naru_buf *out, const char *code)
{
    return session->colours ? append(out, code) : NARU_OK;
}

static naru_status append_stamp(const connect_session *session, naru_buf *out)
{
    char time[STAMP_BYTES];
    if (!session->settings->timestamps) {
        return NARU_OK;
    }
    stamp_now(time);
    naru_status status = append(out, time);
    return status == NARU_OK ? append(out, " ") : status;
}

/* ---- to a program
 * ---------------------------------------------------------------------------------------------- */

static naru_status append_record(const connect_session *session, naru_buf *out, naru_ws_kind kind, naru_span data)
{
    const connect_settings *settings = session->settings;
    connect_form form = kind == NARU_WS_BINARY ? connect_form_of(settings) : FORM_PLAIN;
    naru_status status = append_stamp(session, out);
    if (status == NARU_OK) {
        status = encoding_write(out, form, data);
    }
    return status == NARU_OK && !settings->raw ? append(out, "\n") : status;
}

/* ---- to a terminal
 * --------------------------------------------------------------------------------------------- */

static naru_status append_binary(const connect_session *session, naru_buf *out, naru_span data)
{
    char head[64];
    connect_form form = connect_form_of(session->settings);
    bool asked = form != FORM_PLAIN;
    naru_span shown = data;
    if (!asked) {
        form = FORM_HEX;
        snprintf(head, sizeof head, "[binary, %zu bytes] ", data.size);
        shown.size = data.size < BINARY_SHOWN_BYTES ? data.size : BINARY_SHOWN_BYTES;
    }
    naru_status status = asked ? NARU_OK : append(out, head);
    if (status == NARU_OK) {
        status = encoding_write(out, form, shown);
    }
    return status == NARU_OK && shown.size < data.size ? append(out, "...") : status;
}

static naru_status append_screen(const connect_session *session, naru_buf *out, naru_ws_kind kind, naru_span data)
{
    naru_status status = append_stamp(session, out);
    if (status == NARU_OK) {
        status = colour(session, out, "\033[36m");
    }
    if (status == NARU_OK && session->person) {
        status = append(out, "< ");
    }
    if (status == NARU_OK) {
        status = kind == NARU_WS_BINARY ? append_binary(session, out, data) : say_escape(out, data, true);
    }
    if (status == NARU_OK) {
        status = colour(session, out, "\033[0m");
    }
    return status == NARU_OK ? append(out, "\n") : status;
}

/* ---- both
 * ------------------------------------------------------------------------------------------------------ */

static naru_status show_in_editor(connect_session *session, naru_ws_kind kind, naru_span data)
{
    naru_buf text;
    naru_buf_init(&text, NULL);
    naru_status status = append_screen(session, &text, kind, data);
    if (status == NARU_OK) {
        editor_print(session->editor, naru_buf_span(&text));
    }
    naru_buf_deinit(&text);
    return status;
}

static void show_plain(connect_session *session, naru_ws_kind kind, naru_span data)
{
    naru_status status;
    bool exact = !session->terminal || session->settings->raw;
    if (session->editor && !exact) {
        status = show_in_editor(session, kind, data);
    } else {
        naru_buf *out = output_buf(&session->out);
        status = exact ? append_record(session, out, kind, data) : append_screen(session, out, kind, data);
        output_flush(&session->out);
    }
    if (status != NARU_OK) {
        connect_fail(session, "a message cannot be shown: %s", naru_status_text(status));
    }
}

void connect_show_message(connect_session *session, naru_ws_kind kind, naru_span data)
{
    naru_buf laid;
    if (session->out.error != 0) {
        return;
    }
    if (session->settings->json) {
        connect_json_message(session, kind, data);
        return;
    }
    naru_buf_init(&laid, NULL);
    if (session->settings->pretty && kind == NARU_WS_TEXT && pretty_write(&laid, data)) {
        data = naru_buf_span(&laid);
    }
    show_plain(session, kind, data);
    naru_buf_deinit(&laid);
}

static void notice_in_editor(connect_session *session, const char *text)
{
    naru_buf line;
    naru_buf_init(&line, NULL);
    if (colour(session, &line, "\033[2m") == NARU_OK && append(&line, "* ") == NARU_OK &&
        say_escape(&line, naru_span_of(text), true) == NARU_OK && colour(session, &line, "\033[0m") == NARU_OK &&
        append(&line, "\n") == NARU_OK) {
        editor_print(session->editor, naru_buf_span(&line));
    }
    naru_buf_deinit(&line);
}

void connect_notice(connect_session *session, const char *format, ...)
{
    char text[1024] = "";
    size_t used = 0;
    if (session->settings->quiet) {
        return;
    }
    if (session->settings->timestamps) {
        stamp_now(text);
        text[STAMP_BYTES - 1] = ' ';
        used = STAMP_BYTES;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    if (session->editor) {
        notice_in_editor(session, text);
    } else {
        say(who, "%s", text);
    }
}
