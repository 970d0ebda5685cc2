/* Which texts are JSON, where the others go wrong, and the limits. */
#include <naru/json.h>

#include <stdlib.h>

#include "unit/check.h"

#define SPAN(literal)                                                                                                  \
    (naru_span)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

/* A copy that ends where the text ends, so that a sanitizer sees every byte too far. */
static naru_status check_exact(naru_span text, const naru_json_limits *limits, naru_fault *fault)
{
    uint8_t *copy = malloc(text.size ? text.size : 1);
    memcpy(copy, text.data, text.size);
    naru_status status = naru_json_check((naru_span){copy, text.size}, limits, fault);
    free(copy);
    return status;
}

static const naru_span good[] = {
    SPAN("0"),
    SPAN("-0"),
    SPAN("-0.0e-0"),
    SPAN("10"),
    SPAN("1.5"),
    SPAN("1E9"),
    SPAN("1e+09"),
    SPAN("123456789012345678901234567890"),
    SPAN("1e99999999999999999999"),
    SPAN("true"),
    SPAN("false"),
    SPAN("null"),
    SPAN(" \t\r\nnull\n\r\t "),
    SPAN("\"\""),
    SPAN("\"a\""),
    SPAN("\"0123456789abcdef\""),
    SPAN("\"0123456789abcde\\n0123456789abcdef\\\"\""),
    SPAN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uaBcD\""),
    SPAN("\"\\u0000\""),
    SPAN("\"\\ud834\\udd1e\""),
    SPAN("\"\\ud834\""),
    SPAN("\"\\udd1e\\ud834\""),
    SPAN("\"\\ud834x\""),
    SPAN("\"\x7f\""),
    SPAN("\"\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x9a\xa2\""),
    SPAN("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    SPAN("[]"),
    SPAN("[ ]"),
    SPAN("{}"),
    SPAN("{ }"),
    SPAN("[1,2 , 3]"),
    SPAN("[[],{},[{}],\"\",null]"),
    SPAN("{\"a\":1}"),
    SPAN("{\"\":{\"\":[]}}"),
    SPAN("{ \"a\" : 1 , \"a\" : 2 }"),
    SPAN("{\"__proto__\":{\"x\":1},\"constructor\":0}"),
    SPAN("[\"message\",{\"text\":\"hi\",\"n\":-12.5e3,\"ok\":true,\"none\":null}]"),
};

typedef struct bad_text {
    naru_span text;
    size_t offset;
    naru_status status;
} bad_text;

static const bad_text bad[] = {
    {SPAN(""), 0, NARU_ERR_PROTOCOL},
    {SPAN("  "), 2, NARU_ERR_PROTOCOL},
    {SPAN("\xef\xbb\xbfnull"), 0, NARU_ERR_PROTOCOL},
    {SPAN("nul"), 0, NARU_ERR_PROTOCOL},
    {SPAN("nulL"), 0, NARU_ERR_PROTOCOL},
    {SPAN("True"), 0, NARU_ERR_PROTOCOL},
    {SPAN("undefined"), 0, NARU_ERR_PROTOCOL},
    {SPAN("NaN"), 0, NARU_ERR_PROTOCOL},
    {SPAN("Infinity"), 0, NARU_ERR_PROTOCOL},
    {SPAN("-Infinity"), 1, NARU_ERR_PROTOCOL},
    {SPAN("nullx"), 4, NARU_ERR_PROTOCOL},
    {SPAN("1 2"), 2, NARU_ERR_PROTOCOL},
    {SPAN("[]]"), 2, NARU_ERR_PROTOCOL},
    {SPAN("-"), 1, NARU_ERR_PROTOCOL},
    {SPAN("+1"), 0, NARU_ERR_PROTOCOL},
    {SPAN(".5"), 0, NARU_ERR_PROTOCOL},
    {SPAN("1."), 2, NARU_ERR_PROTOCOL},
    {SPAN("1.e1"), 2, NARU_ERR_PROTOCOL},
    {SPAN("01"), 1, NARU_ERR_PROTOCOL},
    {SPAN("-01"), 2, NARU_ERR_PROTOCOL},
    {SPAN("1e"), 2, NARU_ERR_PROTOCOL},
    {SPAN("1e+"), 3, NARU_ERR_PROTOCOL},
    {SPAN("0x10"), 1, NARU_ERR_PROTOCOL},
    {SPAN("1_000"), 1, NARU_ERR_PROTOCOL},
    {SPAN("'a'"), 0, NARU_ERR_PROTOCOL},
    {SPAN("\"a"), 2, NARU_ERR_PROTOCOL},
    {SPAN("\"0123456789abcdef"), 17, NARU_ERR_PROTOCOL},
    {SPAN("\"a\\"), 2, NARU_ERR_PROTOCOL},
    {SPAN("\"a\\\""), 4, NARU_ERR_PROTOCOL},
    {SPAN("\"\\x41\""), 1, NARU_ERR_PROTOCOL},
    {SPAN("\"\\0\""), 1, NARU_ERR_PROTOCOL},
    {SPAN("\"\\\0\""), 1, NARU_ERR_PROTOCOL},
    {SPAN("\"\\u12g4\""), 1, NARU_ERR_PROTOCOL},
    {SPAN("\"\\u123"), 1, NARU_ERR_PROTOCOL},
    {SPAN("\"a\nb\""), 2, NARU_ERR_PROTOCOL},
    {SPAN("\"0123456789abcdef\tb\""), 17, NARU_ERR_PROTOCOL},
    {SPAN("\"\0\""), 1, NARU_ERR_PROTOCOL},
    {SPAN("[1,]"), 3, NARU_ERR_PROTOCOL},
    {SPAN("[,1]"), 1, NARU_ERR_PROTOCOL},
    {SPAN("[1 2]"), 3, NARU_ERR_PROTOCOL},
    {SPAN("[1"), 2, NARU_ERR_PROTOCOL},
    {SPAN("["), 1, NARU_ERR_PROTOCOL},
    {SPAN("[1}"), 2, NARU_ERR_PROTOCOL},
    {SPAN("[\"a\":1]"), 4, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\":1]"), 6, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\":1,}"), 7, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\"}"), 4, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\":}"), 5, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\" 1}"), 5, NARU_ERR_PROTOCOL},
    {SPAN("{a:1}"), 1, NARU_ERR_PROTOCOL},
    {SPAN("{1:1}"), 1, NARU_ERR_PROTOCOL},
    {SPAN("{\"a\":1 \"b\":2}"), 7, NARU_ERR_PROTOCOL},
    {SPAN("{"), 1, NARU_ERR_PROTOCOL},
    {SPAN("{,}"), 1, NARU_ERR_PROTOCOL},
    {SPAN("[1]//"), 3, NARU_ERR_PROTOCOL},
    {SPAN("/**/1"), 0, NARU_ERR_PROTOCOL},
    {SPAN("\f1"), 0, NARU_ERR_PROTOCOL},
    {SPAN("\xc2\xa0"
          "1"),
     0, NARU_ERR_PROTOCOL},
    {SPAN("\"\xff\""), 1, NARU_ERR_UTF8},
    {SPAN("\"\xc0\x80\""), 1, NARU_ERR_UTF8},
    {SPAN("\"\xed\xa0\x80\""), 2, NARU_ERR_UTF8},
    {SPAN("\"\xf4\x90\x80\x80\""), 2, NARU_ERR_UTF8},
    {SPAN("\"\xe2\x80"), 3, NARU_ERR_UTF8},
};

TEST(good_texts)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        naru_fault fault = {0};
        naru_status status = check_exact(good[i], NULL, &fault);
        if (status != NARU_OK) {
            check__dump("refused ", good[i]);
        }
        CHECK_EQ(status, NARU_OK);
        CHECK(fault.rule == NULL);
    }
}

TEST(bad_texts_and_where)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_fault fault = {0};
        naru_status status = check_exact(bad[i].text, NULL, &fault);
        if (status != bad[i].status || fault.offset != bad[i].offset) {
            check__dump("text    ", bad[i].text);
        }
        CHECK_EQ(status, bad[i].status);
        CHECK_EQ(fault.status, bad[i].status);
        CHECK_EQ(fault.offset, bad[i].offset);
        CHECK(fault.rule && fault.text);
    }
}

/* Every good array or object cut short is bad, at its end or before. */
TEST(cut_texts)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint8_t last = good[i].data[good[i].size - 1];
        bool closes = last == ']' || last == '}' || last == '"';
        for (size_t size = 0; closes && size < good[i].size; size++) {
            CHECK(check_exact((naru_span){good[i].data, size}, NULL, NULL) < 0);
        }
    }
}

/* A special byte at every place of strings of every length around the vectors' sizes. */
TEST(a_special_byte_at_every_place)
{
    uint8_t text[80];
    for (size_t size = 2; size < sizeof text; size++) {
        for (size_t at = 1; at + 1 < size; at++) {
            memset(text, 'x', size);
            text[0] = text[size - 1] = '"';
            CHECK_EQ(check_exact((naru_span){text, size}, NULL, NULL), NARU_OK);
            naru_fault fault = {0};
            text[at] = 0x1f;
            CHECK_EQ(check_exact((naru_span){text, size}, NULL, &fault), NARU_ERR_PROTOCOL);
            CHECK_EQ(fault.offset, at);
            text[at] = '"';
            CHECK_EQ(check_exact((naru_span){text, size}, NULL, &fault), NARU_ERR_PROTOCOL);
            CHECK_EQ(fault.offset, at + 1);
        }
    }
}

static naru_status check_deep(size_t depth, const char *open, const char *close, const naru_json_limits *limits)
{
    naru_buf text = {0};
    for (size_t i = 0; i < depth; i++) {
        CHECK_EQ(naru_buf_append(&text, naru_span_of(open)), NARU_OK);
    }
    CHECK_EQ(naru_buf_append(&text, naru_span_of("1")), NARU_OK);
    for (size_t i = 0; i < depth; i++) {
        CHECK_EQ(naru_buf_append(&text, naru_span_of(close)), NARU_OK);
    }
    naru_status status = naru_json_check(naru_buf_span(&text), limits, NULL);
    naru_buf_deinit(&text);
    return status;
}

TEST(depth_is_limited)
{
    naru_json_limits all = {.depth_max = UINT32_MAX};
    naru_json_limits three = {.depth_max = 3};
    CHECK_EQ(check_deep(128, "[", "]", NULL), NARU_OK);
    CHECK_EQ(check_deep(129, "[", "]", NULL), NARU_ERR_TOO_MANY);
    CHECK_EQ(check_deep(3, "{\"a\":", "}", &three), NARU_OK);
    CHECK_EQ(check_deep(4, "{\"a\":", "}", &three), NARU_ERR_TOO_MANY);
    CHECK_EQ(check_deep(NARU_JSON_DEPTH_MAX, "[", "]", &all), NARU_OK);
    CHECK_EQ(check_deep(NARU_JSON_DEPTH_MAX / 2, "[{\"a\":", "}]", &all), NARU_OK);
    CHECK_EQ(check_deep(NARU_JSON_DEPTH_MAX + 1, "[", "]", &all), NARU_ERR_TOO_MANY);
    CHECK_EQ(check_deep(100000, "[", "]", &all), NARU_ERR_TOO_MANY);
}

TEST(keys_and_bytes_are_limited)
{
    naru_json_limits two = {.keys_max = 2};
    CHECK_EQ(naru_json_check(naru_span_of("[{\"a\":1},{\"b\":1}]"), &two, NULL), NARU_OK);
    CHECK_EQ(naru_json_check(naru_span_of("[{\"a\":1},{\"b\":1,\"c\":1}]"), &two, NULL), NARU_ERR_TOO_MANY);
    naru_json_limits five = {.bytes_max = 5};
    CHECK_EQ(naru_json_check(naru_span_of("[1,2]"), &five, NULL), NARU_OK);
    CHECK_EQ(naru_json_check(naru_span_of("[1,22]"), &five, NULL), NARU_ERR_TOO_BIG);
}

TEST(trusted_text_is_not_looked_at_twice)
{
    naru_json_limits trust = {.trust_utf8 = true};
    CHECK_EQ(naru_json_check(naru_span_of("\"\xff\""), &trust, NULL), NARU_OK);
    CHECK_EQ(naru_json_check(naru_span_of("\"\xff\n\""), &trust, NULL), NARU_ERR_PROTOCOL);
}

TEST(read_trims_blanks)
{
    naru_json value;
    CHECK_EQ(naru_json_read(naru_span_of(" \n[1, 2]\t "), NULL, &value, NULL), NARU_OK);
    CHECK_SPAN(value.text, "[1, 2]");
    CHECK_EQ(naru_json_read((naru_span){NULL, 0}, NULL, &value, NULL), NARU_ERR_PROTOCOL);
    CHECK_SPAN(value.text, "[1, 2]");
}

TEST_MAIN({"good texts", good_texts}, {"bad texts and where they go wrong", bad_texts_and_where},
          {"cut texts", cut_texts}, {"a special byte at every place", a_special_byte_at_every_place},
          {"depth is limited", depth_is_limited}, {"keys and bytes are limited", keys_and_bytes_are_limited},
          {"trusted text is not looked at twice", trusted_text_is_not_looked_at_twice},
          {"read trims blanks", read_trims_blanks})
