/* What a Socket.IO client costs by the allocator's own account, and what becomes of it when each allocation fails in
 * turn: at most its session is lost, every socket that connected disconnects once, nothing leaks, and the next client
 * is served. */
#include "wire/memory_rig.h"
#include <naru/socketio_server.h>

enum { PEERS = 200, SESSION_BYTES_MAX = 1600, TURNS = 12 };

typedef struct site {
    rig rig;
    naru_sio *io;
    naru_sio_hold *hold;         /* given back in a later turn */
    naru_sio_decision *decision; /* the same */
    unsigned connected, disconnected, answered, asked, echoed;
} site;

/* ---- a server that does a little of everything ------------------------------------------------------------------ */

static void let_in(naru_sio_socket *socket, naru_sio_gate *gate, void *user)
{
    naru_span auth = {0};
    (void)user;
    (void)naru_sio_join(socket, naru_span_of("early"));
    naru_sio_handshake handshake;
    naru_sio_socket_handshake(socket, &handshake);
    auth = handshake.auth;
    if (auth.size > 0 && auth.data[auth.size - 2] == '0') {
        naru_sio_refuse(gate, "no", &(naru_sio_value){.kind = NARU_SIO_BOOL});
    } else {
        naru_sio_next(gate);
    }
}

static void on_answer(naru_sio_socket *socket, naru_status status, const naru_sio_event *reply, void *user)
{
    site *self = user;
    (void)socket, (void)status, (void)reply;
    self->answered++;
}

static void on_connection(naru_sio_socket *socket, void *user)
{
    site *self = user;
    self->connected++;
    (void)naru_sio_join(socket, naru_span_of("room"));
    (void)naru_sio_socket_set_data(socket, naru_span_of("{\"a\":1}"));
    self->asked += naru_sio_emit_ack(socket, 60000, "question", NARU_SIO_NONE, on_answer, self) >= 0;
}

static void on_disconnect(naru_sio_socket *socket, naru_sio_reason reason, void *user)
{
    site *self = user;
    (void)socket, (void)reason;
    self->disconnected++;
}

static void on_responses(naru_status status, const naru_sio_response *responses, size_t count, size_t expected,
                         void *user)
{
    site *self = user;
    (void)status, (void)responses, (void)count, (void)expected;
    self->answered++;
}

static void on_own(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    (void)socket, (void)event, (void)user;
}

static void on_work(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    site *self = user;
    naru_span bytes = naru_span_of("bytes"), text;
    naru_sio_target room = naru_sio_to(naru_sio_socket_namespace(socket), naru_span_of("room"));
    (void)naru_sio_event_text(event, 0, &text);
    (void)naru_sio_answer(event, NARU_SIO_ARGS(naru_sio_bytes(bytes), naru_sio_event_args(event).values[0]));
    (void)naru_sio_emit_to(room, "news", NARU_SIO_ARGS(naru_sio_string("é\n"), naru_sio_bytes(bytes)), NULL);
    self->asked += naru_sio_emit_to_ack(naru_sio_timeout(room, 60000), "q", NARU_SIO_NONE, on_responses, self) >= 0;
    (void)naru_sio_socket_once(socket, "own", on_own, self);
    (void)naru_sio_sockets_leave(naru_sio_all(room.nsp), naru_span_of("early"));
}

static void on_echo(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    site *self = user;
    (void)socket;
    self->echoed += naru_sio_answer(event, naru_sio_event_args(event)) >= 0;
}

static naru_status hold_one(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    site *self = user;
    bool echo = naru_span_equal(naru_sio_event_name(event), naru_span_of("echo"));
    naru_sio_hold *hold = echo && !self->hold ? naru_sio_event_hold(event) : NULL;
    (void)socket;
    self->hold = hold ? hold : self->hold;
    return hold ? NARU_MORE : NARU_OK;
}

static void decide_later(naru_sio_decision *decision, naru_span name, naru_span auth, void *user)
{
    site *self = user;
    (void)name, (void)auth;
    if (self->decision) {
        naru_sio_decided(decision, false);
    } else {
        self->decision = decision;
    }
}

static void give_back(site *self)
{
    naru_sio_hold *hold = self->hold;
    naru_sio_decision *decision = self->decision;
    self->hold = NULL;
    self->decision = NULL;
    if (hold) {
        naru_sio_hold_end(hold, NARU_OK);
    }
    if (decision) {
        naru_sio_decided(decision, true);
    }
}

static naru_status set_up(site *self)
{
    naru_sio_namespace *root = naru_sio_of(self->io, "/");
    naru_sio_namespace *children = naru_sio_of_pattern(self->io, "/child-*");
    if (!root || !children || !naru_sio_of_deciding(self->io, decide_later, self)) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru_sio_use(root, let_in, self);
    status = status ? status : naru_sio_on_connection(root, on_connection, self);
    status = status ? status : naru_sio_on_disconnect(root, on_disconnect, self);
    status = status ? status : naru_sio_on(root, "work", on_work, self);
    status = status ? status : naru_sio_use_packet(root, hold_one, self);
    status = status ? status : naru_sio_on(root, "echo", on_echo, self);
    return status ? status : naru_sio_on(children, "echo", on_echo, self);
}

static bool site_open(site *self, bool recovery)
{
    naru_sio_options options = {.recovery.enabled = recovery,
                                .cleanup_empty_child_namespaces = true,
                                .events_per_second = 1000,
                                .no_serve_client = true};
    memset(self, 0, sizeof *self);
    rig_memory = (memory_rig){0};
    rig_open_on(&self->rig, rig_memory_loop(&self->rig), NULL);
    return naru_sio_new(self->rig.server, &options, &self->io) == NARU_OK && set_up(self) == NARU_OK;
}

static void site_close(site *self)
{
    rig_memory.fail_at = 0;
    naru_sio_free(self->io);
    give_back(self);
    CHECK_EQ(self->connected, self->disconnected);
    CHECK_EQ(self->asked, self->answered);
    rig_close(&self->rig);
    CHECK_EQ(rig_memory.bytes, 0u);
    CHECK_EQ(rig_memory.blocks, 0u);
}

static void turns(site *self)
{
    for (int i = 0; i < TURNS; i++) {
        naru_loop_turn(self->rig.loop, 0);
        give_back(self);
    }
}

static const char upgrade[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* ---- cost ------------------------------------------------------------------------------------------------------- */

TEST(an_idle_client)
{
    static site self;
    static peer peers[PEERS];
    peer first;
    naru_sio_options options = {.no_serve_client = true};
    memset(&self, 0, sizeof self);
    rig_memory = (memory_rig){0};
    rig_open_on(&self.rig, rig_memory_loop(&self.rig), NULL);
    REQUIRE(naru_sio_new(self.rig.server, &options, &self.io) == NARU_OK);
    CHECK(peer_upgrade(&first, &self.rig, upgrade));
    peer_text(&first, "40");
    turns(&self);
    size_t before = rig_memory.bytes;
    for (size_t i = 0; i < PEERS; i++) {
        CHECK(peer_upgrade(&peers[i], &self.rig, upgrade));
        peer_text(&peers[i], "40");
        peer_text(&peers[i], "42[\"hello\"]");
        turns(&self);
    }
    size_t each = (rig_memory.bytes - before) / PEERS;
    printf("an idle Socket.IO client: %zu bytes with its session and connection\n", each);
    CHECK(each <= SESSION_BYTES_MAX);
    CHECK_EQ(naru_sio_namespace_sockets(naru_sio_of(self.io, "/")), PEERS + 1u);
    for (size_t i = 0; i < PEERS; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&first);
    site_close(&self);
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

static void binary(peer *p)
{
    static const char bytes[] = {(char)0x82, (char)0x83, 0, 0, 0, 0, 1, 2, 3};
    peer_send_bytes(p, bytes, sizeof bytes);
}

/* Everything a client may do, whether it is answered or not. */
static void talk(site *self, bool whole)
{
    peer p;
    if (!peer_upgrade(&p, &self->rig, upgrade)) {
        peer_close(&p);
        return;
    }
    peer_text(&p, "40{\"token\":1}");
    turns(self);
    peer_text(&p, "421[\"work\",\"a\\u00e9\"]");
    turns(self);
    peer_text(&p, "430[1]");
    peer_text(&p, "431[true]");
    peer_text(&p, "451-2[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    binary(&p);
    peer_text(&p, "42[\"behind it\",\"waits\"]");
    turns(self);
    peer_text(&p, "40/decided,");
    turns(self);
    peer_text(&p, "40/child-1,");
    peer_text(&p, "42/child-1,3[\"echo\"]");
    turns(self);
    peer_text(&p, "41/child-1,");
    peer_text(&p, "40/nobody,{\"token\":0}");
    turns(self);
    if (whole) {
        CHECK_EQ(self->echoed, 2u);
    }
    peer_close(&p);
    turns(self);
}

static void fail_each(bool recovery)
{
    static site self;
    bool whole = false;
    size_t n = 1;
    for (; !whole; n++) {
        REQUIRE(site_open(&self, recovery));
        rig_memory.fail_at = rig_memory.calls + n;
        talk(&self, false);
        whole = rig_memory.calls < rig_memory.fail_at;
        rig_memory.fail_at = 0;
        self.echoed = 0;
        talk(&self, true);
        site_close(&self);
    }
    printf("%zu allocations failed in turn\n", n - 2);
}

TEST(each_allocation_fails)
{
    fail_each(false);
}

TEST(each_allocation_fails_with_recovery)
{
    fail_each(true);
}

TEST(each_allocation_fails_at_the_start)
{
    static site self;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        memset(&self, 0, sizeof self);
        rig_memory = (memory_rig){0};
        rig_open_on(&self.rig, rig_memory_loop(&self.rig), NULL);
        rig_memory.fail_at = rig_memory.calls + n;
        naru_status status = naru_sio_new(self.rig.server, NULL, &self.io);
        failed = rig_memory.calls >= rig_memory.fail_at;
        CHECK_EQ(status, failed ? NARU_ERR_MEMORY : NARU_OK);
        site_close(&self);
    }
}

TEST_MAIN({"an idle client", an_idle_client}, {"each allocation fails", each_allocation_fails},
          {"each allocation fails with recovery", each_allocation_fails_with_recovery},
          {"each allocation fails at the start", each_allocation_fails_at_the_start})
