/* A client that changes from polling to WebSocket while both sides talk, over a network that delays all by chance:
 * thousands of runs from seeds. Nothing may be lost, doubled or out of order, no session may end, every switch comes
 * through soon, and a client that vanishes at any moment is noticed.
 *
 * The client is the JavaScript one's behaviour: it polls on while it probes, stops once the probe is answered, waits
 * for the requests that are on their way, then switches. */
#include "unit/check.h"

#include "socketio/engine_session.h"
#include <stdlib.h>

enum { EVENTS_MAX = 256, TEXT_BYTES = 1024, DELAY_MS = 20, SWITCH_MS = 3 * DELAY_MS + NARU__ENGINE_NOOP_MS };

static const naru__engine_options options = {.ping_interval_ms = 300,
                                             .ping_timeout_ms = 200,
                                             .upgrade_timeout_ms = 10000,
                                             .queue_bytes_max = 1 << 20,
                                             .queue_high_bytes = 1 << 19,
                                             .queue_low_bytes = 1 << 18};

typedef enum event_kind { GET, ANSWER, POST, POSTED, WS_OPEN, WS_UP, WS_DOWN, WS_GONE, STEP } event_kind;

typedef struct event {
    uint64_t at_ms;
    uint64_t order;
    event_kind kind;
    char text[TEXT_BYTES];
    size_t size;
} event;

typedef enum phase { POLLING, PROBING, PAUSING, SWITCHED } phase;

typedef struct run {
    naru__engine_session session;
    event events[EVENTS_MAX];
    size_t count;
    uint64_t order, now_ms, up_ms, down_ms;
    uint32_t seed;
    phase phase;
    bool get_out, post_out, vanished, closed;
    bool silent; /* the server has nothing to say, so that nothing but noops lets a GET go */
    unsigned steps, sent_up, heard_up, sent_down, heard_down;
    uint64_t probed_ms;
    unsigned posts_waiting; /* pongs to be posted */
} run;

static uint32_t chance(run *self, uint32_t below)
{
    self->seed = self->seed * 1664525u + 1013904223u;
    return (self->seed >> 8) % below;
}

static void schedule(run *self, uint64_t at_ms, event_kind kind, const void *text, size_t size)
{
    if (self->count == EVENTS_MAX || size > TEXT_BYTES) {
        fprintf(stderr, "too much at once\n");
        abort();
    }
    event *made = &self->events[self->count++];
    made->at_ms = at_ms;
    made->order = self->order++;
    made->kind = kind;
    made->size = size;
    if (size > 0) {
        memcpy(made->text, text, size);
    }
}

static void later(run *self, event_kind kind, const char *text)
{
    schedule(self, self->now_ms + 1 + chance(self, DELAY_MS), kind, text, strlen(text));
}

/* A WebSocket keeps its order. */
static void on_wire(run *self, uint64_t *last_ms, event_kind kind, const void *text, size_t size)
{
    uint64_t at_ms = self->now_ms + 1 + chance(self, DELAY_MS);
    *last_ms = at_ms > *last_ms ? at_ms : *last_ms;
    schedule(self, *last_ms, kind, text, size);
}

static void up(run *self, const char *text)
{
    on_wire(self, &self->up_ms, WS_UP, text, strlen(text));
}

static void down(run *self, const char *text)
{
    on_wire(self, &self->down_ms, WS_DOWN, text, strlen(text));
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

static void answer(run *self)
{
    naru_buf out = {0};
    bool octets = false;
    CHECK_EQ(naru__engine_session_payload(&self->session, &out, &octets), NARU_OK);
    naru_span payload = naru_buf_span(&out);
    schedule(self, self->now_ms + 1 + chance(self, DELAY_MS), ANSWER, payload.data, payload.size);
    naru_buf_deinit(&out);
}

static void hand_over(run *self)
{
    for (naru__engine_message *message = NULL; (message = naru__engine_session_pop(&self->session)) != NULL;) {
        naru_span frame = naru__engine_message_frame(message, NARU__ENGINE_FORM_TEXT);
        on_wire(self, &self->down_ms, WS_DOWN, frame.data, message->allocator ? frame.size : 1);
        naru__engine_message_unref(message);
    }
}

static void settle(run *self)
{
    naru__engine_action action;
    while ((action = naru__engine_session_next(&self->session)) != NARU__ENGINE_DO_NONE) {
        switch (action) {
        case NARU__ENGINE_DO_PONG_PROBE:
            down(self, "3probe");
            break;
        case NARU__ENGINE_DO_SWITCH:
            hand_over(self);
            break;
        case NARU__ENGINE_DO_PING:
            down(self, "2");
            break;
        case NARU__ENGINE_DO_PONG:
            down(self, "3");
            break;
        case NARU__ENGINE_DO_ANSWER:
            answer(self);
            break;
        case NARU__ENGINE_DO_TELL_CLOSED:
            self->closed = true;
            break;
        default:
            break;
        }
    }
}

static void say_down(run *self)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%u", self->sent_down++);
    uint8_t *to = NULL;
    if (self->session.transport == NARU__ENGINE_WEBSOCKET) {
        char frame[33] = "4";
        memcpy(frame + 1, text, (size_t)size + 1);
        down(self, frame);
        return;
    }
    naru__engine_message *message = naru__engine_message_new(NULL, false, (size_t)size, &to);
    memcpy(to, text, (size_t)size);
    CHECK_EQ(naru__engine_session_send(&self->session, message), NARU_OK);
    naru__engine_message_unref(message);
    settle(self);
}

static unsigned number(naru_span text)
{
    char digits[16] = "";
    memcpy(digits, text.data, text.size < 15 ? text.size : 15);
    return (unsigned)strtoul(digits, NULL, 10);
}

static void server_hears(run *self, naru__engine_way way, naru_span text)
{
    naru__engine_packet packet;
    CHECK_EQ(naru__engine_packet_read(text, false, self->session.revision, &(naru_buf){0}, &packet), NARU_OK);
    if (naru__engine_session_packet(&self->session, way, &packet, self->now_ms) == NARU_OK) {
        CHECK_EQ(number(packet.data), self->heard_up++);
    }
}

static void server_reads(run *self, naru_span body)
{
    naru__engine_payload payload;
    naru__engine_packet packet;
    naru__engine_payload_start(&payload, body, self->session.revision, false);
    while (naru__engine_payload_next(&payload, &(naru_buf){0}, &packet) == NARU_OK) {
        naru_status status = naru__engine_session_packet(&self->session, NARU__ENGINE_POLLING, &packet, self->now_ms);
        if (status == NARU_OK) {
            CHECK_EQ(number(packet.data), self->heard_up++);
        }
    }
}

/* ---- the client ------------------------------------------------------------------------------------------------ */

static void poll(run *self)
{
    if (!self->get_out && self->phase <= PROBING) {
        self->get_out = true;
        later(self, GET, "");
    }
}

static void post(run *self, const char *packet)
{
    char text[40];
    snprintf(text, sizeof text, self->session.revision == 3 ? "%zu:%s" : "%.0zu%s",
             self->session.revision == 3 ? strlen(packet) : (size_t)0, packet);
    self->post_out = true;
    later(self, POST, text);
}

static void say_up(run *self)
{
    char packet[24];
    if (self->phase != SWITCHED && (self->phase == PAUSING || self->post_out)) {
        return;
    }
    if (self->posts_waiting > 0 && self->phase != SWITCHED) {
        self->posts_waiting--;
        post(self, self->session.revision == 3 ? "2" : "3");
        return;
    }
    snprintf(packet, sizeof packet, "4%u", self->sent_up++);
    if (self->phase == SWITCHED) {
        up(self, packet);
    } else {
        post(self, packet);
    }
}

static void switch_if_quiet(run *self)
{
    if (self->phase != PAUSING || self->get_out || self->post_out) {
        return;
    }
    up(self, "5");
    self->phase = SWITCHED;
    CHECK(self->now_ms - self->probed_ms <= SWITCH_MS);
    while (self->posts_waiting > 0) {
        self->posts_waiting--;
        up(self, self->session.revision == 3 ? "2" : "3");
    }
}

static void client_hears(run *self, const naru__engine_packet *packet)
{
    if (packet->type == '4') {
        CHECK_EQ(number(packet->data), self->heard_down++);
    } else if (packet->type == '2' && self->phase == SWITCHED) {
        up(self, "3");
    } else if (packet->type == '2') {
        self->posts_waiting++;
        say_up(self);
    }
    CHECK(packet->type != '1');
}

static void client_polled(run *self, naru_span body)
{
    naru__engine_payload payload;
    naru__engine_packet packet;
    self->get_out = false;
    naru__engine_payload_start(&payload, body, self->session.revision, false);
    while (naru__engine_payload_next(&payload, &(naru_buf){0}, &packet) == NARU_OK) {
        client_hears(self, &packet);
    }
    switch_if_quiet(self);
    poll(self);
}

static void client_wire(run *self, naru_span text)
{
    naru__engine_packet packet;
    if (text.size == 6 && memcmp(text.data, "3probe", 6) == 0) {
        if (self->phase == PROBING) {
            self->phase = PAUSING;
            self->probed_ms = self->now_ms;
            switch_if_quiet(self);
        }
        return;
    }
    CHECK_EQ(self->phase, SWITCHED);
    CHECK_EQ(naru__engine_packet_read(text, false, self->session.revision, &(naru_buf){0}, &packet), NARU_OK);
    client_hears(self, &packet);
}

/* It gives the probe up, and goes on as before. */
static void give_up(run *self)
{
    self->phase = POLLING;
    on_wire(self, &self->up_ms, WS_GONE, "", 0);
    poll(self);
    if (self->posts_waiting > 0) {
        say_up(self);
    }
}

/* Revision 3: the client's ping. */
static void beat(run *self)
{
    if (self->phase == SWITCHED) {
        up(self, "2");
    } else {
        self->posts_waiting = 1;
        say_up(self);
    }
}

static void step(run *self)
{
    uint32_t what = chance(self, 12);
    if (self->steps-- == 0 || self->vanished) {
        return;
    }
    if (what < 4) {
        say_up(self);
    } else if (what < 9 && !self->silent) {
        say_down(self);
    } else if (what == 9 && self->phase == POLLING && self->up_ms <= self->now_ms) {
        self->phase = PROBING;
        on_wire(self, &self->up_ms, WS_OPEN, "", 0);
        up(self, "2probe");
    } else if (what == 10 && (self->phase == PROBING || self->phase == PAUSING) && chance(self, 3) == 0) {
        give_up(self);
    }
    if (self->session.revision == 3 && chance(self, 3) == 0) {
        beat(self);
    }
    schedule(self, self->now_ms + 1 + chance(self, 30), STEP, NULL, 0);
}

/* ---- the world ------------------------------------------------------------------------------------------------- */

static void take(run *self, const event *taken)
{
    naru_span text = {(const uint8_t *)taken->text, taken->size};
    bool probing = self->session.probe;
    if (self->vanished && (taken->kind == ANSWER || taken->kind == POSTED || taken->kind == WS_DOWN)) {
        return;
    }
    switch (taken->kind) {
    case GET:
        CHECK_EQ(naru__engine_session_get(&self->session, self->now_ms), NARU_OK);
        break;
    case ANSWER:
        client_polled(self, text);
        break;
    case POST:
        CHECK_EQ(naru__engine_session_post(&self->session), NARU_OK);
        naru__engine_session_posted(&self->session);
        server_reads(self, text);
        later(self, POSTED, "");
        break;
    case POSTED:
        self->post_out = false;
        if (self->posts_waiting > 0) {
            say_up(self);
        }
        switch_if_quiet(self);
        break;
    case WS_OPEN:
        CHECK_EQ(naru__engine_session_probe(&self->session, self->now_ms), NARU_OK);
        break;
    case WS_UP:
        server_hears(self, probing ? NARU__ENGINE_PROBE : NARU__ENGINE_WEBSOCKET, text);
        break;
    case WS_DOWN:
        client_wire(self, text);
        break;
    case WS_GONE:
        naru__engine_session_ended(&self->session, NARU__ENGINE_PROBE, false);
        break;
    case STEP:
        step(self);
        break;
    }
    settle(self);
}

static size_t earliest(const run *self)
{
    size_t best = 0;
    for (size_t i = 1; i < self->count; i++) {
        const event *a = &self->events[i], *b = &self->events[best];
        if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order)) {
            best = i;
        }
    }
    return best;
}

/* The next thing that happens, an event or a deadline. */
static void turn(run *self)
{
    uint64_t due_ms = naru__engine_session_deadline_ms(&self->session);
    size_t at = earliest(self);
    if (self->count == 0 || due_ms < self->events[at].at_ms) {
        self->now_ms = due_ms > self->now_ms ? due_ms : self->now_ms;
        naru__engine_session_tick(&self->session, self->now_ms);
        settle(self);
        return;
    }
    event taken = self->events[at];
    self->events[at] = self->events[--self->count];
    self->now_ms = taken.at_ms;
    take(self, &taken);
}

static void begin(run *self, uint32_t seed)
{
    memset(self, 0, sizeof *self);
    self->seed = seed * 2654435761u + 1;
    self->silent = chance(self, 2);
    self->steps = 20 + chance(self, 60);
    naru__engine_session_init(&self->session, &options, NULL, chance(self, 2) ? 4 : 3, NARU__ENGINE_POLLING, 0);
    poll(self);
    schedule(self, 1, STEP, NULL, 0);
}

static void vanish(run *self)
{
    uint64_t left_ms = self->now_ms;
    uint64_t most_ms = options.ping_interval_ms + 3u * options.ping_timeout_ms + 2 * DELAY_MS;
    self->vanished = true;
    while (!self->closed && self->now_ms - left_ms <= most_ms) {
        CHECK(naru__engine_session_deadline_ms(&self->session) != UINT64_MAX);
        turn(self);
    }
    CHECK(self->closed);
    CHECK_EQ(self->session.reason, NARU__ENGINE_PING_TIMEOUT);
    naru__engine_session_deinit(&self->session);
}

/* While it has things to say the heartbeat of revision 3 goes on by itself; behind that it is asked for. */
static bool quiet(const run *self)
{
    return self->heard_up == self->sent_up && self->heard_down == self->sent_down;
}

TEST(nothing_is_lost_and_all_is_noticed)
{
    static run self;
    unsigned switched = 0;
    for (uint32_t seed = 1; seed <= 4000; seed++) {
        begin(&self, seed);
        while (self.steps > 0 && self.steps != UINT32_MAX && !self.closed) {
            turn(&self);
        }
        uint64_t until_ms = self.now_ms + 4 * DELAY_MS;
        while (!quiet(&self) && self.now_ms <= until_ms && !self.closed) {
            turn(&self);
        }
        CHECK(!self.closed);
        CHECK_EQ(self.heard_up, self.sent_up);
        CHECK_EQ(self.heard_down, self.sent_down);
        switched += self.session.transport == NARU__ENGINE_WEBSOCKET;
        if (check__failures > 0) {
            fprintf(stderr, "seed %u, revision %u, transport %u, phase %u, reason %u at %u\n", (unsigned)seed,
                    self.session.revision, self.session.transport, (unsigned)self.phase, self.session.reason,
                    (unsigned)self.now_ms);
            return;
        }
        vanish(&self);
    }
    CHECK(switched > 1000);
}

TEST_MAIN({"nothing is lost, and all is noticed", nothing_is_lost_and_all_is_noticed})
