/* naru_buf: what goes in at the end comes out at the front, whatever the growth, and nothing is lost when
 * memory is. */
#include "base/buf.h"

#include "unit/check.h"
#include "unit/failing_allocator.h"

TEST(a_zero_buf_is_empty_and_usable)
{
    naru_buf buf = {0};
    CHECK_SPAN(naru_buf_span(&buf), "");
    naru_buf_take(&buf, 0);
    CHECK_EQ(naru_buf_append(&buf, naru_span_of("ab")), NARU_OK);
    CHECK_SPAN(naru_buf_span(&buf), "ab");
    naru_buf_deinit(&buf);
    CHECK_SPAN(naru_buf_span(&buf), "");
    CHECK_EQ(naru_buf_append(&buf, naru_span_of("c")), NARU_OK);
    CHECK_SPAN(naru_buf_span(&buf), "c");
    naru_buf_deinit(&buf);
}

TEST(nothing_appended_takes_no_memory)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    naru_buf buf;
    naru_buf_init(&buf, &memory.allocator);
    CHECK_EQ(naru_buf_append(&buf, (naru_span){NULL, 0}), NARU_OK);
    CHECK_EQ(memory.calls, 0);
    CHECK(naru_buf_reserve(&buf, 0) != NULL);
    naru_buf_deinit(&buf);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(an_emptied_buf_begins_at_its_front_and_keeps_its_memory)
{
    naru_buf buf = {0};
    CHECK_EQ(naru_buf_append(&buf, naru_span_of("abc")), NARU_OK);
    size_t capacity = buf.capacity;
    naru_buf_take(&buf, 2);
    CHECK_SPAN(naru_buf_span(&buf), "c");
    CHECK_EQ(buf.begin, 2);
    naru_buf_take(&buf, 1);
    CHECK_EQ(buf.begin, 0);
    CHECK_EQ(buf.end, 0);
    CHECK_EQ(buf.capacity, capacity);
    naru_buf_deinit(&buf);
}

TEST(taken_room_is_used_again_before_more_is_asked_for)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    naru_buf buf;
    naru_buf_init(&buf, &memory.allocator);
    uint8_t block[64] = {0};
    for (uint8_t i = 0; i < 64; i++) {
        block[i] = i;
    }
    CHECK_EQ(naru_buf_append(&buf, (naru_span){block, 64}), NARU_OK);
    CHECK_EQ(buf.capacity, 64);
    naru_buf_take(&buf, 40);
    CHECK_EQ(naru_buf_append(&buf, (naru_span){block, 40}), NARU_OK);
    CHECK_EQ(memory.calls, 1);
    CHECK_BYTES(((naru_span){naru_buf_span(&buf).data, 24}), ((naru_span){block + 40, 24}));
    CHECK_BYTES(((naru_span){naru_buf_span(&buf).data + 24, 40}), ((naru_span){block, 40}));
    naru_buf_deinit(&buf);
}

TEST(growth_is_geometric)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    naru_buf buf;
    naru_buf_init(&buf, &memory.allocator);
    for (size_t i = 0; i < 1000000; i++) {
        CHECK_EQ(naru__buf_append_byte(&buf, (uint8_t)i), NARU_OK);
    }
    CHECK(memory.calls <= 15);
    CHECK_EQ(naru__buf_size(&buf), 1000000);
    naru_buf_deinit(&buf);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(a_sum_that_overflows_is_refused)
{
    naru_buf buf = {0};
    CHECK_EQ(naru_buf_append(&buf, naru_span_of("abc")), NARU_OK);
    CHECK(naru_buf_reserve(&buf, SIZE_MAX - 2) == NULL);
    CHECK(naru_buf_reserve(&buf, SIZE_MAX) == NULL);
    CHECK_SPAN(naru_buf_span(&buf), "abc");
    naru_buf_deinit(&buf);
}

TEST(truncate_drops_the_end_only)
{
    naru_buf buf = {0};
    CHECK_EQ(naru_buf_append(&buf, naru_span_of("abcdef")), NARU_OK);
    naru_buf_take(&buf, 1);
    naru__buf_truncate(&buf, 9);
    CHECK_SPAN(naru_buf_span(&buf), "bcdef");
    naru__buf_truncate(&buf, 2);
    CHECK_SPAN(naru_buf_span(&buf), "bc");
    naru_buf_deinit(&buf);
}

/* Random appends and takes; the content is told by two counters. */
static void churn(const naru_allocator *allocator, uint64_t seed, size_t steps)
{
    naru_buf buf;
    naru_buf_init(&buf, allocator);
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (size_t i = 0; i < steps; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        size_t size = (size_t)(seed >> 33) % 300;
        uint8_t *room = seed >> 63 ? naru_buf_reserve(&buf, size) : NULL;
        if (room) {
            for (size_t k = 0; k < size; k++) {
                room[k] = next_in++;
            }
            naru_buf_commit(&buf, size);
        }
        naru_span content = naru_buf_span(&buf);
        size_t taken = (size_t)(seed >> 40) % 300;
        taken = taken < content.size ? taken : content.size;
        for (size_t k = 0; k < taken; k++) {
            REQUIRE(content.data[k] == next_out);
            next_out++;
        }
        naru_buf_take(&buf, taken);
    }
    CHECK_EQ((uint8_t)(next_in - next_out), (uint8_t)naru__buf_size(&buf));
    naru_buf_deinit(&buf);
}

TEST(what_goes_in_comes_out_though_memory_fails)
{
    for (size_t n = 1; n < 40; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        churn(&memory.allocator, n, 3000);
        CHECK_EQ(memory.live_bytes, 0);
    }
}

TEST_MAIN({"a zero buf is empty and usable", a_zero_buf_is_empty_and_usable},
          {"nothing appended takes no memory", nothing_appended_takes_no_memory},
          {"an emptied buf begins at its front", an_emptied_buf_begins_at_its_front_and_keeps_its_memory},
          {"taken room is used again", taken_room_is_used_again_before_more_is_asked_for},
          {"growth is geometric", growth_is_geometric},
          {"a sum that overflows is refused", a_sum_that_overflows_is_refused},
          {"truncate drops the end only", truncate_drops_the_end_only},
          {"what goes in comes out", what_goes_in_comes_out_though_memory_fails})
