/* The io_uring backend by itself: what it costs in system calls, what a kernel may refuse, and buffers that run out.
 * What it shares with epoll is in the other tests, which run on both. The linker puts this file's syscall before the
 * true one (--wrap): the library makes none of its other calls that way. */
#include <errno.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "harness.h"
#include "io/stream_core.h"

static struct {
    size_t enters, receives, sends;
    long enter_flags; /* of the last one */
} calls;

/* What the kernel is to lack. */
static struct {
    int setup;         /* errno of every io_uring_setup */
    int enable;        /* and of enabling */
    unsigned flags;    /* of io_uring_setup that it does not know */
    unsigned features; /* that it does not have */
    int operation;     /* that it does not know; 0: none */
    bool incremental;  /* buffers */
    bool buffers;      /* at all */
} lacks;

static unsigned told_features; /* by the last ring's kernel */

static long failed(int error)
{
    errno = error;
    return -1;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static long set_up(long number, long entries, long address)
{
    struct io_uring_params *params = (struct io_uring_params *)address;
    if (lacks.setup) {
        return failed(lacks.setup);
    }
    if (params->flags & lacks.flags) {
        return failed(EINVAL);
    }
    long fd = __real_syscall(number, entries, address);
    params->features &= ~lacks.features;
    told_features = params->features;
    return fd;
}

static long register_with(long number, long fd, long what, long argument, long count)
{
    const uint16_t *flags = (const uint16_t *)(argument + 14);
    if (what == IORING_REGISTER_PBUF_RING && (lacks.buffers || (lacks.incremental && *flags))) {
        return failed(EINVAL);
    }
    if (what == IORING_REGISTER_ENABLE_RINGS && lacks.enable) {
        return failed(lacks.enable);
    }
    long result = __real_syscall(number, fd, what, argument, count);
    if (what == IORING_REGISTER_PROBE && lacks.operation) {
        ((struct io_uring_probe *)argument)->ops[lacks.operation].flags = 0;
    }
    return result;
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    switch (number) {
    case SYS_io_uring_setup:
        return set_up(number, a, b);
    case SYS_io_uring_register:
        return register_with(number, a, b, c, d);
    case SYS_io_uring_enter:
        calls.enters++;
        calls.enter_flags = d;
        break;
    default:
        break;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    calls.receives++;
    return __real_recv(fd, bytes, size, flags);
}
ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    calls.sends++;
    return __real_send(fd, bytes, size, flags);
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static naru_backend opened(naru_backend wanted, size_t *log_lines)
{
    bed on = {.options.backend = wanted};
    bool open = bed_open(&on);
    naru_backend is = open ? naru_loop_backend(on.loop) : NARU_BACKEND_AUTO;
    if (open) {
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    }
    *log_lines = on.log_lines;
    bed_close(&on);
    return is;
}

TEST(the_backend_is_the_one_asked_for)
{
    size_t lines;
    CHECK_EQ(opened(NARU_BACKEND_EPOLL, &lines), NARU_BACKEND_EPOLL);
    CHECK_EQ(lines, 0);
    CHECK_EQ(opened(NARU_BACKEND_IO_URING, &lines), NARU_BACKEND_IO_URING);
    CHECK_EQ(lines, 0);
    CHECK_EQ(opened(NARU_BACKEND_AUTO, &lines), NARU_BACKEND_EPOLL);
}

/* By name: an error, and the log says why. Otherwise nobody asks. */
static void check_refused(void)
{
    size_t lines;
    CHECK_EQ(opened(NARU_BACKEND_IO_URING, &lines), NARU_BACKEND_AUTO);
    CHECK_EQ(lines, 1);
    CHECK_EQ(opened(NARU_BACKEND_AUTO, &lines), NARU_BACKEND_EPOLL);
    CHECK_EQ(lines, 0);
    memset(&lacks, 0, sizeof lacks);
}

TEST(a_refused_ring_is_an_error_by_name_alone)
{
    static const int errors[] = {EPERM, ENOSYS, ENOMEM, EINVAL, EMFILE};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        lacks.setup = errors[i];
        check_refused();
    }
    lacks.flags = IORING_SETUP_DEFER_TASKRUN;
    check_refused();
    lacks.features = IORING_FEAT_CQE_SKIP;
    check_refused();
    lacks.operation = IORING_OP_ASYNC_CANCEL;
    check_refused();
    lacks.buffers = true;
    check_refused();
}

TEST(says_why)
{
    bed on = {.options.backend = NARU_BACKEND_IO_URING};
    lacks.setup = EPERM;
    CHECK(!bed_open(&on));
    CHECK_STR(on.log, "io_uring is not to be had: io_uring_setup: Operation not permitted");
    lacks.setup = 0;
    bed_close(&on);
}

TEST(a_ring_that_cannot_be_enabled_ends_the_run)
{
    bed on = {.options.backend = NARU_BACKEND_IO_URING};
    REQUIRE(bed_open(&on));
    lacks.enable = EBADFD;
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_ERR_SYSTEM);
    CHECK_EQ(on.log_lines, 1);
    lacks.enable = 0;
    bed_close(&on);
}

/* What waits for peers does not wait for a disk, where the kernel can tell the two apart (Linux 6.15). */
TEST(waiting_is_not_waiting_for_a_disk)
{
    enum { FEATURE = 1 << 17, FLAG = 1 << 7 };
    for (unsigned lacking = 0; lacking <= FEATURE; lacking += FEATURE) {
        bed on = {.options.backend = NARU_BACKEND_IO_URING};
        lacks.features = lacking;
        REQUIRE(bed_open(&on));
        lacks.features = 0;
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
        CHECK_EQ((calls.enter_flags & FLAG) != 0, (told_features & FEATURE) != 0);
        bed_close(&on);
    }
}

/* Each allocation of the loop and its ring in turn. */
TEST(survives_without_memory)
{
    size_t refused = 0;
    for (size_t at = 1; at < 40; at++) {
        bed on = {.options.backend = NARU_BACKEND_IO_URING, .fail_at = at};
        refused += !bed_open(&on);
        bed_close(&on);
    }
    CHECK(refused >= 3); /* the loop, the ring, its buffers */
    CHECK(refused < 39);
}

/* ---- costs --------------------------------------------------------------------------------------------- */

enum { PAIRS = 64, ROUNDS = 50 };

typedef struct crowd {
    bed bed;
    peer servers[PAIRS];
    int clients[PAIRS];
} crowd;

static bool crowd_open(crowd *self, size_t receive_bytes)
{
    *self = (crowd){.bed.options = {.backend = NARU_BACKEND_IO_URING, .receive_bytes = receive_bytes}};
    if (!bed_open(&self->bed)) {
        return false;
    }
    for (size_t i = 0; i < PAIRS; i++) {
        self->clients[i] = peer_serve(&self->servers[i], &self->bed, NULL);
        self->servers[i].echo = true;
    }
    return naru_loop_turn(self->bed.loop, 0) == NARU_OK;
}

static void crowd_close(crowd *self)
{
    for (size_t i = 0; i < PAIRS; i++) {
        close(self->clients[i]);
        peer_deinit(&self->servers[i]);
    }
    bed_close(&self->bed);
}

static crowd here;

TEST(echoes_share_their_submission)
{
    char bytes[20] = "twenty bytes of text";
    REQUIRE(crowd_open(&here, 0));
    memset(&calls, 0, sizeof calls);
    size_t turns = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t answered = 0;
        for (size_t i = 0; i < PAIRS; i++) {
            REQUIRE(write(here.clients[i], bytes, sizeof bytes) == sizeof bytes);
        }
        bool got[PAIRS] = {false};
        while (answered < PAIRS) {
            CHECK_EQ(naru_loop_turn(here.bed.loop, 1000), NARU_OK);
            turns++;
            for (size_t i = 0; i < PAIRS; i++) {
                if (!got[i] && read(here.clients[i], bytes, sizeof bytes) == sizeof bytes) {
                    got[i] = true;
                    answered++;
                }
            }
            REQUIRE(turns < 100 * ROUNDS);
        }
    }
    CHECK_EQ(calls.receives + calls.sends, 0);
    CHECK(calls.enters <= 2 * turns); /* one to wait, one to send: nobody else's turn follows at once */
    CHECK(turns <= ROUNDS * PAIRS / 16);
    crowd_close(&here);
}

/* ---- buffers ------------------------------------------------------------------------------------------- */

enum { MUCH = 200000 };

/* Everyone writes more than all buffers together hold, and gets it back as it was. */
static void flood(void)
{
    static uint8_t back[PAIRS][MUCH];
    static size_t written[PAIRS], answered[PAIRS];
    static uint8_t pattern[MUCH];
    memset(written, 0, sizeof written);
    memset(answered, 0, sizeof answered);
    for (size_t i = 0; i < MUCH; i++) {
        pattern[i] = (uint8_t)(i * 31 + i / 251);
    }
    uint64_t end_ms = harness_clock_ms() + PATIENCE_MS;
    size_t finished = 0;
    while (finished < PAIRS && harness_clock_ms() < end_ms) {
        finished = 0;
        for (size_t i = 0; i < PAIRS; i++) {
            ssize_t size = write(here.clients[i], pattern + written[i], MUCH - written[i]);
            written[i] += size > 0 ? (size_t)size : 0;
            size = read(here.clients[i], back[i] + answered[i], MUCH - answered[i]);
            answered[i] += size > 0 ? (size_t)size : 0;
            finished += answered[i] == MUCH;
        }
        CHECK_EQ(naru_loop_turn(here.bed.loop, 1), NARU_OK);
    }
    CHECK_EQ(finished, PAIRS);
    for (size_t i = 0; i < PAIRS; i++) {
        CHECK(memcmp(back[i], pattern, MUCH) == 0);
        CHECK_EQ(here.servers[i].end, 0);
    }
}

TEST(buffers_may_run_out)
{
    REQUIRE(crowd_open(&here, 100));
    flood();
    crowd_close(&here);
}

TEST(buffers_may_serve_one_receive_each)
{
    lacks.incremental = true;
    REQUIRE(crowd_open(&here, 0));
    CHECK(!here.bed.loop->ring->incremental);
    lacks.incremental = false;
    flood();
    crowd_close(&here);
    lacks.incremental = true;
    REQUIRE(crowd_open(&here, 100));
    lacks.incremental = false;
    flood();
    crowd_close(&here);
}

TEST(an_older_ring_with_an_index_serves_too)
{
    lacks.flags = 1 << 16; /* IORING_SETUP_NO_SQARRAY */
    REQUIRE(crowd_open(&here, 0));
    lacks.flags = 0;
    flood();
    crowd_close(&here);
}

/* ---- pauses -------------------------------------------------------------------------------------------- */

TEST(what_comes_during_a_pause_is_kept_and_little_of_it)
{
    static uint8_t much[4 << 20];
    bed on = {.options.backend = NARU_BACKEND_IO_URING};
    peer server, client;
    for (size_t i = 0; i < sizeof much; i++) {
        much[i] = (uint8_t)(i * 7 + i / 253);
    }
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    server.stop_at_data = true;
    peer_send(&client, (naru_span){much, sizeof much});
    naru__stream_shutdown(client.stream);
    uint64_t end_ms = harness_clock_ms() + PATIENCE_MS;
    while (server.end == 0 && harness_clock_ms() < end_ms) {
        size_t before = server.data;
        CHECK_EQ(naru_loop_turn(on.loop, 1), NARU_OK);
        CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
        CHECK(server.data <= before + 1); /* it pauses at each piece */
        if (server.stream->cold) {
            CHECK(naru__buf_size(&server.stream->cold->held) <= 2 << 20);
        }
        naru__stream_resume(server.stream);
    }
    CHECK_EQ(server.end, 1);
    CHECK_EQ(server.why, NARU_END);
    CHECK_BYTES(naru_buf_span(&server.got), ((naru_span){much, sizeof much}));
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

TEST(a_pause_without_memory_ends_the_stream)
{
    bed on = {.options = {.backend = NARU_BACKEND_IO_URING, .cache_bytes_max = 1}};
    peer server, client;
    REQUIRE(bed_open(&on));
    REQUIRE(connect_peers(&on, "127.0.0.1:0", &server, &client));
    naru__stream_pause(server.stream);
    peer_send(&client, naru_span_of("nowhere to keep it"));
    CHECK_EQ(naru_loop_turn(on.loop, 0), NARU_OK);
    on.memory.fail_at = on.memory.calls + 1;
    TURN_UNTIL(&on, server.end == 1);
    CHECK_EQ(server.why, NARU_ERR_MEMORY);
    peer_deinit(&client);
    peer_deinit(&server);
    bed_close(&on);
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

static void *turn_it(void *user)
{
    bed *on = user;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(naru_loop_turn(on->loop, 1), NARU_OK);
    }
    return NULL;
}

/* Only one thread may submit; another may still free what is over. */
TEST(is_made_here_run_there_and_freed_here)
{
    bed on = {.options.backend = NARU_BACKEND_IO_URING};
    peer server;
    int pair[2];
    pthread_t thread;
    REQUIRE(bed_open(&on));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    peer_init(&server, &on);
    server.stream = naru__stream_accept(on.loop, pair[0], NULL, &peer_handler, &server);
    server.echo = true;
    REQUIRE(write(pair[1], "there", 5) == 5);
    REQUIRE(pthread_create(&thread, NULL, turn_it, &on) == 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    char bytes[8];
    CHECK_EQ(read(pair[1], bytes, sizeof bytes), 5);
    on.loop->owned = false; /* the thread is gone, and has left it to us */
    peer_deinit(&server);
    bed_close(&on);
    close(pair[1]);
}

TEST_MAIN({"the backend is the one asked for", the_backend_is_the_one_asked_for},
          {"a refused ring is an error by name alone", a_refused_ring_is_an_error_by_name_alone},
          {"says why", says_why},
          {"a ring that cannot be enabled ends the run", a_ring_that_cannot_be_enabled_ends_the_run},
          {"waiting is not waiting for a disk", waiting_is_not_waiting_for_a_disk},
          {"survives without memory", survives_without_memory},
          {"echoes share their submission", echoes_share_their_submission},
          {"buffers may run out", buffers_may_run_out},
          {"buffers may serve one receive each", buffers_may_serve_one_receive_each},
          {"an older ring with an index serves too", an_older_ring_with_an_index_serves_too},
          {"what comes during a pause is kept, and little of it", what_comes_during_a_pause_is_kept_and_little_of_it},
          {"a pause without memory ends the stream", a_pause_without_memory_ends_the_stream},
          {"is made here, run there and freed here", is_made_here_run_there_and_freed_here})
