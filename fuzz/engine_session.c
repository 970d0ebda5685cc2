/* An Engine.IO session under any order of events: each two bytes are one. Some deadline runs as long as it is not over,
 * it tells of its end once, and behind that it does nothing more. */
#include "socketio/engine_session.h"

#include "split.h"

static const naru__engine_options options = {.ping_interval_ms = 300,
                                             .ping_timeout_ms = 200,
                                             .upgrade_timeout_ms = 1000,
                                             .queue_bytes_max = 1000,
                                             .queue_high_bytes = 500,
                                             .queue_low_bytes = 100};

typedef struct world {
    naru__engine_session session;
    uint64_t now_ms;
    unsigned told, forgotten;
} world;

static void answer(world *self)
{
    naru_buf out = {0};
    bool octets = false;
    HOLD(naru__engine_session_payload(&self->session, &out, &octets) == NARU_OK);
    HOLD(out.end > out.begin);
    naru_buf_deinit(&out);
}

static void settle(world *self)
{
    naru__engine_action action;
    naru__engine_message *message;
    while ((action = naru__engine_session_next(&self->session)) != NARU__ENGINE_DO_NONE) {
        HOLD(self->forgotten == 0);
        if (action == NARU__ENGINE_DO_ANSWER) {
            answer(self);
        } else if (action == NARU__ENGINE_DO_SWITCH) {
            while ((message = naru__engine_session_pop(&self->session)) != NULL) {
                naru__engine_message_unref(message);
            }
        } else if (action == NARU__ENGINE_DO_TELL_CLOSED) {
            self->told++;
        } else if (action == NARU__ENGINE_DO_FORGET) {
            self->forgotten++;
        }
    }
}

static void say(world *self, uint8_t size)
{
    uint8_t *to = NULL;
    naru__engine_message *message = naru__engine_message_new(NULL, size & 1, size, &to);
    HOLD(message);
    memset(to, 'x', size);
    (void)!naru__engine_session_send(&self->session, message);
    naru__engine_message_unref(message);
}

static void hear(world *self, naru__engine_way way, uint8_t what)
{
    naru__engine_packet packet = {.type = (char)('0' + what % 7), .data = naru_span_of(what & 8 ? "probe" : "")};
    (void)!naru__engine_session_packet(&self->session, way, &packet, self->now_ms);
}

/* Of a WebSocket that the session knows; the wet side asks for none other. */
static void from_wire(world *self, uint8_t what)
{
    bool probe = self->session.probe;
    if (!probe && self->session.transport != NARU__ENGINE_WEBSOCKET) {
        return;
    }
    naru__engine_way way = probe ? NARU__ENGINE_PROBE : NARU__ENGINE_WEBSOCKET;
    if (what >= 0xf0) {
        naru__engine_session_ended(&self->session, way, what & 1);
    } else if (what >= 0xe0) {
        naru__engine_session_garbled(&self->session, way);
    } else {
        hear(self, way, what);
    }
}

static void one(world *self, uint8_t event, uint8_t what)
{
    switch (event % 10) {
    case 0:
        (void)!naru__engine_session_get(&self->session, self->now_ms);
        break;
    case 1:
        (void)!naru__engine_session_post(&self->session);
        break;
    case 2:
        naru__engine_session_posted(&self->session);
        break;
    case 3:
        if (self->session.get) {
            naru__engine_session_broken(&self->session);
        }
        break;
    case 4:
        (void)!naru__engine_session_probe(&self->session, self->now_ms);
        break;
    case 5:
        hear(self, NARU__ENGINE_POLLING, what);
        break;
    case 6:
        from_wire(self, what);
        break;
    case 7:
        if (self->session.transport == NARU__ENGINE_POLLING) {
            say(self, what);
        }
        break;
    case 8:
        self->now_ms += what;
        naru__engine_session_tick(&self->session, self->now_ms);
        break;
    default:
        if (what < 8) {
            naru__engine_session_close(&self->session, NARU__ENGINE_FORCED_CLOSE, self->now_ms);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world self = {0};
    if (size < 1) {
        return 0;
    }
    naru__engine_session_init(&self.session, &options, NULL, data[0] & 1 ? 4 : 3,
                              data[0] & 2 ? NARU__ENGINE_WEBSOCKET : NARU__ENGINE_POLLING, 0);
    for (size_t i = 1; i + 1 < size; i += 2) {
        one(&self, data[i], data[i + 1]);
        settle(&self);
        bool over = self.session.state == NARU__ENGINE_IS_CLOSED;
        HOLD(over == (self.forgotten == 1));
        HOLD(self.told == (self.session.state == NARU__ENGINE_IS_OPEN ? 0 : 1));
        HOLD(over || naru__engine_session_deadline_ms(&self.session) != UINT64_MAX);
    }
    naru__engine_session_deinit(&self.session);
    return 0;
}
