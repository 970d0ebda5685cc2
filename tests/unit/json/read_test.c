/* Walking checked text: kinds, elements, members, strings, tokens. */
#include <naru/json.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

static naru_json json(const char *text)
{
    naru_json value = {{NULL, 0}};
    CHECK_EQ(naru_json_read(naru_span_of(text), NULL, &value, NULL), NARU_OK);
    return value;
}

TEST(kinds)
{
    CHECK_EQ(naru_json_kind_of((naru_json){{NULL, 0}}), NARU_JSON_NONE);
    CHECK_EQ(naru_json_kind_of(json("null")), NARU_JSON_NULL);
    CHECK_EQ(naru_json_kind_of(json("false")), NARU_JSON_BOOL);
    CHECK_EQ(naru_json_kind_of(json("-1")), NARU_JSON_NUMBER);
    CHECK_EQ(naru_json_kind_of(json("\"\"")), NARU_JSON_STRING);
    CHECK_EQ(naru_json_kind_of(json("[]")), NARU_JSON_ARRAY);
    CHECK_EQ(naru_json_kind_of(json("{}")), NARU_JSON_OBJECT);
    bool yes = false;
    CHECK_EQ(naru_json_bool(json("true"), &yes), NARU_OK);
    CHECK(yes);
    CHECK_EQ(naru_json_bool(json("\"true\""), &yes), NARU_ERR_ARGUMENT);
}

TEST(elements)
{
    naru_json array = json("[ 1 , \"a,]\\\"\" ,[2,[3]], {\"x\":\"}\"},null ]");
    naru_json_iter iter = naru_json_each(array);
    naru_json key;
    naru_json value;
    const char *expected[] = {"1", "\"a,]\\\"\"", "[2,[3]]", "{\"x\":\"}\"}", "null"};
    for (size_t i = 0; i < 5; i++) {
        REQUIRE(naru_json_next(&iter, &key, &value));
        CHECK_BYTES(value.text, naru_span_of(expected[i]));
        CHECK(naru_json_is(key, NARU_JSON_NONE));
        REQUIRE(naru_json_at(array, i, &value));
        CHECK_BYTES(value.text, naru_span_of(expected[i]));
    }
    CHECK(!naru_json_next(&iter, &key, &value));
    CHECK(!naru_json_next(&iter, &key, &value));
    CHECK(!naru_json_at(array, 5, &value));
    CHECK_EQ(naru_json_count(array), 5);
    CHECK_EQ(naru_json_count(json("[]")), 0);
    CHECK_EQ(naru_json_count(json("{ }")), 0);
    CHECK_EQ(naru_json_count(json("\"ab\"")), 0);
    CHECK(!naru_json_at(json("{\"a\":1}"), 0, &value));
}

TEST(members)
{
    naru_json object = json("{\"a\":1,\"b\" : [ {\"a\":2} ], \"\\u0063\":3,\"a\":4,\"__proto__\":{\"d\":5}}");
    naru_json value;
    CHECK_EQ(naru_json_count(object), 5);
    REQUIRE(naru_json_find(object, "a", &value));
    CHECK_SPAN(value.text, "4");
    REQUIRE(naru_json_find(object, "b", &value));
    CHECK_SPAN(value.text, "[ {\"a\":2} ]");
    REQUIRE(naru_json_find(object, "c", &value));
    CHECK_SPAN(value.text, "3");
    CHECK(!naru_json_find(object, "d", &value));
    CHECK(!naru_json_find(object, "", &value));
    CHECK(!naru_json_find(json("[\"a\",1]"), "a", &value));
    naru_json_iter iter = naru_json_each(object);
    naru_json key;
    REQUIRE(naru_json_next(&iter, &key, &value));
    CHECK_SPAN(key.text, "\"a\"");
    CHECK_SPAN(value.text, "1");
}

/* The characters of a string, by every way to them. */
static void check_string(const char *text, naru_span characters, bool plain)
{
    naru_json value = json(text);
    naru_buf scratch = {0};
    naru_span got = {NULL, 0};
    CHECK_EQ(naru_json_string(value, &scratch, &got), NARU_OK);
    CHECK_BYTES(got, characters);
    CHECK(naru_json_string_equal(value, characters));
    CHECK_EQ(naru_json_string_plain(value, &got), plain);
    char copy[64];
    size_t size = 0;
    CHECK_EQ(naru_json_string_copy(value, copy, sizeof copy, &size), NARU_OK);
    CHECK_BYTES(((naru_span){(const uint8_t *)copy, size}), characters);
    CHECK_EQ(naru_json_string_copy(value, copy, characters.size, &size), NARU_OK);
    if (characters.size > 0) {
        CHECK_EQ(naru_json_string_copy(value, copy, characters.size - 1, &size), NARU_ERR_TOO_BIG);
        CHECK(!naru_json_string_equal(value, (naru_span){characters.data, characters.size - 1}));
    }
    naru_buf_deinit(&scratch);
}

TEST(strings)
{
    check_string("\"\"", naru_span_of(""), true);
    check_string("\"plain\"", naru_span_of("plain"), true);
    check_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", naru_span_of("\"\\/\b\f\n\r\t"), false);
    check_string("\"a\\u0000b\"", (naru_span){(const uint8_t *)"a\0b", 3}, false);
    check_string("\"\\u00e9\\uAC00\\uffff\"", naru_span_of("\xc3\xa9\xea\xb0\x80\xef\xbf\xbf"), false);
    check_string("\"\\ud83d\\udea2!\"", naru_span_of("\xf0\x9f\x9a\xa2!"), false);
    check_string("\"\\udbff\\udfff\"", naru_span_of("\xf4\x8f\xbf\xbf"), false);
    /* halves of pairs, each by itself */
    check_string("\"\\ud83d\"", naru_span_of("\xef\xbf\xbd"), false);
    check_string("\"\\udea2\\ud83d\"", naru_span_of("\xef\xbf\xbd\xef\xbf\xbd"), false);
    check_string("\"\\ud83dx\"", naru_span_of("\xef\xbf\xbdx"), false);
    check_string("\"\\ud83d\\n\"", naru_span_of("\xef\xbf\xbd\n"), false);
    check_string("\"\\ud83d\\ud83d\\udea2\"", naru_span_of("\xef\xbf\xbd\xf0\x9f\x9a\xa2"), false);
    CHECK(!naru_json_string_equal(json("\"abc\""), naru_span_of("abcd")));
    CHECK(!naru_json_string_equal(json("\"\\u0061\""), naru_span_of("b")));
    CHECK(!naru_json_string_equal(json("12"), naru_span_of("12")));
    naru_span span;
    naru_buf scratch = {0};
    CHECK_EQ(naru_json_string(json("1"), &scratch, &span), NARU_ERR_ARGUMENT);
}

TEST(unescaping_survives_no_memory)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 1);
    naru_buf scratch;
    naru_buf_init(&scratch, &memory.allocator);
    naru_span span;
    CHECK_EQ(naru_json_string(json("\"\\n\""), &scratch, &span), NARU_ERR_MEMORY);
    CHECK_EQ(naru_json_string(json("\"\\n\""), &scratch, &span), NARU_OK);
    CHECK_SPAN(span, "\n");
    naru_buf_deinit(&scratch);
    CHECK_EQ(memory.live_bytes, 0);
}

TEST(tokens)
{
    naru_span rest = json("{\"a\" : [1,{\"b\":\"c:\"},\"d\"],\"e\":null}").text;
    static const char kinds[] = "{k[v{kv}v]kv}";
    static const char letters[] = {'v', 'k', '[', ']', '{', '}'};
    naru_json_token token;
    size_t i = 0;
    while (naru_json_token_next(&rest, &token)) {
        REQUIRE(i < sizeof kinds - 1);
        CHECK_EQ(letters[token.kind], kinds[i]);
        i++;
    }
    CHECK_EQ(i, sizeof kinds - 1);
}

TEST_MAIN({"kinds", kinds}, {"elements", elements}, {"members", members}, {"strings", strings},
          {"unescaping survives no memory", unescaping_survives_no_memory}, {"tokens", tokens})
