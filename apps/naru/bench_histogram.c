/* A histogram of logarithms, each of them in equal steps.
 *
 * Not for: values that may be negative. Source: none. */
#include "bench_histogram.h"

enum { STEPS = 1 << BENCH_BUCKET_BITS };

static unsigned bucket_of(uint64_t ns)
{
    if (ns < STEPS) {
        return (unsigned)ns;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - BENCH_BUCKET_BITS;
    return (shift + 1) * STEPS + (unsigned)((ns >> shift) & (STEPS - 1));
}

/* The largest value that the bucket counts. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < STEPS) {
        return bucket;
    }
    unsigned shift = bucket / STEPS - 1;
    uint64_t bottom = (uint64_t)(STEPS + bucket % STEPS) << shift;
    return bottom + ((UINT64_C(1) << shift) - 1);
}

void bench_histogram_add(bench_histogram *self, uint64_t ns)
{
    self->buckets[bucket_of(ns)]++;
    self->count++;
    self->max_ns = ns > self->max_ns ? ns : self->max_ns;
}

void bench_histogram_merge(bench_histogram *self, const bench_histogram *other)
{
    for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
        self->buckets[i] += other->buckets[i];
    }
    self->count += other->count;
    self->max_ns = other->max_ns > self->max_ns ? other->max_ns : self->max_ns;
}

uint64_t bench_histogram_ns(const bench_histogram *self, unsigned per_mille)
{
    uint64_t wanted = self->count / 1000 * per_mille + (self->count % 1000 * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < BENCH_BUCKETS && wanted > 0; i++) {
        seen += self->buckets[i];
        if (seen >= wanted) {
            return top_of(i) < self->max_ns ? top_of(i) : self->max_ns;
        }
    }
    return self->max_ns;
}
