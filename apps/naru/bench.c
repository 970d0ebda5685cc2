/* naru bench: the command: its options, its threads, and the sum.
 *
 * Source: none. */
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "exit_status.h"
#include "headers.h"
#include "say.h"
#include "url.h"

#define AT(field) offsetof(bench_settings, field)

enum { THREADS_MAX = 64, CONNECTIONS_MAX = 1000000, DEPTH_MAX = 65536 };

static const option options[] = {
    {.help = "The load:"},
    {OPTION_NUMBER, 'c', "connections", "N", "so many at a time; 16", AT(connections), 1, CONNECTIONS_MAX},
    {OPTION_NUMBER, 'd', "depth", "N", "messages on their way on each; 1", AT(depth), 1, DEPTH_MAX},
    {OPTION_NUMBER, 'r', "rate", "N",
     "messages a second on all together, due at times of their own:\nlatency counts from there, sent late or not",
     AT(rate), 1, 100000000},
    {OPTION_BYTES, 's', "size", "BYTES", "of a message (K, M, G); 128", AT(message_bytes), 0, 1024 * 1024 * 1024},
    {OPTION_TEXT, 0, "content", "NAME", "ascii, korean, json, or random (binary); ascii", AT(content), 0, 0},
    {OPTION_ON, 0, "deflate", NULL, "offer permessage-deflate, and compress every message", AT(deflate), 0, 0},
    {OPTION_ON, 0, "any-answer", NULL, "count an answer, whatever it says; else it must be an echo", AT(any_answer), 0,
     0},
    {OPTION_NUMBER, 0, "threads", "N", "share the connections between so many; 1", AT(threads), 1, THREADS_MAX},
    {.help = "The time:"},
    {OPTION_SECONDS, 't', "seconds", "SECONDS", "measure for so long; 5", AT(measure_ms), 1, 86400000},
    {OPTION_NUMBER, 'n', "messages", "N", "until so many are answered, instead", AT(messages), 1, UINT64_MAX / 1024},
    {OPTION_SECONDS, 0, "warmup", "SECONDS", "and before that do the same uncounted; 0.5", AT(warmup_ms), 0, 86400000},
    {OPTION_SECONDS, 0, "timeout", "SECONDS", "for one connection to open; 10", AT(timeout_ms), 1, 600000},
    {.help = "The way there:"},
    {OPTION_LIST, 'H', "header", "'NAME: VALUE'", "add a field to each request; may be repeated", AT(headers), 0, 0},
    {OPTION_LIST, 0, "protocol", "NAME", "offer this subprotocol; may be repeated", AT(protocols), 0, 0},
    {OPTION_TEXT, 0, "ca", "FILE", "trust these authorities (PEM) instead of the system's", AT(ca_file), 0, 0},
    {OPTION_ON, 'k', "insecure", NULL, "check no certificate; only for trying things out", AT(insecure), 0, 0},
    {.help = "And:"},
    {OPTION_ON, 0, "json", NULL, "the figures as one JSON object", AT(json), 0, 0},
};

static const char who[] = "naru bench";

void bench_fail(bench_run *run, int status, const char *format, ...)
{
    int none = EXIT_CLEAN;
    if (atomic_compare_exchange_strong(&run->status, &none, status)) {
        char text[512];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        say(who, "%s", text);
    }
    atomic_store(&run->over, true);
}

static void on_signal(void *user, int signal)
{
    bench_run *run = user;
    (void)signal;
    atomic_store(&run->over, true);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

static void *live(void *user)
{
    bench_lane_live(user);
    return NULL;
}

/* A loop belongs to the thread that runs it, so a lane lives on one thread; the first on this one. */
static void live_all(bench_run *run)
{
    pthread_t threads[THREADS_MAX];
    uint32_t started = 1;
    while (started < run->lanes_count && pthread_create(&threads[started], NULL, live, &run->lanes[started]) == 0) {
        started++;
    }
    if (started < run->lanes_count) {
        bench_fail(run, EXIT_OWN, "a thread cannot be started");
    }
    bench_lane_live(&run->lanes[0]);
    for (uint32_t i = 1; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static naru_status open_lanes(bench_run *run)
{
    run->lanes = calloc(run->lanes_count, sizeof *run->lanes);
    naru_status status = run->lanes ? NARU_OK : NARU_ERR_MEMORY;
    for (uint32_t i = 0; status == NARU_OK && i < run->lanes_count; i++) {
        status = bench_lane_open(&run->lanes[i], run, i);
    }
    for (int i = 0; status == NARU_OK && i < 2; i++) {
        status = naru_loop_signal(run->lanes[0].loop, i == 0 ? SIGINT : SIGTERM, on_signal, run);
    }
    return status;
}

static int judge(bench_run *run, const bench_counts *sum)
{
    if (sum->messages == 0 && atomic_load(&run->status) == EXIT_CLEAN) {
        bench_fail(run, sum->lost > 0 ? EXIT_LOST : EXIT_TIMEOUT, "no answer came while it was measured");
    } else if (sum->different > 0) {
        bench_fail(run, EXIT_PROTOCOL, "not all answers were what was sent: is it an echo?");
    } else if (sum->lost > 0) {
        bench_fail(run, EXIT_LOST, "connections were lost");
    }
    return atomic_load(&run->status);
}

static int measure(bench_run *run)
{
    live_all(run);
    if (atomic_load(&run->arrived) < run->lanes_count) {
        int status = atomic_load(&run->status);
        return status == EXIT_CLEAN ? EXIT_SIGNAL + SIGINT : status;
    }
    bench_counts *sum = calloc(1, sizeof *sum);
    if (!sum) {
        return EXIT_OWN;
    }
    for (uint32_t i = 0; i < run->lanes_count; i++) {
        bench_counts_add(sum, &run->lanes[i].counts);
    }
    bench_report(run->settings, run->url, sum);
    fflush(stdout);
    int status = judge(run, sum);
    free(sum);
    return status;
}

static int run_all(bench_run *run)
{
    int status = EXIT_OWN;
    if (open_lanes(run) == NARU_OK) {
        status = measure(run);
    } else {
        say(who, "out of memory, or of descriptors");
    }
    for (uint32_t i = 0; run->lanes && i < run->lanes_count; i++) {
        bench_lane_free(&run->lanes[i]);
    }
    free(run->lanes);
    return status;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static int open_tls(const bench_settings *settings, naru_tls **tls_out)
{
    naru_tls_client_options tls = {.ca_file = settings->ca_file, .insecure = settings->insecure};
    char reason[256] = "";
    if (!tls.ca_file && !tls.insecure) {
        return OPTIONS_RUN;
    }
    if (naru_tls_client_new(&tls, tls_out, reason, sizeof reason) == NARU_OK) {
        return OPTIONS_RUN;
    }
    say(who, "%s", reason[0] ? reason : "out of memory");
    return EXIT_USAGE;
}

static int run_with(const cli_command *command, const bench_settings *settings)
{
    bench_run run = {.settings = settings, .lanes_count = (uint32_t)settings->threads};
    naru_buf url;
    naru_buf_init(&url, NULL);
    naru_status made = bench_content_make(&run.content, settings->content, settings->message_bytes);
    if (made == NARU_OK) {
        made = url_complete(&url, settings->url);
    }
    int status = made == NARU_OK ? open_tls(settings, &run.tls) : EXIT_OWN;
    if (made == NARU_ERR_ARGUMENT) {
        status = options_complain(command, "--content is ascii, korean, json or random");
    }
    if (status == OPTIONS_RUN) {
        run.url = (const char *)naru_buf_span(&url).data;
        status = run_all(&run);
    }
    naru_tls_unref(run.tls);
    naru_buf_deinit(&url);
    bench_content_free(&run.content);
    return status;
}

static int run(const cli_command *command, int argc, char **argv)
{
    bench_settings settings = {
        .connections = 16,
        .threads = 1,
        .depth = 1,
        .message_bytes = 128,
        .content = "ascii",
        .measure_ms = 5000,
        .warmup_ms = 500,
        .timeout_ms = 10000,
    };
    option_list operands = {.count = 0};
    int status = options_parse(command, argc, argv, &settings, &operands);
    if (status == OPTIONS_RUN && operands.count == 0) {
        status = options_complain(command, "a URL is missing");
    }
    if (status == OPTIONS_RUN && settings.rate > 0 && settings.depth > 1) {
        status = options_complain(command, "--depth and --rate exclude each other");
    }
    if (status == OPTIONS_RUN) {
        status = headers_check(command, &settings.headers);
    }
    if (status != OPTIONS_RUN) {
        return status;
    }
    settings.url = operands.items[0];
    settings.threads = settings.threads < settings.connections ? settings.threads : settings.connections;
    return run_with(command, &settings);
}

const cli_command bench_command = {
    .name = "bench",
    .summary = "put load on a WebSocket server, and measure its answers",
    .synopsis = "bench [OPTION]... URL\n",
    .about = "Without --rate each answer asks for the next message, which tells how much a server can take. With it,\n"
             "messages are due at even intervals whatever the server does, which tells how long its users wait: a\n"
             "message that was sent late because the server held things up counts from when it was due, and one that\n"
             "was never answered as long as the rest of the run. Answers are compared with what was sent. SIGINT ends\n"
             "it early. Load only what is yours.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 1,
    .examples = "naru bench --connections 100 localhost:8080/echo\n"
                "naru bench --rate 20000 --connections 500 --seconds 30 ws://localhost:9001/\n"
                "naru bench --json --threads 4 --depth 16 --size 1K --content json ws://localhost:9001/ | jq .p99_ns\n",
    .exit_statuses = true,
    .run = run,
};
