/* naru connect: how the opening went, why it failed, how it ended; in full when verbose.
 *
 * Source: none. */
#include <string.h>

#include "connect_session.h"
#include "exit_status.h"

static const char *phase_name(naru_client_phase phase)
{
    switch (phase) {
    case NARU_PHASE_URL:
        return "the URL";
    case NARU_PHASE_NAME:
        return "the name";
    case NARU_PHASE_CONNECT:
        return "connecting";
    case NARU_PHASE_PROXY:
        return "the proxy";
    case NARU_PHASE_TLS:
        return "TLS";
    case NARU_PHASE_HANDSHAKE:
        return "the handshake";
    case NARU_PHASE_OPEN:
        return "the open connection";
    }
    return "?";
}

const char *connect_phase_name(naru_client_phase phase)
{
    static const char *const names[] = {
        [NARU_PHASE_URL] = "url",     [NARU_PHASE_NAME] = "name", [NARU_PHASE_CONNECT] = "connect",
        [NARU_PHASE_PROXY] = "proxy", [NARU_PHASE_TLS] = "tls",   [NARU_PHASE_HANDSHAKE] = "handshake",
        [NARU_PHASE_OPEN] = "open",
    };
    return phase <= NARU_PHASE_OPEN ? names[phase] : "?";
}

static int size_of(naru_span span)
{
    enum { SHOWN_MAX = 512 };
    return span.size < SHOWN_MAX ? (int)span.size : SHOWN_MAX;
}

static const char *text_of(naru_span span)
{
    return span.size > 0 ? (const char *)span.data : "";
}

static void report_head(connect_session *session, const naru_http_head *head)
{
    naru_span reason = naru_http_head_reason(head);
    connect_notice(session, "< HTTP/1.%d %d %.*s", naru_http_head_minor(head), naru_http_head_status(head),
                   size_of(reason), text_of(reason));
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        connect_notice(session, "< %.*s: %.*s", size_of(field.name), text_of(field.name), size_of(field.value),
                       text_of(field.value));
    }
}

void connect_report_open(connect_session *session)
{
    naru_span url = naru_client_url(session->client);
    naru_span protocol = naru_client_protocol(session->client);
    if (session->settings->verbose || session->person) {
        connect_notice(session, "connected to %.*s%s%.*s", size_of(url), text_of(url),
                       protocol.size > 0 ? ", protocol " : "", size_of(protocol), text_of(protocol));
    }
    const naru_http_head *head = naru_client_response(session->client);
    if (session->settings->verbose && head) {
        report_head(session, head);
    }
    if (session->person) {
        connect_notice(session, "a line is a message; /help lists commands, Ctrl-D ends");
    }
}

void connect_report_redirect(connect_session *session, const naru_client_hop *hop)
{
    if (session->settings->verbose || session->person) {
        connect_notice(session, "redirected by %d to %.*s%s", hop->http_status, size_of(hop->to), text_of(hop->to),
                       hop->drops_credentials ? ", without credentials" : "");
    }
}

/* Each line of the answer's body; only what is text is worth showing. */
static void report_body(connect_session *session, naru_span body)
{
    while (body.size > 0) {
        const uint8_t *newline = memchr(body.data, '\n', body.size);
        size_t bytes = newline ? (size_t)(newline - body.data) : body.size;
        naru_span line = {body.data, bytes};
        connect_notice(session, "| %.*s", size_of(line), text_of(line));
        bytes += newline != NULL;
        body.data += bytes;
        body.size -= bytes;
    }
}

static void report_detail(connect_session *session, const naru_client_failure *failure)
{
    connect_notice(session, "failed at %s%s: %s%s%s", phase_name(failure->phase),
                   failure->proxy && failure->phase != NARU_PHASE_PROXY ? " of the proxy" : "",
                   naru_status_name(failure->status), failure->system_error != 0 ? ", " : "",
                   failure->system_error != 0 ? strerror(failure->system_error) : "");
    if (failure->fault.rule) {
        connect_notice(session, "rule %s: %s, at byte %llu", failure->fault.rule, failure->fault.text,
                       (unsigned long long)failure->fault.offset);
    }
    if (failure->head) {
        report_head(session, failure->head);
    }
    report_body(session, failure->body);
}

void connect_report_failure(connect_session *session, const naru_client_failure *failure)
{
    const char *text = failure->text ? failure->text : naru_status_text(failure->status);
    if (failure->http_status != 0 && !failure->proxy && failure->status == NARU_ERR_REFUSED) {
        connect_notice(session, "refused: HTTP %d %s", failure->http_status, naru_http_reason(failure->http_status));
    } else {
        connect_notice(session, "%s", text);
    }
    if (session->settings->verbose) {
        report_detail(session, failure);
    }
}

void connect_report_close(connect_session *session, const naru_close_info *info)
{
    bool bad = exit_status_of_close(info, session->closing ? session->our_code : 0) != EXIT_CLEAN;
    if (!session->settings->verbose && !session->person &&
        !(bad && session->status < 0 && session->retry.failure_status < 0)) {
        return;
    }
    connect_notice(session, "closed with code %d%s%.*s%s", info->code, info->reason.size > 0 ? ": " : "",
                   size_of(info->reason), text_of(info->reason), info->clean ? "" : " (no closing handshake)");
}
