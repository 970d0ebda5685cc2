/* naru bench: one connection: what it sends, and what its answers tell.
 *
 * In a closed loop `depth` messages are on their way, and each answer asks for the next. In an open loop message k of a
 * lane is due at start + k / rate, on connection k mod N, and its latency runs from there, whatever the server and this
 * program were busy with: a server that stalls is not spared the messages that it kept from being sent.
 *
 * Source: none. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "exit_status.h"
#include "headers.h"

uint64_t bench_due_ns(const bench_conn *conn, uint64_t nth)
{
    const bench_lane *lane = conn->lane;
    uint64_t number = nth * lane->conns_count + conn->index;
    return lane->start_ns + (uint64_t)((double)number * lane->gap_ns);
}

static uint64_t asked_ns(const bench_conn *conn, uint64_t nth)
{
    const bench_lane *lane = conn->lane;
    return lane->gap_ns > 0 ? bench_due_ns(conn, nth) : conn->asked_ns[nth % lane->run->settings->depth];
}

/* What is due and not taken yet waits here: the library's queue has a bound. */
static void send_owed(bench_conn *conn)
{
    bench_lane *lane = conn->lane;
    const bench_content *content = &lane->run->content;
    while (conn->open && conn->sent < conn->asked) {
        naru_span text = bench_content_of(content, conn->sent);
        naru_status status = naru_client_send(conn->client, content->kind, text, NARU_WS_VALID);
        if (status != NARU_OK && status != NARU_FULL) {
            break;
        }
        conn->sent++;
        lane->counts.bytes_out += lane->counting ? text.size : 0;
    }
}

static void ask(bench_conn *conn, uint64_t now_ns)
{
    conn->asked_ns[conn->asked % conn->lane->run->settings->depth] = now_ns;
    conn->asked++;
    send_owed(conn);
}

void bench_conn_begin(bench_conn *conn)
{
    for (uint64_t i = 0; i < conn->lane->run->settings->depth; i++) {
        ask(conn, bench_now_ns());
    }
}

void bench_conn_issue(bench_conn *conn)
{
    conn->asked++;
    send_owed(conn);
}

void bench_conn_unanswered(bench_conn *conn, uint64_t now_ns)
{
    bench_counts *counts = &conn->lane->counts;
    for (uint64_t nth = conn->answered; conn->lane->gap_ns > 0 && nth < conn->asked; nth++) {
        bench_histogram_add(&counts->latencies, now_ns - asked_ns(conn, nth));
        counts->unsent += nth >= conn->sent;
        counts->unanswered += nth < conn->sent;
    }
}

static void count_answer(bench_conn *conn, naru_ws_kind kind, naru_span data, uint64_t now_ns)
{
    bench_lane *lane = conn->lane;
    const bench_run *run = lane->run;
    bool same = kind == run->content.kind && naru_span_equal(data, bench_content_of(&run->content, conn->answered));
    lane->counts.different += !run->settings->any_answer && !same;
    if (lane->counting) {
        bench_histogram_add(&lane->counts.latencies, now_ns - asked_ns(conn, conn->answered));
        lane->counts.messages++;
        lane->counts.bytes_in += data.size;
    }
}

/* ---- the client's callbacks ---------------------------------------------------------------------------------- */

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    bench_conn *conn = user;
    bench_lane *lane = conn->lane;
    uint64_t now_ns = bench_now_ns();
    (void)client;
    if (lane->closing) {
        return;
    }
    if (conn->answered == conn->sent) {
        lane->counts.different += !lane->run->settings->any_answer; /* nobody asked */
        return;
    }
    count_answer(conn, kind, data, now_ns);
    conn->answered++;
    if (lane->gap_ns == 0) {
        ask(conn, now_ns);
    }
}

static void on_drain(naru_client *client, void *user)
{
    bench_conn *conn = user;
    (void)client;
    if (!conn->lane->closing) {
        send_owed(conn);
    }
}

static void on_open(naru_client *client, void *user)
{
    bench_conn *conn = user;
    conn->open = true;
    conn->lane->opened++;
    conn->lane->counts.compressed = naru_client_extensions(client).size > 0;
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    bench_conn *conn = user;
    bench_run *run = conn->lane->run;
    (void)client;
    if (conn->open || conn->lane->closing) {
        return;
    }
    int status = (int)exit_status_of_failure(failure);
    if (failure->http_status != 0 && failure->http_status != 101) {
        bench_fail(run, status, "refused: HTTP %d %s", failure->http_status, naru_http_reason(failure->http_status));
    } else {
        bench_fail(run, status, "%s", failure->text ? failure->text : naru_status_text(failure->status));
    }
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    bench_conn *conn = user;
    (void)client;
    (void)info;
    conn->lane->counts.lost += conn->open && !conn->lane->closing;
    conn->lane->ended++;
    conn->open = false;
    conn->ended = true;
}

/* ---- dialling ------------------------------------------------------------------------------------------------ */

enum { QUEUE_BYTES_MIN = 4 << 20, ANSWER_BYTES_MIN = 64 << 20 };

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void fill_options(const bench_run *run, naru_http_field *fields, naru_client_options *options)
{
    const bench_settings *settings = run->settings;
    *options = (naru_client_options){
        .conn.ws.message_bytes_max = at_least(settings->message_bytes, ANSWER_BYTES_MIN),
        .conn.ws.trust_utf8 = true, /* answers are compared */
        .conn.ws.deflate = {.enabled = settings->deflate, .threshold_bytes = 1},
        .conn.queue_bytes_max = at_least(2 * settings->message_bytes, QUEUE_BYTES_MIN),
        .conn.queue_high_bytes = QUEUE_BYTES_MIN / 2,
        .conn.queue_low_bytes = QUEUE_BYTES_MIN / 4,
        .conn.queue_policy = NARU_QUEUE_REFUSE,
        .protocols = settings->protocols.items,
        .protocols_count = settings->protocols.count,
        .fields = fields,
        .fields_count = headers_read(&settings->headers, fields),
        .tls = run->tls,
        .handshake_timeout_ms = settings->timeout_ms,
        .allow_bad_ports = true,
    };
}

void bench_conn_dial(bench_conn *conn)
{
    static const naru_client_handler handler = {
        .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_error = on_error, .on_close = on_close};
    bench_lane *lane = conn->lane;
    naru_http_field fields[OPTION_LIST_MAX];
    naru_client_options options;
    const char *reason = NULL;
    fill_options(lane->run, fields, &options);
    naru_status status = naru_client_open(lane->loop, lane->run->url, &options, &handler, conn, &conn->client, &reason);
    if (status != NARU_OK) {
        bench_fail(lane->run, status == NARU_ERR_ARGUMENT ? EXIT_USAGE : EXIT_OWN, "%s",
                   reason ? reason : naru_status_text(status));
    }
}
