/* The writer: commas by themselves, escapes, misuse, no memory. */
#include <naru/json.h>

#include <math.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

static void write_all(naru_json_writer *w)
{
    naru_json_write_object(w);
    naru_json_write_key(w, naru_span_of("a"));
    naru_json_write_array(w);
    naru_json_write_null(w);
    naru_json_write_bool(w, true);
    naru_json_write_bool(w, false);
    naru_json_write_int64(w, INT64_MIN);
    naru_json_write_uint64(w, UINT64_MAX);
    naru_json_write_int64(w, 0);
    naru_json_write_double(w, 0.5);
    naru_json_write_double(w, -0.0);
    naru_json_write_double(w, (double)INFINITY);
    naru_json_write_double(w, (double)NAN);
    naru_json_write_array(w);
    naru_json_write_array_end(w);
    naru_json_write_object(w);
    naru_json_write_object_end(w);
    naru_json_write_array_end(w);
    naru_json_write_key(w, naru_span_of("b\""));
    naru_json_write_raw(w, naru_span_of("[ 1 ]"));
    naru_json_write_key(w, naru_span_of(""));
    naru_json_write_string(w, naru_span_of("x"));
    naru_json_write_object_end(w);
}

static const char all[] = "{\"a\":[null,true,false,-9223372036854775808,18446744073709551615,0,0.5,0,null,null,[],{}],"
                          "\"b\\\"\":[ 1 ],\"\":\"x\"}";

TEST(everything)
{
    naru_buf out = {0};
    CHECK_EQ(naru_buf_append(&out, naru_span_of("42")), NARU_OK);
    naru_json_writer w;
    naru_json_writer_init(&w, &out, 0);
    write_all(&w);
    CHECK_EQ(naru_json_writer_finish(&w), NARU_OK);
    naru_buf_take(&out, 2);
    CHECK_BYTES(naru_buf_span(&out), naru_span_of(all));
    CHECK_EQ(naru_json_check(naru_buf_span(&out), NULL, NULL), NARU_OK);
    naru_buf_deinit(&out);
}

static void check_string(naru_span characters, uint32_t flags, const char *expected)
{
    naru_buf out = {0};
    naru_json_writer w;
    naru_json_writer_init(&w, &out, flags);
    naru_json_write_string(&w, characters);
    CHECK_EQ(naru_json_writer_finish(&w), NARU_OK);
    CHECK_BYTES(naru_buf_span(&out), naru_span_of(expected));
    naru_buf_deinit(&out);
}

TEST(strings_are_escaped_as_javascript_does)
{
    check_string((naru_span){NULL, 0}, 0, "\"\"");
    check_string((naru_span){(const uint8_t *)"\0\x01\x1f\x7f", 4}, 0, "\"\\u0000\\u0001\\u001f\x7f\"");
    check_string(naru_span_of("\"\\/\b\f\n\r\t"), 0, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_string(naru_span_of("a quotation \"in the middle\" of a longer text"), 0,
                 "\"a quotation \\\"in the middle\\\" of a longer text\"");
    check_string(naru_span_of("\xe2\x80\xa8|\xe2\x80\xa9"), 0, "\"\xe2\x80\xa8|\xe2\x80\xa9\"");
    check_string(naru_span_of("\xe2\x80\xa8|\xe2\x80\xa9\xe2\x82\xac\n"), NARU_JSON_ESCAPE_LINES,
                 "\"\\u2028|\\u2029\xe2\x82\xac\\n\"");
}

typedef void misuse(naru_json_writer *w);

static void nothing(naru_json_writer *w)
{
    (void)w;
}
static void two_values(naru_json_writer *w)
{
    naru_json_write_null(w);
    naru_json_write_null(w);
}
static void left_open(naru_json_writer *w)
{
    naru_json_write_array(w);
}
static void wrong_end(naru_json_writer *w)
{
    naru_json_write_array(w);
    naru_json_write_object_end(w);
}
static void end_too_many(naru_json_writer *w)
{
    naru_json_write_array(w);
    naru_json_write_array_end(w);
    naru_json_write_array_end(w);
}
static void key_in_array(naru_json_writer *w)
{
    naru_json_write_array(w);
    naru_json_write_key(w, naru_span_of("a"));
    naru_json_write_null(w);
    naru_json_write_array_end(w);
}
static void value_without_key(naru_json_writer *w)
{
    naru_json_write_object(w);
    naru_json_write_null(w);
    naru_json_write_object_end(w);
}
static void key_without_value(naru_json_writer *w)
{
    naru_json_write_object(w);
    naru_json_write_key(w, naru_span_of("a"));
    naru_json_write_object_end(w);
}
static void key_after_key(naru_json_writer *w)
{
    naru_json_write_object(w);
    naru_json_write_key(w, naru_span_of("a"));
    naru_json_write_key(w, naru_span_of("b"));
    naru_json_write_null(w);
    naru_json_write_object_end(w);
}

TEST(misuse_is_told_and_leaves_nothing)
{
    static misuse *const all_of_them[] = {nothing,           two_values,        left_open,
                                          wrong_end,         end_too_many,      key_in_array,
                                          value_without_key, key_without_value, key_after_key};
    for (size_t i = 0; i < sizeof all_of_them / sizeof all_of_them[0]; i++) {
        naru_buf out = {0};
        CHECK_EQ(naru_buf_append(&out, naru_span_of("before")), NARU_OK);
        naru_json_writer w;
        naru_json_writer_init(&w, &out, 0);
        all_of_them[i](&w);
        CHECK_EQ(naru_json_writer_finish(&w), NARU_ERR_STATE);
        CHECK_SPAN(naru_buf_span(&out), "before");
        naru_buf_deinit(&out);
    }
}

TEST(text_that_is_not_utf8_is_refused)
{
    naru_buf out = {0};
    naru_json_writer w;
    naru_json_writer_init(&w, &out, 0);
    naru_json_write_string(&w, naru_span_of("a\xed\xa0\x80"));
    CHECK_EQ(naru_json_writer_finish(&w), NARU_ERR_UTF8);
    CHECK_EQ(naru_buf_span(&out).size, 0);
    naru_buf_deinit(&out);
}

TEST(depth_is_limited)
{
    for (size_t depth = NARU_JSON_DEPTH_MAX; depth <= NARU_JSON_DEPTH_MAX + 1; depth++) {
        naru_buf out = {0};
        naru_json_writer w;
        naru_json_writer_init(&w, &out, 0);
        for (size_t i = 0; i < depth; i++) {
            naru_json_write_array(&w);
        }
        for (size_t i = 0; i < depth; i++) {
            naru_json_write_array_end(&w);
        }
        CHECK_EQ(naru_json_writer_finish(&w), depth > NARU_JSON_DEPTH_MAX ? NARU_ERR_TOO_MANY : NARU_OK);
        naru_buf_deinit(&out);
    }
}

TEST(each_allocation_may_fail)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru_buf out;
        naru_buf_init(&out, &memory.allocator);
        naru_json_writer w;
        naru_json_writer_init(&w, &out, 0);
        write_all(&w);
        naru_status status = naru_json_writer_finish(&w);
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        CHECK_EQ(naru_buf_span(&out).size, memory.failed ? 0 : sizeof all - 1);
        naru_buf_deinit(&out);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST_MAIN({"everything", everything},
          {"strings are escaped as JavaScript does", strings_are_escaped_as_javascript_does},
          {"misuse is told and leaves nothing", misuse_is_told_and_leaves_nothing},
          {"text that is not UTF-8 is refused", text_that_is_not_utf8_is_refused},
          {"depth is limited", depth_is_limited}, {"each allocation may fail", each_allocation_may_fail})
