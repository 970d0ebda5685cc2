/* Heads: every rule with a good twin, whole and in pieces, and with every allocation failing once. */
#include <naru/http.h>

#include "unit/check.h"
#include "unit/failing_allocator.h"
#include "unit/http/pieces.h"

typedef struct outcome {
    naru_status status;
    uint16_t http_status;
    uint64_t offset;
    size_t taken; /* bytes of the text, on NARU_OK */
    naru_buf story;
} outcome;

static void tell(naru_buf *story, naru_span text)
{
    CHECK_EQ(naru_buf_append(story, text), NARU_OK);
    CHECK_EQ(naru_buf_append(story, naru_span_of("|")), NARU_OK);
}

/* All that a head says, on one line. */
static void tell_all(naru_buf *story, const naru_http_head *head)
{
    char numbers[64];
    snprintf(numbers, sizeof numbers, "1.%d %d", naru_http_head_minor(head), naru_http_head_status(head));
    tell(story, naru_http_head_method(head));
    tell(story, naru_http_head_path(head));
    tell(story, naru_http_head_query(head));
    tell(story, naru_http_head_reason(head));
    tell(story, naru_span_of(numbers));
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        tell(story, naru_http_head_at(head, i).name);
        tell(story, naru_http_head_at(head, i).value);
    }
}

static naru_status feed(naru_http_head *head, const pieces *p, size_t *taken_out)
{
    naru_status status = NARU_MORE;
    size_t at = 0;
    /* An empty first piece is fed too. */
    for (bool first = true; status == NARU_MORE && (first || at < p->text.size); first = false) {
        size_t size = first ? pieces_size(p, 0) : pieces_size(&(pieces){p->text, p->step, p->step}, at);
        naru_input copy = pieces_copy(p->text.data + at, size);
        naru_input in = copy;
        status = naru_http_head_feed(head, &in);
        CHECK(status != NARU_MORE || in.size == 0);
        at += size;
        *taken_out = at - in.size;
        free(copy.data);
    }
    return status;
}

/* The same answer again, with more input. */
static void check_stays(naru_http_head *head, naru_status status)
{
    uint8_t more[] = "GET / HTTP/1.1\r\n\r\n";
    naru_input in = {more, sizeof more - 1};
    CHECK_EQ(naru_http_head_feed(head, &in), status);
    CHECK_EQ(in.size, sizeof more - 1);
}

static outcome read_head(naru_http_role role, const naru_http_limits *limits, const pieces *p,
                         const naru_allocator *allocator)
{
    outcome result = {.status = NARU_ERR_MEMORY};
    naru_http_head *head = naru_http_head_new(role, limits, allocator);
    if (!head) {
        return result;
    }
    result.status = feed(head, p, &result.taken);
    const naru_fault *fault = naru_http_head_fault(head);
    result.http_status = fault->http_status;
    result.offset = fault->offset;
    if (result.status == NARU_OK) {
        tell_all(&result.story, head);
    }
    if (result.status < 0) {
        CHECK_EQ(fault->status, result.status);
        CHECK(fault->rule != NULL && fault->text != NULL);
    }
    if (result.status != NARU_MORE) {
        check_stays(head, result.status);
    }
    naru_http_head_free(head);
    return result;
}

static void check_same(const outcome *a, const outcome *b)
{
    CHECK_EQ(a->status, b->status);
    CHECK_EQ(a->http_status, b->http_status);
    CHECK_EQ(a->offset, b->offset);
    if (a->status == NARU_OK) {
        CHECK_EQ(a->taken, b->taken);
    }
    CHECK_BYTES(naru_buf_span(&a->story), naru_buf_span(&b->story));
}

/* Read it in every way; all must be as the first one. The caller gives the story's memory back. */
static outcome read_in_all_ways(naru_http_role role, const naru_http_limits *limits, naru_span text)
{
    pieces way = {text, text.size, text.size};
    outcome whole = read_head(role, limits, &way, NULL);
    size_t step = text.size > 4000 ? 397 : 1;
    for (size_t i = 0; pieces_way(text, i, &way); i += i < text.size && i + step > text.size + 1 ? 1 : step) {
        outcome other = read_head(role, limits, &way, NULL);
        check_same(&other, &whole);
        naru_buf_deinit(&other.story);
    }
    return whole;
}

static void check_out_of_memory(naru_http_role role, naru_span text)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        pieces p = {text, text.size / 2, text.size};
        outcome result = read_head(role, NULL, &p, &memory.allocator);
        naru_buf_deinit(&result.story);
        CHECK_EQ(memory.live_bytes, 0);
        if (!memory.failed) {
            CHECK_EQ(result.status, NARU_OK);
            break;
        }
        CHECK_EQ(result.status, NARU_ERR_MEMORY);
    }
}

static void check_story(naru_http_role role, const char *text, const char *story)
{
    outcome result = read_in_all_ways(role, NULL, naru_span_of(text));
    CHECK_EQ(result.status, NARU_OK);
    CHECK_BYTES(naru_buf_span(&result.story), naru_span_of(story));
    naru_buf_deinit(&result.story);
    check_out_of_memory(role, naru_span_of(text));
}

TEST(good_heads_are_told_in_full)
{
    check_story(NARU_HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET|/|||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "\r\nGET /a?b=c?d HTTP/1.0\r\n\r\n", "GET|/a|b=c?d||1.0 0|");
    check_story(NARU_HTTP_REQUEST, "GET /? HTTP/1.9\r\nhost:\r\nX:\t \r\nY: \ta b\t \r\n\r\n",
                "GET|/|||1.1 0|host||X||Y|a b|");
    check_story(NARU_HTTP_REQUEST, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS|*|||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
                "CONNECT|a:443|||1.1 0|Host|a:443|");
    check_story(NARU_HTTP_REQUEST, "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET|/|||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "GET WSS://[::1]:8?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET|/|q||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "GET http://a/b?c/d HTTP/1.1\r\nHost: a\r\n\r\n", "GET|/b|c/d||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "GET //x/%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n", "GET|//x/%2e%2e|||1.1 0|Host|a|");
    check_story(NARU_HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\r\n\r\n",
                "GET|/|||1.1 0|Host|a|X|\x80\xff|");
    check_story(NARU_HTTP_RESPONSE, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
                "|||Switching Protocols|1.1 101|Upgrade|websocket|");
    check_story(NARU_HTTP_RESPONSE, "HTTP/1.0 200 \r\n\r\n", "||||1.0 200|");
    check_story(NARU_HTTP_RESPONSE, "HTTP/1.1 999\r\nA: b\r\n\r\n", "||||1.1 999|A|b|");
    check_story(NARU_HTTP_RESPONSE, "HTTP/1.1 200 a\t\xe9\r\n\r\n", "|||a\t\xe9|1.1 200|");
}

TEST(what_follows_the_head_stays_in_the_input)
{
    pieces way;
    naru_span text = naru_span_of("GET / HTTP/1.1\r\nHost: a\r\n\r\nmore\r\n\r\n");
    for (size_t i = 0; pieces_way(text, i, &way); i++) {
        outcome result = read_head(NARU_HTTP_REQUEST, NULL, &way, NULL);
        CHECK_EQ(result.status, NARU_OK);
        CHECK_EQ(result.taken, text.size - 8);
        naru_buf_deinit(&result.story);
    }
}

TEST(a_head_without_its_end_wants_more)
{
    naru_span text = naru_span_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t size = 0; size < text.size; size++) {
        outcome result = read_in_all_ways(NARU_HTTP_REQUEST, NULL, (naru_span){text.data, size});
        CHECK_EQ(result.status, NARU_MORE);
    }
}

typedef struct twins {
    const char *good, *bad;
    uint16_t http_status;
    uint64_t offset;
    size_t bad_size; /* 0: up to its NUL */
} twins;

#define LINE "GET / HTTP/1.1\r\n" /* 16 bytes */
#define HOST LINE "Host: a\r\n"   /* 25 bytes */
#define END "\r\n"

static void check_twins(naru_http_role role, const twins *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int before = check__failures;
        naru_span bad = naru_span_of(t[i].bad);
        bad.size = t[i].bad_size > 0 ? t[i].bad_size : bad.size;
        outcome result = read_in_all_ways(role, NULL, naru_span_of(t[i].good));
        CHECK_EQ(result.status, NARU_OK);
        naru_buf_deinit(&result.story);
        result = read_in_all_ways(role, NULL, bad);
        CHECK_EQ(result.status, NARU_ERR_PROTOCOL);
        CHECK_EQ(result.http_status, t[i].http_status);
        CHECK_EQ(result.offset, t[i].offset);
        if (check__failures > before) {
            fprintf(stderr, "  in twins %zu: %s\n", i, t[i].bad);
        }
    }
}

TEST(bad_request_lines_are_refused)
{
    static const twins cases[] = {
        {HOST END, "\r\n\r\n" HOST END, 400, 2, 0},
        {HOST END, " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0, 0},
        {HOST END, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 1, 0},
        {HOST END, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, 3, 0},
        {HOST END, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 4, 0},
        {HOST END, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, 6, 0},
        {HOST END, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, 14, 0},
        {HOST END, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, 5, 0},
        {HOST END, "GET /\r\n\r\n", 400, 5, 0}, /* HTTP/0.9 */
        {HOST END, "GET\r\n\r\n", 400, 3, 0},
        {HOST END, "GET \r\n\r\n", 400, 4, 0},
        {HOST END, "GET / \r\n\r\n", 400, 6, 0},
        {HOST END, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, 11, 0},
        {HOST END, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 11, 0},
        {HOST END, "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, 11, 0},
        {HOST END, "GET / http/1.1\r\nHost: a\r\n\r\n", 400, 6, 0},
        {HOST END, "GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400, 12, 0},
        {HOST END, "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, 14, 0},
        {HOST END, "GET / HTTP/11.1\r\nHost: a\r\n\r\n", 400, 12, 0},
        {HOST END, "GET / HTTP/1.\r\nHost: a\r\n\r\n", 400, 13, 0},
        {HOST END, "GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400, 13, 0},
        {HOST END, "\x16\x03\x01\x02", 400, 0, 0}, /* TLS on a plain port fails at its first byte */
    };
    check_twins(NARU_HTTP_REQUEST, cases, sizeof cases / sizeof cases[0]);
}

TEST(bad_targets_are_refused)
{
#define REST " HTTP/1.1\r\nHost: a\r\n\r\n"
    static const twins cases[] = {
        {"GET /a" REST, "GET a/" REST, 400, 4, 0},
        {"GET /a" REST, "GET /#" REST, 400, 5, 0},
        {"GET /a" REST, "GET /\x80" REST, 400, 5, 0},
        {"GET /a" REST, "GET /\x7f" REST, 400, 5, 0},
        {"GET /a" REST, "GET /\x01" REST, 400, 5, 0},
        {"OPTIONS *" REST, "GET *" REST, 400, 4, 0},
        {"OPTIONS *" REST, "OPTIONS **" REST, 400, 8, 0},
        {"OPTIONS *" REST, "options *" REST, 400, 8, 0},
        {"CONNECT a:1" REST, "CONNECT a" REST, 400, 8, 0},
        {"CONNECT a:1" REST, "CONNECT a:" REST, 400, 8, 0},
        {"CONNECT a:1" REST, "CONNECT /" REST, 400, 8, 0},
        {"CONNECT a:1" REST, "CONNECT a:1/" REST, 400, 8, 0},
        {"CONNECT a:65535" REST, "CONNECT a:65536" REST, 400, 8, 0},
        {"CONNECT [::1]:1" REST, "CONNECT [::g]:1" REST, 400, 8, 0},
        {"CONNECT a:1" REST, "GET a:1" REST, 400, 4, 0},
        {"GET http://a/" REST, "GET http:/a/" REST, 400, 4, 0},
        {"GET http://a/" REST, "GET ftp://a/" REST, 400, 4, 0},
        {"GET http://a/" REST, "GET http:///" REST, 400, 11, 0},
        {"GET http://a/" REST, "GET http://u@a/" REST, 400, 11, 0},
        {"GET http://a:1/" REST, "GET http://a:x/" REST, 400, 11, 0},
        {"GET https://a" REST, "GET https://" REST, 400, 12, 0},
        {"GET ws://a?b" REST, "GET ws://?b" REST, 400, 9, 0},
    };
    check_twins(NARU_HTTP_REQUEST, cases, sizeof cases / sizeof cases[0]);
}

TEST(bad_lines_are_refused)
{
    static const twins cases[] = {
        {HOST "X: y\r\n\r\n", HOST "X: y\n\r\n", 400, 29, 0},
        {HOST "X: y\r\n\r\n", HOST "X: y\ra\n\r\n", 400, 30, 0},
        {HOST "X: y\r\n\r\n", HOST "X: y\r\r\n\r\n", 400, 30, 0},
        {HOST "X: y\r\n\r\n", HOST "X: y\r\n\n", 400, 31, 0},
        {HOST "X: y\r\n\r\n", HOST "X: y\r\n\rx", 400, 32, 0},
        {HOST "X: y\r\n\r\n", HOST "X: \0\r\n\r\n", 400, 28, 33},
        {HOST "X: y\tz\r\n\r\n", HOST "X: y\vz\r\n\r\n", 400, 29, 0},
        {HOST "X: y\r\n\r\n", HOST "X: \x7f\r\n\r\n", 400, 28, 0},
        {HOST "X: 0123456\r\n\r\n", HOST "X: 012345\x1f\r\n\r\n", 400, 34, 0},
        {HOST "X: y\r\nZ: z\r\n\r\n", HOST "X: y\r\n Z: z\r\n\r\n", 400, 31, 0}, /* obs-fold */
        {HOST "X: y\r\nZ: z\r\n\r\n", HOST "X: y\r\n\tZ: z\r\n\r\n", 400, 31, 0},
        {LINE "Host: a\r\n\r\n", LINE " Host: a\r\n\r\n", 400, 16, 0},
        {HOST "X: y\r\n\r\n", HOST "X : y\r\n\r\n", 400, 26, 0},
        {HOST "X: y\r\n\r\n", HOST "X\t: y\r\n\r\n", 400, 26, 0},
        {HOST "X: y\r\n\r\n", HOST ": y\r\n\r\n", 400, 25, 0},
        {HOST "X: y\r\n\r\n", HOST "X\r\n\r\n", 400, 26, 0},
        {HOST "X: y\r\n\r\n", HOST "\x80: y\r\n\r\n", 400, 25, 0},
        {HOST "X!: y\r\n\r\n", HOST "X(: y\r\n\r\n", 400, 26, 0},
        {HOST "X: y\r\n\r\n", "\n" HOST END, 400, 0, 0},
        {"\r\n" HOST END, "\r\n\n" HOST END, 400, 2, 0},
    };
    check_twins(NARU_HTTP_REQUEST, cases, sizeof cases / sizeof cases[0]);
}

TEST(bad_hosts_are_refused)
{
    static const twins cases[] = {
        {HOST END, LINE "Hast: a\r\n\r\n", 400, 25, 0},
        {HOST "Hosts: b\r\n\r\n", HOST "Host: b\r\n\r\n", 400, 25, 0},
        {HOST END, HOST "hOST: a\r\n\r\n", 400, 25, 0},
        {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", 400, 16, 0},
        {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, 25, 0},
        {LINE "Host: a.b\r\n\r\n", LINE "Host: a b\r\n\r\n", 400, 22, 0},
        {LINE "Host: a.b\r\n\r\n", LINE "Host: a/b\r\n\r\n", 400, 22, 0},
        {LINE "Host: a.b\r\n\r\n", LINE "Host: a@b\r\n\r\n", 400, 22, 0},
        {LINE "Host: a.b\r\n\r\n",
         LINE "Host: a\x80"
              "b\r\n\r\n",
         400, 22, 0},
        {LINE "Host: a:80\r\n\r\n", LINE "Host: a:8a\r\n\r\n", 400, 22, 0},
        {LINE "Host: a:\r\n\r\n", LINE "Host: :\r\n\r\n", 400, 22, 0},
        {LINE "Host: a:65535\r\n\r\n", LINE "Host: a:65536\r\n\r\n", 400, 22, 0},
        {LINE "Host: a:1\r\n\r\n", LINE "Host: a:1:1\r\n\r\n", 400, 22, 0},
        {LINE "Host: [::1]:1\r\n\r\n", LINE "Host: [::1]x1\r\n\r\n", 400, 22, 0},
        {LINE "Host: [::1]\r\n\r\n", LINE "Host: [::1\r\n\r\n", 400, 22, 0},
        {LINE "Host: [::1]\r\n\r\n", LINE "Host: []\r\n\r\n", 400, 22, 0},
        {LINE "Host:\r\n\r\n", LINE "Host: ,\t,\r\n\r\n", 400, 22, 0},
    };
    check_twins(NARU_HTTP_REQUEST, cases, sizeof cases / sizeof cases[0]);
}

TEST(ambiguous_lengths_are_refused)
{
    static const twins cases[] = {
        {HOST "Content-Length: 5\r\n\r\n", HOST "Content-Length: +5\r\n\r\n", 400, 41, 0},
        {HOST "Content-Length: 5\r\n\r\n", HOST "Content-Length: -5\r\n\r\n", 400, 41, 0},
        {HOST "Content-Length: 55\r\n\r\n", HOST "Content-Length: 5,5\r\n\r\n", 400, 42, 0},
        {HOST "Content-Length: 55\r\n\r\n", HOST "Content-Length: 5 5\r\n\r\n", 400, 42, 0},
        {HOST "Content-Length: 5\r\n\r\n", HOST "Content-Length: 0x5\r\n\r\n", 400, 42, 0},
        {HOST "Content-Length: 0\r\n\r\n", HOST "Content-Length: \r\n\r\n", 400, 41, 0},
        {HOST "Content-Length: 18446744073709551615\r\n\r\n", HOST "Content-Length: 18446744073709551616\r\n\r\n", 400,
         60, 0},
        {HOST "Content-Length: 5\r\n\r\n", HOST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 400, 44, 0},
        {HOST "Content-Length: 5\r\n\r\n", HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 44, 0},
        {HOST "Transfer-Encoding: chunked\r\n\r\n", HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400,
         53, 0},
        {HOST "Transfer-Encoding: CHUNKED\r\n\r\n", HOST "Transfer-Encoding: chunke\r\n\r\n", 400, 44, 0},
        {HOST "Transfer-Encoding: chunked\r\n\r\n", HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, 44, 0},
        {HOST "Transfer-Encoding: chunked\r\n\r\n", HOST "Transfer-Encoding: \r\n\r\n", 400, 44, 0},
        {HOST "Transfer-Encoding: chunked\r\n\r\n",
         HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 53, 0},
        {HOST "Transfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 16, 0},
    };
    check_twins(NARU_HTTP_REQUEST, cases, sizeof cases / sizeof cases[0]);
}

TEST(bad_status_lines_are_refused)
{
    static const twins cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", 0, 0, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/2.1 200 OK\r\n\r\n", 0, 5, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", 0, 8, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 \r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1x200 OK\r\n\r\n", 0, 8, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 100 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2a0 OK\r\n\r\n", 0, 9, 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 O\x01\r\n\r\n", 0, 14, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 5 \r\nContent-Length: 5\r\n\r\n", 0, 37, 0},
    };
    check_twins(NARU_HTTP_RESPONSE, cases, sizeof cases / sizeof cases[0]);
}

/* Append `count` times c. */
static void fill(naru_buf *buf, uint8_t c, size_t count)
{
    uint8_t *room = naru_buf_reserve(buf, count);
    REQUIRE(room != NULL);
    memset(room, c, count);
    naru_buf_commit(buf, count);
}

static void put(naru_buf *buf, const char *text)
{
    CHECK_EQ(naru_buf_append(buf, naru_span_of(text)), NARU_OK);
}

static void check_limit(naru_buf *text, const naru_http_limits *limits, naru_status status, uint16_t http_status)
{
    outcome result = read_in_all_ways(NARU_HTTP_REQUEST, limits, naru_buf_span(text));
    CHECK_EQ(result.status, status);
    CHECK_EQ(result.http_status, http_status);
    naru_buf_deinit(&result.story);
    naru_buf_deinit(text);
}

/* A request line of that many bytes. */
static void long_line(naru_buf *text, size_t bytes)
{
    put(text, "GET /");
    fill(text, 'a', bytes - 14);
    put(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* A head of that many bytes. */
static void long_head(naru_buf *text, size_t bytes)
{
    put(text, HOST "X: ");
    fill(text, ' ', bytes - 25 - 3 - 5);
    put(text, "x\r\n\r\n");
}

static void many_fields(naru_buf *text, size_t count)
{
    put(text, HOST);
    for (size_t i = 1; i < count; i++) {
        put(text, "A: b\r\n");
    }
    put(text, END);
}

TEST(limits_hold_to_the_byte)
{
    naru_buf text = {0};
    long_line(&text, 8192);
    check_limit(&text, NULL, NARU_OK, 0);
    long_line(&text, 8193);
    check_limit(&text, NULL, NARU_ERR_TOO_BIG, 414);
    long_head(&text, 16384);
    check_limit(&text, NULL, NARU_OK, 0);
    long_head(&text, 16385);
    check_limit(&text, NULL, NARU_ERR_TOO_BIG, 431);
    long_head(&text, 32000); /* blanks without end cost nothing more */
    check_limit(&text, NULL, NARU_ERR_TOO_BIG, 431);
    many_fields(&text, 100);
    check_limit(&text, NULL, NARU_OK, 0);
    many_fields(&text, 101);
    check_limit(&text, NULL, NARU_ERR_TOO_MANY, 431);
    many_fields(&text, 2000);
    check_limit(&text, NULL, NARU_ERR_TOO_MANY, 431);
}

TEST(limits_can_be_chosen)
{
    const naru_http_limits limits = {.line_bytes_max = 20, .head_bytes_max = 60, .fields_max = 2};
    for (size_t delta = 0; delta < 2; delta++) {
        naru_buf text = {0};
        long_line(&text, 20 + delta);
        check_limit(&text, &limits, delta ? NARU_ERR_TOO_BIG : NARU_OK, delta ? 414 : 0);
        long_head(&text, 60 + delta);
        check_limit(&text, &limits, delta ? NARU_ERR_TOO_BIG : NARU_OK, delta ? 431 : 0);
        many_fields(&text, 2 + delta);
        check_limit(&text, &limits, delta ? NARU_ERR_TOO_MANY : NARU_OK, delta ? 431 : 0);
    }
}

static naru_http_head *head_of(naru_http_role role, const char *text)
{
    naru_http_head *head = naru_http_head_new(role, NULL, NULL);
    naru_input in = pieces_copy((const uint8_t *)text, strlen(text));
    uint8_t *block = in.data;
    CHECK_EQ(naru_http_head_feed(head, &in), NARU_OK);
    free(block);
    return head;
}

TEST(fields_are_found_without_case)
{
    naru_http_head *head = head_of(NARU_HTTP_REQUEST, HOST "X-A: 1\r\nx-a: 2\r\nConnection: keep-alive, Upgrade\r\n"
                                                           "connection: \"a, close\" , x\r\n\r\n");
    naru_span value = naru_span_of("unchanged");
    CHECK(!naru_http_head_find(head, "x-b", &value));
    CHECK_SPAN(value, "unchanged");
    CHECK(naru_http_head_find(head, "X-a", &value));
    CHECK_SPAN(value, "1");
    CHECK_EQ(naru_http_head_count_of(head, "x-A"), 2);
    CHECK_EQ(naru_http_head_count_of(head, "x"), 0);
    CHECK(naru_http_head_has_token(head, "connection", "upgrade"));
    CHECK(naru_http_head_has_token(head, "connection", "X"));
    CHECK(!naru_http_head_has_token(head, "connection", "close"));
    CHECK(!naru_http_head_has_token(head, "connection", "keep"));
    CHECK(!naru_http_head_has_token(head, "nothing", "keep"));
    CHECK_SPAN(naru_http_head_target(head), "/");
    naru_http_head_free(head);
    naru_http_head_free(NULL);
}

TEST(keeping_alive_depends_on_version_and_connection)
{
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {HOST END, true},
        {HOST "Connection: Close\r\n\r\n", false},
        {HOST "Connection: closed\r\n\r\n", true},
        {HOST "Connection: keep-alive\r\nConnection: x,close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        naru_http_head *head = head_of(NARU_HTTP_REQUEST, cases[i].text);
        CHECK_EQ(naru_http_head_keeps_alive(head), cases[i].keeps);
        naru_http_head_free(head);
    }
}

TEST_MAIN({"good heads are told in full", good_heads_are_told_in_full},
          {"what follows the head stays in the input", what_follows_the_head_stays_in_the_input},
          {"a head without its end wants more", a_head_without_its_end_wants_more},
          {"bad request lines are refused", bad_request_lines_are_refused},
          {"bad targets are refused", bad_targets_are_refused}, {"bad lines are refused", bad_lines_are_refused},
          {"bad hosts are refused", bad_hosts_are_refused},
          {"ambiguous lengths are refused", ambiguous_lengths_are_refused},
          {"bad status lines are refused", bad_status_lines_are_refused},
          {"limits hold to the byte", limits_hold_to_the_byte}, {"limits can be chosen", limits_can_be_chosen},
          {"fields are found without case", fields_are_found_without_case},
          {"keeping alive depends on version and connection", keeping_alive_depends_on_version_and_connection})
