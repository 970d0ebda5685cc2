/* Three hundred peers that each do something wrong, for a while, and one that is in the right and must not notice.
 * Afterwards everything is as before: descriptors, connections, memory. */
#include "wire/server_rig.h"

enum { ABUSERS = 300, ROUNDS = 6 };

static size_t held_bytes, held_blocks;

static void *count_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    if (new_bytes == 0) {
        free(block);
        held_bytes -= old_bytes;
        held_blocks--;
        return NULL;
    }
    void *moved = realloc(block, new_bytes);
    if (moved) {
        held_bytes += new_bytes - (block ? old_bytes : 0);
        held_blocks += !block;
    }
    return moved;
}

static const naru_allocator counting = {count_resize, NULL};

static void on_post(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_respond(request, 200, NULL, naru_request_body(request));
}

static char junk[70000];

/* What the n-th of them does with its connection, other than taking part. */
static void misbehave(peer *p, int n)
{
    uint8_t frame[256];
    switch (n % 12) {
    case 0: /* no HTTP at all */
        peer_send_bytes(p, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        break;
    case 1: /* an endless line */
        peer_send_bytes(p, junk, sizeof junk);
        break;
    case 2: /* half a head, then silence */
        peer_send(p, "GET /chat HTTP/1.1\r\nHost: h");
        break;
    case 3: /* frames without a mask */
        peer_send(p, RIG_UPGRADE("/chat"));
        peer_send_bytes(p, "\x81\x05hello", 7);
        break;
    case 4: /* a huge frame is announced */
        peer_send(p, RIG_UPGRADE("/chat"));
        peer_send_bytes(p, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 14);
        break;
    case 5: /* more requests than are read */
        for (int i = 0; i < 50; i++) {
            peer_send(p, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
        }
        break;
    case 6: /* a body that is too big */
        peer_send(p, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
        peer_send_bytes(p, junk, sizeof junk);
        break;
    case 7: /* a body that breaks off */
        peer_send(p, "POST /post HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nabc");
        break;
    case 8: /* pings and fragments without an end */
        peer_send(p, RIG_UPGRADE("/chat"));
        for (int i = 0; i < 200; i++) {
            peer_send_bytes(p, frame, rig_frame(frame, 9, "ping", 4));
        }
        break;
    case 9: /* an upgrade, and then HTTP */
        peer_send(p, RIG_UPGRADE("/chat") "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
        break;
    case 10: /* bad UTF-8 */
        peer_send(p, RIG_UPGRADE("/chat"));
        peer_send_bytes(p, frame, rig_frame(frame, 1, "\xff\xff", 2));
        break;
    default: /* a reset in the middle */
        peer_send(p, RIG_UPGRADE("/chat"));
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        break;
    }
}

static int next_descriptor(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

TEST(the_control_never_notices)
{
    static peer abusers[ABUSERS];
    rig self = {0};
    peer control;
    naru_loop_options loop = {.allocator = &counting, .cache_bytes_max = 1};
    naru_server_options options = {.conn.ws.close_timeout_ms = 200};
    memset(junk, 'a', sizeof junk);
    rig_open_on(&self, naru_loop_new(&loop), &options);
    rig_route_echo(&self, "/chat");
    CHECK_EQ(naru_server_route_http(self.server, "/post", on_post, NULL), NARU_OK);
    CHECK(peer_upgrade(&control, &self, RIG_UPGRADE("/chat")));
    CHECK(peer_echoes(&control, "before"));
    int descriptor = next_descriptor();
    size_t bytes = 0;
    uint64_t slowest = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ABUSERS; i++) {
            peer_open(&abusers[i], &self);
            misbehave(&abusers[i], i + round);
            if (i % 10 == 0) {
                uint64_t began = rig_now_ms();
                CHECK(peer_echoes(&control, "during"));
                slowest = rig_now_ms() - began > slowest ? rig_now_ms() - began : slowest;
            }
        }
        for (int i = 0; i < ABUSERS; i++) {
            peer_receive(&abusers[i]);
            peer_close(&abusers[i]);
        }
        RIG_UNTIL(&self, naru_server_connections(self.server) == 1);
        naru_loop_turn(self.loop, 0);
        CHECK_EQ(next_descriptor(), descriptor);
        if (round == 0) {
            bytes = held_bytes; /* buffers that the loop keeps have their size by now */
        }
        CHECK(held_bytes <= bytes + 4096);
    }
    CHECK(peer_echoes(&control, "after"));
    CHECK(slowest < 2000);
    peer_close(&control);
    RIG_UNTIL(&self, self.opened == self.closed);
    rig_close(&self);
    CHECK_EQ(held_bytes, 0u);
    CHECK_EQ(held_blocks, 0u);
}

TEST_MAIN({"the control never notices", the_control_never_notices})
