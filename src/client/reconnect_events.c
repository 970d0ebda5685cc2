/* What a reconnector's clients tell, handed on to the application, and what it means for the reconnector.
 *
 * Source: none. */
#include "client/reconnect.h"

static void opened(naru_client *client, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    self->state = NARU_RECONNECT_UP;
    self->was_up = true;
    self->opened_ms = naru_loop_now_ms(self->loop);
    if (self->handler.client.on_open) {
        self->handler.client.on_open(client, self->user);
    }
    naru__reconnect_flush(self);
    if (self->handler.on_up && naru_client_state(client) == NARU_OPEN) {
        self->handler.on_up(self, self->user);
    }
    if (self->owes_drain && self->queue.messages == 0 && self->handler.client.on_drain) {
        self->owes_drain = false;
        self->handler.client.on_drain(client, self->user);
    }
    naru__reconnect_leave(self);
}

static void got_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    self->handler.client.on_message(client, kind, data, self->user);
    naru__reconnect_leave(self);
}

static void got_part(naru_client *client, const naru_ws_event *part, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    self->handler.client.on_part(client, part, self->user);
    naru__reconnect_leave(self);
}

static void got_ping(naru_client *client, naru_span data, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    self->handler.client.on_ping(client, data, self->user);
    naru__reconnect_leave(self);
}

static void got_pong(naru_client *client, naru_span data, int32_t rtt_ms, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    self->handler.client.on_pong(client, data, rtt_ms, self->user);
    naru__reconnect_leave(self);
}

/* What waits has the first right to the room. */
static void drained(naru_client *client, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    naru__reconnect_flush(self);
    if (self->queue.messages == 0 && self->handler.client.on_drain) {
        self->owes_drain = false;
        self->handler.client.on_drain(client, self->user);
    }
    naru__reconnect_leave(self);
}

/* on_close follows at once, and what the failure points to lives until then. */
static void failed(naru_client *client, const naru_client_failure *failure, void *user)
{
    naru_reconnector *self = user;
    self->failure = *failure;
    naru__reconnect_enter(self);
    if (self->handler.client.on_error) {
        self->handler.client.on_error(client, failure, self->user);
    }
    naru__reconnect_leave(self);
}

static void closed(naru_client *client, const naru_close_info *info, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    if (self->handler.client.on_close) {
        self->handler.client.on_close(client, info, self->user);
    }
    if (!self->freed) {
        naru__reconnect_lost(self, info);
    }
    naru__reconnect_leave(self);
}

static bool redirected(naru_client *client, const naru_client_hop *hop, void *user)
{
    naru_reconnector *self = user;
    naru__reconnect_enter(self);
    bool follow = self->handler.client.on_redirect(client, hop, self->user);
    naru__reconnect_leave(self);
    return follow;
}

static void saw_frame(naru_client *client, const naru_ws_frame *frame, void *user)
{
    naru_reconnector *self = user;
    self->handler.client.on_frame(client, frame, self->user);
}

naru_client_handler naru__reconnect_client_handler(const naru_reconnector *self)
{
    const naru_client_handler *wanted = &self->handler.client;
    return (naru_client_handler){.on_open = opened,
                                 .on_message = wanted->on_message ? got_message : NULL,
                                 .on_part = wanted->on_part ? got_part : NULL,
                                 .on_ping = wanted->on_ping ? got_ping : NULL,
                                 .on_pong = wanted->on_pong ? got_pong : NULL,
                                 .on_drain = drained,
                                 .on_error = failed,
                                 .on_close = closed,
                                 .on_redirect = wanted->on_redirect ? redirected : NULL,
                                 .on_frame = wanted->on_frame ? saw_frame : NULL};
}
