/* Messages pulled from a source: what goes out, what may go between, how it fails, and what the connection's end does
 * to it. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { FRAGMENT = 64 << 10 };

/* Gives `size` bytes of a pattern, in pieces of at most `piece`, and ends as it is told to. */
typedef struct spring {
    harness *h;
    uint64_t given, size;
    size_t piece;
    uint64_t stop_at;  /* answers NARU_MORE there, once; 0: never */
    naru_status fails; /* instead of NARU_END */
    bool end_with_last;
    bool abort_at_once, destroy_at_once;
    bool again; /* on_done sends the same once more */
    size_t pulls, done;
    naru_status why;
} spring;

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)('a' + (at * 7 + at / 251) % 26);
}

static naru_status spring_pull(void *user, uint8_t *into, size_t room, size_t *got_out)
{
    spring *s = user;
    s->pulls++;
    CHECK(room > 0);
    if (s->abort_at_once) {
        naru_conn_abort(s->h->conn);
    }
    if (s->destroy_at_once) {
        naru__conn_destroy(s->h->conn);
    }
    if (s->stop_at > 0 && s->given >= s->stop_at) {
        s->stop_at = 0;
        return NARU_MORE;
    }
    uint64_t left = s->size - s->given;
    size_t most = room < s->piece ? room : s->piece;
    size_t size = left < most ? (size_t)left : most;
    for (size_t i = 0; i < size; i++) {
        into[i] = pattern(s->given + i);
    }
    s->given += size;
    *got_out = size;
    bool end = size == 0 || (s->end_with_last && s->given == s->size);
    return !end ? NARU_OK : s->fails ? s->fails : NARU_END;
}

static const naru_source spring_source;

static void spring_done(naru_conn *conn, naru_status status, void *user)
{
    spring *s = user;
    s->done++;
    s->why = status;
    note(s->h, 'S');
    if (s->again) {
        s->again = false;
        s->given = 0;
        CHECK_EQ(naru_conn_send_source(conn, NARU_WS_BINARY, s->size, &spring_source, s, 0), NARU_OK);
    }
}

static const naru_source spring_source = {spring_pull, spring_done};

static spring spring_of(harness *h, uint64_t size)
{
    return (spring){.h = h, .size = size, .piece = SIZE_MAX};
}

/* One frame at `at`; answers where the next begins, 0: it is not all there. */
typedef struct frame {
    uint8_t first;
    naru_span payload;
} frame;

static size_t frame_at(const received *in, size_t at, frame *out)
{
    if (in->size - at < 2) {
        return 0;
    }
    const uint8_t *p = in->bytes + at;
    size_t head = p[1] < 126 ? 2 : p[1] == 126 ? 4 : 10;
    uint64_t size = p[1] < 126 ? p[1] : 0;
    if (in->size - at < head) {
        return 0;
    }
    for (size_t i = 2; i < head; i++) {
        size = size << 8 | p[i];
    }
    if (in->size - at - head < size) {
        return 0;
    }
    *out = (frame){p[0], {p + head, (size_t)size}};
    return at + head + (size_t)size;
}

typedef struct told {
    uint64_t bytes;
    size_t fragments, messages, pings, closes;
    uint16_t close_code;
    bool right; /* all payload is the pattern */
} told;

static told read_all(const received *in)
{
    told all = {.right = true};
    frame one;
    bool begun = false;
    uint64_t at_message = 0;
    for (size_t at = 0; (at = frame_at(in, at, &one)) > 0;) {
        uint8_t opcode = one.first & 15;
        if (opcode == 8) {
            all.closes++;
            all.close_code = (uint16_t)(one.payload.data[0] << 8 | one.payload.data[1]);
        } else if (opcode == 9) {
            all.pings++;
        } else {
            CHECK_EQ(opcode != 0, !begun);
            CHECK(one.payload.size <= FRAGMENT);
            begun = !(one.first & 0x80);
            for (size_t i = 0; i < one.payload.size; i++) {
                all.right = all.right && one.payload.data[i] == pattern(at_message + i);
            }
            all.bytes += one.payload.size;
            at_message = begun ? at_message + one.payload.size : 0;
            all.fragments++;
            all.messages += !begun;
        }
    }
    return all;
}

static bool read_until_done(harness *h, received *in, const spring *s, size_t times)
{
    uint64_t end_ms = wall_ms() + 20000;
    while (s->done < times && wall_ms() < end_ms) {
        naru_loop_turn(h->loop, 5);
        peer_read(h, in);
    }
    for (int i = 0; i < 10; i++) { /* what is queued by now */
        naru_loop_turn(h->loop, 0);
        peer_read(h, in);
    }
    return s->done == times;
}

static told run(uint64_t announced, spring s, size_t *high_out)
{
    harness h;
    received in = {0};
    harness_init(&h);
    told all = {0};
    bool started = harness_start(&h);
    CHECK(started);
    if (started) {
        s.h = &h;
        CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, announced, &spring_source, &s, 0), NARU_OK);
        CHECK_EQ(s.pulls, 0); /* never inside a call */
        CHECK(read_until_done(&h, &in, &s, 1));
        CHECK_EQ(s.why, NARU_OK);
        all = read_all(&in);
        *high_out = s.pulls;
    }
    free(in.bytes);
    harness_end(&h);
    return all;
}

TEST(sizes_known_and_unknown)
{
    static const uint64_t sizes[] = {0, 1, 125, 126, FRAGMENT - 1, FRAGMENT, FRAGMENT + 1, 5 * FRAGMENT, 5000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int known = 0; known < 2; known++) {
            for (int with_last = 0; with_last < 2; with_last++) {
                spring s = spring_of(NULL, sizes[i]);
                s.end_with_last = with_last;
                size_t pulls = 0;
                told all = run(known ? sizes[i] : NARU_UNLIMITED, s, &pulls);
                CHECK(all.right);
                CHECK_EQ(all.bytes, sizes[i]);
                CHECK_EQ(all.messages, 1);
                size_t fragments = sizes[i] == 0 ? 1 : (size_t)((sizes[i] + FRAGMENT - 1) / FRAGMENT);
                bool empty_end = !known && !with_last && sizes[i] > 0;
                CHECK_EQ(all.fragments, fragments + empty_end);
            }
        }
    }
}

TEST(pieces_of_any_size)
{
    spring s = spring_of(NULL, 100000);
    size_t pulls = 0;
    s.piece = 777;
    told all = run(NARU_UNLIMITED, s, &pulls);
    CHECK(all.right && all.messages == 1);
    CHECK_EQ(all.bytes, 100000);
    CHECK_EQ(pulls, 100000 / 777 + 2);
}

/* A peer that does not read stops the pulling; pings get through between the fragments; messages do not. */
TEST(waits_for_the_peer_and_lets_control_frames_by)
{
    enum { SIZE = 8 << 20 };
    harness h;
    received in = {0};
    harness_init(&h);
    h.terms.options.queue_bytes_max = 1 << 20;
    REQUIRE(harness_start(&h));
    CHECK_EQ(setsockopt(h.conn->stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 16}, sizeof(int)), 0);
    spring s = spring_of(&h, SIZE);
    size_t before = h.count.live_bytes;
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, SIZE, &spring_source, &s, 0), NARU_OK);
    CHECK_EQ(naru_conn_send(h.conn, NARU_WS_TEXT, naru_span_of("no"), NARU_WS_VALID), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_BINARY, naru_span_of("no"), true, 0), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, 1, &spring_source, &s, 0), NARU_ERR_STATE);
    naru_prepared *prepared;
    REQUIRE(naru_prepared_new(NARU_WS_TEXT, naru_span_of("no"), 0, &prepared) == NARU_OK);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_ERR_STATE);
    for (int i = 0; i < 300; i++) {
        naru_loop_turn(h.loop, 0);
        CHECK(naru_conn_queued_bytes(h.conn) <= h.terms.options.queue_high_bytes + FRAGMENT + 10);
        CHECK(h.count.live_bytes - before < 1 << 20);
    }
    CHECK(s.given < SIZE);
    uint64_t stopped_at = s.given;
    settle(&h);
    CHECK_EQ(s.given, stopped_at);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_BINARY, naru_span_of("no"), true, 0), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("still there?")), NARU_OK);
    CHECK(read_until_done(&h, &in, &s, 1));
    CHECK_EQ(naru_conn_send_prepared(h.conn, prepared), NARU_OK);
    naru_prepared_unref(prepared);
    told all = read_all(&in);
    CHECK(all.right);
    CHECK_EQ(all.bytes, SIZE);
    CHECK_EQ(all.pings, 1);
    CHECK_EQ(all.messages, 1);
    free(in.bytes);
    harness_end(&h);
}

/* However small the queue is: what is pulled never fills it, so that a ping is never one too many. */
TEST(leaves_room_for_control_frames)
{
    static const uint64_t queues[] = {1000, 70000, 1 << 20};
    for (size_t i = 0; i < 3; i++) {
        harness h;
        harness_init(&h);
        h.terms.options.queue_bytes_max = queues[i];
        h.terms.options.queue_high_bytes = queues[i];
        h.terms.options.queue_low_bytes = queues[i];
        REQUIRE(harness_start(&h));
        CHECK_EQ(setsockopt(h.conn->stream->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 14}, sizeof(int)), 0);
        spring s = spring_of(&h, UINT64_C(1) << 40);
        CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, NARU_UNLIMITED, &spring_source, &s, 0), NARU_OK);
        uint64_t given = 1;
        for (uint64_t before = 0; given != before || given == 0;) {
            before = given;
            settle(&h);
            given = s.given;
        }
        CHECK(naru_conn_queued_bytes(h.conn) > 0);
        CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("x")), NARU_OK);
        CHECK_EQ(naru_conn_ping(h.conn, naru_span_of("y")), NARU_OK);
        CHECK_EQ(naru_conn_state(h.conn), NARU_WS_OPEN);
        harness_end(&h);
    }
}

TEST(goes_on_when_there_is_more)
{
    harness h;
    received in = {0};
    harness_init(&h);
    REQUIRE(harness_start(&h));
    spring s = spring_of(&h, 300000);
    s.piece = 1000;
    s.stop_at = 150000;
    s.again = true; /* and on_done may send the next one */
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, NARU_UNLIMITED, &spring_source, &s, 0), NARU_OK);
    for (int i = 0; i < 100; i++) {
        naru_loop_turn(h.loop, 0);
        peer_read(&h, &in);
    }
    CHECK_EQ(s.given, 150000);
    CHECK_EQ(s.done, 0);
    naru_conn_source_ready(h.conn);
    CHECK_EQ(s.given, 150000); /* not inside the call */
    CHECK(read_until_done(&h, &in, &s, 2));
    CHECK_EQ(s.why, NARU_OK);
    told all = read_all(&in);
    CHECK(all.right);
    CHECK_EQ(all.bytes, 600000);
    CHECK_EQ(all.messages, 2);
    naru_conn_source_ready(h.conn); /* nobody waits: nothing happens */
    settle(&h);
    free(in.bytes);
    harness_end(&h);
}

/* ---- failures ------------------------------------------------------------------------------------------------- */

static void fails(uint64_t announced, spring s, naru_ws_kind kind, naru_status expected)
{
    harness h;
    received in = {0};
    harness_init(&h);
    REQUIRE(harness_start(&h));
    s.h = &h;
    CHECK_EQ(naru_conn_send_source(h.conn, kind, announced, &spring_source, &s, 0), NARU_OK);
    CHECK(read_until_done(&h, &in, &s, 1));
    CHECK_EQ(s.why, expected);
    told all = read_all(&in);
    CHECK_EQ(all.messages, 0); /* never cut short and called whole */
    CHECK_EQ(all.closes, 1);
    CHECK_EQ(all.close_code, 1011);
    free(in.bytes);
    harness_end(&h);
}

TEST(a_failing_source_closes_with_1011)
{
    spring s = spring_of(NULL, 200000);
    s.fails = NARU_ERR_SYSTEM;
    fails(NARU_UNLIMITED, s, NARU_WS_BINARY, NARU_ERR_SYSTEM);
    fails(300000, s, NARU_WS_BINARY, NARU_ERR_SYSTEM);
    s.fails = NARU_OK;
    fails(200001, s, NARU_WS_BINARY, NARU_ERR_ARGUMENT); /* shorter than announced */
    s.size = 0;
    s.fails = NARU_ERR_REFUSED;
    fails(NARU_UNLIMITED, s, NARU_WS_BINARY, NARU_ERR_REFUSED); /* before anything has left */
}

static naru_status pull_bad_text(void *user, uint8_t *into, size_t room, size_t *got_out)
{
    spring *s = user;
    CHECK(room > 2);
    memcpy(into, s->pulls++ == 0 ? "\xed\x95" : "((", 2); /* a character cut by the fragment, and not ended */
    *got_out = 2;
    return NARU_OK;
}

TEST(text_is_checked)
{
    static const naru_source bad = {pull_bad_text, spring_done};
    harness h;
    received in = {0};
    harness_init(&h);
    REQUIRE(harness_start(&h));
    spring s = spring_of(&h, 0);
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_TEXT, NARU_UNLIMITED, &bad, &s, 0), NARU_OK);
    CHECK(read_until_done(&h, &in, &s, 1));
    CHECK_EQ(s.why, NARU_ERR_UTF8);
    CHECK_EQ(s.pulls, 2);
    CHECK_EQ(read_all(&in).close_code, 1011);
    free(in.bytes);
    harness_end(&h);
}

TEST(the_end_of_the_connection_ends_it_before_on_close)
{
    for (int way = 0; way < 5; way++) {
        harness h;
        harness_init(&h);
        h.terms.options.ws.close_timeout_ms = 20;
        REQUIRE(harness_start(&h));
        spring s = spring_of(&h, UINT64_C(1) << 40);
        s.abort_at_once = way == 3;
        s.destroy_at_once = way == 4;
        CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, NARU_UNLIMITED, &spring_source, &s, 0), NARU_OK);
        for (int i = 0; i < 20; i++) {
            naru_loop_turn(h.loop, 0);
        }
        if (way == 0) {
            naru_conn_abort(h.conn);
        } else if (way == 1) {
            close(h.peer);
            h.peer = -1;
        } else if (way == 2) {
            naru_conn_close(h.conn, 1000, naru_span_of("enough"));
        }
        CHECK(turn_until(&h, 'G', 1));
        CHECK_EQ(s.done, 1);
        CHECK_EQ(s.why, NARU_ERR_CLOSED);
        CHECK_STR(h.log, "OSCG");
        harness_end(&h);
    }
}

TEST(refuses_what_cannot_be)
{
    harness h;
    harness_init(&h);
    REQUIRE(harness_start(&h));
    spring s = spring_of(&h, 10);
    naru_source none = {NULL, spring_done};
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, 1, &none, &s, 0), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_conn_send_source(h.conn, (naru_ws_kind)0, 1, &spring_source, &s, 0), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_BINARY, naru_span_of("x"), false, 0), NARU_OK);
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, 1, &spring_source, &s, 0), NARU_ERR_STATE);
    CHECK_EQ(naru_conn_send_part(h.conn, NARU_WS_BINARY, naru_span_of("x"), true, 0), NARU_OK);
    h.count.fail_at = 1;
    naru_status status = naru_conn_send_source(h.conn, NARU_WS_BINARY, 10, &spring_source, &s, 0);
    h.count.fail_at = 0;
    CHECK_EQ(status, NARU_ERR_MEMORY);
    CHECK_EQ(s.done, 0);
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, 10, &spring_source, &s, 0), NARU_OK);
    CHECK(turn_until(&h, 'S', 1));
    CHECK_EQ(naru_conn_close(h.conn, 1000, naru_span_of("")), NARU_OK);
    CHECK_EQ(naru_conn_send_source(h.conn, NARU_WS_BINARY, 1, &spring_source, &s, 0), NARU_ERR_STATE);
    harness_end(&h);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------- */

static void file_done(naru_conn *conn, naru_status status, void *user)
{
    (void)conn;
    spring *s = user;
    s->done++;
    s->why = status;
}

static int pattern_file(size_t size)
{
    FILE *file = tmpfile();
    for (size_t i = 0; file && i < size; i++) {
        fputc(pattern(i), file);
    }
    int fd = file && fflush(file) == 0 ? dup(fileno(file)) : -1;
    if (file) {
        fclose(file);
    }
    return fd;
}

TEST(files_from_an_offset)
{
    enum { SIZE = 400000 };
    /* The pattern has a period, so that the middle can be compared with the beginning. */
    static const struct {
        int64_t offset;
        uint64_t bytes, expected;
    } cases[] = {{0, NARU_UNLIMITED, SIZE}, {0, 1000, 1000}, {-1, NARU_UNLIMITED, SIZE}, {0, 0, 0},
                 {SIZE, NARU_UNLIMITED, 0}, {-1, SIZE, SIZE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness h;
        received in = {0};
        harness_init(&h);
        REQUIRE(harness_start(&h));
        int fd = pattern_file(SIZE);
        REQUIRE(fd >= 0 && lseek(fd, 0, SEEK_SET) == 0);
        spring s = spring_of(&h, 0);
        CHECK_EQ(naru_conn_send_file(h.conn, NARU_WS_TEXT, fd, cases[i].offset, cases[i].bytes, file_done, &s),
                 NARU_OK);
        CHECK(read_until_done(&h, &in, &s, 1));
        CHECK_EQ(s.why, NARU_OK);
        told all = read_all(&in);
        CHECK(all.right);
        CHECK_EQ(all.bytes, cases[i].expected);
        CHECK_EQ(all.messages, 1);
        close(fd);
        free(in.bytes);
        harness_end(&h);
    }
}

TEST(a_file_shorter_than_announced_or_unreadable_fails)
{
    for (int way = 0; way < 2; way++) {
        harness h;
        received in = {0};
        harness_init(&h);
        REQUIRE(harness_start(&h));
        int fd = way == 0 ? pattern_file(100) : open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        spring s = spring_of(&h, 0);
        CHECK_EQ(naru_conn_send_file(h.conn, NARU_WS_BINARY, fd, -2, 101, file_done, &s), NARU_ERR_ARGUMENT);
        CHECK_EQ(naru_conn_send_file(h.conn, NARU_WS_BINARY, fd, 0, 101, file_done, &s), NARU_OK);
        CHECK(read_until_done(&h, &in, &s, 1));
        CHECK_EQ(s.why, way == 0 ? NARU_ERR_ARGUMENT : NARU_ERR_SYSTEM);
        CHECK_EQ(read_all(&in).close_code, 1011);
        close(fd);
        free(in.bytes);
        harness_end(&h);
    }
}

/* As it comes, the end included; and a connection that ends while the pipe is empty. */
TEST(pipes)
{
    for (int way = 0; way < 2; way++) {
        harness h;
        received in = {0};
        int ends[2];
        harness_init(&h);
        REQUIRE(harness_start(&h) && pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
        spring s = spring_of(&h, 0);
        CHECK_EQ(naru_conn_send_file(h.conn, NARU_WS_BINARY, ends[0], -1, NARU_UNLIMITED, file_done, &s), NARU_OK);
        uint64_t written = 0;
        for (int i = 0; i < 40; i++) {
            uint8_t block[5000];
            for (size_t k = 0; k < sizeof block; k++) {
                block[k] = pattern(written + k);
            }
            ssize_t put = write(ends[1], block, sizeof block);
            written += put > 0 ? (uint64_t)put : 0;
            naru_loop_turn(h.loop, 0);
            naru_loop_turn(h.loop, 0);
            peer_read(&h, &in);
        }
        CHECK_EQ(s.done, 0);
        if (way == 0) {
            close(ends[1]);
            CHECK(read_until_done(&h, &in, &s, 1));
            CHECK_EQ(s.why, NARU_OK);
            told all = read_all(&in);
            CHECK(all.right && all.messages == 1 && all.fragments > 3);
            CHECK_EQ(all.bytes, written);
        } else {
            naru_conn_abort(h.conn);
            CHECK(turn_until(&h, 'G', 1));
            CHECK_EQ(s.why, NARU_ERR_CLOSED);
            close(ends[1]);
        }
        CHECK_EQ(s.done, 1);
        close(ends[0]);
        free(in.bytes);
        harness_end(&h);
    }
}

TEST_MAIN({"sizes known and unknown", sizes_known_and_unknown}, {"pieces of any size", pieces_of_any_size},
          {"waits for the peer and lets control frames by", waits_for_the_peer_and_lets_control_frames_by},
          {"leaves room for control frames", leaves_room_for_control_frames},
          {"goes on when there is more", goes_on_when_there_is_more},
          {"a failing source closes with 1011", a_failing_source_closes_with_1011},
          {"text is checked", text_is_checked},
          {"the end of the connection ends it before on_close", the_end_of_the_connection_ends_it_before_on_close},
          {"refuses what cannot be", refuses_what_cannot_be}, {"files from an offset", files_from_an_offset},
          {"a file shorter than announced or unreadable fails", a_file_shorter_than_announced_or_unreadable_fails},
          {"pipes", pipes})
