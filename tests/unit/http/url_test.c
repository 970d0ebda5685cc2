/* URLs against the WHATWG rules: a table of what browsers make of them, and of what they refuse. */
#include <naru/http.h>

#include <stdlib.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"

typedef struct example {
    const char *text;
    const char *expected; /* serialised; NULL: refused */
} example;

/* An exact heap copy, so that a read past its end shows. */
static naru_status parse_copy(naru_url *url, naru_span text, const naru_allocator *allocator, const char **reason)
{
    uint8_t *copy = malloc(text.size > 0 ? text.size : 1);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    naru_status status = naru_url_parse(url, (naru_span){copy, text.size}, allocator, reason);
    free(copy);
    return status;
}

static void check_refused(naru_span text, naru_status expected)
{
    naru_url url;
    const char *reason = NULL;
    naru_status status = parse_copy(&url, text, NULL, &reason);
    CHECK_EQ(status, expected);
    CHECK(reason != NULL);
    CHECK_EQ(naru_buf_span(&url.text).size, 0);
    CHECK_EQ(url.host.size, 0);
    naru_url_deinit(&url);
    CHECK_EQ(parse_copy(&url, text, NULL, NULL), expected);
}

/* Parsing what was written changes nothing. */
static void check_stable(const naru_url *url)
{
    naru_url again;
    CHECK_EQ(naru_url_parse(&again, naru_buf_span(&url->text), NULL, NULL), NARU_OK);
    CHECK_BYTES(naru_buf_span(&again.text), naru_buf_span(&url->text));
    CHECK_BYTES(again.host, url->host);
    CHECK_BYTES(again.path, url->path);
    CHECK_EQ(again.port, url->port);
    naru_url_deinit(&again);
}

static void check_example(const example *e)
{
    int before = check__failures;
    naru_span text = naru_span_of(e->text);
    if (!e->expected) {
        check_refused(text, NARU_ERR_ARGUMENT);
    } else {
        naru_url url;
        CHECK_EQ(parse_copy(&url, text, NULL, NULL), NARU_OK);
        CHECK_BYTES(naru_buf_span(&url.text), naru_span_of(e->expected));
        check_stable(&url);
        naru_url_deinit(&url);
    }
    if (check__failures > before) {
        fprintf(stderr, "  in URL: %s\n", e->text);
    }
}

static void check_examples(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_example(&examples[i]);
    }
}

#define CHECK_EXAMPLES(...)                                                                                            \
    do {                                                                                                               \
        static const example examples[] = {__VA_ARGS__};                                                               \
        check_examples(examples, sizeof examples / sizeof examples[0]);                                                \
    } while (0)

TEST(the_parts_are_told)
{
    naru_url url;
    CHECK_EQ(naru_url_parse(&url, naru_span_of("WSS://u:p@Ex.org:8443/a/b?c=d#e"), NULL, NULL), NARU_OK);
    CHECK_SPAN(naru_buf_span(&url.text), "wss://u:p@ex.org:8443/a/b?c=d#e");
    CHECK_SPAN(url.scheme, "wss");
    CHECK_SPAN(url.username, "u");
    CHECK_SPAN(url.password, "p");
    CHECK_SPAN(url.host, "ex.org");
    CHECK_EQ(url.port, 8443);
    CHECK(url.port_given);
    CHECK_SPAN(url.path, "/a/b");
    CHECK_SPAN(url.query, "c=d");
    CHECK_SPAN(url.fragment, "e");
    CHECK(url.query_given && url.fragment_given);
    naru_url_deinit(&url);
    CHECK_EQ(naru_url_parse(&url, naru_span_of("ws://a"), NULL, NULL), NARU_OK);
    CHECK_EQ(url.port, 80);
    CHECK(!url.port_given && !url.query_given && !url.fragment_given);
    CHECK_SPAN(url.path, "/");
    CHECK_SPAN(url.username, "");
    naru_url_deinit(&url);
    CHECK_EQ(naru_url_parse(&url, naru_span_of("https://a:443/?#"), NULL, NULL), NARU_OK);
    CHECK_EQ(url.port, 443);
    CHECK(!url.port_given && url.query_given && url.fragment_given);
    CHECK_SPAN(url.query, "");
    naru_url_deinit(&url);
}

TEST(schemes_and_slashes)
{
    CHECK_EXAMPLES({"http://a/b", "http://a/b"}, {"HTTPS://a/b", "https://a/b"}, {"ws:a/b", "ws://a/b"},
                   {"wss:/a", "wss://a/"}, {"http:////a", "http://a/"}, {"http:\\\\a\\b", "http://a/b"},
                   {"http:/\\/a", "http://a/"}, {"ftp://a/", NULL}, {"wsss://a/", NULL}, {"w s://a/", NULL},
                   {"//a/b", NULL}, {"a", NULL}, {"", NULL}, {":", NULL}, {"://a", NULL}, {"ws", NULL}, {"ws:", NULL},
                   {"ws://", NULL}, {"ws:///", NULL}, {"1ws://a", NULL}, {"http", NULL}, {"?http://a", NULL});
}

TEST(blanks_around_and_line_ends_inside_do_not_count)
{
    CHECK_EXAMPLES({" \x1f\n ws://a \x01", "ws://a/"}, {"w\ts:/\n/a\r.b/c\td", "ws://a.b/cd"},
                   {"ws://a/b c", "ws://a/b%20c"}, {"ws://a b/", NULL}, {"ws://a\x01/", NULL},
                   {"ws://a/\x01", "ws://a/"}, {"ws://a/\x01?", "ws://a/%01?"});
}

TEST(hosts_are_made_canonical)
{
    CHECK_EXAMPLES(
        {"ws://EXAMPLE.com", "ws://example.com/"}, {"ws://%45x%2Ecom", "ws://ex.com/"}, {"ws://a_b-c!", "ws://a_b-c!/"},
        {"ws://a.", "ws://a./"}, {"ws://.", "ws://./"}, {"ws://a..b", "ws://a..b/"}, {"ws://%61%2e", "ws://a./"},
        {"ws://a%", NULL}, {"ws://a%zz", NULL}, {"ws://a%00", NULL}, {"ws://a%20b", NULL}, {"ws://a%2fb", NULL},
        {"ws://a%3a80", NULL}, {"ws://a%25", NULL}, {"ws://a<b", NULL}, {"ws://a>b", NULL}, {"ws://a^b", NULL},
        {"ws://a|b", NULL}, {"ws://a[b", NULL}, {"ws://a]b", NULL}, {"ws://a%7fb", NULL}, {"ws://a\x7f", NULL},
        {"ws://%ff", NULL}, {"ws://\xff", NULL}, {"ws://a\xef\xbf\xbd", NULL}, {"ws://a`b{c}d~", "ws://a`b{c}d~/"});
    check_refused(naru_span_of("ws://\xc3\xa9.example"), NARU_ERR_UNSUPPORTED);
    check_refused(naru_span_of("ws://%c3%a9.example"), NARU_ERR_UNSUPPORTED);
    check_refused(naru_span_of("ws://\xc3\xa9 .example"), NARU_ERR_ARGUMENT);
    check_refused((naru_span){(const uint8_t *)"ws://a\0b", 8}, NARU_ERR_ARGUMENT);
}

TEST(ipv4_has_many_forms)
{
    CHECK_EXAMPLES(
        {"ws://1.2.3.4", "ws://1.2.3.4/"}, {"ws://1.2.3.4.", "ws://1.2.3.4/"}, {"ws://1.2.3", "ws://1.2.0.3/"},
        {"ws://1.2.65535", "ws://1.2.255.255/"}, {"ws://1.65536", "ws://1.1.0.0/"}, {"ws://1", "ws://0.0.0.1/"},
        {"ws://4294967295", "ws://255.255.255.255/"}, {"ws://4294967296", NULL}, {"ws://0x7f.1", "ws://127.0.0.1/"},
        {"ws://0X7F.0x1", "ws://127.0.0.1/"}, {"ws://0177.0.0.01", "ws://127.0.0.1/"}, {"ws://0x", "ws://0.0.0.0/"},
        {"ws://0x.0x.0", "ws://0.0.0.0/"}, {"ws://00", "ws://0.0.0.0/"}, {"ws://08", NULL}, {"ws://0x100000000", NULL},
        {"ws://256.1.1.1", NULL}, {"ws://1.256.1.1", NULL}, {"ws://1.1.1.256", NULL}, {"ws://1.1.65536", NULL},
        {"ws://1.16777216", NULL}, {"ws://1.2.3.4.5", NULL}, {"ws://1..2", NULL}, {"ws://1.2..", "ws://1.2../"},
        {"ws://.1", NULL}, {"ws://a.1", NULL}, {"ws://a.0x1", NULL}, {"ws://a.0x", NULL}, {"ws://a.0xg", "ws://a.0xg/"},
        {"ws://a.09", NULL}, {"ws://a.1.", NULL}, {"ws://1.a", "ws://1.a/"}, {"ws://1.2.3.4a", "ws://1.2.3.4a/"},
        {"ws://%31.2", "ws://1.0.0.2/"}, {"ws://99999999999999999999999999", NULL},
        {"ws://0x00000000000000000000000000007f000001", "ws://127.0.0.1/"}, {"ws://1.-1", "ws://1.-1/"});
}

TEST(ipv6_is_compressed)
{
    CHECK_EXAMPLES(
        {"ws://[::]", "ws://[::]/"}, {"ws://[::1]:81", "ws://[::1]:81/"}, {"ws://[1::]", "ws://[1::]/"},
        {"ws://[0:0:0:0:0:0:0:1]", "ws://[::1]/"}, {"ws://[1:0:0:2:0:0:0:3]", "ws://[1:0:0:2::3]/"},
        {"ws://[1:0:0:2:0:0:3:4]", "ws://[1::2:0:0:3:4]/"}, {"ws://[1:0:2:3:4:5:6:7]", "ws://[1:0:2:3:4:5:6:7]/"},
        {"ws://[ABCD:0ef::]", "ws://[abcd:ef::]/"}, {"ws://[::1.2.3.4]", "ws://[::102:304]/"},
        {"ws://[::ffff:255.255.255.255]", "ws://[::ffff:ffff:ffff]/"},
        {"ws://[1:2:3:4:5:6:7:8]", "ws://[1:2:3:4:5:6:7:8]/"},
        {"ws://[1:2:3:4:5:6:1.2.3.4]", "ws://[1:2:3:4:5:6:102:304]/"},
        {"ws://[1:2:3:4:5:6:7::]", "ws://[1:2:3:4:5:6:7:0]/"}, {"ws://[::2:3:4:5:6:7:8]", "ws://[0:2:3:4:5:6:7:8]/"},
        {"ws://[1:2:3:4:5:6:7:1.2.3.4]", NULL}, {"ws://[1:2:3:4:5:6:7]", NULL}, {"ws://[1:2:3:4:5:6:7:8:9]", NULL},
        {"ws://[1:2:3:4::5:6:7:8]", NULL}, {"ws://[::1::]", NULL}, {"ws://[:::1]", NULL}, {"ws://[:1]", NULL},
        {"ws://[1:]", NULL}, {"ws://[]", NULL}, {"ws://[", NULL}, {"ws://[::1", NULL}, {"ws://[::1]x", NULL},
        {"ws://[::12345]", NULL}, {"ws://[::g]", NULL}, {"ws://[::1.2.3]", NULL}, {"ws://[::1.2.3.4.5]", NULL},
        {"ws://[::1.2.3.256]", NULL}, {"ws://[::01.2.3.4]", NULL}, {"ws://[::.1.2.3]", NULL}, {"ws://[::1.2.3.]", NULL},
        {"ws://[::1.2.3.4:5]", NULL}, {"ws://[::1%25eth0]", NULL}, {"ws://[v1.a]", NULL}, {"ws://[ ::1]", NULL});
}

TEST(ports)
{
    CHECK_EXAMPLES({"ws://a:80", "ws://a/"}, {"wss://a:443", "wss://a/"}, {"wss://a:80", "wss://a:80/"},
                   {"http://a:", "http://a/"}, {"ws://a:0", "ws://a:0/"}, {"ws://a:00081", "ws://a:81/"},
                   {"ws://a:0000000000000000000080", "ws://a/"}, {"ws://a:65535", "ws://a:65535/"},
                   {"ws://a:65536", NULL}, {"ws://a:4294967377", NULL}, {"ws://a:8a", NULL}, {"ws://a:-1", NULL},
                   {"ws://a: 80", NULL}, {"ws://a:80:80", NULL}, {"ws://:80", NULL}, {"ws://a:8\t1", "ws://a:81/"},
                   {"ws://a:81\\b", "ws://a:81/b"}, {"ws://a:81?b", "ws://a:81/?b"});
}

TEST(credentials)
{
    CHECK_EXAMPLES({"ws://u@a", "ws://u@a/"}, {"ws://u:p@a", "ws://u:p@a/"}, {"ws://:p@a", "ws://:p@a/"},
                   {"ws://u:@a", "ws://u@a/"}, {"ws://@a", "ws://a/"}, {"ws://:@a", "ws://a/"},
                   {"ws://u@v@a", "ws://u%40v@a/"}, {"ws://u:p:q@a", "ws://u:p%3Aq@a/"},
                   {"ws://u;=[]|^@a", "ws://u%3B%3D%5B%5D%7C%5E@a/"}, {"ws://u%20'@a", "ws://u%20'@a/"},
                   {"ws://\xc3\xa9@a", "ws://%C3%A9@a/"}, {"ws://u@", NULL}, {"ws://u@/b", NULL}, {"ws://u@:80", NULL},
                   {"ws://a/b@c", "ws://a/b@c"}, {"ws://a?b@c", "ws://a/?b@c"});
}

TEST(paths_are_walked)
{
    CHECK_EXAMPLES({"ws://a/./b", "ws://a/b"}, {"ws://a/b/../c", "ws://a/c"}, {"ws://a/../..", "ws://a/"},
                   {"ws://a/b/..", "ws://a/"}, {"ws://a/b/.", "ws://a/b/"}, {"ws://a/b/./", "ws://a/b/"},
                   {"ws://a/b/%2e%2E/c", "ws://a/c"}, {"ws://a/%2e", "ws://a/"}, {"ws://a/b/.%2e", "ws://a/"},
                   {"ws://a/b/%2E.", "ws://a/"}, {"ws://a/...", "ws://a/..."}, {"ws://a/..b", "ws://a/..b"},
                   {"ws://a//b//..", "ws://a//b/"}, {"ws://a//../b", "ws://a/b"}, {"ws://a\\b\\..\\c", "ws://a/c"},
                   {"ws://a/%2e%2e%2e", "ws://a/%2e%2e%2e"}, {"ws://a/%2f..", "ws://a/%2f.."},
                   {"ws://a/%41%", "ws://a/%41%"}, {"ws://a/\"<>^`{|}'", "ws://a/%22%3C%3E%5E%60%7B|%7D'"},
                   {"ws://a/[];=@:!$&()*+,~", "ws://a/[];=@:!$&()*+,~"}, {"ws://a/\x7f", "ws://a/%7F"},
                   {"ws://a/\xe2\x82\xac", "ws://a/%E2%82%AC"});
}

TEST(queries_and_fragments)
{
    CHECK_EXAMPLES({"ws://a?", "ws://a/?"}, {"ws://a?b?c/../d", "ws://a/?b?c/../d"},
                   {"ws://a?'\"<> `{}|^\\", "ws://a/?%27%22%3C%3E%20`{}|^\\"}, {"ws://a#", "ws://a/#"},
                   {"ws://a#b#c?d", "ws://a/#b#c?d"}, {"ws://a#'\"<> `{}|^\\", "ws://a/#'%22%3C%3E%20%60{}|^\\"},
                   {"ws://a?#", "ws://a/?#"}, {"ws://a?\xc3\xa9#\xc3\xa9", "ws://a/?%C3%A9#%C3%A9"});
}

/* The Encoding Standard: one U+FFFD for each longest good front of a character. */
TEST(what_is_not_utf8_is_replaced)
{
    CHECK_EXAMPLES({"ws://a/\xff", "ws://a/%EF%BF%BD"}, {"ws://a/\xe2\x82", "ws://a/%EF%BF%BD"},
                   {"ws://a/\xe2\x82z", "ws://a/%EF%BF%BDz"}, {"ws://a/\xe0\x80", "ws://a/%EF%BF%BD%EF%BF%BD"},
                   {"ws://a/\xed\xa0\x80", "ws://a/%EF%BF%BD%EF%BF%BD%EF%BF%BD"},
                   {"ws://a/\xf0\x9f\x9a\xc3\xa9", "ws://a/%EF%BF%BD%C3%A9"},
                   {"ws://a/\xc3\t\xa9", "ws://a/%EF%BF%BD%EF%BF%BD"});
}

TEST(the_length_is_limited)
{
    static uint8_t text[65537];
    naru_url url;
    memset(text, 'a', sizeof text);
    memcpy(text, "ws://a/", 7);
    CHECK_EQ(naru_url_parse(&url, (naru_span){text, 65536}, NULL, NULL), NARU_OK);
    CHECK_EQ(url.path.size, 65536 - 6);
    naru_url_deinit(&url);
    check_refused((naru_span){text, 65537}, NARU_ERR_TOO_BIG);
}

TEST(out_of_memory_is_survived)
{
    naru_span text = naru_span_of(" ws://us er:p@0x7f.1:81/a/b/../\xc3\xa9/c d/e f g h i j k l m n o p?q r s#t u v w");
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        naru_url url;
        const char *reason = NULL;
        naru_status status = naru_url_parse(&url, text, &memory.allocator, &reason);
        CHECK_EQ(status, memory.failed ? NARU_ERR_MEMORY : NARU_OK);
        naru_url_deinit(&url);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            break;
        }
    }
}

TEST(percent_encoding_is_undone)
{
    naru_buf out = {0};
    CHECK_EQ(naru_url_decode(naru_span_of("a%20%c3%A9+%00"), &out), NARU_OK);
    CHECK_SPAN(naru_buf_span(&out), "a \xc3\xa9+\0");
    static const char *const bad[] = {"%", "%2", "%2g", "%g2", "ab%"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(naru_url_decode(naru_span_of(bad[i]), &out), NARU_ERR_ARGUMENT);
        CHECK_SPAN(naru_buf_span(&out), "a \xc3\xa9+\0");
    }
    naru_buf_deinit(&out);
}

TEST(bad_ports_are_known)
{
    static const uint16_t bad[] = {0, 1, 22, 25, 6000, 6665, 6669, 10080};
    static const uint16_t good[] = {2, 80, 443, 8080, 6664, 6670, 65535};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(naru_url_bad_port(bad[i]));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(!naru_url_bad_port(good[i]));
    }
}

TEST_MAIN({"the parts are told", the_parts_are_told}, {"schemes and slashes", schemes_and_slashes},
          {"blanks and line ends do not count", blanks_around_and_line_ends_inside_do_not_count},
          {"hosts are made canonical", hosts_are_made_canonical}, {"IPv4 has many forms", ipv4_has_many_forms},
          {"IPv6 is compressed", ipv6_is_compressed}, {"ports", ports}, {"credentials", credentials},
          {"paths are walked", paths_are_walked}, {"queries and fragments", queries_and_fragments},
          {"what is not UTF-8 is replaced", what_is_not_utf8_is_replaced},
          {"the length is limited", the_length_is_limited}, {"out of memory is survived", out_of_memory_is_survived},
          {"percent-encoding is undone", percent_encoding_is_undone}, {"bad ports are known", bad_ports_are_known})
