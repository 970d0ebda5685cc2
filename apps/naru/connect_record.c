/* naru connect --record: all that is sent and received, each as one line of JSON with its time, which --replay reads.
 *
 * Source: RFC 8259. */
#include <errno.h>
#include <string.h>

#include "connect_session.h"
#include "json_writer.h"

bool connect_record_open(connect_session *session)
{
    const char *path = session->settings->record_file;
    if (!path) {
        return true;
    }
    session->record = fopen(path, "we");
    if (!session->record) {
        connect_notice(session, "cannot write to %s: %s", path, strerror(errno));
    }
    return session->record != NULL;
}

static void write_line(connect_session *session, json_writer *line)
{
    naru_status status = json_writer_close(line);
    naru_span bytes = naru_buf_span(&line->bytes);
    bool whole = status == NARU_OK && fwrite(bytes.data, 1, bytes.size, session->record) == bytes.size;
    json_writer_free(line);
    if (!whole) {
        fclose(session->record);
        session->record = NULL;
        connect_fail(session, "cannot write to %s", session->settings->record_file);
    }
}

static void open_line(connect_session *session, json_writer *line, const char *event)
{
    uint64_t now_ms = naru_loop_now_ms(session->loop);
    if (!session->record_started) {
        session->record_started = true;
        session->record_start_ms = now_ms;
    }
    json_writer_open(line);
    json_writer_number(line, "ms", (int64_t)(now_ms - session->record_start_ms));
    json_writer_text(line, "event", naru_span_of(event));
}

void connect_record_message(connect_session *session, const char *event, naru_ws_kind kind, naru_span data)
{
    if (!session->record) {
        return;
    }
    json_writer line;
    open_line(session, &line, event);
    if (kind == NARU_WS_TEXT) {
        json_writer_text(&line, "text", data);
    } else {
        json_writer_base64(&line, "binary", data);
    }
    write_line(session, &line);
}

void connect_record_close(connect_session *session, const naru_close_info *info)
{
    if (!session->record) {
        return;
    }
    json_writer line;
    open_line(session, &line, "close");
    json_writer_number(&line, "code", info->code);
    json_writer_text(&line, "reason", info->reason);
    write_line(session, &line);
}

bool connect_record_end(connect_session *session)
{
    if (!session->record) {
        return true;
    }
    bool whole = ferror(session->record) == 0;
    whole = fclose(session->record) == 0 && whole;
    session->record = NULL;
    if (!whole) {
        connect_notice(session, "cannot write to %s: %s", session->settings->record_file, strerror(errno));
    }
    return whole;
}
