/* naru connect --json: each event as one JSON object on one line of stdout.
 *
 * What a message says stands under "text" or "binary" (base64), as in the commands that connect_command.c reads.
 * Source: RFC 8259. */
#include <string.h>

#include "connect_session.h"
#include "json_writer.h"
#include "stamp.h"

static void open_event(const connect_session *session, json_writer *line, const char *event)
{
    json_writer_open(line);
    json_writer_text(line, "event", naru_span_of(event));
    if (session->settings->timestamps) {
        char time[STAMP_BYTES];
        stamp_now(time);
        json_writer_text(line, "time", naru_span_of(time));
    }
}

static void close_event(connect_session *session, json_writer *line)
{
    naru_status status = json_writer_close(line);
    if (status == NARU_OK && session->out.error == 0) {
        status = naru_buf_append(output_buf(&session->out), naru_buf_span(&line->bytes));
        output_flush(&session->out);
    }
    json_writer_free(line);
    if (status != NARU_OK) {
        connect_fail(session, "an event cannot be shown: %s", naru_status_text(status));
    }
}

static void write_head(json_writer *line, const naru_http_head *head)
{
    json_writer_pairs_open(line, "headers");
    for (size_t i = 0; head && i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        json_writer_pair(line, field.name, field.value);
    }
    json_writer_pairs_close(line);
}

static void write_bytes(json_writer *line, naru_span data)
{
    if (naru_utf8_valid(data)) {
        json_writer_text(line, "text", data);
    } else {
        json_writer_base64(line, "binary", data);
    }
}

void connect_json_open(connect_session *session)
{
    json_writer line;
    open_event(session, &line, "open");
    json_writer_text(&line, "url", naru_client_url(session->client));
    json_writer_text(&line, "protocol", naru_client_protocol(session->client));
    json_writer_text(&line, "extensions", naru_client_extensions(session->client));
    write_head(&line, naru_client_response(session->client));
    close_event(session, &line);
}

void connect_json_message(connect_session *session, naru_ws_kind kind, naru_span data)
{
    json_writer line;
    open_event(session, &line, "message");
    if (kind == NARU_WS_TEXT) {
        json_writer_text(&line, "type", naru_span_of("text"));
        json_writer_text(&line, "text", data);
    } else {
        json_writer_text(&line, "type", naru_span_of("base64"));
        json_writer_base64(&line, "binary", data);
    }
    close_event(session, &line);
}

void connect_json_control(connect_session *session, const char *event, naru_span data, int32_t rtt_ms)
{
    json_writer line;
    open_event(session, &line, event);
    write_bytes(&line, data);
    if (rtt_ms >= 0) {
        json_writer_number(&line, "rtt_ms", rtt_ms);
    }
    close_event(session, &line);
}

void connect_json_failure(connect_session *session, const naru_client_failure *failure)
{
    json_writer line;
    open_event(session, &line, "error");
    json_writer_text(&line, "phase", naru_span_of(connect_phase_name(failure->phase)));
    json_writer_text(&line, "status", naru_span_of(naru_status_name(failure->status)));
    json_writer_text(&line, "text", naru_span_of(failure->text ? failure->text : naru_status_text(failure->status)));
    if (failure->system_error != 0) {
        json_writer_text(&line, "system_error", naru_span_of(strerror(failure->system_error)));
    }
    if (failure->fault.rule) {
        json_writer_text(&line, "rule", naru_span_of(failure->fault.rule));
    }
    if (failure->head) {
        json_writer_number(&line, "http_status", failure->http_status);
        write_head(&line, failure->head);
        json_writer_text(&line, "body", failure->body);
    }
    close_event(session, &line);
}

void connect_json_close(connect_session *session, const naru_close_info *info)
{
    json_writer line;
    open_event(session, &line, "close");
    json_writer_number(&line, "code", info->code);
    json_writer_text(&line, "reason", info->reason);
    json_writer_flag(&line, "clean", info->clean);
    close_event(session, &line);
}

void connect_json_frame(connect_session *session, const naru_ws_frame *frame)
{
    json_writer line;
    open_event(session, &line, "frame");
    json_writer_text(&line, "direction", naru_span_of(frame->sent ? "out" : "in"));
    json_writer_text(&line, "opcode", naru_span_of(connect_opcode_name(frame->opcode)));
    json_writer_flag(&line, "fin", frame->fin);
    json_writer_flag(&line, "compressed", connect_frame_compressed(frame));
    json_writer_number(&line, "bytes", (int64_t)frame->payload_bytes);
    json_writer_number(&line, "wire_bytes", (int64_t)frame->wire_bytes);
    if (connect_close_code(frame) != 0) {
        json_writer_number(&line, "code", connect_close_code(frame));
    }
    close_event(session, &line);
}
