/* Bodies: whole, byte by byte and cut at every place, every rule with a good twin. */
#include <naru/http.h>

#include "unit/check.h"
#include "unit/http/pieces.h"

#define REQUEST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static naru_http_head *head_of(naru_http_role role, const char *text)
{
    naru_http_head *head = naru_http_head_new(role, NULL, NULL);
    naru_input copy = pieces_copy((const uint8_t *)text, strlen(text));
    naru_input in = copy;
    CHECK_EQ(naru_http_head_feed(head, &in), NARU_OK);
    free(copy.data);
    return head;
}

typedef struct outcome {
    naru_status status;
    size_t taken;
    naru_buf content;
} outcome;

/* Read one fed piece to its end. */
static naru_status drain(naru_http_body *body, naru_input *in, naru_buf *content)
{
    naru_span piece = {NULL, 0};
    naru_status status = naru_http_body_next(body, in, &piece);
    while (status == NARU_OK) {
        CHECK(piece.size > 0);
        CHECK_EQ(naru_buf_append(content, piece), NARU_OK);
        status = naru_http_body_next(body, in, &piece);
    }
    CHECK(status != NARU_MORE || in->size == 0);
    return status;
}

static outcome read_body(naru_http_body body, const pieces *p)
{
    outcome result = {.status = NARU_MORE};
    size_t at = 0;
    for (bool first = true; result.status == NARU_MORE && (first || at < p->text.size); first = false) {
        size_t size = first ? pieces_size(p, 0) : pieces_size(&(pieces){p->text, p->step, p->step}, at);
        naru_input copy = pieces_copy(p->text.data + at, size);
        naru_input in = copy;
        result.status = drain(&body, &in, &result.content);
        at += size;
        result.taken = at - in.size;
        free(copy.data);
    }
    naru_input none = {NULL, 0};
    naru_span piece;
    CHECK_EQ(naru_http_body_next(&body, &none, &piece), result.status); /* and it stays so */
    return result;
}

static outcome read_in_all_ways(naru_http_body body, naru_span text)
{
    pieces way = {text, text.size, text.size};
    outcome whole = read_body(body, &way);
    for (size_t i = 0; pieces_way(text, i, &way); i++) {
        outcome other = read_body(body, &way);
        CHECK_EQ(other.status, whole.status);
        CHECK_EQ(other.taken, whole.taken);
        CHECK_BYTES(naru_buf_span(&other.content), naru_buf_span(&whole.content));
        naru_buf_deinit(&other.content);
    }
    return whole;
}

static naru_http_body body_of(naru_http_role role, const char *head_text, bool has_body, uint64_t bytes_max)
{
    naru_http_head *head = head_of(role, head_text);
    naru_http_body body;
    CHECK_EQ(naru_http_body_start(&body, head, has_body, bytes_max), NARU_OK);
    naru_http_head_free(head);
    return body;
}

static void check_body(naru_http_body body, const char *text, naru_status status, const char *content, size_t taken)
{
    int before = check__failures;
    outcome result = read_in_all_ways(body, naru_span_of(text));
    CHECK_EQ(result.status, status);
    CHECK_EQ(result.taken, taken);
    CHECK_BYTES(naru_buf_span(&result.content), naru_span_of(content));
    naru_buf_deinit(&result.content);
    if (check__failures > before) {
        fprintf(stderr, "  in body: %s\n", text);
    }
}

TEST(a_body_of_known_length_ends_there)
{
    naru_http_body body = body_of(NARU_HTTP_REQUEST, REQUEST "Content-Length: 5\r\n\r\n", true, 5);
    check_body(body, "helloGET", NARU_END, "hello", 5);
    check_body(body, "hell", NARU_MORE, "hell", 4);
    CHECK(!naru_http_body_until_close(&body));
    check_body(body_of(NARU_HTTP_REQUEST, REQUEST "Content-Length: 0\r\n\r\n", true, 0), "GET", NARU_END, "", 0);
    check_body(body_of(NARU_HTTP_REQUEST, REQUEST "\r\n", true, 9), "GET", NARU_END, "", 0);
}

TEST(a_length_past_the_limit_is_refused_at_once)
{
    naru_http_head *head = head_of(NARU_HTTP_REQUEST, REQUEST "Content-Length: 6\r\n\r\n");
    naru_http_body body;
    naru_input none = {NULL, 0};
    naru_span piece;
    CHECK_EQ(naru_http_body_start(&body, head, true, 6), NARU_OK);
    CHECK_EQ(naru_http_body_start(&body, head, true, 5), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_http_body_next(&body, &none, &piece), NARU_ERR_TOO_BIG);
    naru_http_head_free(head);
    head = naru_http_head_new(NARU_HTTP_REQUEST, NULL, NULL);
    CHECK_EQ(naru_http_body_start(&body, head, true, 5), NARU_ERR_STATE);
    naru_http_head_free(head);
}

TEST(some_responses_have_no_body)
{
    static const struct {
        const char *head;
        bool has_body;
    } none[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        check_body(body_of(NARU_HTTP_RESPONSE, none[i].head, none[i].has_body, 9), "hello", NARU_END, "", 0);
    }
    check_body(body_of(NARU_HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 9), "hello!", NARU_END,
               "hello", 5);
}

TEST(a_response_without_length_ends_with_the_connection)
{
    naru_http_body body = body_of(NARU_HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", true, 5);
    CHECK(naru_http_body_until_close(&body));
    check_body(body, "hello", NARU_MORE, "hello", 5);
    check_body(body, "hello!", NARU_ERR_TOO_BIG, "hello", 5);
    body = body_of(NARU_HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", true, 0);
    check_body(body, "", NARU_MORE, "", 0);
    check_body(body, "h", NARU_ERR_TOO_BIG, "", 0);
}

TEST(chunks_are_joined)
{
    naru_http_body body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, 16);
    check_body(body, "0\r\n\r\nGET", NARU_END, "", 5);
    check_body(body, "5\r\nhello\r\n0\r\n\r\nGET", NARU_END, "hello", 15);
    check_body(body, "1\r\nh\r\n004\r\nello\r\n000\r\n\r\n", NARU_END, "hello", 24);
    check_body(body, "a\r\n0123456789\r\n0\r\n\r\n", NARU_END, "0123456789", 20);
    check_body(body, "A;b=c;d=\"e;f\"\r\n0123456789\r\n0 \t;x\r\n\r\n", NARU_END, "0123456789", 36);
    check_body(body, "10\r\n0123456789abcdef\r\n0\r\n\r\n", NARU_END, "0123456789abcdef", 27);
    check_body(body, "1\r\nh\r\n0\r\nX: y\r\nContent-Length:\r\n\r\n!", NARU_END, "h", 34);
    check_body(body, "5\r\nhello\r\n", NARU_MORE, "hello", 10);
}

TEST(bad_chunks_are_refused)
{
    static const struct {
        const char *text;
        const char *content;
        size_t taken;
    } bad[] = {
        {"\r\n", "", 1},
        {"g\r\n", "", 1},
        {"-1\r\n", "", 1},
        {"+1\r\n", "", 1},
        {"0x1\r\n", "", 2},
        {" 1\r\n", "", 1},
        {";a\r\n", "", 1},
        {"1 \r\n", "", 3},
        {"1\n", "", 2},
        {"1\ra", "", 3},
        {"1;a\n", "", 4},
        {"1;\0\r\n", "", 3},
        {"1;a\rb\n", "", 5},
        {"1;a\x7f\r\n", "", 4},
        {"1\r\nhe", "h", 5},
        {"1\r\nh\n", "h", 5},
        {"1\r\nh\r\r", "h", 6},
        {"1\r\nh\r\n\r\n", "h", 7},
        {"0\r\n\n", "", 4},
        {"0\r\n\rx", "", 5},
        {"0\r\n: y\r\n\r\n", "", 4},
        {"0\r\n x: y\r\n\r\n", "", 4},
        {"0\r\nx : y\r\n\r\n", "", 5},
        {"0\r\nx\r\n\r\n", "", 5},
        {"0\r\nx: y\n\r\n", "", 8},
        {"0\r\nx: y\r\r\n", "", 9},
        {"0\r\nx: \x01\r\n\r\n", "", 7},
    };
    naru_http_body body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, 16);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        naru_span text = naru_span_of(bad[i].text);
        text.size = bad[i].taken > text.size ? bad[i].taken : text.size; /* one has a NUL at its end */
        outcome result = read_in_all_ways(body, text);
        CHECK_EQ(result.status, NARU_ERR_PROTOCOL);
        CHECK_EQ(result.taken, bad[i].taken);
        CHECK_BYTES(naru_buf_span(&result.content), naru_span_of(bad[i].content));
        naru_buf_deinit(&result.content);
    }
}

TEST(chunks_keep_to_the_limit)
{
    naru_http_body body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, 5);
    check_body(body, "5\r\nhello\r\n0\r\n\r\n", NARU_END, "hello", 15);
    check_body(body, "6\r\n", NARU_ERR_TOO_BIG, "", 1);
    check_body(body, "3\r\nhel\r\n3\r\n", NARU_ERR_TOO_BIG, "hel", 9);
    check_body(body, "10000000000000005\r\n", NARU_ERR_TOO_BIG, "", 2);
    body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, UINT64_MAX);
    check_body(body, "ffffffffffffffff\r\n", NARU_MORE, "", 18);
    check_body(body, "fffffffffffffffff\r\n", NARU_ERR_TOO_BIG, "", 17);
    check_body(body, "1\r\nh\r\nffffffffffffffff\r\n", NARU_ERR_TOO_BIG, "h", 22);
    body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, 0);
    check_body(body, "0\r\n\r\n", NARU_END, "", 5);
    check_body(body, "1\r\n", NARU_ERR_TOO_BIG, "", 1);
}

/* Feed `text` over and over. How many times it was taken before the answer was something else than NARU_MORE.
 */
static size_t repeat(naru_http_body *body, const char *text, size_t times_max, naru_status *status_out)
{
    for (size_t times = 0; times < times_max; times++) {
        naru_input copy = pieces_copy((const uint8_t *)text, strlen(text));
        naru_input in = copy;
        naru_span piece;
        while ((*status_out = naru_http_body_next(body, &in, &piece)) == NARU_OK) {
        }
        free(copy.data);
        if (*status_out != NARU_MORE) {
            return times;
        }
    }
    return times_max;
}

static size_t repeat_after(const char *start, const char *text, size_t times_max, naru_status *status_out)
{
    naru_http_body body = body_of(NARU_HTTP_REQUEST, REQUEST CHUNKED, true, UINT64_MAX);
    repeat(&body, start, 1, status_out);
    CHECK_EQ(*status_out, NARU_MORE);
    return repeat(&body, text, times_max, status_out);
}

TEST(framing_has_limits_of_its_own)
{
    naru_status status;
    CHECK_EQ(repeat_after("", "0", 9000, &status), 8192);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    CHECK_EQ(repeat_after("1;", "x", 9000, &status), 8190);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    CHECK_EQ(repeat_after("0\r\nX:", "x", 9000, &status), 8190);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    CHECK(repeat_after("0\r\n", "X: y\r\n", 9000, &status) <= 8192 / 6);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
    /* Small chunks are no offence, small chunks with much around them are. */
    CHECK_EQ(repeat_after("", "1\r\nx\r\n", 100000, &status), 100000);
    CHECK(repeat_after("", "1;0123456789012345678901234567890\r\nx\r\n", 100000, &status) < 500);
    CHECK_EQ(status, NARU_ERR_TOO_BIG);
}

TEST_MAIN({"a body of known length ends there", a_body_of_known_length_ends_there},
          {"a length past the limit is refused at once", a_length_past_the_limit_is_refused_at_once},
          {"some responses have no body", some_responses_have_no_body},
          {"a response without length ends with the connection", a_response_without_length_ends_with_the_connection},
          {"chunks are joined", chunks_are_joined}, {"bad chunks are refused", bad_chunks_are_refused},
          {"chunks keep to the limit", chunks_keep_to_the_limit},
          {"framing has limits of its own", framing_has_limits_of_its_own})
