/* The loop without streams: the order of a turn, timers, posts, signals, watches, deferred work, the log,
 * the cache. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "io/cache.h"
#include "io/core.h"

/* ---- timers -------------------------------------------------------------------------------------------- */

typedef struct alarm_note {
    naru_timer *timer;
    char *diary;
    char letter;
    unsigned again; /* restarts itself so often, without delay */
    bool free_self;
} alarm_note;

static void alarm_fires(void *user)
{
    alarm_note *self = user;
    size_t length = strlen(self->diary);
    self->diary[length] = self->letter;
    self->diary[length + 1] = '\0';
    if (self->again > 0) {
        self->again--;
        naru_timer_start(self->timer, 0);
    } else if (self->free_self) {
        naru_timer_free(self->timer);
        self->timer = NULL;
    }
}

static void drain_once(void *user, unsigned events)
{
    char byte;
    (void)events;
    CHECK_EQ(read(*(int *)user, &byte, 1), 1);
}

TEST(timers_fire_in_order)
{
    bed on = {0};
    char diary[16] = "";
    alarm_note notes[4];
    static const uint32_t delays_ms[4] = {45, 15, 30, 60};
    REQUIRE(bed_open(&on));
    uint64_t begin_ms = harness_clock_ms();
    for (size_t i = 0; i < 4; i++) {
        notes[i] = (alarm_note){.diary = diary, .letter = (char)('a' + i)};
        notes[i].timer = naru_timer_new(on.loop, alarm_fires, &notes[i]);
        REQUIRE(notes[i].timer != NULL);
        naru_timer_start(notes[i].timer, delays_ms[i]);
    }
    naru_timer_start(notes[1].timer, 50); /* moved behind a */
    naru_timer_stop(notes[3].timer);
    naru_timer_stop(notes[3].timer);
    CHECK(naru_loop_wait_ms(on.loop) <= 30);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* ends with the last timer */
    CHECK(harness_clock_ms() - begin_ms >= 45);
    CHECK_STR(diary, "cab");
    CHECK_EQ(naru_loop_wait_ms(on.loop), UINT32_MAX);
    for (size_t i = 0; i < 4; i++) {
        naru_timer_free(notes[i].timer);
    }
    naru_timer_free(NULL);
    bed_close(&on);
}

/* A timer without delay that starts itself again leaves the turn its end, and may free itself. */
TEST(timers_do_not_hold_up_the_turn)
{
    bed on = {0};
    char diary[16] = "";
    alarm_note note = {.diary = diary, .letter = 'x', .again = 2, .free_self = true};
    REQUIRE(bed_open(&on));
    note.timer = naru_timer_new(on.loop, alarm_fires, &note);
    REQUIRE(note.timer != NULL);
    naru_timer_start(note.timer, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_STR(diary, "x");
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    CHECK_STR(diary, "xxx");
    CHECK(note.timer == NULL);
    bed_close(&on);
}

/* Counted from now, even if the loop has not run for long. */
static uint64_t turns_until_a_timer_fires(uint32_t busy_poll_us)
{
    char diary[4] = "";
    alarm_note note = {.diary = diary, .letter = 'a', .free_self = true};
    naru_loop_options options = {.busy_poll_us = busy_poll_us};
    naru_loop *loop = naru_loop_new(&options);
    if (!loop) {
        return 0;
    }
    note.timer = naru_timer_new(loop, alarm_fires, &note);
    int pipe_fds[2];
    CHECK(pipe(pipe_fds) == 0 && write(pipe_fds[1], "x", 1) == 1);
    naru_watch *watch = naru_watch_new(loop, pipe_fds[0], NARU_READABLE, drain_once, &pipe_fds[0]);
    naru_timer_start(note.timer, 20);
    uint64_t turns = loop->turns;
    while (note.timer) {
        CHECK_EQ(naru_loop_turn(loop, UINT32_MAX), NARU_OK);
    }
    turns = loop->turns - turns;
    naru_watch_free(watch);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    naru_loop_free(loop);
    return turns;
}

TEST(looks_for_more_before_it_sleeps)
{
    uint64_t sleepy = turns_until_a_timer_fires(0);
    uint64_t busy = turns_until_a_timer_fires(1000000);
    uint64_t brief = turns_until_a_timer_fires(1);
    CHECK(sleepy >= 2 && sleepy < 10);
    CHECK(busy > 10 * sleepy);
    CHECK(brief < 10 + sleepy);
}

TEST(timers_start_from_the_present)
{
    bed on = {0};
    char diary[16] = "";
    alarm_note note = {.diary = diary, .letter = 'x'};
    REQUIRE(bed_open(&on));
    note.timer = naru_timer_new(on.loop, alarm_fires, &note);
    REQUIRE(note.timer != NULL);
    uint64_t stale_ms = harness_clock_ms();
    while (harness_clock_ms() < stale_ms + 30) {
    }
    naru_timer_start(note.timer, 20);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_STR(diary, "");
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    CHECK_STR(diary, "x");
    CHECK(harness_clock_ms() - stale_ms >= 49);
    naru_timer_free(note.timer);
    bed_close(&on);
}

/* ---- posts --------------------------------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 5000 };

typedef struct poster {
    pthread_t thread;
    naru_loop *loop;
    unsigned next;     /* expected; the loop's */
    unsigned received; /* the loop's */
    bool ordered;
    struct letter *letters;
} poster;

typedef struct letter {
    poster *from;
    unsigned number;
} letter;

static void letter_arrives(void *user)
{
    letter *self = user;
    self->from->ordered = self->from->ordered && self->number == self->from->next;
    self->from->next = self->number + 1;
    self->from->received++;
}

static void *post_all(void *user)
{
    poster *self = user;
    for (unsigned i = 0; i < POSTS; i++) {
        self->letters[i] = (letter){self, i};
        if (naru_loop_post(self->loop, letter_arrives, &self->letters[i]) != NARU_OK) {
            abort();
        }
    }
    return NULL;
}

static bool all_received(const poster *posters)
{
    unsigned received = 0;
    for (size_t i = 0; i < POSTERS; i++) {
        received += posters[i].received;
    }
    return received == POSTERS * POSTS;
}

TEST(posts_of_a_thread_come_in_order)
{
    bed on = {0};
    poster posters[POSTERS];
    REQUIRE(bed_open(&on));
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (poster){.loop = on.loop, .ordered = true, .letters = calloc(POSTS, sizeof(letter))};
        REQUIRE(posters[i].letters != NULL);
        REQUIRE(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]) == 0);
    }
    TURN_UNTIL(&on, all_received(posters));
    for (size_t i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        CHECK(posters[i].ordered);
        free(posters[i].letters);
    }
    bed_close(&on);
}

static void stop_loop(void *user)
{
    naru_loop_stop(user);
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

static void never(void *user)
{
    (void)user;
    check__true(false, "a dropped post ran", __FILE__, __LINE__);
}

static void *post_stop(void *user)
{
    CHECK_EQ(naru_loop_post(user, stop_loop, user), NARU_OK);
    return NULL;
}

/* A post wakes a loop that waits for ever; one that has not run is dropped with the loop. */
TEST(posts_wake_and_stop)
{
    bed on = {0};
    int ends[2];
    pthread_t thread;
    REQUIRE(bed_open(&on));
    REQUIRE(pipe(ends) == 0);
    naru_watch *watch = naru_watch_new(on.loop, ends[0], NARU_READABLE, NULL, NULL); /* keeps it running */
    REQUIRE(watch != NULL);
    REQUIRE(pthread_create(&thread, NULL, post_stop, on.loop) == 0);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    pthread_join(thread, NULL);
    naru_watch_free(watch);
    unsigned counted = 0;
    CHECK_EQ(naru_loop_post(on.loop, count, &counted), NARU_OK);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* runs what waits, though nothing else is there */
    CHECK_EQ(counted, 1);
    CHECK_EQ(naru_loop_post(on.loop, never, NULL), NARU_OK);
    close(ends[0]);
    close(ends[1]);
    bed_close(&on);
}

/* ---- the end of a turn --------------------------------------------------------------------------------- */

typedef struct errand {
    naru__deferred deferred;
    naru_loop *loop;
    struct errand *then;
    unsigned ran;
} errand;

static void errand_runs(naru__deferred *deferred)
{
    errand *self = (errand *)deferred;
    self->ran++;
    if (self->then) {
        naru__loop_defer(self->loop, &self->then->deferred);
    }
}

TEST(deferred_work_runs_once_a_turn)
{
    bed on = {0};
    errand errands[4] = {0};
    REQUIRE(bed_open(&on));
    for (size_t i = 0; i < 4; i++) {
        errands[i].deferred.run = errand_runs;
        errands[i].loop = on.loop;
    }
    errands[0].then = &errands[3];
    for (size_t i = 0; i < 3; i++) {
        naru__loop_defer(on.loop, &errands[i].deferred);
        naru__loop_defer(on.loop, &errands[i].deferred);
    }
    naru__loop_defer_cancel(on.loop, &errands[1].deferred);
    naru__loop_defer_cancel(on.loop, &errands[1].deferred);
    naru__loop_defer_cancel(on.loop, &errands[2].deferred); /* the last one */
    naru__loop_defer(on.loop, &errands[2].deferred);
    CHECK_EQ(naru_loop_turn(on.loop, UINT32_MAX), NARU_OK); /* does not wait */
    CHECK_EQ(errands[0].ran, 1);
    CHECK_EQ(errands[1].ran, 0);
    CHECK_EQ(errands[2].ran, 1);
    CHECK_EQ(errands[3].ran, 1); /* asked for meanwhile, same end */
    bed_close(&on);
}

/* Blocks are freed after the turn, however many, and keep their content until then. */
TEST(frees_later)
{
    enum { BLOCKS = 1000 };
    bed on = {0};
    static uint8_t *blocks[BLOCKS];
    REQUIRE(bed_open(&on));
    const naru_allocator *allocator = naru_loop_allocator(on.loop);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = allocator->resize(allocator->user, NULL, 0, 64);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], (int)i, 64);
        naru__loop_free_later(on.loop, blocks[i], 64);
    }
    naru__loop_free_later(on.loop, NULL, 64);
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK_EQ(blocks[i][0], (uint8_t)i);
        CHECK_EQ(blocks[i][63], (uint8_t)i);
    }
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    bed_close(&on);
}

TEST(frees_later_without_memory)
{
    enum { BLOCKS = 100 };
    bed on = {0};
    REQUIRE(bed_open(&on));
    const naru_allocator *allocator = naru_loop_allocator(on.loop);
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = allocator->resize(allocator->user, NULL, 0, 64);
        REQUIRE(blocks[i] != NULL);
    }
    on.memory.fail_at = on.memory.calls + 1;
    for (size_t i = 0; i < BLOCKS; i++) {
        naru__loop_free_later(on.loop, blocks[i], 64);
    }
    CHECK(on.memory.failed);
    bed_close(&on);
}

/* ---- watches ------------------------------------------------------------------------------------------- */

typedef struct watcher {
    naru_watch *watch;
    int fd;
    unsigned events;
    unsigned times;
    unsigned free_after;
} watcher;

static void watcher_ready(void *user, unsigned events)
{
    watcher *self = user;
    char byte;
    self->events = events;
    self->times++;
    if (events & NARU_READABLE) {
        ssize_t got = read(self->fd, &byte, 1);
        (void)got;
    }
    if (self->times == self->free_after) {
        naru_watch_free(self->watch);
        self->watch = NULL;
    }
}

TEST(watches_a_pipe)
{
    bed on = {0};
    int ends[2];
    watcher in = {0};
    watcher out = {.free_after = 1};
    REQUIRE(bed_open(&on));
    REQUIRE(pipe(ends) == 0);
    in.fd = ends[0];
    in.watch = naru_watch_new(on.loop, ends[0], NARU_READABLE, watcher_ready, &in);
    out.watch = naru_watch_new(on.loop, ends[1], NARU_WRITABLE, watcher_ready, &out);
    REQUIRE(in.watch && out.watch);
    TURN_UNTIL(&on, out.times == 1);
    CHECK_EQ(out.events, NARU_WRITABLE);
    CHECK_EQ(in.times, 0);
    REQUIRE(write(ends[1], "ab", 2) == 2);
    TURN_UNTIL(&on, in.times == 2); /* level-triggered: a byte at a time */
    naru_watch_set(in.watch, 0);
    REQUIRE(write(ends[1], "c", 1) == 1);
    close(ends[1]);
    uint64_t begin_ms = harness_clock_ms();
    CHECK_EQ(naru_loop_turn(on.loop, 20), NARU_OK); /* paused: not even the hang-up wakes it */
    CHECK(harness_clock_ms() - begin_ms >= 19);
    CHECK_EQ(in.times, 2);
    in.free_after = 4;
    naru_watch_set(in.watch, NARU_READABLE);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* ends when the watch is gone */
    CHECK_EQ(in.times, 4);
    naru_watch_free(NULL);
    close(ends[0]);
    bed_close(&on);
}

TEST(watches_a_regular_file)
{
    bed on = {0};
    watcher file = {.free_after = 3};
    watcher second = {.free_after = 1};
    REQUIRE(bed_open(&on));
    file.fd = second.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    REQUIRE(file.fd >= 0);
    file.watch = naru_watch_new(on.loop, file.fd, 0, watcher_ready, &file);
    second.watch = naru_watch_new(on.loop, second.fd, NARU_READABLE, watcher_ready, &second);
    REQUIRE(file.watch && second.watch);
    CHECK_EQ(naru_loop_turn(on.loop, 1000), NARU_OK);
    CHECK_EQ(second.times, 1);
    CHECK_EQ(file.times, 0);
    naru_watch_set(file.watch, NARU_READABLE | NARU_WRITABLE);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK);
    CHECK_EQ(file.times, 3);
    CHECK_EQ(file.events, NARU_READABLE | NARU_WRITABLE);
    close(file.fd);
    CHECK(naru_watch_new(on.loop, -1, NARU_READABLE, watcher_ready, &file) == NULL);
    bed_close(&on);
}

/* ---- the foreign loop ---------------------------------------------------------------------------------- */

TEST(runs_under_poll)
{
    bed on = {0};
    unsigned counted = 0;
    REQUIRE(bed_open(&on));
    struct pollfd polled = {.fd = naru_loop_fd(on.loop), .events = POLLIN};
    CHECK_EQ(poll(&polled, 1, 0), 0);
    CHECK_EQ(naru_loop_post(on.loop, count, &counted), NARU_OK);
    CHECK_EQ(naru_loop_wait_ms(on.loop), 0);
    CHECK_EQ(poll(&polled, 1, PATIENCE_MS), 1);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(counted, 1);
    CHECK_EQ(poll(&polled, 1, 0), 0); /* quiet again */
    int ends[2];
    watcher in = {.free_after = 1};
    REQUIRE(pipe(ends) == 0);
    in.fd = ends[0];
    in.watch = naru_watch_new(on.loop, ends[0], NARU_READABLE, watcher_ready, &in);
    REQUIRE(write(ends[1], "x", 1) == 1);
    CHECK_EQ(poll(&polled, 1, PATIENCE_MS), 1);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(in.times, 1);
    close(ends[0]);
    close(ends[1]);
    bed_close(&on);
}

/* ---- signals ------------------------------------------------------------------------------------------- */

static void note_signal(void *user, int signal)
{
    *(int *)user = signal;
}

TEST(catches_signals)
{
    bed on = {0};
    int first = 0;
    int second = 0;
    REQUIRE(bed_open(&on));
    CHECK_EQ(naru_loop_signal(on.loop, SIGUSR1, note_signal, &first), NARU_OK);
    CHECK_EQ(naru_loop_signal(on.loop, SIGUSR2, note_signal, &second), NARU_OK);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* a signal does not keep it running */
    REQUIRE(kill(getpid(), SIGUSR2) == 0);
    TURN_UNTIL(&on, second == SIGUSR2);
    CHECK_EQ(first, 0);
    REQUIRE(kill(getpid(), SIGUSR1) == 0);
    TURN_UNTIL(&on, first == SIGUSR1);
    CHECK_EQ(naru_loop_signal(on.loop, 4711, note_signal, &first), NARU_ERR_SYSTEM);
    CHECK_EQ(on.log_lines, 1);
    bed_close(&on);
}

/* ---- randomness ---------------------------------------------------------------------------------------- */

TEST(randomness_is_not_shared_with_a_child)
{
    bed on = {0};
    uint8_t ours[64];
    uint8_t theirs[64];
    int ends[2];
    REQUIRE(bed_open(&on));
    REQUIRE(pipe(ends) == 0);
    naru_entropy *entropy = naru__loop_entropy(on.loop);
    for (int i = 0; i < 1000; i++) { /* more than one page of it */
        entropy = naru__loop_entropy(on.loop);
        REQUIRE(entropy->size - entropy->used >= 64);
        entropy->used += 60;
    }
    entropy = naru__loop_entropy(on.loop);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        entropy = naru__loop_entropy(on.loop);
        ssize_t written = write(ends[1], entropy->bytes + entropy->used, 64);
        _exit(written == 64 ? 0 : 1);
    }
    REQUIRE(read(ends[0], theirs, 64) == 64);
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    entropy = naru__loop_entropy(on.loop);
    memcpy(ours, entropy->bytes + entropy->used, 64);
    CHECK(memcmp(ours, theirs, 64) != 0);
    close(ends[0]);
    close(ends[1]);
    bed_close(&on);
}

/* ---- the log ------------------------------------------------------------------------------------------- */

TEST(log_lines_are_escaped_and_bounded)
{
    bed on = {0};
    char longer[2000];
    REQUIRE(bed_open(&on));
    naru__log(on.loop, NARU_LOG_WARN, "%s %d", "a\x1b[31m\n\x7f \xc2\x85 \xed\x98\xb8\xeb\x94\xb1 \xff \xe2\x82", 7);
    CHECK_STR(on.log, "a\\x1b[31m\\x0a\\x7f \\xc2\\x85 \xed\x98\xb8\xeb\x94\xb1 \\xff \\xe2\\x82 7");
    memset(longer, 1, sizeof longer);
    longer[sizeof longer - 1] = '\0';
    naru__log(on.loop, NARU_LOG_WARN, "%s", longer);
    CHECK(strlen(on.log) < sizeof longer * 4 && strlen(on.log) > 1000);
    CHECK_EQ(strlen(on.log) % 4, 0);
    bed_close(&on);
}

/* ---- the cache ----------------------------------------------------------------------------------------- */

/* Blocks of a large message are kept while such messages come, and given back soon after. */
TEST(large_blocks_are_given_back_when_idle)
{
    bed on = {.options = {.cache_bytes_max = 4 << 20}};
    REQUIRE(bed_open(&on));
    const naru_allocator *allocator = naru_loop_allocator(on.loop);
    size_t before = on.loop->cache.kept_bytes;
    void *block = allocator->resize(allocator->user, NULL, 0, 1 << 20);
    REQUIRE(block != NULL);
    allocator->resize(allocator->user, block, 1 << 20, 0);
    CHECK_EQ(on.loop->cache.kept_bytes, before + (1 << 20));
    CHECK(allocator->resize(allocator->user, NULL, 0, 1 << 20) == block);
    allocator->resize(allocator->user, block, 1 << 20, 0);
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    CHECK_EQ(naru_loop_run(on.loop), NARU_OK); /* it keeps no loop alive */
    TURN_UNTIL(&on, on.loop->cache.kept_bytes == before);
    bed_close(&on);
}

TEST(cache_hands_out_again)
{
    failing_allocator memory;
    naru__cache cache;
    failing_allocator_init(&memory, 0);
    naru__cache_init(&cache, &memory.allocator, 1 << 20);
    const naru_allocator *face = &cache.allocator;
    void *first = face->resize(face->user, NULL, 0, 100);
    size_t calls = memory.calls;
    CHECK_EQ(face->resize(face->user, first, 100, 104) == first, true); /* the same class */
    face->resize(face->user, first, 104, 0);
    CHECK_EQ(cache.kept_bytes, 104);
    void *second = face->resize(face->user, NULL, 0, 97);
    CHECK(second == first);
    CHECK_EQ(memory.calls, calls);
    face->resize(face->user, second, 97, 0);
    naru__cache_deinit(&cache);
    CHECK_EQ(memory.live_bytes, 0);
}

/* Every size, grown, shrunk and freed: contents survive, and the allocator below is told the truth (it
 * aborts on a lie). */
TEST(cache_keeps_contents_at_every_size)
{
    failing_allocator memory;
    naru__cache cache;
    failing_allocator_init(&memory, 0);
    naru__cache_init(&cache, &memory.allocator, 64 << 10);
    const naru_allocator *face = &cache.allocator;
    size_t size = 1;
    uint8_t *block = face->resize(face->user, NULL, 0, size);
    REQUIRE(block != NULL);
    block[0] = 0x5a;
    for (size_t round = 0; round < 4000; round++) {
        size_t other = round % 3 == 2 ? size / 2 + 1 : size + 1 + size / 16;
        other = other > 200000 ? 1 : other;
        block = face->resize(face->user, block, size, other);
        REQUIRE(block != NULL);
        CHECK_EQ(block[0], 0x5a);
        CHECK(cache.kept_bytes <= 64 << 10);
        memset(block, 0x5a, other);
        size = other;
    }
    face->resize(face->user, block, size, 0);
    CHECK(face->resize(face->user, NULL, 0, 0) == NULL);
    naru__cache_deinit(&cache);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(cache_survives_no_memory)
{
    failing_allocator memory;
    naru__cache cache;
    failing_allocator_init(&memory, 2);
    naru__cache_init(&cache, &memory.allocator, 64 << 10);
    const naru_allocator *face = &cache.allocator;
    uint8_t *block = face->resize(face->user, NULL, 0, 10);
    REQUIRE(block != NULL);
    block[9] = 7;
    CHECK(face->resize(face->user, block, 10, 1000) == NULL);
    CHECK_EQ(block[9], 7);
    face->resize(face->user, block, 10, 0);
    naru__cache_deinit(&cache);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(loop_survives_no_memory)
{
    for (size_t n = 1;; n++) {
        bed on = {.fail_at = n};
        bool opened = bed_open(&on);
        CHECK_EQ(opened, !on.memory.failed);
        bed_close(&on);
        if (opened) {
            CHECK(n > 3);
            break;
        }
    }
}

TEST_MAIN({"timers fire in order", timers_fire_in_order},
          {"timers do not hold up the turn", timers_do_not_hold_up_the_turn},
          {"timers start from the present", timers_start_from_the_present},
          {"looks for more before it sleeps", looks_for_more_before_it_sleeps},
          {"posts of a thread come in order", posts_of_a_thread_come_in_order},
          {"posts wake and stop", posts_wake_and_stop},
          {"deferred work runs once a turn", deferred_work_runs_once_a_turn}, {"frees later", frees_later},
          {"frees later without memory", frees_later_without_memory}, {"watches a pipe", watches_a_pipe},
          {"watches a regular file", watches_a_regular_file}, {"runs under poll", runs_under_poll},
          {"catches signals", catches_signals},
          {"randomness is not shared with a child", randomness_is_not_shared_with_a_child},
          {"log lines are escaped and bounded", log_lines_are_escaped_and_bounded},
          {"large blocks are given back when idle", large_blocks_are_given_back_when_idle},
          {"cache hands out again", cache_hands_out_again},
          {"cache keeps contents at every size", cache_keeps_contents_at_every_size},
          {"cache survives no memory", cache_survives_no_memory}, {"loop survives no memory", loop_survives_no_memory})
