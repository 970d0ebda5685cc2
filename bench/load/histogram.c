/* Latencies in buckets whose width grows with them. */
#include "histogram.h"

#include <stdio.h>

void histogram_add(histogram *h, uint64_t ns, uint64_t count)
{
    unsigned log = ns < HISTOGRAM_FINE ? 6 : 63 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = log * HISTOGRAM_FINE + (unsigned)((ns >> (log - 6)) & (HISTOGRAM_FINE - 1));
    h->buckets[bucket] += count;
    h->count += count;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

double histogram_us(const histogram *h, double part)
{
    uint64_t wanted = (uint64_t)((double)h->count * part);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > wanted) {
            return (double)((uint64_t)(HISTOGRAM_FINE + i % HISTOGRAM_FINE) << (i / HISTOGRAM_FINE - 6)) / 1000;
        }
    }
    return (double)h->max_ns / 1000;
}

void histogram_print(const histogram *h)
{
    printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f", histogram_us(h, 0.5),
           histogram_us(h, 0.9), histogram_us(h, 0.99), histogram_us(h, 0.999), (double)h->max_ns / 1000);
}
