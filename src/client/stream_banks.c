/* WebSocketStream from either bank: over a client of its own, or over a server's connection.
 *
 * Not for: reads and writes (stream.c). Source: the WebSocketStream explainer. */
#include "client/stream.h"
#include "client/client.h"

/* ---- over a client ------------------------------------------------------------------------------------------ */

static void client_opened(naru_client *client, void *user)
{
    naru__face_opened(user, naru_client_protocol(client), naru_client_extensions(client));
}

static void client_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)client;
    naru__face_message(user, kind, data);
}

static void client_drained(naru_client *client, void *user)
{
    (void)client;
    naru__face_drained(user);
}

static void client_failed(naru_client *client, const naru_client_failure *failure, void *user)
{
    (void)client;
    ((naru_stream *)user)->failure = *failure;
}

static void client_closed(naru_client *client, const naru_close_info *info, void *user)
{
    (void)client;
    naru_stream *self = user;
    naru__face_closed(self, info, self->failure.status != NARU_OK ? &self->failure : NULL);
}

naru_status naru_stream_open(naru_loop *loop, const char *url, const naru_client_options *options,
                             const naru_stream_handler *handler, void *user, naru_stream **stream_out,
                             const char **reason_out)
{
    static const naru_client_handler below = {.on_open = client_opened,
                                              .on_message = client_message,
                                              .on_drain = client_drained,
                                              .on_error = client_failed,
                                              .on_close = client_closed};
    const char *reason = "a stream has whole messages";
    naru_stream *self = NULL;
    naru_status status = NARU_ERR_ARGUMENT;
    if (!options || options->conn.ws.delivery == NARU_WS_MESSAGES) {
        self = naru_stream_new(loop, handler, user);
        reason = naru_status_text(NARU_ERR_MEMORY);
        status = self ? naru_client_open(loop, url, options, &below, self, &self->client, &reason) : NARU_ERR_MEMORY;
    }
    if (status != NARU_OK) {
        naru_stream_free(self);
        if (reason_out) {
            *reason_out = reason;
        }
        return status;
    }
    naru__face_hold_peer(self);
    *stream_out = self;
    return NARU_OK;
}

/* ---- over a server's connection ----------------------------------------------------------------------------- */

/* user is NULL once the stream was freed: the connection is ending then. */
static void conn_opened(naru_conn *conn, void *user)
{
    naru_stream *self = user;
    if (!self) {
        return;
    }
    self->conn = conn;
    if (naru__conn_options(conn)->ws.delivery != NARU_WS_MESSAGES) {
        (void)naru_conn_close(conn, 1011, naru_span_of("the delivery is not NARU_WS_MESSAGES"));
    } else if (!self->read_done) {
        naru__face_hold_peer(self);
    }
    naru__face_opened(self, naru_conn_protocol(conn),
                      naru_span_of(naru_conn_compressed(conn) ? "permessage-deflate" : ""));
}

static void conn_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)conn;
    if (user) {
        naru__face_message(user, kind, data);
    }
}

static void conn_drained(naru_conn *conn, void *user)
{
    (void)conn;
    if (user) {
        naru__face_drained(user);
    }
}

static void conn_closed(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    if (!user) {
        return;
    }
    naru_status status = info->fault.status != NARU_OK ? info->fault.status : NARU_ERR_CLOSED;
    naru_client_failure failure = {.phase = NARU_PHASE_OPEN, .status = status, .fault = info->fault};
    failure.text = info->fault.text ? info->fault.text : naru_status_text(status);
    bool in_order = info->clean && info->fault.status == NARU_OK;
    naru__face_closed(user, info, in_order ? NULL : &failure);
}

const naru_conn_handler *naru_stream_conn_handler(void)
{
    static const naru_conn_handler below = {
        .on_open = conn_opened, .on_message = conn_message, .on_drain = conn_drained, .on_close = conn_closed};
    return &below;
}
