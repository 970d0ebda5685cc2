/* Every status that the server answers with by itself: the request that gets it, and beside it the one that differs in
 * a byte or so and is fine. Each goes whole and byte by byte. */
#include "wire/server_rig.h"

typedef struct pair {
    const char *name;
    const char *bad;
    int status;
    const char *field; /* that the refusal must have, with its value; NULL: none */
    const char *value;
    bool keeps; /* the connection lives on */
    const char *good;
    int good_status;
} pair;

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UP(start, host, upgrade, key, version, more)                                                                   \
    start "\r\n" host "\r\nUpgrade: " upgrade "\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " key                     \
          "\r\nSec-WebSocket-Version: " version "\r\n" more "\r\n"
#define GOOD UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "")
#define PLAIN(start, more) start "\r\nHost: h\r\n" more "\r\n"

static const pair pairs[] = {
    {"version 12", UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "12", ""), 426, "Sec-WebSocket-Version", "13",
     false, GOOD, 101},
    {"version 013", UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "013", ""), 426, "Upgrade", "websocket",
     false, GOOD, 101},
    {"a key of another size", UP("GET /chat HTTP/1.1", "Host: h", "websocket", "dGhlIHNhbXBsZSBub25jZ===", "13", ""),
     400, NULL, NULL, false, GOOD, 101},
    {"two keys", UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Sec-WebSocket-Key: " KEY "\r\n"), 400,
     NULL, NULL, false, UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Sec-WebSocket-Kex: " KEY "\r\n"),
     101},
    {"no Host", UP("GET /chat HTTP/1.1", "Hosx: h", "websocket", KEY, "13", ""), 400, NULL, NULL, false, GOOD, 101},
    {"POST for an upgrade", UP("POST /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", ""), 405, "Allow", "GET",
     false, GOOD, 101},
    {"HEAD for an upgrade", UP("HEAD /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", ""), 405, "Allow", "GET",
     false, GOOD, 101},
    {"CONNECT", PLAIN("CONNECT h:80 HTTP/1.1", ""), 405, "Allow", "GET", false, PLAIN("GET /plain HTTP/1.1", ""), 200},
    {"HTTP/1.0 for an upgrade", UP("GET /chat HTTP/1.0", "Host: h", "websocket", KEY, "13", ""), 400, NULL, NULL, false,
     GOOD, 101},
    {"HTTP/2.1", UP("GET /chat HTTP/2.1", "Host: h", "websocket", KEY, "13", ""), 505, NULL, NULL, false, GOOD, 101},
    {"no version at all", "GET /chat\r\n\r\n", 400, NULL, NULL, false, GOOD, 101},
    {"a body on an upgrade", UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Content-Length: 5\r\n"), 400,
     NULL, NULL, false, UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Content-Length: 0\r\n"), 101},
    {"a chunked body on an upgrade",
     UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Transfer-Encoding: chunked\r\n"), 400, NULL, NULL,
     false, UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Transfer-Encodinx: chunked\r\n"), 101},
    {"a body on an upgrade of a plain route",
     UP("GET /plain HTTP/1.1", "Host: h", "websocket", KEY, "13", "Content-Length: 5\r\n"), 400, NULL, NULL, false,
     UP("GET /plain HTTP/1.1", "Host: h", "websocket", KEY, "13", "Content-Length: 0\r\n"), 200},
    {"another protocol's upgrade", UP("GET /chat HTTP/1.1", "Host: h", "websocket2", KEY, "13", ""), 426, "Upgrade",
     "websocket", true, GOOD, 101},
    {"no upgrade", PLAIN("GET /chat HTTP/1.1", ""), 426, "Upgrade", "websocket", true, GOOD, 101},
    {"no route", PLAIN("GET /plaix HTTP/1.1", ""), 404, NULL, NULL, true, PLAIN("GET /plain HTTP/1.1", ""), 200},
    {"no route for an upgrade", UP("GET /chax HTTP/1.1", "Host: h", "websocket", KEY, "13", ""), 404, NULL, NULL, false,
     GOOD, 101},
    {"a bad escape", PLAIN("GET /pl%6gin HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("GET /pl%61in HTTP/1.1", ""),
     200},
    {"a cut escape", PLAIN("GET /plain% HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("GET /plai%6e HTTP/1.1", ""),
     200},
    {"a NUL", PLAIN("GET /any/%00 HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("GET /any/%01 HTTP/1.1", ""), 200},
    {"bad UTF-8", PLAIN("GET /any/%c3%28 HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("GET /any/%c3%a8 HTTP/1.1", ""),
     200},
    {"a fragment", PLAIN("GET /plain#a HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("GET /plain?a HTTP/1.1", ""), 200},
    {"a bare LF", "GET /plain HTTP/1.1\nHost: h\r\n\r\n", 400, NULL, NULL, false, PLAIN("GET /plain HTTP/1.1", ""),
     200},
    {"a blank before the colon", PLAIN("GET /plain HTTP/1.1", "A : b\r\n"), 400, NULL, NULL, false,
     PLAIN("GET /plain HTTP/1.1", "A: b\r\n"), 200},
    {"two lengths", PLAIN("GET /plain HTTP/1.1", "Content-Length: 0\r\nContent-Length: 0\r\n"), 400, NULL, NULL, false,
     PLAIN("GET /plain HTTP/1.1", "Content-Length: 0\r\nContent-Lengtx: 0\r\n"), 200},
    {"a body too big", PLAIN("POST /plain HTTP/1.1", "Content-Length: 17\r\n") "0123456789abcdefg", 413, NULL, NULL,
     true, PLAIN("POST /plain HTTP/1.1", "Content-Length: 16\r\n") "0123456789abcdef", 200},
    {"chunks too big",
     PLAIN("POST /plain HTTP/1.1", "Transfer-Encoding: chunked\r\n") "11\r\n0123456789abcdefg\r\n0\r\n\r\n", 413, NULL,
     NULL, true, PLAIN("POST /plain HTTP/1.1", "Transfer-Encoding: chunked\r\n") "10\r\n0123456789abcdef\r\n0\r\n\r\n",
     200},
    {"broken chunks", PLAIN("POST /plain HTTP/1.1", "Transfer-Encoding: chunked\r\n") "x\r\n0\r\n\r\n", 400, NULL, NULL,
     false, PLAIN("POST /plain HTTP/1.1", "Transfer-Encoding: chunked\r\n") "1\r\n0\r\n0\r\n\r\n", 200},
    {"an unknown expectation", PLAIN("POST /plain HTTP/1.1", "Expect: 200-ok\r\nContent-Length: 1\r\n") "a", 417, NULL,
     NULL, false, PLAIN("POST /plain HTTP/1.1", "Expext: 200-ok\r\nContent-Length: 1\r\n") "a", 200},
    {"* for GET", PLAIN("GET * HTTP/1.1", ""), 400, NULL, NULL, false, PLAIN("OPTIONS * HTTP/1.1", ""), 204},
    {"a foreign origin", UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Origin: http://i\r\n"), 403, NULL,
     NULL, false, UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "13", "Origin: http://h\r\n"), 101},
};

static void on_plain(naru_request *request, void *user)
{
    (void)user;
    CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("fine\n")), NARU_OK);
}

static void open_rig(rig *self)
{
    naru_server_options options = {.body_bytes_max = 16};
    rig_open(self, &options);
    rig_route_echo(self, "/chat");
    CHECK_EQ(naru_server_route_http(self->server, "/plain", on_plain, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->server, "/any/*", on_plain, self), NARU_OK);
}

/* The head stands for what every answer has. */
static void check_essentials(const char *name, const answer *a, bool keeps, bool head)
{
    bool close = strcmp(answer_field(a, "Connection"), "close") == 0;
    if (close == keeps || strlen(answer_field(a, "Date")) != 29 || strncmp(a->head, "HTTP/1.1 ", 9) != 0 ||
        (!head && a->status != 204 && (a->body_bytes < 5 || a->body[a->body_bytes - 1] != '\n'))) {
        fprintf(stderr, "%s: %s%s\n", name, a->head, (char *)a->body);
        CHECK(false);
    }
}

static void run(rig *self, const pair *row, const char *request, int status, bool slowly)
{
    peer p;
    bool head = strncmp(request, "HEAD", 4) == 0;
    peer_open(&p, self);
    if (slowly) {
        peer_send_slowly(&p, request, strlen(request));
    } else {
        peer_send(&p, request);
    }
    answer a = peer_answer(&p, !head);
    if (a.status != status) {
        fprintf(stderr, "%s%s: %d %s\n", row->name, slowly ? " (slowly)" : "", a.status, (char *)a.body);
    }
    CHECK_EQ(a.status, status);
    if (a.status >= 400) {
        check_essentials(row->name, &a, row->keeps, head);
        if (row->field) {
            CHECK_STR(answer_field(&a, row->field), row->value);
        }
    }
    if (a.status >= 400 && !row->keeps) {
        peer_wait_end(&p);
        CHECK(!p.reset);
        CHECK_EQ(p.size, 0u);
    }
    if (a.status == 101) {
        CHECK(peer_echoes(&p, "hello"));
    }
    answer_free(&a);
    peer_close(&p);
}

TEST(statuses)
{
    rig self;
    open_rig(&self);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (int slowly = 0; slowly < 2; slowly++) {
            run(&self, &pairs[i], pairs[i].bad, pairs[i].status, slowly);
            run(&self, &pairs[i], pairs[i].good, pairs[i].good_status, slowly);
        }
    }
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    rig_close(&self);
}

/* ---- limits of the head --------------------------------------------------------------------------------------- */

static char *filled(const char *start, size_t count, const char *end)
{
    char *text = malloc(strlen(start) + count + strlen(end) + 1);
    if (!text) {
        rig_die("no memory");
    }
    memcpy(text, start, strlen(start));
    memset(text + strlen(start), 'a', count);
    memcpy(text + strlen(start) + count, end, strlen(end) + 1);
    return text;
}

static void check_limit(rig *self, char *request, int status, bool slowly)
{
    peer p;
    peer_open(&p, self);
    if (slowly) {
        peer_send_slowly(&p, request, strlen(request));
    } else {
        peer_send(&p, request);
    }
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, status);
    if (status >= 400) {
        peer_wait_end(&p);
        CHECK(!p.reset);
    }
    answer_free(&a);
    peer_close(&p);
    free(request);
}

TEST(head_limits)
{
    rig self;
    open_rig(&self);
    const size_t line = 8192 - strlen("GET /any/ HTTP/1.1");
    const char head[] = "GET /plain HTTP/1.1\r\nHost: h\r\nA: ";
    const size_t field = 16384 - strlen(head) - 4;
    for (int slowly = 0; slowly < 2; slowly++) {
        check_limit(&self, filled("GET /any/", line, " HTTP/1.1\r\nHost: h\r\n\r\n"), 200, slowly);
        check_limit(&self, filled("GET /any/", line + 1, " HTTP/1.1\r\nHost: h\r\n\r\n"), 414, slowly);
        check_limit(&self, filled(head, field, "\r\n\r\n"), 200, slowly);
        check_limit(&self, filled(head, field + 1, "\r\n\r\n"), 431, slowly);
    }
    rig_close(&self);
}

static char *with_fields(size_t count)
{
    size_t capacity = 64 + count * 8;
    char *text = malloc(capacity);
    if (!text) {
        rig_die("no memory");
    }
    size_t at = (size_t)snprintf(text, capacity, "GET /plain HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 1; i < count; i++) {
        at += (size_t)snprintf(text + at, capacity - at, "A: b\r\n");
    }
    snprintf(text + at, capacity - at, "\r\n");
    return text;
}

TEST(field_limit)
{
    rig self;
    open_rig(&self);
    check_limit(&self, with_fields(100), 200, false);
    check_limit(&self, with_fields(101), 431, false);
    check_limit(&self, with_fields(2000), 431, false);
    check_limit(&self, with_fields(20000), 431, false);
    rig_close(&self);
}

/* ---- what comes behind a refusal ------------------------------------------------------------------------------ */

TEST(nothing_behind_a_refusal_is_read)
{
    static const char *const refused[] = {UP("GET /chat HTTP/1.1", "Host: h", "websocket", KEY, "12", ""),
                                          GOOD,
                                          "GET /plain HTTP/2.1\r\n\r\n",
                                          UP("GET /chax HTTP/1.1", "Host: h", "websocket", KEY, "13", ""),
                                          UP("GET /plain HTTP/1.1", "Host: h", "websocket", KEY, "13", ""),
                                          PLAIN("POST /nowhere HTTP/1.1", "Content-Length: 3\r\n")};
    const int statuses[] = {426, 403, 505, 404, 200, 404};
    rig self;
    naru_server_options options = {.origin_policy = NARU_ORIGIN_LIST};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    CHECK_EQ(naru_server_route_http(self.server, "/plain", on_plain, &self), NARU_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char both[1024];
        const char *end = i == 1 ? "Origin: http://h\r\n\r\n" : "\r\n";
        snprintf(both, sizeof both, "%.*s%s%s", (int)strlen(refused[i]) - 2, refused[i], end,
                 PLAIN("GET /plain HTTP/1.1", ""));
        peer p;
        answer a = peer_ask(&p, &self, both);
        CHECK_EQ(a.status, statuses[i]);
        CHECK_STR(answer_field(&a, "Connection"), "close");
        peer_wait_end(&p);
        CHECK_EQ(p.size, 0u);
        CHECK(!p.reset);
        answer_free(&a);
        peer_close(&p);
    }
    rig_close(&self);
}

/* A peer that goes on sending after its refusal reads the refusal and not a reset. */
TEST(refusal_outlives_what_still_comes)
{
    rig self;
    open_rig(&self);
    peer p;
    char *bulk = filled("", 512 * 1024, "");
    answer a = peer_ask(&p, &self, PLAIN("POST /plain HTTP/1.1", "Content-Length: 600000\r\n"));
    CHECK_EQ(a.status, 413);
    peer_send(&p, bulk);
    peer_wait_end(&p);
    CHECK(!p.reset);
    CHECK_EQ(naru_server_connections(self.server), 1u);
    answer_free(&a);
    peer_close(&p);
    RIG_UNTIL(&self, naru_server_connections(self.server) == 0);
    free(bulk);
    rig_close(&self);
}

TEST(the_log_says_each_refusal_once)
{
    rig self;
    open_rig(&self);
    peer p;
    answer a = peer_ask(&p, &self, PLAIN("GET /any%0a%1b/x?token=secret HTTP/1.1", "Authorization: secret\r\n"));
    CHECK_EQ(a.status, 404);
    CHECK(rig_logged(&self, "refused: 404"));
    CHECK(rig_logged(&self, "/any\\x0a\\x1b/x"));
    CHECK(!rig_logged(&self, "secret"));
    CHECK(strchr(self.log, '\n') == self.log + self.log_bytes - 1);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self);
}

TEST_MAIN({"statuses", statuses}, {"head limits", head_limits}, {"field limit", field_limit},
          {"nothing behind a refusal is read", nothing_behind_a_refusal_is_read},
          {"refusal outlives what still comes", refusal_outlives_what_still_comes},
          {"the log says each refusal once", the_log_says_each_refusal_once})
