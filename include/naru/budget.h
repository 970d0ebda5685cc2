/* <naru/budget.h>: how much memory a process's loops may take together, and what happens on the way there.
 *
 *   calm     below 70 %
 *   tight    from 70 % on: loops give their caches back, compressors that rest are let go
 *   scarce   from 85 % on: requests get 503 with Retry-After, and those who read too slowly are closed with 1013,
 *            fullest queues first
 *   spent    an allocation would have passed 100 %: it fails, and with it the connection that asked; nobody is
 *            accepted, and slow readers are cut off
 *
 * A stage is left 5 % below where it began (spent: below scarce). Counted is what naru takes by the budget's allocator:
 * give it to every loop, and to whatever else shall count, as prepared messages. Not counted are the kernel's socket
 * buffers, OpenSSL's memory, and the application's own.
 *
 * Source: our own. */
#ifndef NARU_BUDGET_H
#define NARU_BUDGET_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reference counted; any thread may use it. */
typedef struct naru_budget naru_budget;

typedef enum naru_budget_stage {
    NARU_BUDGET_CALM = 0,
    NARU_BUDGET_TIGHT,
    NARU_BUDGET_SCARCE,
    NARU_BUDGET_SPENT
} naru_budget_stage;

/* 0 and NULL mean the default that is named. */
typedef struct naru_budget_options {
    uint64_t bytes_max;      /* no default: the limit is the application's */
    uint32_t tight_percent;  /* 70; at least 6 */
    uint32_t scarce_percent; /* 85; more than tight_percent, at most 100 */
    const naru_allocator
        *allocator; /* where the memory comes from; any thread must be able to use it. The default one */
    /* A stage begins. Called from the loop of one of the servers that have the budget, after its own log line; not for
     * each, where one follows another at once. NULL: nobody is told. */
    void (*on_stage)(naru_budget_stage stage, uint64_t used_bytes, void *user);
    void *user;
} naru_budget_options;

/* errors NARU_ERR_ARGUMENT: bytes_max 0, or percentages out of range. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_budget_new(const naru_budget_options *options, naru_budget **budget_out);
NARU_API naru_budget *naru_budget_ref(naru_budget *budget);
/* The last one after all its memory is given back. NULL is fine. */
NARU_API void naru_budget_unref(naru_budget *budget);

/* For naru_loop_options.allocator. Any thread. lifetime the budget's. */
NARU_API const naru_allocator *naru_budget_allocator(const naru_budget *budget);

typedef struct naru_budget_counts {
    uint64_t bytes_max, used_bytes, peak_bytes;
    naru_budget_stage stage;
    uint64_t tight, scarce, spent; /* how often each stage has begun */
    uint64_t allocations_refused;
    uint64_t requests_refused; /* 503 */
    uint64_t readers_closed;   /* slow ones, with 1013 or cut off */
} naru_budget_counts;
NARU_API void naru_budget_counters(const naru_budget *budget, naru_budget_counts *counts_out); /* any thread */

#ifdef __cplusplus
}
#endif
#endif
