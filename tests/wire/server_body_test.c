/* Bodies that are too long: what is only a little over is read in vain and the connection lives on; the rest ends it.
 * Each route has its own limit. */
#include "wire/server_rig.h"

enum { LIMIT = 16, SKIPPED = 64 * 1024 };

typedef struct limits {
    rig at;
    unsigned asked;
    size_t bytes; /* of the last body */
} limits;

static void on_body(naru_request *request, void *user)
{
    limits *self = user;
    self->asked++;
    self->bytes = naru_request_body(request).size;
    CHECK_EQ(naru_request_respond(request, 200, NULL, naru_span_of("taken")), NARU_OK);
}

static void limits_open(limits *self)
{
    naru_server_options options = {.body_bytes_max = LIMIT};
    naru_http_route large = {.on_request = on_body, .body_bytes_max = 4 * SKIPPED};
    naru_http_route small = {.on_request = on_body, .body_bytes_max = 2};
    naru_http_route nothing = {0};
    *self = (limits){0};
    rig_open(&self->at, &options);
    CHECK_EQ(naru_server_route_http(self->at.server, "/plain", on_body, self), NARU_OK);
    CHECK_EQ(naru_server_route_http_with(self->at.server, "/large", &large, self), NARU_OK);
    CHECK_EQ(naru_server_route_http_with(self->at.server, "/small", &small, self), NARU_OK);
    CHECK_EQ(naru_server_route_http_with(self->at.server, "/none", &nothing, self), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_server_route_http_with(self->at.server, "/none", NULL, self), NARU_ERR_ARGUMENT);
}

/* Send a body of this many bytes, framed one way or the other, in pieces. */
static void send_body(peer *p, const char *path, size_t bytes, bool chunked)
{
    char head[256];
    static char piece[1000];
    memset(piece, 'x', sizeof piece);
    if (chunked) {
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    } else {
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", path, bytes);
    }
    peer_send(p, head);
    for (size_t left = bytes; left > 0;) {
        size_t size = left < sizeof piece ? left : sizeof piece;
        if (chunked) {
            snprintf(head, sizeof head, "%zx\r\n", size);
            peer_send(p, head);
        }
        peer_send_bytes(p, piece, size);
        peer_send(p, chunked ? "\r\n" : "");
        left -= size;
    }
    peer_send(p, chunked ? "0\r\n\r\n" : "");
}

typedef struct sized {
    const char *path;
    size_t bytes;
    int status;
    bool lives;
} sized;

static const sized cases[] = {
    {"/plain", LIMIT, 200, true},
    {"/plain", LIMIT + 1, 413, true},
    {"/plain", LIMIT + SKIPPED, 413, true},
    {"/plain", LIMIT + SKIPPED + 1, 413, false},
    {"/small", 2, 200, true},
    {"/small", 3, 413, true},
    {"/large", 4 * SKIPPED, 200, true},
    {"/large", 4 * SKIPPED + 1, 413, true},
    {"/large", 5 * SKIPPED, 413, true},
    {"/large", 5 * SKIPPED + 1, 413, false},
};

TEST(the_limit_to_the_byte)
{
    limits self;
    limits_open(&self);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const sized *each = &cases[i / 2];
        peer p;
        unsigned asked = self.asked;
        peer_open(&p, &self.at);
        send_body(&p, each->path, each->bytes, i % 2);
        answer a = peer_answer(&p, true);
        CHECK_EQ(a.status, each->status);
        CHECK_EQ(self.asked - asked, each->status == 200);
        CHECK(each->status != 200 || self.bytes == each->bytes);
        CHECK_STR(answer_field(&a, "Connection"), each->lives ? "" : "close");
        answer_free(&a);
        if (each->lives) {
            send_body(&p, "/plain", 5, false);
            a = peer_answer(&p, true);
            CHECK_EQ(a.status, 200);
            CHECK_EQ(self.bytes, 5u);
            answer_free(&a);
        } else {
            peer_wait_end(&p);
            CHECK(!p.reset);
        }
        peer_close(&p);
    }
    rig_close(&self.at);
}

/* Who asks before it sends a body that is too long is told so at once, and what it then sends is nobody's request. */
TEST(asking_first_ends_it)
{
    limits self;
    limits_open(&self);
    peer p;
    answer a =
        peer_ask(&p, &self.at, "POST /plain HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n");
    CHECK_EQ(a.status, 413);
    CHECK_STR(answer_field(&a, "Connection"), "close");
    peer_wait_end(&p);
    answer_free(&a);
    peer_close(&p);
    a = peer_ask(&p, &self.at, "POST /plain HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 16\r\n\r\n");
    CHECK_EQ(a.status, 100);
    answer_free(&a);
    peer_send(&p, "0123456789abcdef");
    a = peer_answer(&p, true);
    CHECK_EQ(a.status, 200);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST_MAIN({"the limit to the byte", the_limit_to_the_byte}, {"asking first ends it", asking_first_ends_it})
