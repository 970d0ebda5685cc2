/* The hook for what the library refuses: what it sees, what it may change, and what it may not. */
#include "wire/server_rig.h"

typedef struct watch {
    rig at;
    unsigned calls;
    int status;
    char text[128], rule[64], start[300], target[64], peer[128];
    size_t start_bytes;
    bool changes, nonsense;
} watch;

static void keep(char *out, size_t out_bytes, naru_span span)
{
    snprintf(out, out_bytes, "%.*s", (int)span.size, span.size > 0 ? (const char *)span.data : "");
}

static void try_nonsense(naru_bad_request *bad)
{
    static uint8_t long_body[64 * 1024 + 1];
    char long_type[129];
    memset(long_type, 'a', sizeof long_type - 1);
    long_type[128] = 0;
    CHECK_EQ(naru_bad_request_add_field(bad, "Connection", naru_span_of("keep-alive")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_add_field(bad, "Content-Length", naru_span_of("0")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_add_field(bad, "X-A", naru_span_of("b\r\nX-C: d")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_add_field(bad, "X A", naru_span_of("b")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_set_body(bad, "a\r\nb", naru_span_of("")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_set_body(bad, long_type, naru_span_of("")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_bad_request_set_body(bad, NULL, (naru_span){long_body, sizeof long_body}), NARU_ERR_ARGUMENT);
}

static void on_bad_request(naru_bad_request *bad, void *user)
{
    watch *self = user;
    const naru_http_head *head = naru_bad_request_head(bad);
    const char *rule = naru_bad_request_rule(bad);
    self->calls++;
    self->status = naru_bad_request_status(bad);
    snprintf(self->text, sizeof self->text, "%s", naru_bad_request_text(bad));
    snprintf(self->rule, sizeof self->rule, "%s", rule ? rule : "");
    naru_bad_request_peer(bad, self->peer, sizeof self->peer);
    keep(self->start, sizeof self->start, naru_bad_request_start(bad));
    self->start_bytes = naru_bad_request_start(bad).size;
    keep(self->target, sizeof self->target, head ? naru_http_head_target(head) : (naru_span){0});
    if (self->nonsense) {
        try_nonsense(bad);
    }
    if (self->changes) {
        char body[256];
        int size = snprintf(body, sizeof body, "{\"error\":%d}", self->status);
        CHECK_EQ(naru_bad_request_add_field(bad, "X-Trace", naru_span_of("17")), NARU_OK);
        CHECK_EQ(naru_bad_request_set_body(bad, NULL, naru_span_of("not this one")), NARU_OK);
        CHECK_EQ(naru_bad_request_set_body(bad, "application/json", (naru_span){(uint8_t *)body, (size_t)size}),
                 NARU_OK);
    }
}

static void on_plain(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_reject(request, 418);
}

static void watch_open(watch *self)
{
    *self = (watch){0};
    naru_server_options options = {.on_bad_request = on_bad_request,
                                   .on_bad_request_user = self,
                                   .handshake_timeout_ms = 80,
                                   .http.head_bytes_max = 1024};
    rig_open(&self->at, &options);
    rig_route_echo(&self->at, "/chat");
    CHECK_EQ(naru_server_route_http(self->at.server, "/plain", on_plain, NULL), NARU_OK);
}

typedef struct row {
    const char *request;
    int status;
    const char *rule, *target, *start; /* "": none */
} row;

static const row rows[] = {
    {"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404, "", "/nothing", "GET /nothing HTTP/1.1"},
    {"\x16\x03\x01\x02", 400, "911", "", "\x16\x03\x01\x02"},
    {"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
     400, "6455 4", "/chat", "GET /chat HTTP/1.1"},
    {"GET /chat HTTP/1.1\r\nHost: h\r\n\r\n", 426, "", "/chat", "GET /chat HTTP/1.1"},
    {"GET /chat HTTP/1.1\r\nHo", 408, "", "", ""}, /* when time is up its bytes are gone */
};

static void check_seen(watch *self, const row *wanted, const peer *p, unsigned calls)
{
    char address[64];
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    getsockname(p->fd, (struct sockaddr *)&own, &size);
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(own.sin_port));
    CHECK_EQ(self->calls, calls);
    CHECK_EQ(self->status, wanted->status);
    CHECK(strncmp(self->rule, wanted->rule, strlen(wanted->rule)) == 0 && (wanted->rule[0] || !self->rule[0]));
    CHECK_STR(self->target, wanted->target);
    CHECK(strncmp(self->start, wanted->start, strlen(wanted->start)) == 0);
    CHECK(wanted->start[0] || self->start_bytes == 0);
    CHECK_STR(self->peer, address);
}

TEST(it_sees_each_refusal_once)
{
    watch self;
    watch_open(&self);
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        peer p;
        self.changes = i % 2;
        self.nonsense = !self.changes;
        answer a = peer_ask(&p, &self.at, rows[i / 2].request);
        CHECK_EQ(a.status, rows[i / 2].status);
        check_seen(&self, &rows[i / 2], &p, i + 1);
        char expected[160];
        if (self.changes) {
            snprintf(expected, sizeof expected, "{\"error\":%d}", a.status);
        } else {
            snprintf(expected, sizeof expected, "%s\n", self.text);
        }
        CHECK_STR((char *)a.body, expected);
        CHECK_STR(answer_field(&a, "X-Trace"), self.changes ? "17" : "");
        CHECK_STR(answer_field(&a, "Content-Type"), self.changes ? "application/json" : "text/plain; charset=utf-8");
        CHECK_STR(answer_field(&a, "Upgrade"), a.status == 426 ? "websocket" : "");
        answer_free(&a);
        peer_close(&p);
    }
    rig_close(&self.at);
}

/* The application's own refusals are its own, and HEAD has no body whatever is said. */
TEST(what_it_is_not_asked_about)
{
    watch self;
    watch_open(&self);
    peer p;
    self.changes = true;
    answer a = peer_ask(&p, &self.at, "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_EQ(a.status, 418);
    CHECK_EQ(self.calls, 0u);
    answer_free(&a);
    peer_send(&p, "HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    a = peer_answer(&p, false);
    CHECK_EQ(a.status, 404);
    CHECK_STR(answer_field(&a, "Content-Length"), "13");
    CHECK_EQ(p.size, 0u);
    CHECK_EQ(self.calls, 1u);
    answer_free(&a);
    peer_send(&p, "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection lives on */
    a = peer_answer(&p, true);
    CHECK_EQ(a.status, 418);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

/* However long the garbage, it sees 256 bytes. */
TEST(it_sees_no_more_than_the_start)
{
    watch self;
    watch_open(&self);
    peer p;
    char garbage[2001];
    memset(garbage, 'x', sizeof garbage - 1);
    garbage[sizeof garbage - 1] = 0;
    answer a = peer_ask(&p, &self.at, garbage);
    CHECK(a.status >= 400);
    CHECK_EQ(self.start_bytes, 256u);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST_MAIN({"it sees each refusal once", it_sees_each_refusal_once},
          {"what it is not asked about", what_it_is_not_asked_about},
          {"it sees no more than the start", it_sees_no_more_than_the_start})
