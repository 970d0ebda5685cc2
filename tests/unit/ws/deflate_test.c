/* What the compressor makes, zlib's inflate must read: random messages of every kind, size and level behind random
 * text, in windows of every size. And the window itself, against plain bytes. */
#include "unit/check.h"
#include "unit/failing_allocator.h"
#include "ws/deflate.h"
#include "ws/window.h"

#include <stdlib.h>

enum { TEXT_MAX = 32768, DATA_MAX = 20000, ROUNDS = 1500 };

static uint32_t seed;
static uint32_t draw(void)
{
    seed = seed * 1664525U + 1013904223U;
    return seed >> 8;
}
static uint32_t below(uint32_t n)
{
    return draw() % n;
}

/* Noise, few letters, runs, repeats of what was, text: what each part of the compressor is there for. */
static void fill(uint8_t *to, size_t size)
{
    unsigned kind = below(5);
    unsigned letters = 1 + below(200);
    for (size_t i = 0; i < size; i++) {
        size_t back = i > 0 ? 1 + below((uint32_t)(i < 400 ? i : 400)) : 0;
        switch (kind) {
        case 0:
            to[i] = (uint8_t)draw();
            break;
        case 1:
            to[i] = (uint8_t)below(letters);
            break;
        case 2:
            to[i] = below(letters) ? 'a' : (uint8_t)draw();
            break;
        case 3:
            to[i] = back > 0 && below(9) ? to[i - back] : (uint8_t)draw();
            break;
        default:
            to[i] = i > 60 && below(30) ? to[i - 60] : (uint8_t)('a' + below(26));
        }
    }
}

static void inflate_and_compare(const naru_allocator *allocator, unsigned bits, const naru__ws_window *before,
                                naru_span wire, naru_span expected)
{
    uint8_t *room = malloc(expected.size + 1);
    uint8_t *copy = malloc(wire.size);
    REQUIRE(room && copy);
    memcpy(copy, wire.data, wire.size);
    naru_input in = {copy, wire.size};
    size_t written = expected.size + 1;
    naru__ws_inflater *inflater = naru__ws_inflater_new(allocator, bits, before);
    REQUIRE(inflater != NULL);
    CHECK_EQ(naru__ws_inflater_run(inflater, &in, room, &written), NARU_OK);
    CHECK_EQ(in.size, 0);
    CHECK(naru__ws_inflater_rests(inflater));
    CHECK_BYTES(((naru_span){room, written}), expected);
    naru__ws_inflater_free(inflater);
    free(copy);
    free(room);
}

static void round_trip(uint8_t *bytes)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    const naru_allocator *allocator = &memory.allocator;
    naru__ws_effort effort = {(uint8_t)(9 + below(7)), (uint8_t)(1 + below(9)), (uint8_t)(1 + below(9))};
    uint32_t window_bytes = (uint32_t)1 << effort.bits;
    size_t text = below(3) ? below(below(8) ? 3000 : TEXT_MAX) : 0;
    size_t size = 1 + below(below(8) ? 1500 : DATA_MAX);
    naru__ws_window window = {0};
    naru_buf out;
    naru_buf_init(&out, allocator);
    fill(bytes, text + size);
    for (size_t at = 0; at < text;) {
        size_t piece = 1 + below((uint32_t)(text - at));
        REQUIRE(naru__ws_window_append(&window, (naru_span){bytes + at, piece}, window_bytes, allocator) == NARU_OK);
        at += piece;
    }
    naru_span data = {bytes + text, size};
    CHECK_EQ(naru__ws_deflate_append(allocator, effort, &window, window_bytes, data, &out), NARU_OK);
    naru_span wire = naru_buf_span(&out);
    bool small = size <= 8192 && effort.level <= 6;
    CHECK(wire.size <= size + (small ? 11 : size / 16 + 64));
    CHECK(wire.size >= 5 && memcmp(wire.data + wire.size - 4, "\0\0\xff\xff", 4) == 0);
    inflate_and_compare(allocator, effort.bits, &window, wire, data);
    naru_buf_deinit(&out);
    naru__ws_window_free(&window, allocator);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(zlib_reads_what_is_made)
{
    uint8_t *bytes = malloc(TEXT_MAX + DATA_MAX);
    REQUIRE(bytes != NULL);
    seed = 11;
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_trip(bytes);
    }
    free(bytes);
}

/* So skewed that codes would be longer than DEFLATE lets them: each byte occurs as often as the two before it. */
TEST(codes_are_no_longer_than_may_be)
{
    static const naru__ws_window nothing;
    uint8_t data[8192];
    size_t size = 0;
    size_t often = 1, before = 1;
    for (unsigned letter = 0; size < sizeof data; letter++) {
        for (size_t i = 0; i < often && size < sizeof data; i++) {
            data[size++] = (uint8_t)letter;
        }
        size_t sum = often + before;
        before = often;
        often = sum;
    }
    seed = 5;
    for (size_t i = size - 1; i > 0; i--) { /* so that few of them match */
        size_t other = below((uint32_t)(i + 1));
        uint8_t byte = data[i];
        data[i] = data[other];
        data[other] = byte;
    }
    naru_buf out;
    naru_buf_init(&out, NULL);
    naru__ws_effort effort = {15, 1, 8};
    CHECK_EQ(naru__ws_deflate_append(naru_allocator_default(), effort, NULL, 0, (naru_span){data, size}, &out),
             NARU_OK);
    inflate_and_compare(naru_allocator_default(), 15, &nothing, naru_buf_span(&out), (naru_span){data, size});
    naru_buf_deinit(&out);
}

TEST(once_is_a_whole_message)
{
    static const naru__ws_window nothing;
    static const char text[] = "said to many, said to many, said to many";
    naru_buf out;
    naru_buf_init(&out, NULL);
    CHECK_EQ(naru_buf_append(&out, naru_span_of("head")), NARU_OK);
    CHECK_EQ(naru__ws_deflate_once(naru_allocator_default(), naru_span_of(text), 9, 6, &out), NARU_OK);
    CHECK_EQ(naru_buf_append(&out, (naru_span){(const uint8_t *)"\0\0\xff\xff", 4}), NARU_OK);
    naru_span wire = naru_buf_span(&out);
    CHECK(wire.size < sizeof text);
    wire = (naru_span){wire.data + 4, wire.size - 4};
    inflate_and_compare(naru_allocator_default(), 9, &nothing, wire, naru_span_of(text));
    naru_buf_take(&out, naru_buf_span(&out).size);
    CHECK_EQ(naru__ws_deflate_once(naru_allocator_default(), (naru_span){NULL, 0}, 15, 9, &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "\0");
    naru_buf_deinit(&out);
}

/* Small messages, and those that go through zlib. */
TEST(every_allocation_may_fail)
{
    static uint8_t data[DATA_MAX];
    seed = 3;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)draw();
    }
    for (unsigned way = 0; way < 2; way++) {
        bool failed = true;
        for (size_t n = 1; failed; n++) {
            failing_allocator memory;
            failing_allocator_init(&memory, n);
            naru_buf out;
            naru_buf_init(&out, &memory.allocator);
            naru_span piece = {data, way == 0 ? 700 : sizeof data};
            naru_status status = naru__ws_deflate_once(&memory.allocator, piece, 15, 6, &out);
            failed = memory.failed;
            CHECK_EQ(status, failed ? NARU_ERR_MEMORY : NARU_OK);
            CHECK_EQ(naru_buf_span(&out).size == 0, failed);
            naru_buf_deinit(&out);
            CHECK_EQ(memory.live_bytes, 0);
        }
    }
}

/* The ring against the same bytes in a row. */
TEST(a_window_has_the_last_bytes)
{
    static uint8_t said[40000];
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    seed = 9;
    for (size_t i = 0; i < sizeof said; i++) {
        said[i] = (uint8_t)draw();
    }
    for (uint32_t most = 512; most <= 32768; most *= 2) {
        naru__ws_window window = {0};
        for (size_t at = 0; at < sizeof said;) {
            size_t piece = below(below(4) ? 700 : 9000);
            piece = piece < sizeof said - at ? piece : sizeof said - at;
            naru_span data = {said + at, piece};
            REQUIRE(naru__ws_window_append(&window, data, most, &memory.allocator) == NARU_OK);
            at += piece;
            naru_span pieces[2];
            size_t wanted = below(most + 1);
            naru__ws_window_last(&window, wanted, pieces);
            size_t got = pieces[0].size + pieces[1].size;
            CHECK_EQ(got, wanted < at ? wanted : at);
            CHECK_BYTES(pieces[0], ((naru_span){said + at - got, pieces[0].size}));
            CHECK_BYTES(pieces[1], ((naru_span){said + at - pieces[1].size, pieces[1].size}));
            CHECK(window.capacity <= most);
        }
        naru__ws_window_free(&window, &memory.allocator);
    }
    CHECK_EQ(memory.live_bytes, 0);
}

TEST_MAIN({"zlib reads what is made", zlib_reads_what_is_made},
          {"codes are no longer than may be", codes_are_no_longer_than_may_be},
          {"once is a whole message", once_is_a_whole_message},
          {"every allocation may fail", every_allocation_may_fail},
          {"a window has the last bytes", a_window_has_the_last_bytes})
