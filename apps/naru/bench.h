/* naru bench: its settings, its load, and what it has counted. */
#ifndef NARU_APP_BENCH_H
#define NARU_APP_BENCH_H

#include <stdatomic.h>

#include <naru/client.h>

#include "bench_histogram.h"
#include "options.h"

typedef struct bench_settings {
    const char *url;
    uint64_t connections;
    uint64_t threads;
    uint64_t depth;
    uint64_t message_bytes;
    const char *content;
    uint64_t rate;     /* messages a second, of all connections; 0: closed loop */
    uint64_t messages; /* answers after which it ends; 0: measure_ms says when */
    uint32_t measure_ms;
    uint32_t warmup_ms;
    uint32_t timeout_ms;
    bool any_answer;
    bool deflate;
    const char *ca_file;
    bool insecure;
    option_list headers;
    option_list protocols;
    bool json;
} bench_settings;

/* bench_content.c: the messages that are sent in turn. */
enum { BENCH_TEXTS = 16 };
typedef struct bench_content {
    naru_ws_kind kind;
    size_t bytes;   /* of each */
    uint8_t *texts; /* BENCH_TEXTS of them */
} bench_content;

/* errors NARU_ERR_ARGUMENT: there is no such content. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status bench_content_make(bench_content *content, const char *name, size_t bytes);
naru_span bench_content_of(const bench_content *content, uint64_t message);
void bench_content_free(bench_content *content);

/* What one thread, or all of them, have counted while it was measured. */
typedef struct bench_counts {
    bench_histogram latencies;
    uint64_t messages;            /* answers */
    uint64_t bytes_out, bytes_in; /* payload, before compression */
    uint64_t unsent, unanswered;
    uint64_t different; /* answers that were not what was sent */
    uint64_t lost;      /* connections that ended before the end */
    uint64_t elapsed_ns;
    uint64_t cpu_ns;
    bool compressed; /* deflate was agreed on */
} bench_counts;

void bench_counts_add(bench_counts *sum, const bench_counts *more);

/* bench_report.c */
void bench_report(const bench_settings *settings, const char *url, const bench_counts *counts);

typedef struct bench_lane bench_lane;

/* One connection. message numbers count from 0 on each connection. */
typedef struct bench_conn {
    bench_lane *lane;
    naru_client *client;
    uint64_t asked; /* messages that are due */
    uint64_t sent;  /* of them, taken by the library */
    uint64_t answered;
    uint64_t *asked_ns; /* closed loop: when each of the last `depth` was asked for */
    uint32_t index;
    bool open;
    bool ended;
} bench_conn;

/* What all lanes share. */
typedef struct bench_run {
    const bench_settings *settings;
    const char *url;
    bench_content content;
    naru_tls *tls;
    atomic_bool over;    /* a signal, or a lane that failed */
    atomic_int status;   /* the first failure's exit status; 0: none */
    atomic_uint arrived; /* lanes whose connections are all open */
    uint32_t lanes_count;
    bench_lane *lanes;
} bench_run;

/* One thread with its loop. */
struct bench_lane {
    bench_run *run;
    naru_loop *loop;
    uint32_t number;
    bench_conn *conns;
    uint32_t conns_count;
    uint32_t dialled, opened, ended;
    uint64_t issued;   /* open loop: messages of all its connections */
    uint64_t start_ns; /* of the open loop's timetable */
    double gap_ns;     /* between two messages; 0: closed loop */
    bool counting;
    bool ready; /* all are open */
    bool closing;
    bench_counts counts;
};

uint64_t bench_now_ns(void);
/* bench_lane.c */
NARU_MUST_USE naru_status bench_lane_open(bench_lane *lane, bench_run *run, uint32_t number);
/* Connect, wait for the other lanes, measure, and close: all on the calling thread. */
void bench_lane_live(bench_lane *lane);
void bench_lane_free(bench_lane *lane);

/* bench_conn.c */
void bench_conn_dial(bench_conn *conn);
void bench_conn_begin(bench_conn *conn); /* closed loop: the first `depth` messages */
void bench_conn_issue(bench_conn *conn); /* open loop: one more is due */
void bench_conn_unanswered(bench_conn *conn, uint64_t now_ns);
/* Open loop: when its nth message is due. */
uint64_t bench_due_ns(const bench_conn *conn, uint64_t nth);
/* Say why, once, and end it all. */
void bench_fail(bench_run *run, int status, const char *format, ...) NARU_PRINTF(3, 4);

#endif
