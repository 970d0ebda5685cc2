/* naru bench: the figures, for people or for programs.
 *
 * Source: none. */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"
#include "json_writer.h"

static const struct {
    const char *name, *key;
    unsigned per_mille;
} points[] = {
    {"p50", "p50_ns", 500},    {"p90", "p90_ns", 900},  {"p99", "p99_ns", 990},
    {"p99.9", "p999_ns", 999}, {"max", "max_ns", 1000},
};
enum { POINTS = sizeof points / sizeof points[0] };

void bench_counts_add(bench_counts *sum, const bench_counts *more)
{
    bench_histogram_merge(&sum->latencies, &more->latencies);
    sum->messages += more->messages;
    sum->bytes_out += more->bytes_out;
    sum->bytes_in += more->bytes_in;
    sum->unsent += more->unsent;
    sum->unanswered += more->unanswered;
    sum->different += more->different;
    sum->lost += more->lost;
    sum->elapsed_ns = more->elapsed_ns > sum->elapsed_ns ? more->elapsed_ns : sum->elapsed_ns;
    sum->cpu_ns += more->cpu_ns;
    sum->compressed = sum->compressed || more->compressed;
}

static double per_second(const bench_counts *counts, uint64_t number)
{
    return counts->elapsed_ns > 0 ? (double)number * 1e9 / (double)counts->elapsed_ns : 0;
}

static void report_json(const bench_settings *settings, const char *url, const bench_counts *counts)
{
    json_writer line;
    json_writer_open(&line);
    json_writer_text(&line, "url", naru_span_of(url));
    json_writer_number(&line, "connections", (int64_t)settings->connections);
    json_writer_number(&line, "threads", (int64_t)settings->threads);
    json_writer_text(&line, "loop", naru_span_of(settings->rate > 0 ? "open" : "closed"));
    json_writer_number(&line, settings->rate > 0 ? "rate" : "depth",
                       (int64_t)(settings->rate > 0 ? settings->rate : settings->depth));
    json_writer_text(&line, "content", naru_span_of(settings->content));
    json_writer_number(&line, "size_bytes", (int64_t)settings->message_bytes);
    json_writer_flag(&line, "deflate", counts->compressed);
    json_writer_number(&line, "elapsed_ns", (int64_t)counts->elapsed_ns);
    json_writer_number(&line, "cpu_ns", (int64_t)counts->cpu_ns);
    json_writer_number(&line, "messages", (int64_t)counts->messages);
    json_writer_number(&line, "messages_per_second", (int64_t)per_second(counts, counts->messages));
    json_writer_number(&line, "bytes_out", (int64_t)counts->bytes_out);
    json_writer_number(&line, "bytes_in", (int64_t)counts->bytes_in);
    for (size_t i = 0; i < POINTS; i++) {
        json_writer_number(&line, points[i].key, (int64_t)bench_histogram_ns(&counts->latencies, points[i].per_mille));
    }
    json_writer_number(&line, "unsent", (int64_t)counts->unsent);
    json_writer_number(&line, "unanswered", (int64_t)counts->unanswered);
    json_writer_number(&line, "different", (int64_t)counts->different);
    json_writer_number(&line, "lost", (int64_t)counts->lost);
    if (json_writer_close(&line) == NARU_OK) {
        fwrite(naru_buf_span(&line.bytes).data, 1, naru_buf_span(&line.bytes).size, stdout);
    }
    json_writer_free(&line);
}

static void print_load(const bench_settings *settings, const char *url, const bench_counts *counts)
{
    bool open = settings->rate > 0;
    printf("%s\n", url);
    printf("  load      %12" PRIu64 " connections, threads: %" PRIu64 ", %s: %" PRIu64, settings->connections,
           settings->threads, open ? "messages a second" : "depth", open ? settings->rate : settings->depth);
    printf(", size: %" PRIu64 " bytes of %s%s\n", settings->message_bytes, settings->content,
           counts->compressed ? ", compressed" : "");
}

static void report_words(const bench_settings *settings, const char *url, const bench_counts *counts)
{
    print_load(settings, url, counts);
    printf("  messages  %12.0f a second, %" PRIu64 " in %.2f s\n", per_second(counts, counts->messages),
           counts->messages, (double)counts->elapsed_ns / 1e9);
    printf("  payload   %12.1f MB a second out, %.1f in\n", per_second(counts, counts->bytes_out) / 1e6,
           per_second(counts, counts->bytes_in) / 1e6);
    printf("  latency  ");
    for (size_t i = 0; i < POINTS; i++) {
        printf(" %s %.1f us%s", points[i].name,
               (double)bench_histogram_ns(&counts->latencies, points[i].per_mille) / 1000, i + 1 < POINTS ? "," : "\n");
    }
    printf("  errors    %12" PRIu64 " connections lost, %" PRIu64 " answers different, %" PRIu64 " unanswered, %" PRIu64
           " unsent\n",
           counts->lost, counts->different, counts->unanswered, counts->unsent);
    printf("  own CPU   %12.2f cores%s\n", per_second(counts, counts->cpu_ns) / 1e9,
           settings->rate > 0 ? ", which wait actively" : "");
}

void bench_report(const bench_settings *settings, const char *url, const bench_counts *counts)
{
    (settings->json ? report_json : report_words)(settings, url, counts);
}
