/* An open client: early frames, what the peer may not send, closing from both banks, losing the peer, freeing
 * anywhere, bufferedAmount, pausing.
 *
 * Not for: what tests/whatwg/table.json already says. */
#include "wire/client_rig.h"

/* Start, open and wait for `wanted` in the client's events. */
static bool opened(rig *self, const rig_script *script, const naru_client_options *options, const char *wanted)
{
    return rig_start(self, script) && rig_open(self, options) == NARU_OK && rig_wait(self, self->events, wanted);
}

/* ---- frames right behind the answer, and bad ones ----------------------------------------------------------- */

typedef struct frame_case {
    const char *name;
    naru_span frames;
    const char *events;
    const char *received; /* by the peer */
    naru_status status;
    const char *rule; /* of the fault; NULL: none */
} frame_case;

#define FRAMES(literal)                                                                                                \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

static const frame_case frame_cases[] = {
    {"a text", FRAMES("\x81\x02hi"), "open; text hi", "", NARU_OK, NULL},
    {"two and a ping", FRAMES("\x81\x02hi\x89\x01p\x82\x01x"), "open; text hi; binary x", "pong p", NARU_OK, NULL},
    {"fragments", FRAMES("\x01\x01h\x00\x00\x80\x01i"), "open; text hi", "", NARU_OK, NULL},
    {"a Close", FRAMES("\x81\x01m\x88\x05\x0f\xa0out"), "open; text m; close 4000 out clean", "close 4000", NARU_OK,
     NULL},
    {"a Close without a code", FRAMES("\x88\x00"), "open; close 1005 clean", "close", NARU_OK, NULL},
    {"a text behind a Close", FRAMES("\x88\x02\x03\xe8\x81\x01m"), "open; close 1000 clean", "close 1000", NARU_OK,
     NULL},
    {"a masked frame", FRAMES("\x81\x82\x01\x02\x03\x04\x69\x6b"), "open; error; close 1006", "close 1002",
     NARU_ERR_PROTOCOL, "6455 5.1"},
    {"a reserved bit", FRAMES("\xc1\x02hi"), "open; error; close 1006", "close 1002", NARU_ERR_PROTOCOL, "6455 5.2"},
    {"an unknown opcode", FRAMES("\x83\x02hi"), "open; error; close 1006", "close 1002", NARU_ERR_PROTOCOL, "6455 5.2"},
    {"text that is not UTF-8", FRAMES("\x81\x02\xc3\x28"), "open; error; close 1006", "close 1007", NARU_ERR_UTF8,
     "6455 8.1"},
    {"a close code that must not be sent", FRAMES("\x88\x02\x03\xed"), "open; error; close 1006", "close 1002",
     NARU_ERR_PROTOCOL, "6455 7.4"},
    {"a close code of one byte", FRAMES("\x88\x01\x03"), "open; error; close 1006", "close 1002", NARU_ERR_PROTOCOL,
     "6455 5.5.1"},
    {"a message above the limit", FRAMES("\x82\x7f\x00\x00\x00\x00\x10\x00\x00\x00"), "open; error; close 1006",
     "close 1009", NARU_ERR_TOO_BIG, ""},
};

static void run_frames(const frame_case *one, bool byte_by_byte)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = one->frames, .byte_by_byte = byte_by_byte};
    fprintf(stderr, "(%s%s)\n", one->name, byte_by_byte ? ", byte by byte" : "");
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    bool closes = strstr(one->events, "close") != NULL;
    if (one->received[0]) {
        CHECK(rig_wait(&self, self.received, one->received));
    }
    if (closes) {
        CHECK_EQ(naru_client_state(self.client), NARU_CLOSING);
        rig_peer_fin(&self);
    }
    CHECK(rig_wait(&self, self.events, closes ? "close " : one->events));
    CHECK_STR(self.events, one->events);
    CHECK(strncmp(self.received, one->received, strlen(one->received)) == 0);
    if (one->rule) {
        CHECK_EQ(self.status, one->status);
        CHECK_EQ(self.phase, NARU_PHASE_OPEN);
        CHECK(strncmp(self.info.fault.rule, one->rule, strlen(one->rule)) == 0);
    }
    rig_stop(&self);
}

TEST(frames_behind_the_answer)
{
    for (size_t i = 0; i < sizeof frame_cases / sizeof frame_cases[0]; i++) {
        run_frames(&frame_cases[i], false);
        run_frames(&frame_cases[i], true);
    }
}

/* ---- closing ------------------------------------------------------------------------------------------------ */

TEST(close_sends_the_code_behind_what_is_queued)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .close_back = true};
    REQUIRE(opened(&self, &script, NULL, "open"));
    CHECK_EQ(naru_client_send(self.client, NARU_WS_TEXT, naru_span_of("first"), 0), NARU_OK);
    CHECK_EQ(naru_client_close(self.client, 3001, naru_span_of("done")), NARU_OK);
    CHECK_EQ(naru_client_state(self.client), NARU_CLOSING);
    CHECK_EQ(naru_client_send(self.client, NARU_WS_TEXT, naru_span_of("late"), 0), NARU_END);
    CHECK_EQ(naru_client_ping(self.client, naru_span_of("late")), NARU_ERR_STATE);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; close 3001 done clean");
    CHECK(strncmp(self.received, "text first; close 3001 done", 27) == 0);
    CHECK_EQ(self.info.fault.status, NARU_OK);
    CHECK_EQ(naru_client_buffered_bytes(self.client), 4);
    rig_stop(&self);
}

TEST(close_without_a_code_is_empty)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .close_back = true};
    REQUIRE(opened(&self, &script, NULL, "open"));
    CHECK_EQ(naru_client_close(self.client, 0, naru_span_of("x")), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_client_close(self.client, 1000, RIG_BYTES("\xff")), NARU_ERR_UTF8);
    CHECK_EQ(naru_client_state(self.client), NARU_OPEN);
    CHECK_EQ(naru_client_close(self.client, 0, (naru_span){0}), NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; close 1005 clean");
    CHECK(rig_wait(&self, self.received, "close; "));
    rig_stop(&self);
}

/* The peer says nothing to our Close: the close timeout ends it, and that is a failure. */
TEST(close_without_an_answer_times_out)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    naru_client_options options = {.conn.ws.close_timeout_ms = 40};
    REQUIRE(opened(&self, &script, &options, "open"));
    CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_TIMEOUT);
    rig_stop(&self);
}

/* 6455 7.1.1: the server ends TCP; if it does not, the client does, and the handshake was clean all the same. */
TEST(close_answered_but_tcp_left_open)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x88\x02\x03\xe8")};
    naru_client_options options = {.conn.ws.close_timeout_ms = 40};
    REQUIRE(opened(&self, &script, &options, "close "));
    CHECK_STR(self.events, "open; close 1000 clean");
    rig_stop(&self);
}

TEST(messages_after_close_are_dropped)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(opened(&self, &script, NULL, "open"));
    CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
    CHECK(rig_wait(&self, self.received, "close 1000"));
    rig_peer_send(&self, RIG_BYTES("\x81\x01m\x89\x00\x88\x02\x03\xe8"));
    rig_peer_fin(&self);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; close 1000 clean");
    rig_stop(&self);
}

TEST(abort_is_a_failure)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(opened(&self, &script, NULL, "open"));
    naru_client_abort(self.client);
    naru_client_abort(self.client);
    CHECK_EQ(naru_client_state(self.client), NARU_CLOSING);
    CHECK_STR(self.events, "open");
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; error; close 1006");
    CHECK_STR(self.text, "the application aborted the connection");
    CHECK(rig_wait(&self, self.received, "broken"));
    naru_client_abort(self.client);
    rig_settle(&self);
    CHECK_STR(self.events, "open; error; close 1006");
    rig_stop(&self);
}

TEST(abort_while_connecting)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    naru_client_abort(self.client);
    CHECK_STR(self.events, "");
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_CLOSED);
    rig_stop(&self);
}

/* ---- losing the peer ---------------------------------------------------------------------------------------- */

static void run_loss(rig_end end, const char *frames, size_t frames_bytes, const char *events)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = {(const uint8_t *)frames, frames_bytes}};
    REQUIRE(opened(&self, &script, NULL, "open"));
    rig_settle(&self);
    if (end == RIG_FIN) {
        rig_peer_fin(&self);
    } else {
        rig_peer_reset(&self);
    }
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, events);
    CHECK_EQ(self.status, NARU_ERR_CLOSED);
    CHECK(!self.info.clean);
    rig_stop(&self);
}

TEST(a_lost_connection_is_a_failure)
{
    run_loss(RIG_FIN, "", 0, "open; error; close 1006");
    run_loss(RIG_RESET, "", 0, "open; error; close 1006");
    run_loss(RIG_FIN, "\x81\x05he", 4, "open; error; close 1006");
    run_loss(RIG_FIN, "\x81\x01m", 3, "open; text m; error; close 1006");
}

TEST(silence_is_a_failure)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    naru_client_options options = {.conn.ws.ping_interval_ms = 20, .conn.ws.pong_timeout_ms = 20};
    REQUIRE(opened(&self, &script, &options, "close "));
    CHECK_STR(self.events, "open; error; close 1006");
    CHECK_EQ(self.status, NARU_ERR_TIMEOUT);
    CHECK(strncmp(self.received, "ping", 4) == 0);
    rig_stop(&self);
}

/* ---- freeing anywhere --------------------------------------------------------------------------------------- */

typedef enum free_in { FREE_OPEN, FREE_MESSAGE, FREE_PING, FREE_ERROR, FREE_CLOSE } free_in;

typedef struct freeing {
    free_in where;
    naru_client *client;
    bool freed;
    unsigned late; /* callbacks after it was freed */
} freeing;

static void free_here(freeing *self, naru_client *client, free_in where)
{
    self->late += self->freed;
    if (self->where == where && !self->freed) {
        self->freed = true;
        naru_client_free(client);
    }
}

static void free_on_open(naru_client *client, void *user)
{
    free_here(user, client, FREE_OPEN);
}

static void free_on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind;
    (void)data;
    free_here(user, client, FREE_MESSAGE);
}

static void free_on_ping(naru_client *client, naru_span data, void *user)
{
    (void)data;
    free_here(user, client, FREE_PING);
}

static void free_on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    free_here(user, client, FREE_ERROR);
    CHECK(failure->text[0]); /* still good until this returns */
    CHECK(failure->http_status == 0 || naru_http_head_status(failure->head) == failure->http_status);
}

static void free_on_close(naru_client *client, const naru_close_info *info, void *user)
{
    free_here(user, client, FREE_CLOSE);
    CHECK(info->fault.status <= NARU_OK);
}

static const naru_client_handler freeing_handler = {.on_open = free_on_open,
                                                    .on_message = free_on_message,
                                                    .on_ping = free_on_ping,
                                                    .on_error = free_on_error,
                                                    .on_close = free_on_close};

static void run_freeing(free_in where, const char *answer, naru_span frames)
{
    rig self;
    freeing state = {.where = where};
    rig_script script = {
        .answer = answer, .frames = frames, .close_back = true, .end = where == FREE_ERROR ? RIG_FIN : 0};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(naru_client_open(self.loop, self.url, NULL, &freeing_handler, &state, &state.client, NULL) == NARU_OK);
    for (int i = 0; i < 1000 && !state.freed; i++) {
        CHECK_EQ(naru_loop_turn(self.loop, 1000), NARU_OK);
    }
    CHECK(state.freed);
    rig_settle(&self);
    CHECK_EQ(state.late, 0);
    rig_stop(&self);
}

TEST(freed_in_any_callback)
{
    naru_span frames = RIG_BYTES("\x81\x01m\x89\x01p\x81\x01n\x88\x02\x03\xe8");
    run_freeing(FREE_OPEN, GOOD_ANSWER, frames);
    run_freeing(FREE_MESSAGE, GOOD_ANSWER, frames);
    run_freeing(FREE_PING, GOOD_ANSWER, frames);
    run_freeing(FREE_ERROR, "HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno", (naru_span){0});
    run_freeing(FREE_CLOSE, "HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno", (naru_span){0});
    run_freeing(FREE_ERROR, GOOD_ANSWER, RIG_BYTES("\x81\x01m"));
    run_freeing(FREE_ERROR, GOOD_ANSWER, RIG_BYTES("\x83\x01m"));
}

TEST(freed_from_outside_at_any_turn)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x81\x01m\x88\x02\x03\xe8"), .byte_by_byte = true};
    for (int turns = 0; turns < 60; turns++) {
        REQUIRE(rig_start(&self, &script));
        REQUIRE(rig_open(&self, NULL) == NARU_OK);
        for (int i = 0; i < turns; i++) {
            CHECK_EQ(naru_loop_turn(self.loop, 10), NARU_OK);
        }
        naru_client_free(self.client);
        self.client = NULL;
        rig_stop(&self);
    }
}

/* ---- calls from callbacks ----------------------------------------------------------------------------------- */

static void close_on_open(naru_client *client, void *user)
{
    rig *self = user;
    rig_on_open(client, user);
    CHECK_EQ(naru_client_send(client, NARU_WS_TEXT, naru_span_of("hi"), 0), NARU_OK);
    CHECK_EQ(naru_client_close(client, 1000, (naru_span){0}), NARU_OK);
    CHECK_STR(self->events, "open");
}

TEST(close_in_on_open_drops_early_messages)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x81\x01m"), .close_back = true};
    naru_client_handler handler = rig_handler;
    handler.on_open = close_on_open;
    REQUIRE(rig_start(&self, &script));
    REQUIRE(naru_client_open(self.loop, self.url, NULL, &handler, &self, &self.client, NULL) == NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; close 1000 clean");
    CHECK(strncmp(self.received, "text hi; close 1000", 19) == 0);
    rig_stop(&self);
}

/* ---- pausing ------------------------------------------------------------------------------------------------ */

TEST(pause_holds_messages_back)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x81\x01m")};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    naru_client_pause(self.client);
    CHECK(rig_wait(&self, self.events, "open"));
    rig_peer_send(&self, RIG_BYTES("\x81\x01n"));
    rig_settle(&self);
    CHECK_STR(self.events, "open");
    naru_client_resume(self.client);
    CHECK_STR(self.events, "open");
    CHECK(rig_wait(&self, self.events, "text n"));
    CHECK_STR(self.events, "open; text m; text n");
    rig_stop(&self);
}

/* A paused client that closes must hear the peer's Close. */
TEST(close_ends_a_pause)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x81\x01m"), .close_back = true};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, NULL) == NARU_OK);
    naru_client_pause(self.client);
    CHECK(rig_wait(&self, self.events, "open"));
    CHECK_EQ(naru_client_close(self.client, 1000, (naru_span){0}), NARU_OK);
    CHECK(rig_wait_closed(&self));
    CHECK_STR(self.events, "open; close 1000 clean");
    rig_stop(&self);
}

TEST(pause_when_open)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(opened(&self, &script, NULL, "open"));
    naru_client_pause(self.client);
    rig_peer_send(&self, RIG_BYTES("\x81\x01n"));
    rig_settle(&self);
    CHECK_STR(self.events, "open");
    naru_client_resume(self.client);
    CHECK(rig_wait(&self, self.events, "text n"));
    rig_stop(&self);
}

/* ---- parts, pings, back-pressure ---------------------------------------------------------------------------- */

static void note_part(naru_client *client, const naru_ws_event *part, void *user)
{
    (void)client;
    rig *self = user;
    rig__note(self->events, "%s%.*s%s", part->first ? "[" : "", (int)part->data.size,
              part->data.size ? (const char *)part->data.data : "", part->last ? "]" : "");
}

static void note_pong(naru_client *client, naru_span data, int32_t rtt_ms, void *user)
{
    (void)client;
    rig *self = user;
    rig__note(self->events, "pong %.*s %s", (int)data.size, (const char *)data.data, rtt_ms >= 0 ? "ours" : "unasked");
}

static void note_drain(naru_client *client, void *user)
{
    (void)client;
    rig *self = user;
    rig__note(self->events, "drain");
}

static bool open_with(rig *self, const rig_script *script, const naru_client_options *options,
                      const naru_client_handler *handler)
{
    return rig_start(self, script) &&
           naru_client_open(self->loop, self->url, options, handler, self, &self->client, NULL) == NARU_OK &&
           rig_wait(self, self->events, "open");
}

TEST(parts_as_they_come)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x01\x02he\x80\x01y\x81\x01x")};
    naru_client_handler handler = rig_handler;
    handler.on_part = note_part;
    naru_client_options options = {.conn.ws.delivery = NARU_WS_FRAMES};
    REQUIRE(open_with(&self, &script, &options, &handler));
    CHECK(rig_wait(&self, self.events, "[x]"));
    CHECK_STR(self.events, "open; [he; y]; [x]");
    rig_stop(&self);
}

TEST(pongs_tell_the_round_trip)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    naru_client_handler handler = rig_handler;
    handler.on_pong = note_pong;
    REQUIRE(open_with(&self, &script, NULL, &handler));
    CHECK_EQ(naru_client_ping(self.client, naru_span_of("p")), NARU_OK);
    CHECK(rig_wait(&self, self.received, "ping p"));
    rig_peer_send(&self, RIG_BYTES("\x8a\x01q\x8a\x01p"));
    CHECK(rig_wait(&self, self.events, "pong p"));
    CHECK_STR(self.events, "open; pong q unasked; pong p ours");
    rig_stop(&self);
}

TEST(drain_comes_once_when_there_is_room)
{
    static const uint8_t data[64 << 10];
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    naru_client_handler handler = rig_handler;
    handler.on_drain = note_drain;
    naru_client_options options = {.conn.queue_high_bytes = 1000, .conn.queue_low_bytes = 100};
    REQUIRE(open_with(&self, &script, &options, &handler));
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){data, 100}, 0), NARU_OK);
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){data, sizeof data}, 0), NARU_FULL);
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){data, sizeof data}, 0), NARU_FULL);
    CHECK_STR(self.events, "open");
    CHECK(rig_wait(&self, self.events, "drain"));
    rig_settle(&self);
    CHECK_STR(self.events, "open; drain");
    CHECK_EQ(naru_client_buffered_bytes(self.client), 0);
    rig_stop(&self);
}

TEST(pings_may_be_answered_by_hand)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .frames = FRAMES("\x89\x01p")};
    naru_client_options options = {.conn.ws.manual_pong = true};
    uint8_t long_one[126] = {0};
    REQUIRE(rig_start(&self, &script));
    REQUIRE(rig_open(&self, &options) == NARU_OK);
    CHECK_EQ(naru_client_pong(self.client, naru_span_of("early")), NARU_ERR_STATE);
    CHECK(rig_wait(&self, self.events, "open"));
    rig_settle(&self);
    CHECK_STR(self.received, "");
    CHECK_EQ(naru_client_pong(self.client, (naru_span){long_one, sizeof long_one}), NARU_ERR_ARGUMENT);
    CHECK_EQ(naru_client_pong(self.client, naru_span_of("p")), NARU_OK);
    CHECK(rig_wait(&self, self.received, "pong p"));
    rig_stop(&self);
}

/* ---- bufferedAmount ----------------------------------------------------------------------------------------- */

/* What is in flight when the peer is lost stays counted, for ever. */
TEST(unsent_bytes_stay_after_a_loss)
{
    static uint8_t megabytes[8 << 20];
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .deaf = true};
    REQUIRE(opened(&self, &script, NULL, "open"));
    naru_span data = {megabytes, sizeof megabytes};
    for (int i = 0; i < 4; i++) {
        CHECK(naru_client_send(self.client, NARU_WS_BINARY, data, 0) >= 0);
    }
    CHECK_EQ(naru_client_buffered_bytes(self.client), 4 * sizeof megabytes);
    rig_settle(&self);
    uint64_t before = naru_client_buffered_bytes(self.client);
    CHECK(before > 0 && before < 4 * sizeof megabytes);
    rig_peer_reset(&self);
    CHECK(rig_wait_closed(&self));
    uint64_t after = naru_client_buffered_bytes(self.client);
    CHECK(after > 0 && after <= before);
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, RIG_BYTES("abc"), 0), NARU_END);
    CHECK_EQ(naru_client_buffered_bytes(self.client), after + 3);
    rig_stop(&self);
}

/* Compressed or not, it is the payload that counts, until its frame has left. */
TEST(compressed_messages_count_their_payload)
{
    static const uint8_t zeros[10000];
    rig self;
    rig_script script = {.answer = SWITCHING UPGRADED ACCEPTED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"};
    naru_client_options options = {.conn.ws.deflate.enabled = true};
    REQUIRE(opened(&self, &script, &options, "open"));
    CHECK_SPAN(naru_client_extensions(self.client), "permessage-deflate");
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){zeros, sizeof zeros}, 0), NARU_OK);
    CHECK_EQ(naru_client_buffered_bytes(self.client), sizeof zeros);
    CHECK_EQ(naru_client_send_part(self.client, NARU_WS_TEXT, naru_span_of("ab"), false, NARU_WS_PLAIN), NARU_OK);
    CHECK_EQ(naru_client_send_part(self.client, NARU_WS_TEXT, naru_span_of("c"), true, 0), NARU_OK);
    CHECK_EQ(naru_client_buffered_bytes(self.client), sizeof zeros + 3);
    CHECK(rig_wait(&self, self.received, "text ab"));
    CHECK_EQ(naru_client_buffered_bytes(self.client), 0);
    rig_stop(&self);
}

/* Round after round: what has left is forgotten, what has not is exact. */
TEST(sent_messages_are_forgotten)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER};
    REQUIRE(opened(&self, &script, NULL, "open"));
    for (int round = 0; round < 50; round++) {
        self.received[0] = '\0';
        CHECK_EQ(naru_client_send(self.client, NARU_WS_TEXT, naru_span_of("one"), 0), NARU_OK);
        CHECK_EQ(naru_client_buffered_bytes(self.client), 3);
        CHECK_EQ(naru_client_send(self.client, NARU_WS_TEXT, naru_span_of("last"), 0), NARU_OK);
        CHECK_EQ(naru_client_buffered_bytes(self.client), 7);
        CHECK(rig_wait(&self, self.received, "text last"));
        CHECK_STR(self.received, "text one; text last");
        CHECK_EQ(naru_client_buffered_bytes(self.client), 0);
    }
    rig_stop(&self);
}

TEST(refused_sends_are_not_counted)
{
    rig self;
    rig_script script = {.answer = GOOD_ANSWER, .deaf = true};
    naru_client_options options = {.conn.queue_bytes_max = 100, .conn.queue_policy = NARU_QUEUE_REFUSE};
    uint8_t data[80] = {0};
    REQUIRE(opened(&self, &script, &options, "open"));
    CHECK_EQ(naru_client_send(self.client, NARU_WS_TEXT, RIG_BYTES("\xff"), 0), NARU_ERR_UTF8);
    CHECK_EQ(naru_client_buffered_bytes(self.client), 0);
    CHECK(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){data, sizeof data}, 0) >= 0);
    CHECK_EQ(naru_client_send(self.client, NARU_WS_BINARY, (naru_span){data, sizeof data}, 0), NARU_ERR_TOO_BIG);
    CHECK_EQ(naru_client_buffered_bytes(self.client), sizeof data);
    rig_stop(&self);
}

TEST_MAIN({"frames behind the answer", frames_behind_the_answer},
          {"close sends the code behind what is queued", close_sends_the_code_behind_what_is_queued},
          {"close without a code is empty", close_without_a_code_is_empty},
          {"close without an answer times out", close_without_an_answer_times_out},
          {"close answered but TCP left open", close_answered_but_tcp_left_open},
          {"messages after close are dropped", messages_after_close_are_dropped},
          {"abort is a failure", abort_is_a_failure}, {"abort while connecting", abort_while_connecting},
          {"a lost connection is a failure", a_lost_connection_is_a_failure},
          {"silence is a failure", silence_is_a_failure}, {"freed in any callback", freed_in_any_callback},
          {"freed from outside at any turn", freed_from_outside_at_any_turn},
          {"close in on_open drops early messages", close_in_on_open_drops_early_messages},
          {"pause holds messages back", pause_holds_messages_back}, {"close ends a pause", close_ends_a_pause},
          {"pings may be answered by hand", pings_may_be_answered_by_hand}, {"pause when open", pause_when_open},
          {"parts as they come", parts_as_they_come}, {"pongs tell the round trip", pongs_tell_the_round_trip},
          {"drain comes once when there is room", drain_comes_once_when_there_is_room},
          {"sent messages are forgotten", sent_messages_are_forgotten},
          {"unsent bytes stay after a loss", unsent_bytes_stay_after_a_loss},
          {"compressed messages count their payload", compressed_messages_count_their_payload},
          {"refused sends are not counted", refused_sends_are_not_counted})
