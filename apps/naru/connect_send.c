/* naru connect: a record of stdin or a typed line becomes a message.
 *
 * Source: none. */
#include "connect_session.h"
#include "encoding.h"

connect_form connect_form_of(const connect_settings *settings)
{
    return settings->base64 ? FORM_BASE64 : settings->hex ? FORM_HEX : FORM_PLAIN;
}

static void complain(connect_session *session, const char *what)
{
    /* A person can type the line again; a program's input must not be sent with a hole in it. */
    if (session->person) {
        connect_notice(session, "not sent: %s", what);
    } else if (session->settings->whole) {
        connect_fail(session, "stdin cannot be sent: %s", what);
    } else {
        connect_fail(session, "line %llu of stdin cannot be sent: %s", (unsigned long long)session->records, what);
    }
}

static naru_status send_message(connect_session *session, naru_ws_kind kind, naru_span data)
{
    if (data.size > session->settings->message_bytes_max) {
        complain(session, "larger than --max-message");
        return NARU_ERR_TOO_BIG;
    }
    naru_status status = naru_client_send(session->client, kind, data, 0);
    if (status == NARU_ERR_UTF8) {
        complain(session, "not UTF-8 (--binary sends any bytes)");
    } else if (status < 0) {
        complain(session, naru_status_text(status));
    }
    return status == NARU_END ? NARU_ERR_CLOSED : status;
}

static naru_status send_encoded(connect_session *session, connect_form form, naru_span record)
{
    naru_buf bytes;
    naru_buf_init(&bytes, NULL);
    naru_status status = encoding_read(&bytes, form, record);
    if (status == NARU_OK) {
        status = send_message(session, NARU_WS_BINARY, naru_buf_span(&bytes));
    } else if (status == NARU_ERR_MEMORY) {
        complain(session, naru_status_text(status));
    } else {
        complain(session, form == FORM_HEX ? "not hexadecimal" : "not base64");
    }
    naru_buf_deinit(&bytes);
    return status;
}

naru_status connect_send(connect_session *session, naru_span record)
{
    connect_form form = connect_form_of(session->settings);
    if (form != FORM_PLAIN) {
        return send_encoded(session, form, record);
    }
    return send_message(session, session->settings->binary ? NARU_WS_BINARY : NARU_WS_TEXT, record);
}
