/* The semantics of WebSocketStream, against a real server and over a server's connection: opened, read, write, close,
 * abort, closed; what back-pressure holds; cancelling and freeing. Each row of the table is one sentence of the
 * explainer.
 *
 * Not for: one connection (client_life_test.c). */
#include "unit/failing_allocator.h"
#include "wire/bank_rig.h"

static bank at;
static naru_stream *stream;
static const char *free_where;

static void maybe_free(const char *where)
{
    if (free_where && strcmp(free_where, where) == 0) {
        bank_note(&at, "freed in %s", where);
        naru_stream_free(stream);
        stream = NULL;
    }
}

static void on_opened(naru_stream *self, naru_span protocol, naru_span extensions, void *user)
{
    (void)self, (void)user;
    bank_note(&at, "opened '%.*s' '%.*s'", (int)protocol.size, protocol.size ? (const char *)protocol.data : "",
              (int)extensions.size, extensions.size ? (const char *)extensions.data : "");
    maybe_free("opened");
}

static void on_closed(naru_stream *self, const naru_close_info *info, const naru_client_failure *failure, void *user)
{
    (void)self, (void)user;
    bank_note(&at, "closed %u %.*s%s", info->code, (int)info->reason.size,
              info->reason.size ? (const char *)info->reason.data : "", failure ? "failed" : "");
    CHECK(!failure || (failure->status < 0 && failure->text));
    maybe_free("closed");
}

static const naru_stream_handler handler = {on_opened, on_closed};

static void on_read(naru_stream *self, naru_status status, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind;
    if (status == NARU_OK) {
        bank_note(&at, "read %.*s", data.size < 40 ? (int)data.size : 40, data.size ? (const char *)data.data : "");
    } else {
        bank_note(&at, status == NARU_END ? "read end" : "read failed");
    }
    if (user && status == NARU_OK) {
        CHECK_EQ(naru_stream_read(self, on_read, user), NARU_OK);
    }
    maybe_free("read");
}

static void on_written(naru_stream *self, naru_status status, void *user)
{
    (void)self, (void)user;
    bank_note(&at, status == NARU_OK ? "written" : "write failed");
    maybe_free("written");
}

static naru_status write_text(const char *text)
{
    return naru_stream_write(stream, NARU_WS_TEXT, naru_span_of(text), 0, on_written, NULL);
}

static bool begin(const naru_client_options *options)
{
    free_where = NULL;
    stream = NULL;
    return bank_start(&at) && naru_stream_open(at.loop, at.url, options, &handler, &at, &stream, NULL) == NARU_OK;
}

static bool begin_open(void)
{
    return begin(NULL) && bank_wait(&at, "opened") && bank_wait(&at, "S open");
}

static void end(void)
{
    naru_stream_free(stream);
    stream = NULL;
    bank_stop(&at);
}

static void server_says(const char *text)
{
    REQUIRE(at.conn);
    CHECK_EQ(naru_conn_send(at.conn, NARU_WS_TEXT, naru_span_of(text), 0), NARU_OK);
}

/* ---- the explainer's sentences ------------------------------------------------------------------------------ */

/* "wss.opened ... resolves to { readable, writable, extensions, protocol }" */
TEST(opened_tells_protocol_and_extensions)
{
    static const char *const protocols[] = {"chat"};
    naru_client_options options = {.protocols = protocols, .protocols_count = 1, .conn.ws.deflate.enabled = true};
    free_where = NULL;
    REQUIRE(bank_start(&at));
    bank_down(&at);
    at.options.conn.ws.deflate.enabled = true;
    REQUIRE(bank_up(&at));
    REQUIRE(naru_stream_open(at.loop, at.url, &options, &handler, &at, &stream, NULL) == NARU_OK);
    CHECK_EQ(write_text("early"), NARU_ERR_STATE);
    CHECK(bank_wait(&at, "opened 'chat' 'permessage-deflate"));
    end();
}

/* "opened ... rejects if the connection fails; so does closed" */
TEST(a_failed_opening_is_closed_at_once)
{
    REQUIRE(begin(NULL));
    at.answer = 403;
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "closed"));
    CHECK_STR(at.log, "read failed;closed 1006 failed");
    end();
}

/* The constructor throws where that of WebSocket does. */
TEST(bad_arguments_fail_the_call)
{
    const char *reason = NULL;
    naru_client_options chunks = {.conn.ws.delivery = NARU_WS_CHUNKS};
    REQUIRE(bank_start(&at));
    CHECK_EQ(naru_stream_open(at.loop, "ws://a/#b", NULL, &handler, NULL, &stream, &reason), NARU_ERR_ARGUMENT);
    CHECK(reason && strstr(reason, "fragment"));
    CHECK_EQ(naru_stream_open(at.loop, at.url, &chunks, &handler, NULL, &stream, &reason), NARU_ERR_ARGUMENT);
    bank_stop(&at);
}

/* "each call to read() returns one message, in order" */
TEST(reads_one_message_at_a_time)
{
    REQUIRE(begin_open());
    server_says("one");
    server_says("two");
    server_says("three");
    bank_settle(&at);
    CHECK(!strstr(at.log, "read"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_ERR_STATE);
    bank_settle(&at);
    CHECK(strstr(at.log, "read one") && !strstr(at.log, "read two"));
    CHECK_EQ(naru_stream_read(stream, on_read, &at), NARU_OK); /* and again from its own callback */
    CHECK(bank_wait(&at, "read two;read three"));
    end();
}

/* "write() resolves when there is room": at once as long as the queue is below its mark. */
TEST(writes_one_message_at_a_time)
{
    REQUIRE(begin_open());
    CHECK_EQ(write_text("a"), NARU_OK);
    CHECK(!strstr(at.log, "written")); /* never inside the call */
    CHECK_EQ(write_text("b"), NARU_ERR_STATE);
    CHECK(bank_wait(&at, "written"));
    CHECK_EQ(naru_stream_write(stream, NARU_WS_TEXT, naru_span_of("\xff"), 0, on_written, NULL), NARU_ERR_UTF8);
    CHECK_EQ(naru_stream_write(stream, NARU_WS_BINARY, naru_span_of("c"), 0, NULL, NULL), NARU_OK);
    CHECK(bank_wait(&at, "S c"));
    CHECK_EQ(write_text("d"), NARU_OK);
    CHECK(bank_wait(&at, "S d"));
    end();
}

/* Back-pressure out: while the server does not read, a write waits, and memory does not grow. */
TEST(a_write_waits_for_a_slow_peer)
{
    static uint8_t block[100000];
    REQUIRE(begin_open());
    naru_conn_pause(at.conn);
    at.quiet = true;
    int writes = 0;
    for (; writes < 1000; writes++) {
        at.log[0] = '\0';
        CHECK_EQ(naru_stream_write(stream, NARU_WS_BINARY, (naru_span){block, sizeof block}, 0, on_written, NULL),
                 NARU_OK);
        bank_settle(&at);
        if (!strstr(at.log, "written")) {
            break;
        }
    }
    CHECK(writes > 0 && writes < 1000);
    CHECK(naru_client_buffered_bytes(naru_stream_client(stream)) < 4 * sizeof block);
    naru_conn_resume(at.conn);
    CHECK(bank_wait(&at, "written"));
    end();
}

/* Back-pressure in: while nobody reads, the server's queue fills, and ours does not. */
TEST(nobody_reads_and_the_peer_has_to_wait)
{
    static uint8_t block[100000];
    REQUIRE(bank_start(&at));
    bank_down(&at);
    at.options.conn.queue_bytes_max = 64 << 20;
    REQUIRE(bank_up(&at));
    free_where = NULL;
    REQUIRE(naru_stream_open(at.loop, at.url, NULL, &handler, &at, &stream, NULL) == NARU_OK);
    REQUIRE(bank_wait(&at, "S open"));
    for (int i = 0; i < 300; i++) {
        CHECK(naru_conn_send(at.conn, NARU_WS_BINARY, (naru_span){block, sizeof block}, 0) >= 0);
    }
    bank_settle(&at);
    CHECK(naru_conn_queued_bytes(at.conn) > 1000000);
    at.log[0] = '\0';
    CHECK_EQ(naru_stream_read(stream, on_read, &at), NARU_OK);
    CHECK_EQ(naru_conn_send(at.conn, NARU_WS_TEXT, naru_span_of("last"), 0) >= 0, true);
    CHECK(bank_wait(&at, "read last"));
    CHECK_EQ(naru_conn_queued_bytes(at.conn), 0);
    end();
}

/* "close({closeCode, reason})" performs the closing handshake; "closed resolves to { closeCode, reason }". */
TEST(close_tells_code_and_reason)
{
    REQUIRE(begin_open());
    server_says("never read");
    CHECK_EQ(naru_stream_close(stream, 999, naru_span_of("")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK_EQ(write_text("last word"), NARU_OK);
    CHECK_EQ(naru_stream_close(stream, 4321, naru_span_of("enough")), NARU_OK);
    CHECK_EQ(write_text("too late"), NARU_END);
    CHECK(bank_wait(&at, "closed 4321 enough"));
    CHECK(bank_wait(&at, "S closed 4321"));
    CHECK(strstr(at.log, "S last word") && strstr(at.log, "read end") && !strstr(at.log, "never"));
    CHECK_EQ(write_text("too late"), NARU_END);
    end();
}

/* "the readable closes when the server closes, behind what it sent" */
TEST(what_came_before_a_close_is_read_before_it)
{
    REQUIRE(begin_open());
    server_says("one");
    CHECK_EQ(naru_conn_close(at.conn, 4000, naru_span_of("bye")), NARU_OK);
    bank_settle(&at);
    CHECK(!strstr(at.log, "closed 4000 bye"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "read one"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "read end;closed 4000 bye"));
    at.log[0] = '\0';
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK); /* and ever after */
    CHECK(!strstr(at.log, "read"));
    CHECK(bank_wait(&at, "read end"));
    end();
}

/* "... and errors if the connection is lost", a write that waits too; "closed rejects". */
TEST(a_lost_connection_fails_everything)
{
    static uint8_t block[8 << 20];
    REQUIRE(begin_open());
    naru_conn_pause(at.conn);
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK_EQ(naru_stream_write(stream, NARU_WS_BINARY, (naru_span){block, sizeof block}, 0, on_written, NULL), NARU_OK);
    bank_settle(&at);
    bank_down(&at);
    CHECK(bank_wait(&at, "read failed;write failed;closed 1006 failed"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    at.log[0] = '\0';
    CHECK(bank_wait(&at, "read failed"));
    end();
}

/* "signal: aborts the handshake"; here it ends an open one too. */
TEST(abort_at_any_time)
{
    REQUIRE(begin(NULL));
    naru_stream_abort(stream);
    CHECK(bank_wait(&at, "closed"));
    CHECK_STR(at.log, "closed 1006 failed");
    end();
    REQUIRE(begin_open());
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    naru_stream_abort(stream);
    naru_stream_abort(stream);
    CHECK(bank_wait(&at, "read failed;closed 1006 failed"));
    CHECK(bank_wait(&at, "S closed 1006"));
    end();
}

TEST(cancelled_reads_lose_nothing)
{
    REQUIRE(begin_open());
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    naru_stream_read_cancel(stream);
    naru_stream_read_cancel(stream);
    server_says("kept");
    bank_settle(&at);
    CHECK(!strstr(at.log, "read"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "read kept"));
    CHECK_EQ(write_text("w"), NARU_OK);
    naru_stream_write_cancel(stream);
    CHECK_EQ(write_text("x"), NARU_ERR_STATE); /* there is no room before the turn is over */
    CHECK(bank_wait(&at, "S w"));
    CHECK(!strstr(at.log, "written"));
    CHECK_EQ(write_text("x"), NARU_OK);
    CHECK(bank_wait(&at, "written"));
    end();
}

/* ---- over a server's connection ----------------------------------------------------------------------------- */

static naru_stream *served;

static void served_opened(naru_stream *self, naru_span protocol, naru_span extensions, void *user)
{
    (void)user, (void)extensions;
    bank_note(&at, "served '%.*s'", (int)protocol.size, protocol.size ? (const char *)protocol.data : "");
    CHECK(naru_stream_conn(self) && !naru_stream_client(self));
}

static void served_closed(naru_stream *self, const naru_close_info *info, const naru_client_failure *failure,
                          void *user)
{
    (void)user;
    bank_note(&at, "served closed %u%s", info->code, failure ? " failed" : "");
    CHECK(!naru_stream_conn(self));
}

static void serve(naru_request *request, void *user)
{
    static const naru_stream_handler own = {served_opened, served_closed};
    (void)user;
    served = naru_stream_new(at.loop, &own, NULL);
    REQUIRE(served);
    CHECK_EQ(naru_request_accept(request, (naru_span){0}, naru_stream_conn_handler(), served), NARU_OK);
}

static bool begin_served(void)
{
    naru_ws_route route = {.on_request = serve};
    free_where = NULL;
    return bank_start(&at) && naru_server_route_ws(at.server, "/", &route, NULL) == NARU_OK &&
           naru_stream_open(at.loop, at.url, NULL, &handler, &at, &stream, NULL) == NARU_OK &&
           bank_wait(&at, "opened '") && bank_wait(&at, "served '");
}

static void end_served(void)
{
    naru_stream_free(served);
    end();
}

TEST(a_server_has_the_same_face)
{
    REQUIRE(begin_served());
    CHECK_EQ(write_text("hello"), NARU_OK);
    bank_settle(&at);
    CHECK(!strstr(at.log, "read"));
    CHECK_EQ(naru_stream_read(served, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "read hello"));
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK_EQ(naru_stream_write(served, NARU_WS_TEXT, naru_span_of("welcome"), 0, on_written, NULL), NARU_OK);
    CHECK(bank_wait(&at, "read welcome"));
    CHECK_EQ(write_text("dropped"), NARU_OK);
    CHECK_EQ(naru_stream_close(served, 1001, naru_span_of("")), NARU_OK);
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "closed 1001"));
    CHECK(bank_wait(&at, "served closed 1001"));
    CHECK(strstr(at.log, "read end"));
    end_served();
}

TEST(a_server_loses_its_peer)
{
    REQUIRE(begin_served());
    CHECK_EQ(naru_stream_read(served, on_read, NULL), NARU_OK);
    naru_stream_abort(stream);
    CHECK(bank_wait(&at, "served closed 1006 failed"));
    CHECK(strstr(at.log, "read failed"));
    end_served();
    REQUIRE(begin_served());
    naru_stream_free(served); /* nobody there any more */
    served = NULL;
    CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
    CHECK(bank_wait(&at, "closed 1006 failed"));
    end_served();
}

/* ---- freeing ------------------------------------------------------------------------------------------------ */

TEST(freed_in_any_callback)
{
    static const char *const where[] = {"opened", "read", "written", "closed"};
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(begin(NULL));
        free_where = where[i];
        char wanted[32];
        snprintf(wanted, sizeof wanted, "freed in %s", where[i]);
        CHECK_EQ(naru_stream_read(stream, on_read, NULL), NARU_OK);
        if (i > 0) {
            CHECK(bank_wait(&at, "opened '"));
            CHECK_EQ(i == 3 ? write_text("close 4000") : write_text("x"), NARU_OK);
        }
        CHECK(bank_wait(&at, wanted));
        CHECK(!stream);
        bank_settle(&at);
        end();
    }
}

TEST(freed_from_outside_at_any_turn)
{
    for (int turns = 0; turns < 25; turns++) {
        REQUIRE(begin(NULL));
        CHECK_EQ(naru_stream_read(stream, on_read, &at), NARU_OK);
        for (int i = 0; i < turns; i++) {
            CHECK_EQ(naru_loop_turn(at.loop, 2), NARU_OK);
            (void)write_text("close 4000");
        }
        end();
    }
}

TEST(each_allocation_fails_once)
{
    for (size_t n = 1; n < 1000; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        memset(&at, 0, sizeof at);
        snprintf(at.address, sizeof at.address, "127.0.0.1:0");
        at.loop = naru_loop_new(&(naru_loop_options){.allocator = &memory.allocator});
        REQUIRE(at.loop && bank_up(&at));
        memory.calls = 0;
        memory.fail_at = n;
        free_where = NULL;
        stream = NULL;
        if (naru_stream_open(at.loop, at.url, NULL, &handler, &at, &stream, NULL) == NARU_OK) {
            CHECK_EQ(naru_stream_read(stream, on_read, &at), NARU_OK);
            uint64_t end_ms = naru_loop_now_ms(at.loop) + BANK_PATIENCE_MS;
            while (!strstr(at.log, "closed ") && naru_loop_now_ms(at.loop) < end_ms) {
                (void)naru_loop_turn(at.loop, 5);
                (void)write_text("close 4000");
            }
            CHECK(strstr(at.log, "closed "));
        }
        bool failed = memory.failed;
        end();
        CHECK_EQ(memory.live_bytes, 0);
        if (!failed) {
            return;
        }
    }
    CHECK(!"it never ran without a failure");
}

TEST_MAIN({"opened tells protocol and extensions", opened_tells_protocol_and_extensions},
          {"a failed opening is closed at once", a_failed_opening_is_closed_at_once},
          {"bad arguments fail the call", bad_arguments_fail_the_call},
          {"reads one message at a time", reads_one_message_at_a_time},
          {"writes one message at a time", writes_one_message_at_a_time},
          {"a write waits for a slow peer", a_write_waits_for_a_slow_peer},
          {"nobody reads and the peer has to wait", nobody_reads_and_the_peer_has_to_wait},
          {"close tells code and reason", close_tells_code_and_reason},
          {"what came before a close is read before it", what_came_before_a_close_is_read_before_it},
          {"a lost connection fails everything", a_lost_connection_fails_everything},
          {"abort at any time", abort_at_any_time}, {"cancelled reads lose nothing", cancelled_reads_lose_nothing},
          {"a server has the same face", a_server_has_the_same_face},
          {"a server loses its peer", a_server_loses_its_peer}, {"freed in any callback", freed_in_any_callback},
          {"freed from outside at any turn", freed_from_outside_at_any_turn},
          {"each allocation fails once", each_allocation_fails_once})
