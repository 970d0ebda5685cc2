/* Cookies: the Cookie field walked, Set-Cookie written. */
#include <naru/http.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

/* All pairs, as name>value| */
static void check_walk(const char *text, const char *expected)
{
    naru_buf told = {0};
    naru_span rest = naru_span_of(text);
    naru_span name;
    naru_span value;
    while (naru_cookie_next(&rest, &name, &value)) {
        CHECK_EQ(naru_buf_append(&told, name), NARU_OK);
        CHECK_EQ(naru_buf_append(&told, naru_span_of(">")), NARU_OK);
        CHECK_EQ(naru_buf_append(&told, value), NARU_OK);
        CHECK_EQ(naru_buf_append(&told, naru_span_of("|")), NARU_OK);
    }
    CHECK_BYTES(naru_buf_span(&told), naru_span_of(expected));
    CHECK_EQ(rest.size, 0);
    naru_buf_deinit(&told);
}

TEST(pairs_are_walked)
{
    check_walk("", "");
    check_walk("a=b", "a>b|");
    check_walk("a=b; c=d", "a>b|c>d|");
    check_walk("a=b;c=d;", "a>b|c>d|");
    check_walk(" a = b ;\tc=d=e", "a>b|c>d=e|");
    check_walk("a=; b=\"x y\"; a=2", "a>|b>\"x y\"|a>2|");
    check_walk("; ;a;=b; =c; d=e", "d>e|");
    check_walk("a=\"b;c\"", "a>\"b|");
}

static naru_cookie cookie_of(const char *name, const char *value)
{
    return (naru_cookie){.name = naru_span_of(name), .value = naru_span_of(value)};
}

static void check_written(const naru_cookie *cookie, const char *expected)
{
    naru_buf out = {0};
    CHECK_EQ(naru_buf_append(&out, naru_span_of("<")), NARU_OK);
    CHECK_EQ(naru_cookie_write(&out, cookie), NARU_OK);
    CHECK_BYTES(((naru_span){naru_buf_span(&out).data + 1, naru_buf_span(&out).size - 1}), naru_span_of(expected));
    naru_buf_deinit(&out);
}

static void check_refused(const naru_cookie *cookie)
{
    naru_buf out = {0};
    CHECK_EQ(naru_buf_append(&out, naru_span_of("<")), NARU_OK);
    CHECK_EQ(naru_cookie_write(&out, cookie), NARU_ERR_ARGUMENT);
    CHECK_SPAN(naru_buf_span(&out), "<");
    naru_buf_deinit(&out);
}

static naru_cookie full_cookie(void)
{
    naru_cookie cookie = cookie_of("id", "\"a!~\"");
    cookie.path = naru_span_of("/a b");
    cookie.domain = naru_span_of("example.com");
    cookie.max_age_s = 3600;
    cookie.has_max_age = cookie.secure = cookie.http_only = true;
    cookie.same_site = NARU_COOKIE_SAME_SITE_NONE;
    return cookie;
}

#define FULL "id=\"a!~\"; Path=/a b; Domain=example.com; Max-Age=3600; Secure; HttpOnly; SameSite=None"

TEST(every_attribute_is_written)
{
    naru_cookie cookie = cookie_of("a", "");
    check_written(&cookie, "a=");
    cookie.same_site = NARU_COOKIE_SAME_SITE_LAX;
    check_written(&cookie, "a=; SameSite=Lax");
    cookie.same_site = NARU_COOKIE_SAME_SITE_STRICT;
    cookie.has_max_age = true;
    check_written(&cookie, "a=; Max-Age=0; SameSite=Strict");
    cookie.max_age_s = INT64_MIN;
    check_written(&cookie, "a=; Max-Age=-9223372036854775808; SameSite=Strict");
    cookie.max_age_s = INT64_MAX;
    check_written(&cookie, "a=; Max-Age=9223372036854775807; SameSite=Strict");
    cookie = full_cookie();
    check_written(&cookie, FULL);
}

TEST(what_the_grammar_forbids_is_refused)
{
    static const char *const values[] = {" ",  "a b",    "a,b",  "a;b",  "a\\b", "a\"b",
                                         "\"", "\"\"\"", "\x7f", "\x80", "\r\n"};
    static const char *const names[] = {"", "a b", "a=", "a;", "\xc3\xa9", "a\n"};
    static const char *const paths[] = {"/;", "/\r", "/\x80", "/\t"};
    static const char *const domains[] = {"a;b", "a b", "a/b", "\xe9"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        naru_cookie cookie = cookie_of("a", values[i]);
        check_refused(&cookie);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        naru_cookie cookie = cookie_of(names[i], "b");
        check_refused(&cookie);
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        naru_cookie cookie = cookie_of("a", "b");
        cookie.path = naru_span_of(paths[i]);
        check_refused(&cookie);
        cookie.path = naru_span_of("");
        cookie.domain = naru_span_of(domains[i]);
        check_refused(&cookie);
    }
    naru_cookie cookie = full_cookie();
    cookie.secure = false;
    check_refused(&cookie);
}

TEST(without_memory_nothing_is_written)
{
    naru_cookie cookie = full_cookie();
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru_buf out;
        naru_buf_init(&out, &memory.allocator);
        naru_status status = naru_cookie_write(&out, &cookie);
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        CHECK_EQ(naru_buf_span(&out).size, memory.failed ? 0 : sizeof FULL - 1);
        naru_buf_deinit(&out);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST_MAIN({"pairs are walked", pairs_are_walked}, {"every attribute is written", every_attribute_is_written},
          {"what the grammar forbids is refused", what_the_grammar_forbids_is_refused},
          {"without memory nothing is written", without_memory_nothing_is_written})
