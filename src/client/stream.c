/* WebSocketStream over whatever is below: one read and one write at a time, each told when it is through.
 *
 * Not for: what is below (stream_banks.c). Source: the WebSocketStream explainer. */
#include "client/stream.h"
#include "base/memory.h"
#include "client/client.h"

static void run_work(naru__deferred *deferred);

/* ---- life ----------------------------------------------------------------------------------------------------- */

naru_stream *naru_stream_new(naru_loop *loop, const naru_stream_handler *handler, void *user)
{
    naru_stream *self = naru__alloc_zero(naru_loop_allocator(loop), sizeof *self);
    if (self) {
        self->loop = loop;
        self->handler = handler ? *handler : (naru_stream_handler){0};
        self->user = user;
        self->work.run = run_work;
    }
    return self;
}

static void enter(naru_stream *self)
{
    self->calling++;
}

static void leave(naru_stream *self)
{
    self->calling--;
    if (self->freed && self->calling == 0) {
        naru__loop_free_later(self->loop, self, sizeof *self);
    }
}

void naru_stream_free(naru_stream *self)
{
    if (!self || self->freed) {
        return;
    }
    enter(self);
    self->freed = true;
    self->handler = (naru_stream_handler){0};
    self->read_done = NULL;
    self->write_done = NULL;
    naru__loop_defer_cancel(self->loop, &self->work);
    naru_client_free(self->client);
    if (self->conn) {
        naru_conn_set_user(self->conn, NULL);
        naru_conn_abort(self->conn);
    }
    self->client = NULL;
    self->conn = NULL;
    leave(self);
}

/* ---- what is below ------------------------------------------------------------------------------------------ */

void naru__face_hold_peer(naru_stream *self)
{
    if (self->client) {
        naru_client_pause(self->client);
    } else if (self->conn) {
        naru_conn_pause(self->conn);
    }
}

static void hear_peer(naru_stream *self)
{
    if (self->client) {
        naru_client_resume(self->client);
    } else if (self->conn) {
        naru_conn_resume(self->conn);
    }
}

static naru_status send_below(naru_stream *self, naru_ws_kind kind, naru_span data, unsigned flags)
{
    return self->client ? naru_client_send(self->client, kind, data, flags)
                        : naru_conn_send(self->conn, kind, data, flags);
}

static bool is_open(const naru_stream *self)
{
    if (self->client) {
        return naru_client_state(self->client) == NARU_OPEN;
    }
    return self->conn && naru_conn_state(self->conn) == NARU_WS_OPEN;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static void end_read(naru_stream *self, naru_status status, naru_ws_kind kind, naru_span data)
{
    naru_stream_read_fn *done = self->read_done;
    self->read_done = NULL;
    if (done) {
        done(self, status, kind, data, self->read_user);
    }
}

/* Who reads again inside done gets the next message without a pause between. */
void naru__face_message(naru_stream *self, naru_ws_kind kind, naru_span data)
{
    if (self->closing) {
        return;
    }
    enter(self);
    end_read(self, NARU_OK, kind, data);
    if (!self->read_done && !self->closing && !self->freed) {
        naru__face_hold_peer(self);
    }
    leave(self);
}

naru_status naru_stream_read(naru_stream *self, naru_stream_read_fn *done, void *user)
{
    if (self->read_done || !done) {
        return NARU_ERR_STATE;
    }
    self->read_done = done;
    self->read_user = user;
    if (self->end_status != NARU_OK) {
        naru__loop_defer(self->loop, &self->work);
    } else {
        hear_peer(self);
    }
    return NARU_OK;
}

void naru_stream_read_cancel(naru_stream *self)
{
    if (self->read_done && !self->closing) {
        naru__face_hold_peer(self);
    }
    self->read_done = NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void end_write(naru_stream *self, naru_status status)
{
    naru_stream_write_fn *done = self->write_done;
    self->write_done = NULL;
    self->writing = false;
    self->full = false;
    if (done) {
        done(self, status, self->write_user);
    }
}

void naru__face_drained(naru_stream *self)
{
    if (self->full) {
        enter(self);
        end_write(self, NARU_OK);
        leave(self);
    }
}

static naru_status may_write(const naru_stream *self)
{
    if (self->closing || self->end_status != NARU_OK || (self->open && !is_open(self))) {
        return NARU_END;
    }
    return self->open && !self->writing ? NARU_OK : NARU_ERR_STATE;
}

naru_status naru_stream_write(naru_stream *self, naru_ws_kind kind, naru_span data, unsigned flags,
                              naru_stream_write_fn *done, void *user)
{
    naru_status status = may_write(self);
    if (status == NARU_OK) {
        status = send_below(self, kind, data, flags);
    }
    if (status != NARU_OK && status != NARU_FULL) {
        return status;
    }
    self->writing = true;
    self->full = status == NARU_FULL;
    self->write_done = done;
    self->write_user = user;
    if (!self->full) {
        naru__loop_defer(self->loop, &self->work);
    }
    return NARU_OK;
}

void naru_stream_write_cancel(naru_stream *self)
{
    self->write_done = NULL;
}

static void run_work(naru__deferred *deferred)
{
    naru_stream *self = (naru_stream *)(void *)((char *)deferred - offsetof(naru_stream, work));
    enter(self);
    if (self->writing && !self->full) {
        end_write(self, NARU_OK);
    }
    if (self->end_status != NARU_OK && !self->freed) {
        end_read(self, (naru_status)self->end_status, NARU_WS_BINARY, (naru_span){0});
    }
    leave(self);
}

/* ---- opened and closed -------------------------------------------------------------------------------------- */

void naru__face_opened(naru_stream *self, naru_span protocol, naru_span extensions)
{
    enter(self);
    self->open = true;
    if (self->handler.on_opened) {
        self->handler.on_opened(self, protocol, extensions, self->user);
    }
    leave(self);
}

void naru__face_closed(naru_stream *self, const naru_close_info *info, const naru_client_failure *failure)
{
    enter(self);
    naru_status lost = failure ? failure->status : NARU_ERR_CLOSED;
    self->end_status = (int8_t)(failure || !info->clean ? lost : NARU_END);
    self->conn = NULL;
    naru__loop_defer_cancel(self->loop, &self->work);
    end_read(self, (naru_status)self->end_status, NARU_WS_BINARY, (naru_span){0});
    end_write(self, lost);
    if (self->handler.on_closed) {
        self->handler.on_closed(self, info, failure, self->user);
    }
    leave(self);
}

/* ---- ending ------------------------------------------------------------------------------------------------- */

naru_status naru_stream_close(naru_stream *self, uint16_t code, naru_span reason)
{
    naru_status status = NARU_OK;
    if (self->client) {
        status = naru_client_close(self->client, code, reason);
    } else if (self->conn) {
        status = naru_conn_close(self->conn, code, reason);
    }
    if (status == NARU_ERR_ARGUMENT || status == NARU_ERR_UTF8) {
        return status;
    }
    self->closing = true;
    hear_peer(self); /* the peer's Close stands behind what nobody will read */
    return status;
}

void naru_stream_abort(naru_stream *self)
{
    self->closing = true;
    if (self->client) {
        naru_client_abort(self->client);
    } else if (self->conn) {
        naru_conn_abort(self->conn);
    }
}

/* ---- what it knows ------------------------------------------------------------------------------------------ */

naru_client *naru_stream_client(const naru_stream *self)
{
    return self->client;
}

naru_conn *naru_stream_conn(const naru_stream *self)
{
    return self->conn;
}
