/* Tokens, lists, phrases and the writing of heads. */
#include <naru/http.h>

#include "http/chars.h"
#include "unit/check.h"
#include "unit/failing_allocator.h"

/* The table of characters against the grammar's own words. */
TEST(the_characters_are_those_of_the_grammar)
{
    for (unsigned i = 0; i < 256; i++) {
        uint8_t c = (uint8_t)i;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool visible = c > 0x20 && c < 0x7f;
        CHECK_EQ(naru__char_is(c, NARU__CHAR_TOKEN), alnum || (c && strchr("!#$%&'*+-.^_`|~", c)));
        CHECK_EQ(naru__char_is(c, NARU__CHAR_TARGET), visible && c != '#');
        CHECK_EQ(naru__char_is(c, NARU__CHAR_FIELD), visible || c >= 0x80 || c == ' ' || c == '\t');
        CHECK_EQ(naru__char_is(c, NARU__CHAR_COOKIE), visible && !strchr("\",;\\", c));
        CHECK_EQ(naru__char_is(c, NARU__CHAR_HOST), alnum || (c && strchr("-._~!$&'()*+,;=", c)));
    }
}

TEST(tokens_and_values)
{
    CHECK(naru_http_is_token(naru_span_of("X-a!")));
    CHECK(!naru_http_is_token(naru_span_of("X-a ")));
    CHECK(!naru_http_is_token(naru_span_of("")));
    CHECK(naru_http_is_field_value(naru_span_of("")));
    CHECK(naru_http_is_field_value(naru_span_of("a \t\xff")));
    CHECK(!naru_http_is_field_value(naru_span_of("a ")));
    CHECK(!naru_http_is_field_value(naru_span_of("\ta")));
    CHECK(!naru_http_is_field_value(naru_span_of("a\rb")));
    CHECK(!naru_http_is_field_value((naru_span){(const uint8_t *)"a\0b", 3}));
    CHECK(!naru_http_is_field_value(naru_span_of("a\x7f")));
}

static void check_list(const char *text, const char *expected)
{
    naru_buf told = {0};
    naru_span rest = naru_span_of(text);
    naru_span member;
    while (naru_http_list_next(&rest, &member)) {
        CHECK_EQ(naru_buf_append(&told, member), NARU_OK);
        CHECK_EQ(naru_buf_append(&told, naru_span_of("|")), NARU_OK);
    }
    CHECK_BYTES(naru_buf_span(&told), naru_span_of(expected));
    naru_buf_deinit(&told);
}

TEST(lists_are_walked)
{
    check_list("", "");
    check_list("a", "a|");
    check_list("a,b", "a|b|");
    check_list(" ,, a\t , ,b c,", "a|b c|");
    check_list("a=\"b,c\", d", "a=\"b,c\"|d|");
    check_list("a=\"b\\\",c\", d", "a=\"b\\\",c\"|d|");
    check_list("a=\"b,c", "a=\"b,c|");
    check_list("a=\"b\\", "a=\"b\\|");
    check_list("a\\,b", "a\\|b|");
}

TEST(phrases)
{
    CHECK_STR(naru_http_reason(404), "Not Found");
    CHECK_STR(naru_http_reason(101), "Switching Protocols");
    CHECK_STR(naru_http_reason(299), "");
    CHECK_STR(naru_http_reason(-1), "");
}

TEST(heads_are_written)
{
    naru_buf out = {0};
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("/a?b")), NARU_OK);
    CHECK_EQ(naru_http_write_status(&out, 426, NULL), NARU_OK);
    CHECK_EQ(naru_http_write_status(&out, 299, ""), NARU_OK);
    CHECK_EQ(naru_http_write_status(&out, 200, "Fine"), NARU_OK);
    CHECK_EQ(naru_http_write_field(&out, naru_span_of("A"), naru_span_of("b c")), NARU_OK);
    CHECK_EQ(naru_http_write_field(&out, naru_span_of("A"), naru_span_of("")), NARU_OK);
    CHECK_EQ(naru_http_write_end(&out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "GET /a?b HTTP/1.1\r\nHTTP/1.1 426 Upgrade Required\r\nHTTP/1.1 299 \r\n"
                                    "HTTP/1.1 200 Fine\r\nA: b c\r\nA: \r\n\r\n");
    naru_buf_deinit(&out);
}

TEST(nothing_is_smuggled_into_a_head)
{
    naru_buf out = {0};
    naru_span a = naru_span_of("a");
    CHECK_EQ(naru_http_write_request(&out, "G T", naru_span_of("/")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "", naru_span_of("/")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, NULL, naru_span_of("/")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("/a b")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("/a\r\nb")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("/#")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_request(&out, "GET", naru_span_of("/\xc3\xa9")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_status(&out, 99, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_status(&out, 1000, NULL), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_status(&out, 200, "a\nb"), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_field(&out, naru_span_of("a:"), a), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_field(&out, naru_span_of(""), a), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_field(&out, a, naru_span_of("b\r\nc: d")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_http_write_field(&out, a, naru_span_of(" b")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_buf_span(&out).size, 0);
    naru_buf_deinit(&out);
}

TEST(without_memory_nothing_is_written)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 1);
    naru_buf out;
    naru_buf_init(&out, &memory.allocator);
    CHECK_EQ(naru_http_write_status(&out, 200, NULL), NARU_ERR_MEMORY);
    CHECK_EQ(naru_buf_span(&out).size, 0);
    naru_buf_deinit(&out);
}

TEST_MAIN({"the characters are those of the grammar", the_characters_are_those_of_the_grammar},
          {"tokens and values", tokens_and_values}, {"lists are walked", lists_are_walked}, {"phrases", phrases},
          {"heads are written", heads_are_written},
          {"nothing is smuggled into a head", nothing_is_smuggled_into_a_head},
          {"without memory nothing is written", without_memory_nothing_is_written})
