/* naru bench: one thread's connections, from dialling to the last Close.
 *
 * Not for: what a message means (bench_conn.c). Source: none. */
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "exit_status.h"

enum {
    DIALS_MAX = 64,   /* handshakes at a time: servers have short queues, and limits for one address */
    ISSUES_MAX = 256, /* in one turn: answers must be read too, when we have fallen behind */
    TURN_MS = 50,     /* a signal is noticed after so long at the latest */
    LATE_MS = 1000,
    CLOSE_MS = 1000,
    SPIN_NS = 1500 * 1000 /* timers are good to a millisecond: the rest of the wait is spent asking */
};

uint64_t bench_now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

/* What one lane has of a number that all share. */
static uint64_t share(const bench_run *run, uint32_t number, uint64_t all)
{
    return all / run->lanes_count + (number < all % run->lanes_count);
}

naru_status bench_lane_open(bench_lane *lane, bench_run *run, uint32_t number)
{
    const bench_settings *settings = run->settings;
    *lane =
        (bench_lane){.run = run, .number = number, .conns_count = (uint32_t)share(run, number, settings->connections)};
    lane->loop = naru_loop_new(NULL);
    lane->conns = calloc(lane->conns_count, sizeof *lane->conns);
    if (!lane->loop || !lane->conns) {
        return NARU_ERR_MEMORY;
    }
    if (settings->rate > 0) {
        lane->gap_ns = 1e9 / ((double)settings->rate * lane->conns_count / (double)settings->connections);
    }
    for (uint32_t i = 0; i < lane->conns_count; i++) {
        lane->conns[i] = (bench_conn){.lane = lane, .index = i};
        lane->conns[i].asked_ns = calloc(settings->depth, sizeof *lane->conns[i].asked_ns);
        if (!lane->conns[i].asked_ns) {
            return NARU_ERR_MEMORY;
        }
    }
    return NARU_OK;
}

static bool over(const bench_lane *lane)
{
    return atomic_load(&lane->run->over);
}

static void turn(bench_lane *lane, uint32_t timeout_ms)
{
    if (naru_loop_turn(lane->loop, timeout_ms) < 0) {
        bench_fail(lane->run, EXIT_OWN, "the event loop cannot wait");
    }
}

static void connect_all(bench_lane *lane)
{
    while (!over(lane) && lane->opened < lane->conns_count) {
        while (lane->dialled < lane->conns_count && lane->dialled - lane->opened < DIALS_MAX && !over(lane)) {
            bench_conn_dial(&lane->conns[lane->dialled++]);
        }
        turn(lane, TURN_MS);
    }
}

/* false: there may be more. */
static bool issue_due(bench_lane *lane, uint64_t now_ns)
{
    for (int i = 0; i < ISSUES_MAX; i++) {
        bench_conn *conn = &lane->conns[lane->issued % lane->conns_count];
        if (bench_due_ns(conn, lane->issued / lane->conns_count) > now_ns) {
            return true;
        }
        lane->issued++;
        bench_conn_issue(conn);
    }
    return false;
}

/* How long the loop may sleep. */
static uint32_t wait_ms(const bench_lane *lane, uint64_t now_ns, uint64_t end_ns)
{
    uint64_t until_ns = end_ns;
    if (lane->gap_ns > 0) {
        uint64_t due_ns = lane->start_ns + (uint64_t)((double)lane->issued * lane->gap_ns);
        until_ns = due_ns < until_ns ? due_ns : until_ns;
    }
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    uint64_t left_ms = left_ns > SPIN_NS ? (left_ns - SPIN_NS) / 1000000 + 1 : 0;
    return left_ms < TURN_MS ? (uint32_t)left_ms : TURN_MS;
}

static bool has_enough(const bench_lane *lane)
{
    uint64_t wanted = lane->run->settings->messages;
    return lane->ended == lane->conns_count ||
           (wanted > 0 && lane->counting && lane->counts.messages >= share(lane->run, lane->number, wanted));
}

static void turn_until(bench_lane *lane, uint64_t end_ns)
{
    for (uint64_t now_ns; !over(lane) && !has_enough(lane) && (now_ns = bench_now_ns()) < end_ns;) {
        if (lane->gap_ns > 0) {
            (void)issue_due(lane, now_ns);
        }
        turn(lane, wait_ms(lane, now_ns, end_ns));
    }
}

static uint64_t ns_of(uint32_t ms)
{
    return (uint64_t)ms * 1000000;
}

static void say_good_bye(bench_lane *lane)
{
    uint64_t end_ns = bench_now_ns() + ns_of(CLOSE_MS);
    lane->closing = true;
    for (uint32_t i = 0; i < lane->conns_count; i++) {
        if (lane->conns[i].open) {
            (void)naru_client_close(lane->conns[i].client, 1000, (naru_span){0});
        }
    }
    while (lane->ended < lane->conns_count && bench_now_ns() < end_ns) {
        turn(lane, TURN_MS);
    }
}

static bool owes_answers(const bench_lane *lane)
{
    for (uint32_t i = 0; i < lane->conns_count; i++) {
        if (lane->conns[i].open && lane->conns[i].answered < lane->conns[i].asked) {
            return true;
        }
    }
    return false;
}

/* Open loop: what was due before the end and is not on its way yet, for we have fallen behind, is late and not void. */
static void issue_late(bench_lane *lane, uint64_t end_ns)
{
    while (lane->gap_ns > 0 && !has_enough(lane) && !over(lane) && !issue_due(lane, end_ns)) {
        turn(lane, 0);
    }
}

/* Open loop: what is on its way when time is up has not failed yet. */
static void take_late_answers(bench_lane *lane)
{
    uint64_t patience_ns = bench_now_ns() + ns_of(LATE_MS);
    while (lane->gap_ns > 0 && !over(lane) && owes_answers(lane) && bench_now_ns() < patience_ns) {
        turn(lane, 1);
    }
    uint64_t now_ns = bench_now_ns();
    for (uint32_t i = 0; i < lane->conns_count; i++) {
        bench_conn_unanswered(&lane->conns[i], now_ns);
    }
}

static void measure(bench_lane *lane)
{
    const bench_settings *settings = lane->run->settings;
    lane->start_ns = bench_now_ns();
    for (uint32_t i = 0; lane->gap_ns == 0 && i < lane->conns_count; i++) {
        bench_conn_begin(&lane->conns[i]);
    }
    turn_until(lane, lane->start_ns + ns_of(settings->warmup_ms));
    uint64_t begin_ns = settings->warmup_ms == 0 ? lane->start_ns : bench_now_ns();
    uint64_t end_ns = settings->messages > 0 ? UINT64_MAX : begin_ns + ns_of(settings->measure_ms);
    uint64_t cpu_ns = thread_cpu_ns();
    lane->counting = true;
    turn_until(lane, end_ns);
    issue_late(lane, end_ns);
    lane->counts.elapsed_ns = bench_now_ns() - begin_ns;
    lane->counts.cpu_ns = thread_cpu_ns() - cpu_ns;
    take_late_answers(lane);
    say_good_bye(lane);
}

/* Nothing is measured while others still connect. */
static void wait_for_others(bench_lane *lane)
{
    bench_run *run = lane->run;
    (void)atomic_fetch_add(&run->arrived, 1);
    while (!over(lane) && atomic_load(&run->arrived) < run->lanes_count) {
        turn(lane, 1);
    }
}

void bench_lane_live(bench_lane *lane)
{
    connect_all(lane);
    if (!over(lane)) {
        wait_for_others(lane);
    }
    if (atomic_load(&lane->run->arrived) == lane->run->lanes_count) {
        measure(lane);
    }
    bench_lane_free(lane);
}

void bench_lane_free(bench_lane *lane)
{
    for (uint32_t i = 0; lane->conns && i < lane->conns_count; i++) {
        naru_client_free(lane->conns[i].client);
        free(lane->conns[i].asked_ns);
    }
    free(lane->conns);
    naru_loop_free(lane->loop);
    lane->conns = NULL;
    lane->loop = NULL;
}
