/* What an Engine.IO session costs by the allocator's own account, and what becomes of it when each allocation fails in
 * turn: at most that session is lost, every one that began ends once, nothing leaks, and the next one is served. */
#include "wire/memory_rig.h"

enum { PEERS = 200, SESSION_BYTES_MAX = 1000, ID_BYTES = 20 };

typedef struct site {
    rig rig;
    naru_eio_server *eio;
    unsigned begun, ended;
} site;

static void on_connection(naru_eio *session, void *user)
{
    site *self = user;
    naru_span agent = {0};
    self->begun++;
    CHECK(naru_eio_header(session, "Host", &agent));
    CHECK(naru_eio_head(session) != NULL);
}

static void on_message(naru_eio *session, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    (void)naru_eio_send(session, kind, data, 0);
}

static void on_close(naru_eio *session, naru_eio_close_reason reason, const char *description, void *user)
{
    site *self = user;
    (void)session, (void)reason, (void)description;
    self->ended++;
}

static const naru_eio_handler handler = {
    .on_connection = on_connection, .on_message = on_message, .on_close = on_close};

static bool site_open(site *self)
{
    naru_eio_options options = {.allow_eio3 = true, .cookie.name = "io"};
    memset(self, 0, sizeof *self);
    rig_memory = (memory_rig){0};
    rig_open_on(&self->rig, rig_memory_loop(&self->rig), NULL);
    return naru_eio_server_new(self->rig.server, &options, &handler, self, &self->eio) == NARU_OK;
}

static void site_close(site *self)
{
    rig_memory.fail_at = 0;
    naru_eio_server_free(self->eio);
    CHECK_EQ(self->begun, self->ended);
    rig_close(&self->rig);
    CHECK_EQ(rig_memory.bytes, 0u);
    CHECK_EQ(rig_memory.blocks, 0u);
}

static const char upgrade[] = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* ---- cost ----------------------------------------------------------------------------------------------------- */

TEST(an_idle_websocket_session)
{
    static site self;
    static peer peers[PEERS];
    peer first;
    REQUIRE(site_open(&self));
    CHECK(peer_upgrade(&first, &self.rig, upgrade));
    peer_wait_bytes(&first, 2 + 100);
    naru_loop_turn(self.rig.loop, 0);
    size_t before = rig_memory.bytes;
    for (size_t i = 0; i < PEERS; i++) {
        CHECK(peer_upgrade(&peers[i], &self.rig, upgrade));
        peer_wait_bytes(&peers[i], 2 + 100);
        peer_text(&peers[i], "4hello");
        peer_take(&peers[i], peers[i].size);
        peer_wait_bytes(&peers[i], 2 + 6);
    }
    for (int i = 0; i < 8; i++) {
        naru_loop_turn(self.rig.loop, 0);
    }
    size_t each = (rig_memory.bytes - before) / PEERS;
    printf("an idle websocket session: %zu bytes with its connection\n", each);
    CHECK(each <= SESSION_BYTES_MAX);
    CHECK_EQ(naru_eio_server_sessions(self.eio), PEERS + 1u);
    for (size_t i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&first);
    site_close(&self);
}

/* ---- failures ------------------------------------------------------------------------------------------------- */

/* One request on a connection of its own; false: no answer of that status. */
static bool ask(site *self, const char *request, int status, char *id_out)
{
    peer p;
    answer got = peer_ask(&p, &self->rig, request);
    bool ok = got.status == status;
    const char *sid = ok && got.body ? strstr((const char *)got.body, "\"sid\":\"") : NULL;
    if (id_out && sid) {
        memcpy(id_out, sid + 7, ID_BYTES);
    }
    answer_free(&got);
    peer_close(&p);
    return ok && (!id_out || sid);
}

static bool over_polling(site *self)
{
    char id[ID_BYTES + 1] = "", request[512];
    if (!ask(self, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n", 200, id)) {
        return false;
    }
    snprintf(request, sizeof request,
             "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n"
             "4hello\x1e"
             "bAQIDBA==",
             id);
    if (!ask(self, request, 200, NULL)) {
        return false;
    }
    snprintf(request, sizeof request, "GET /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", id);
    return ask(self, request, 200, NULL);
}

TEST(each_allocation_fails_over_polling)
{
    static site self;
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        REQUIRE(site_open(&self));
        size_t calls = rig_memory.calls;
        rig_memory.fail_at = calls + n;
        (void)over_polling(&self);
        whole = rig_memory.calls < rig_memory.fail_at;
        rig_memory.fail_at = 0;
        CHECK(over_polling(&self));
        site_close(&self);
    }
}

TEST(each_allocation_fails_over_websocket)
{
    static site self;
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        peer p;
        REQUIRE(site_open(&self));
        rig_memory.fail_at = rig_memory.calls + n;
        if (peer_upgrade(&p, &self.rig, upgrade)) {
            peer_text(&p, "4hello");
            naru_loop_turn(self.rig.loop, 0);
        }
        peer_close(&p);
        whole = rig_memory.calls < rig_memory.fail_at;
        rig_memory.fail_at = 0;
        CHECK(peer_upgrade(&p, &self.rig, upgrade));
        peer_close(&p);
        site_close(&self);
    }
}

TEST(each_allocation_fails_at_the_start)
{
    static site self;
    for (size_t n = 1;; n++) {
        memset(&self, 0, sizeof self);
        rig_memory = (memory_rig){0};
        rig_open_on(&self.rig, rig_memory_loop(&self.rig), NULL);
        rig_memory.fail_at = rig_memory.calls + n;
        naru_status status = naru_eio_server_new(self.rig.server, NULL, &handler, &self, &self.eio);
        bool failed = rig_memory.calls >= rig_memory.fail_at;
        CHECK_EQ(status, failed ? NARU_ERR_MEMORY : NARU_OK);
        site_close(&self);
        if (!failed) {
            break;
        }
    }
}

TEST_MAIN({"an idle websocket session", an_idle_websocket_session},
          {"each allocation fails over polling", each_allocation_fails_over_polling},
          {"each allocation fails over websocket", each_allocation_fails_over_websocket},
          {"each allocation fails at the start", each_allocation_fails_at_the_start})
