/* Latencies, counted in buckets of one 64th of a doubling, 1.6 % wide at most. */
#ifndef NARU_BENCH_HISTOGRAM_H
#define NARU_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_FINE };

typedef struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram;

void histogram_add(histogram *h, uint64_t ns, uint64_t count);
double histogram_us(const histogram *h, double part); /* part 0.5: the median */
void histogram_print(const histogram *h);             /* fields of JSON, without braces */

#endif
