/* What connections cost by the allocator's own account, and what becomes of a server when each of its allocations fails
 * in turn: at most that connection is lost, nothing leaks, and the next one is served. */
#include "wire/server_rig.h"

typedef struct account {
    size_t bytes, blocks;
    size_t calls;    /* allocations and growths so far */
    size_t fail_at;  /* the number of the one that fails; 0: none */
    bool fail_after; /* and all behind it */
} account;

static account memory;

static void *account_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    account *self = user;
    if (new_bytes == 0) {
        free(block);
        self->bytes -= old_bytes;
        self->blocks--;
        return NULL;
    }
    self->calls++;
    if (self->fail_at && (self->calls == self->fail_at || (self->fail_after && self->calls > self->fail_at))) {
        return NULL;
    }
    void *moved = realloc(block, new_bytes);
    if (!moved) {
        rig_die("no memory");
    }
    self->bytes += new_bytes - (block ? old_bytes : 0);
    self->blocks += !block;
    return moved;
}

static const naru_allocator accounting = {account_resize, &memory};

static void on_body(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_add_field(request, "X-Field", naru_span_of("value"));
    if (naru_request_respond(request, 200, NULL, naru_request_body(request)) != NARU_OK) {
        (void)naru_request_reject(request, 503);
    }
}

static void memory_open(rig *self)
{
    naru_loop_options loop = {.allocator = &accounting, .cache_bytes_max = 1};
    naru_server_options options = {.conn.ws.close_timeout_ms = 100, .conn.ws.deflate.enabled = true};
    memset(self, 0, sizeof *self);
    memory = (account){0};
    rig_open_on(self, naru_loop_new(&loop), &options);
    rig_route_echo(self, "/chat");
    CHECK_EQ(naru_server_route_http(self->server, "/body", on_body, self), NARU_OK);
    CHECK_EQ(naru_server_route_files(self->server, "/files/*", NARU_SOURCE_DIR "/src"), NARU_OK);
}

static void memory_close(rig *self)
{
    rig_close(self);
    CHECK_EQ(memory.bytes, 0u);
    CHECK_EQ(memory.blocks, 0u);
}

/* ---- cost ----------------------------------------------------------------------------------------------------- */

enum { PEERS = 200 };

/* Bytes a connection, after each of PEERS has done `request` and the loop has rested. */
static size_t cost_of(const char *request, int status)
{
    static peer peers[PEERS];
    rig self;
    memory_open(&self);
    peer first; /* what is taken once is taken now */
    answer a = peer_ask(&first, &self, request);
    answer_free(&a);
    naru_loop_turn(self.loop, 0);
    size_t before = memory.bytes;
    for (int i = 0; i < PEERS; i++) {
        a = peer_ask(&peers[i], &self, request);
        CHECK_EQ(a.status, status);
        answer_free(&a);
    }
    naru_loop_turn(self.loop, 0);
    naru_loop_turn(self.loop, 0);
    size_t each = (memory.bytes - before) / PEERS;
    for (int i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&first);
    memory_close(&self);
    return each;
}

TEST(what_an_idle_connection_costs)
{
    size_t websocket = cost_of(RIG_UPGRADE("/chat"), 101);
    size_t kept_alive = cost_of("GET /body HTTP/1.1\r\nHost: h\r\n\r\n", 200);
    printf("idle: %zu bytes a WebSocket, %zu a kept-alive HTTP connection\n", websocket, kept_alive);
    CHECK(websocket <= 400);
    CHECK(kept_alive <= 800);
}

/* ---- failures ------------------------------------------------------------------------------------------------- */

#define POST                                                                                                           \
    "POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"                      \
    "GET /files/LAYERS HTTP/1.1\r\nHost: h\r\n\r\n"                                                                    \
    "GET /files/server HTTP/1.1\r\nHost: h\r\n\r\n"                                                                    \
    "GET /n%6fwhere HTTP/1.1\r\nHost: h\r\n\r\n"

/* Wait until the server has taken all that it will take of it, or ended it. */
static void settle(rig *self, peer *p)
{
    for (int i = 0; i < 6 && !p->ended; i++) {
        rig_turn(self, p, POLLIN, 1);
        peer_receive(p);
    }
}

/* Four requests, an upgrade with compression, an echo, a close. Whatever fails on the way fails. */
static void script(rig *self)
{
    uint8_t frame[300];
    char text[200];
    peer p;
    memset(text, 'x', sizeof text);
    peer_open(&p, self);
    peer_send(&p, POST);
    settle(self, &p);
    peer_send(&p, "GET /chat HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    peer_send_bytes(&p, frame, rig_frame(frame, 1, "early", 5));
    settle(self, &p);
    size_t size = rig_frame(frame, 1, text, sizeof text);
    peer_send_bytes(&p, frame, size / 2);
    settle(self, &p);
    peer_send_bytes(&p, frame + size / 2, size - size / 2);
    settle(self, &p);
    peer_send_bytes(&p, frame, rig_frame(frame, 8, "\x03\xe8why", 5));
    settle(self, &p);
    peer_close(&p);
    RIG_UNTIL(self, naru_server_connections(self->server) == 0);
    naru_loop_turn(self->loop, 0);
}

static bool serves(rig *self)
{
    peer p;
    bool good = peer_upgrade(&p, self, RIG_UPGRADE("/chat")) && peer_echoes(&p, "alive");
    peer_close(&p);
    RIG_UNTIL(self, naru_server_connections(self->server) == 0);
    return good;
}

static void fail_in_turn(bool all_behind)
{
    rig self;
    memory_open(&self);
    script(&self);
    memory.calls = 0;
    script(&self);
    size_t count = memory.calls;
    CHECK(count > 20);
    size_t bytes = memory.bytes;
    unsigned messages = self.messages;
    for (size_t i = 1; i <= count; i++) {
        memory.calls = 0;
        memory.fail_at = i;
        memory.fail_after = all_behind;
        script(&self);
        memory.fail_at = 0;
        CHECK(memory.calls >= i); /* it did fail */
        if (!serves(&self)) {
            fprintf(stderr, "dead after the failure of allocation %zu of %zu\n", i, count);
            CHECK(false);
        }
        CHECK_EQ(self.opened, self.closed);
        CHECK(memory.bytes <= bytes + 4096);
    }
    CHECK(self.messages > messages);
    memory_close(&self);
}

TEST(each_allocation_fails_once)
{
    fail_in_turn(false);
}

TEST(memory_runs_out_at_each_point)
{
    fail_in_turn(true);
}

/* A server that cannot be made leaves nothing behind. */
TEST(making_one_fails_at_each_point)
{
    bool made = false;
    for (size_t i = 1; !made && i < 100; i++) {
        memory = (account){.fail_at = i, .fail_after = true};
        naru_loop_options options = {.allocator = &accounting, .cache_bytes_max = 1};
        naru_server_options server_options = {.server_name = "name"};
        naru_loop *loop = naru_loop_new(&options);
        naru_server *server = NULL;
        naru_ws_route route = {0};
        made = loop && naru_server_new(loop, &server_options, &server) == NARU_OK &&
               naru_server_listen(server, "127.0.0.1:0", NULL, NULL) == NARU_OK &&
               naru_server_route_ws(server, "/", &route, NULL) == NARU_OK;
        naru_server_free(server);
        naru_loop_free(loop);
        CHECK_EQ(memory.blocks, 0u);
        CHECK(!made || i > 5);
    }
    CHECK(made);
}

TEST_MAIN({"what an idle connection costs", what_an_idle_connection_costs},
          {"each allocation fails once", each_allocation_fails_once},
          {"memory runs out at each point", memory_runs_out_at_each_point},
          {"making one fails at each point", making_one_fails_at_each_point})
