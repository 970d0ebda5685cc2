/* One message for many Engine.IO sessions of every kind: each gets it in its own form, over WebSocket from one frame;
 * and the room that the layer above has in a session's block. */
#include "wire/server_rig.h"

#include "socketio_server/engine.h"

enum { KINDS = 6, EXTRA_BYTES = 24 };

typedef struct site {
    rig rig;
    naru_eio_server *eio;
    unsigned begun, ended;
} site;

static void on_connection(naru_eio *session, void *user)
{
    site *self = user;
    static const uint8_t zero[EXTRA_BYTES];
    CHECK_EQ(memcmp(naru__eio_extra(session), zero, EXTRA_BYTES), 0);
    memset(naru__eio_extra(session), 'e', EXTRA_BYTES);
    self->begun++;
}

static void on_close(naru_eio *session, naru_eio_close_reason reason, const char *description, void *user)
{
    site *self = user;
    (void)reason, (void)description;
    CHECK_EQ(*(const char *)naru__eio_extra(session), 'e');
    self->ended++;
}

static void send_to(naru_eio *session, void *shared)
{
    CHECK_EQ(naru__eio_send_shared(session, shared), NARU_OK);
}

static void send_to_all(site *self, naru_ws_kind kind, const char *text)
{
    naru__eio_shared *shared = naru__eio_shared_new(self->eio, kind, naru_span_of(text), 0);
    REQUIRE(shared);
    CHECK(naru__eio_shared_ref(shared) == shared);
    naru__eio_shared_unref(shared);
    naru_eio_server_each(self->eio, send_to, shared);
    naru__eio_shared_unref(shared);
}

static const naru_eio_handler handler = {.on_connection = on_connection, .on_close = on_close};

static void open_websocket(site *self, peer *p, const char *query)
{
    char request[512];
    snprintf(request, sizeof request, "GET /engine.io/?%s&transport=websocket HTTP/1.1\r\n" RIG_UPGRADE_FIELDS "\r\n",
             query);
    CHECK(peer_upgrade(p, &self->rig, request));
    peer_wait_bytes(p, 2);
    size_t size = 2 + (size_t)p->data[1];
    peer_wait_bytes(p, size);
    peer_take(p, size);
}

/* The id of a session over polling. */
static void open_polling(site *self, peer *p, const char *query, char id[21])
{
    char request[256];
    snprintf(request, sizeof request, "GET /engine.io/?%s&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", query);
    answer a = peer_ask(p, &self->rig, request);
    const char *sid = a.body ? strstr((const char *)a.body, "\"sid\":\"") : NULL;
    CHECK(sid != NULL);
    snprintf(id, 21, "%s", sid ? sid + 7 : "");
    answer_free(&a);
}

static void poll_for(peer *p, const char *query, const char *id, const char *expected, size_t size)
{
    char request[256];
    snprintf(request, sizeof request, "GET /engine.io/?%s&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", query,
             id);
    peer_send(p, request);
    answer a = peer_answer(p, true);
    CHECK_EQ(a.status, 200);
    CHECK_BYTES(((naru_span){a.body, a.body_bytes}), ((naru_span){(const uint8_t *)expected, size}));
    answer_free(&a);
}

TEST(each_gets_its_own_form)
{
    static const char octets[] = "\0\3\xff"
                                 "4hi\1\4\xff\4abc\0\6\xff"
                                 "4again";
    static site self;
    static peer peers[KINDS];
    char v4[21], v3[21];
    naru_eio_options options = {.allow_eio3 = true};
    rig_open(&self.rig, NULL);
    CHECK_EQ(naru__eio_server_new(self.rig.server, &options, &handler, &self, EXTRA_BYTES, &self.eio), NARU_OK);
    open_websocket(&self, &peers[0], "EIO=4");
    open_websocket(&self, &peers[1], "EIO=4");
    open_websocket(&self, &peers[2], "EIO=4&b64=1");
    open_websocket(&self, &peers[3], "EIO=3");
    open_polling(&self, &peers[4], "EIO=4", v4);
    open_polling(&self, &peers[5], "EIO=3", v3);
    send_to_all(&self, NARU_WS_TEXT, "hi");
    send_to_all(&self, NARU_WS_BINARY, "abc");
    send_to_all(&self, NARU_WS_TEXT, "again");
    for (size_t i = 0; i < 4; i++) {
        CHECK(peer_expect_frame(&peers[i], 1, "4hi", 3));
        CHECK(i == 2   ? peer_expect_frame(&peers[i], 1, "bYWJj", 5)
              : i == 3 ? peer_expect_frame(&peers[i], 2, "\4abc", 4)
                       : peer_expect_frame(&peers[i], 2, "abc", 3));
        CHECK(peer_expect_frame(&peers[i], 1, "4again", 6));
    }
    poll_for(&peers[4], "EIO=4", v4,
             "4hi\x1e"
             "bYWJj\x1e"
             "4again",
             16);
    poll_for(&peers[5], "EIO=3", v3, octets, sizeof octets - 1);
    for (size_t i = 0; i < KINDS; i++) {
        peer_close(&peers[i]);
    }
    naru_eio_server_free(self.eio);
    CHECK_EQ(self.begun, KINDS);
    CHECK_EQ(self.ended, KINDS);
    rig_close(&self.rig);
}

TEST_MAIN({"each gets its own form", each_gets_its_own_form})
