/* Latencies, counted in buckets whose width grows with them: within 0.8 % of the truth. */
#ifndef NARU_APP_BENCH_HISTOGRAM_H
#define NARU_APP_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { BENCH_BUCKET_BITS = 7, BENCH_BUCKETS = (64 - BENCH_BUCKET_BITS + 1) << BENCH_BUCKET_BITS };

/* All zero is empty. */
typedef struct bench_histogram {
    uint64_t buckets[BENCH_BUCKETS];
    uint64_t count;
    uint64_t max_ns;
} bench_histogram;

void bench_histogram_add(bench_histogram *self, uint64_t ns);
void bench_histogram_merge(bench_histogram *self, const bench_histogram *other);
/* Of 1000 latencies so many are not above the answer, or it is the largest; 0 without any. */
uint64_t bench_histogram_ns(const bench_histogram *self, unsigned per_mille);

#endif
