/* naru connect: a record of stdin or a typed line becomes a message.
 *
 * Source: none. */
#include "connect_session.h"
#include "encoding.h"

connect_form connect_form_of(const connect_settings *settings)
{
    return settings->base64 ? FORM_BASE64 : settings->hex ? FORM_HEX : FORM_PLAIN;
}

void connect_complain(connect_session *session, const char *what)
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

static naru_status send_now(connect_session *session, naru_ws_kind kind, naru_span data)
{
    naru_status status = session->settings->reconnect ? naru_reconnector_send(session->retry.reconnector, kind, data, 0)
                                                      : naru_client_send(session->client, kind, data, 0);
    if (status == NARU_OK || status == NARU_FULL) {
        connect_record_message(session, "sent", kind, data);
    }
    return status;
}

/* A person is told that there is no room; a program's input is just not read on. */
static bool too_much_waits(connect_session *session, size_t bytes)
{
    uint64_t kept = naru_reconnector_offline_bytes(session->retry.reconnector);
    return session->person && !session->open && kept + bytes > session->settings->offline_bytes_max;
}

naru_status connect_send_message(connect_session *session, naru_ws_kind kind, naru_span data)
{
    if (data.size > session->settings->message_bytes_max) {
        connect_complain(session, "larger than --max-message");
        return NARU_ERR_TOO_BIG;
    }
    if (kind == NARU_WS_TEXT && !naru_utf8_valid(data)) {
        connect_complain(session, "not UTF-8 (--binary sends any bytes)");
        return NARU_ERR_UTF8;
    }
    if (too_much_waits(session, data.size)) {
        connect_complain(session, "there is no connection, and --offline-max is reached");
        return NARU_OK;
    }
    naru_status status = send_now(session, kind, data);
    if (status < 0) {
        connect_complain(session, naru_status_text(status));
        return status;
    }
    uint64_t kept = naru_reconnector_offline_bytes(session->retry.reconnector);
    if ((kept > 0 || !session->open) && kept >= session->settings->offline_bytes_max) {
        return NARU_FULL;
    }
    return status == NARU_END ? NARU_ERR_CLOSED : status;
}

naru_status connect_ping(connect_session *session, naru_span data)
{
    return session->open ? naru_client_ping(session->client, data) : NARU_ERR_STATE;
}

static naru_status send_encoded(connect_session *session, connect_form form, naru_span record)
{
    naru_buf bytes;
    naru_buf_init(&bytes, NULL);
    naru_status status = encoding_read(&bytes, form, record);
    if (status == NARU_OK) {
        status = connect_send_message(session, NARU_WS_BINARY, naru_buf_span(&bytes));
    } else if (status == NARU_ERR_MEMORY) {
        connect_complain(session, naru_status_text(status));
    } else {
        connect_complain(session, form == FORM_HEX ? "not hexadecimal" : "not base64");
    }
    naru_buf_deinit(&bytes);
    return status;
}

naru_status connect_send(connect_session *session, naru_span record)
{
    connect_form form = connect_form_of(session->settings);
    if (session->settings->json) {
        return connect_command_run(session, record);
    }
    if (form != FORM_PLAIN) {
        return send_encoded(session, form, record);
    }
    return connect_send_message(session, session->settings->binary ? NARU_WS_BINARY : NARU_WS_TEXT, record);
}
