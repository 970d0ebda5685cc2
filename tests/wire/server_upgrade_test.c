/* From a request to a WebSocket: frames that come early, decisions that come late, subprotocols, origins. */
#include "wire/server_rig.h"

TEST(frames_in_the_same_segment_are_heard_after_the_101)
{
    rig self;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    uint8_t bytes[1024];
    size_t size = strlen(RIG_UPGRADE("/chat"));
    memcpy(bytes, RIG_UPGRADE("/chat"), size);
    size += rig_frame(bytes + size, 1, "one", 3);
    size += rig_frame(bytes + size, 2, "two", 3);
    size += rig_frame(bytes + size, 8, "\x03\xe8", 2);
    for (int slowly = 0; slowly < 2; slowly++) {
        peer p;
        peer_open(&p, &self);
        if (slowly) {
            peer_send_slowly(&p, bytes, size);
        } else {
            peer_send_bytes(&p, bytes, size);
        }
        answer a = peer_answer(&p, true);
        CHECK_EQ(a.status, 101);
        CHECK_STR(answer_field(&a, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        CHECK(peer_expect_frame(&p, 1, "one", 3));
        CHECK(peer_expect_frame(&p, 2, "two", 3));
        CHECK(peer_expect_frame(&p, 8, "\x03\xe8", 2));
        peer_wait_end(&p);
        CHECK(!p.reset);
        answer_free(&a);
        peer_close(&p);
    }
    RIG_UNTIL(&self, self.closed == 2);
    CHECK_EQ(self.opened, 2u);
    CHECK_EQ(self.last_close.code, 1000);
    rig_close(&self);
}

/* ---- decisions that come late --------------------------------------------------------------------------------- */

typedef struct late {
    rig at;
    naru_request *request;
    unsigned cancelled;
} late;

static void on_cancel(void *user)
{
    late *self = user;
    self->cancelled++;
    self->request = NULL;
}

static void on_request(naru_request *request, void *user)
{
    late *self = user;
    self->request = request;
    naru_request_on_cancel(request, on_cancel, self);
}

static void late_open(late *self, const naru_server_options *options)
{
    naru_ws_route route = {.on_request = on_request};
    self->request = NULL;
    self->cancelled = 0;
    rig_open(&self->at, options);
    CHECK_EQ(naru_server_route_ws(self->at.server, "/late", &route, self), NARU_OK);
    CHECK_EQ(naru_server_route_http(self->at.server, "/late", on_request, self), NARU_OK);
}

TEST(accepted_late_with_frames_held)
{
    late self;
    late_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/late"));
    peer_text(&p, "before the callback");
    RIG_UNTIL(&self.at, self.request);
    peer_text(&p, "after the callback");
    naru_loop_turn(self.at.loop, 0);
    CHECK_EQ(naru_request_accept(self.request, naru_span_of("nobody asked"), &rig_echo, &self.at), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_add_field(self.request, "X-Late", naru_span_of("yes")), NARU_OK);
    CHECK_EQ(naru_request_accept(self.request, (naru_span){0}, &rig_echo, &self.at), NARU_OK);
    CHECK_EQ(self.at.opened, 0u); /* never inside the call */
    peer_text(&p, "behind the answer");
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 101);
    CHECK_STR(answer_field(&a, "X-Late"), "yes");
    CHECK(peer_expect_frame(&p, 1, "before the callback", 19));
    CHECK(peer_expect_frame(&p, 1, "after the callback", 18));
    CHECK(peer_expect_frame(&p, 1, "behind the answer", 17));
    CHECK_EQ(self.at.opened, 1u);
    CHECK_EQ(self.cancelled, 0u);
    answer_free(&a);
    peer_close(&p);
    RIG_UNTIL(&self.at, self.at.closed == 1);
    rig_close(&self.at);
}

/* More than is held waits in the kernel, and nothing of it is lost. */
TEST(held_bytes_are_limited_and_complete)
{
    enum { MESSAGES = 9000, BYTES = 100 };
    late self;
    naru_server_options options = {.conn.queue_bytes_max = NARU_UNLIMITED};
    late_open(&self, &options);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/late"));
    RIG_UNTIL(&self.at, self.request);
    uint8_t frame[BYTES + 8];
    char text[BYTES + 1] = "";
    unsigned sent = 0;
    size_t frame_bytes = 0, out = 0;
    for (int idle = 0; idle < 50 && sent < MESSAGES;) {
        if (out == frame_bytes) {
            snprintf(text, sizeof text, "%0*u", BYTES, sent);
            frame_bytes = rig_frame(frame, 1, text, BYTES);
            out = 0;
        }
        ssize_t took = send(p.fd, frame + out, frame_bytes - out, MSG_NOSIGNAL);
        out += took > 0 ? (size_t)took : 0;
        sent += out == frame_bytes;
        idle = took > 0 ? 0 : idle + 1;
        naru_loop_turn(self.at.loop, 0);
    }
    CHECK_EQ(naru_request_accept(self.request, (naru_span){0}, &rig_echo, &self.at), NARU_OK);
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 101);
    peer_send_bytes(&p, frame + out, frame_bytes - out);
    sent += out < frame_bytes;
    for (unsigned i = 0; i < sent; i++) {
        snprintf(text, sizeof text, "%0*u", BYTES, i);
        if (!peer_expect_frame(&p, 1, text, BYTES)) {
            CHECK(false);
            break;
        }
    }
    CHECK(sent > 640); /* at least what has to be held */
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST(a_peer_that_leaves_cancels)
{
    late self;
    late_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/late"));
    RIG_UNTIL(&self.at, self.request);
    peer_close(&p);
    RIG_UNTIL(&self.at, self.cancelled == 1);
    CHECK_EQ(naru_server_connections(self.at.server), 0u);
    rig_close(&self.at);
    CHECK_EQ(self.cancelled, 1u);
}

/* Half a close is no leaving for a plain request: the answer can still be read. */
TEST(a_peer_that_ended_its_side_is_answered)
{
    late self;
    late_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(p.fd, SHUT_WR);
    RIG_UNTIL(&self.at, self.request);
    naru_loop_turn(self.at.loop, 0);
    CHECK_EQ(naru_request_respond(self.request, 200, NULL, naru_span_of("late")), NARU_OK);
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 200);
    peer_wait_end(&p);
    CHECK(!p.reset);
    CHECK_EQ(self.cancelled, 0u);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST(freed_while_accepted_but_not_started)
{
    late self;
    late_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/late"));
    RIG_UNTIL(&self.at, self.request);
    CHECK_EQ(naru_request_accept(self.request, (naru_span){0}, &rig_echo, &self.at), NARU_OK);
    rig_close(&self.at);
    CHECK_EQ(self.at.opened, 1u);
    CHECK_EQ(self.at.closed, 1u);
    peer_close(&p);
}

TEST(rejected_late)
{
    late self;
    late_open(&self, NULL);
    peer p;
    peer_open(&p, &self.at);
    peer_send(&p, RIG_UPGRADE("/late") "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    RIG_UNTIL(&self.at, self.request);
    naru_request *request = self.request;
    self.request = NULL;
    CHECK_EQ(naru_request_reject(request, 199), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_reject(request, 401), NARU_OK);
    answer a = peer_answer(&p, true);
    CHECK_EQ(a.status, 401);
    CHECK_STR((char *)a.body, "Unauthorized\n");
    peer_wait_end(&p);
    CHECK(!p.reset);
    CHECK_EQ(p.size, 0u);
    CHECK(self.request == NULL); /* what came behind was not read as HTTP */
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

/* ---- what the request says ------------------------------------------------------------------------------------ */

typedef struct seen {
    rig at;
    char path[64];
    char peer[64];
    char protocols[64];
    bool upgrade, tls;
} seen;

static void on_seen(naru_request *request, void *user)
{
    seen *self = user;
    naru_span path = naru_request_path(request);
    naru_span protocol, last = {0};
    size_t at = 0;
    snprintf(self->path, sizeof self->path, "%.*s", (int)path.size, (const char *)path.data);
    naru_request_peer(request, self->peer, sizeof self->peer);
    self->protocols[0] = 0;
    for (size_t i = 0; naru_request_protocol(request, i, &protocol); i++) {
        at += (size_t)snprintf(self->protocols + at, sizeof self->protocols - at, "[%.*s]", (int)protocol.size,
                               (const char *)protocol.data);
        last = protocol;
    }
    self->upgrade = naru_request_is_upgrade(request);
    self->tls = naru_request_is_tls(request);
    CHECK_EQ(naru_request_add_field(request, "Set-Cookie", naru_span_of("a=b")), NARU_OK);
    CHECK_EQ(naru_request_add_field(request, "Content-length", naru_span_of("1")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_add_field(request, "sec-websocket-accept", naru_span_of("1")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_add_field(request, "X", naru_span_of("a\r\nb: c")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_add_field(request, "X Y", naru_span_of("a")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_request_accept(request, last, NULL, self), NARU_OK);
    CHECK_EQ(naru_request_reject(request, 404), NARU_ERR_STATE);
}

TEST(the_request_and_its_protocols)
{
    seen self;
    naru_server_options options = {.server_name = "naru test"};
    naru_ws_route route = {.on_request = on_seen};
    rig_open(&self.at, &options);
    CHECK_EQ(naru_server_route_ws(self.at.server, "/app/*", &route, &self), NARU_OK);
    peer p;
    answer a = peer_ask(&p, &self.at,
                        "GET http://naru.test/app/%C3%A9/./x/../y//z?q=1 HTTP/1.1\r\n" RIG_UPGRADE_FIELDS
                        "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n\r\n");
    CHECK_EQ(a.status, 101);
    CHECK_STR(self.path, "/app/\xc3\xa9/y//z");
    CHECK_STR(self.protocols, "[a][b][c]");
    CHECK(strncmp(self.peer, "127.0.0.1:", 10) == 0);
    CHECK(self.upgrade && !self.tls);
    CHECK_STR(answer_field(&a, "Sec-WebSocket-Protocol"), "c");
    CHECK_STR(answer_field(&a, "Set-Cookie"), "a=b");
    CHECK_STR(answer_field(&a, "Server"), "naru test");
    answer_free(&a);
    peer_close(&p);
    rig_close(&self.at);
}

TEST(a_route_chooses_the_first_protocol_it_knows)
{
    static const char *const protocols[] = {"three", "two", NULL};
    rig self;
    naru_ws_route route = {.protocols = protocols, .handler = rig_echo};
    rig_open(&self, NULL);
    CHECK_EQ(naru_server_route_ws(self.server, "/chat", &route, &self), NARU_OK);
    peer p;
    answer a = peer_ask(&p, &self,
                        "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Sec-WebSocket-Protocol: one, two, three\r\n\r\n");
    CHECK_EQ(a.status, 101);
    CHECK_STR(answer_field(&a, "Sec-WebSocket-Protocol"), "two");
    answer_free(&a);
    peer_close(&p);
    a = peer_ask(&p, &self, "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Sec-WebSocket-Protocol: one, Two\r\n\r\n");
    CHECK_EQ(a.status, 101);
    CHECK_STR(answer_field(&a, "Sec-WebSocket-Protocol"), "");
    answer_free(&a);
    peer_close(&p);
    rig_close(&self);
}

/* ---- routes --------------------------------------------------------------------------------------------------- */

static void on_named(naru_request *request, void *user)
{
    CHECK_EQ(naru_request_respond(request, 200, "text/x", naru_span_of(user)), NARU_OK);
}

static naru_status route_named(rig *self, const char *path, const char *name)
{
    return naru_server_route_http(self->server, path, on_named, (void *)(uintptr_t)name);
}

static void check_goes(rig *self, const char *path, const char *where)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    peer p;
    answer a = peer_ask(&p, self, request);
    CHECK_EQ(a.status, where ? 200 : 404);
    if (where) {
        CHECK_STR((char *)a.body, where);
    }
    answer_free(&a);
    peer_close(&p);
}

TEST(the_longest_route_wins)
{
    static const char *const bad[] = {"", "a", "/a*", "**", "*/a*"};
    rig self;
    rig_open(&self, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(route_named(&self, bad[i], "x"), NARU_ERR_ARGUMENT);
    }
    check_goes(&self, "/a/b", NULL);
    CHECK_EQ(route_named(&self, "/a/b", "old"), NARU_OK);
    CHECK_EQ(route_named(&self, "/a/*", "a"), NARU_OK);
    CHECK_EQ(route_named(&self, "/a/b/*", "a/b"), NARU_OK);
    CHECK_EQ(route_named(&self, "/a/b", "exact"), NARU_OK);
    check_goes(&self, "/c", NULL);
    CHECK_EQ(route_named(&self, "*", "any"), NARU_OK);
    check_goes(&self, "/a/b", "exact");
    check_goes(&self, "/a/./b", "exact");
    check_goes(&self, "/x/%2e%2e/a/b", "exact");
    check_goes(&self, "/a%2fb", "exact");
    check_goes(&self, "/a/b/", "a/b");
    check_goes(&self, "/a/bc", "a");
    check_goes(&self, "/a", "any");
    check_goes(&self, "//a/b", "any");
    check_goes(&self, "/%2561/b", "any");
    check_goes(&self, "/../a/b?c", "exact");
    rig_close(&self);
}

/* A connection keeps the handler of the route that it came by. */
TEST(a_replaced_route_lives_on_in_its_connections)
{
    rig self;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    peer p;
    CHECK(peer_upgrade(&p, &self, RIG_UPGRADE("/chat")));
    naru_ws_route silent = {0};
    CHECK_EQ(naru_server_route_ws(self.server, "/chat", &silent, NULL), NARU_OK);
    CHECK(peer_echoes(&p, "still"));
    peer_close(&p);
    rig_close(&self);
}

/* ---- origins -------------------------------------------------------------------------------------------------- */

typedef struct origin_case {
    const char *host;
    const char *origin; /* NULL: none */
    int status;
} origin_case;

static void check_origins(rig *self, const origin_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char request[512];
        snprintf(request, sizeof request,
                 "GET /chat HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                 cases[i].host, cases[i].origin ? "Origin: " : "", cases[i].origin ? cases[i].origin : "",
                 cases[i].origin ? "\r\n" : "");
        peer p;
        answer a = peer_ask(&p, self, request);
        if (a.status != cases[i].status) {
            fprintf(stderr, "Host %s, Origin %s\n", cases[i].host, cases[i].origin ? cases[i].origin : "none");
        }
        CHECK_EQ(a.status, cases[i].status);
        answer_free(&a);
        peer_close(&p);
    }
}

TEST(origins_of_the_same_host)
{
    static const origin_case cases[] = {
        {"example.com", NULL, 101},
        {"example.com", "http://example.com", 101},
        {"example.com", "https://example.com", 101},
        {"Example.com", "HTTPS://eXample.COM", 101},
        {"example.com:8080", "http://example.com:8080", 101},
        {"example.com:80", "http://example.com", 101},
        {"example.com:443", "https://example.com", 101},
        {"example.com", "https://example.com:443", 101},
        {"[::1]:8080", "http://[::1]:8080", 101},
        {"example.com", "null", 403},
        {"example.com", "", 403},
        {"example.com", "http://example.com:8080", 403},
        {"example.com:8080", "http://example.com", 403},
        {"example.com:80", "https://example.com", 403},
        {"example.com", "http://evil-example.com", 403},
        {"example.com", "http://example.com.evil", 403},
        {"example.com", "http://example.com.", 403},
        {"example.com", "http://user@example.com", 403},
        {"example.com", "http://example.com/", 403},
        {"example.com", "http://example.com:", 403},
        {"example.com", "http://example.com:0080", 403},
        {"example.com", "http://example.com:65616", 403},
        {"example.com", "ftp://example.com", 403},
        {"example.com", "example.com", 403},
        {"example.com", "http://", 403},
        {"example.com", "http://example.com http://evil", 403},
        {"example.com", "http://ex\xc3\xa4mple.com", 403},
        {"example.com", "http://example.com\r\nOrigin: http://example.com", 403},
    };
    rig self;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    check_origins(&self, cases, sizeof cases / sizeof cases[0]);
    rig_close(&self);
}

TEST(origins_of_a_list_and_any)
{
    static const char *const origins[] = {"https://example.com", "chrome-extension://abc", NULL};
    static const origin_case listed[] = {
        {"h", NULL, 101},
        {"h", "https://example.com", 101},
        {"h", "HTTPS://Example.com", 101},
        {"h", "chrome-extension://abc", 101},
        {"h", "http://example.com", 403},
        {"h", "https://example.com:443", 403},
        {"h", "https://example.com.evil", 403},
        {"h", "http://h", 403},
        {"h", "null", 403},
    };
    static const origin_case any[] = {{"h", "null", 101}, {"h", "http://i", 101}};
    rig self;
    naru_server_options options = {.origin_policy = NARU_ORIGIN_LIST, .origins = origins, .origins_count = 2};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    check_origins(&self, listed, sizeof listed / sizeof listed[0]);
    rig_close(&self);
    options = (naru_server_options){.origin_policy = NARU_ORIGIN_ANY};
    rig_open(&self, &options);
    rig_route_echo(&self, "/chat");
    check_origins(&self, any, sizeof any / sizeof any[0]);
    rig_close(&self);
}

/* 9112 3.2.2: the target's own authority is the host that counts. */
TEST(the_origin_is_compared_with_an_absolute_target)
{
    rig self;
    rig_open(&self, NULL);
    rig_route_echo(&self, "/chat");
    peer p;
    answer a =
        peer_ask(&p, &self, "GET http://here/chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Origin: http://naru.test\r\n\r\n");
    CHECK_EQ(a.status, 403);
    answer_free(&a);
    peer_close(&p);
    a = peer_ask(&p, &self, "GET http://here/chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Origin: http://here\r\n\r\n");
    CHECK_EQ(a.status, 101);
    answer_free(&a);
    peer_close(&p);
    rig_close(&self);
}

TEST_MAIN({"frames in the same segment are heard after the 101", frames_in_the_same_segment_are_heard_after_the_101},
          {"accepted late with frames held", accepted_late_with_frames_held},
          {"held bytes are limited and complete", held_bytes_are_limited_and_complete},
          {"a peer that leaves cancels", a_peer_that_leaves_cancels},
          {"a peer that ended its side is answered", a_peer_that_ended_its_side_is_answered},
          {"freed while accepted but not started", freed_while_accepted_but_not_started},
          {"rejected late", rejected_late}, {"the request and its protocols", the_request_and_its_protocols},
          {"a route chooses the first protocol it knows", a_route_chooses_the_first_protocol_it_knows},
          {"the longest route wins", the_longest_route_wins},
          {"a replaced route lives on in its connections", a_replaced_route_lives_on_in_its_connections},
          {"origins of the same host", origins_of_the_same_host},
          {"origins of a list and any", origins_of_a_list_and_any},
          {"the origin is compared with an absolute target", the_origin_is_compared_with_an_absolute_target})
