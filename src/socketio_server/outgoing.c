/* See outgoing.h. The buf that packets are written to is the server's one; who writes a packet while another is being
 * sent (a listener of what goes out may) gets one of its own. */
#include "outgoing.h"

#include "socketio/msgpack.h"

void naru__sio_out_init(naru__sio_out *out, naru_sio *io, naru__sio_type type, naru_span nsp)
{
    /* Field by field: the lists at the end are long, and most packets have no attachments. */
    out->io = io;
    out->packet = (naru__sio_packet){.type = type, .nsp = nsp};
    out->text = io->text;
    out->bytes = 0;
    out->flags = NARU_WS_VALID;
    out->is_volatile = false;
    out->is_shared = false;
    out->shared_text = NULL;
    out->shared_msgpack = NULL;
    naru_buf_init(&io->text, io->allocator);
    naru_buf_init(&out->msgpack, io->allocator);
}

void naru__sio_out_deinit(naru__sio_out *out)
{
    enum { KEPT_MAX = 64 * 1024 };
    naru__eio_shared_unref(out->shared_text);
    naru__eio_shared_unref(out->shared_msgpack);
    for (uint32_t i = 0; out->is_shared && i < out->packet.attachments; i++) {
        naru__eio_shared_unref(out->shared_attachments[i]);
    }
    naru_buf_deinit(&out->msgpack);
    if (out->io->text.capacity > 0 || out->text.capacity > KEPT_MAX) {
        naru_buf_deinit(&out->text);
        return;
    }
    naru_buf_take(&out->text, out->text.end - out->text.begin);
    out->io->text = out->text;
}

/* ---- one message of the engine ---------------------------------------------------------------------------------- */

/* shared: where the message for many is, or comes. */
static naru_status send_one(const naru__sio_out *out, naru_eio *session, naru_ws_kind kind, naru_span data,
                            naru__eio_shared **shared)
{
    if (!out->is_shared) {
        return naru_eio_send(session, kind, data, out->flags);
    }
    if (!*shared) {
        *shared = naru__eio_shared_new(out->io->engine, kind, data, out->flags);
    }
    return *shared ? naru__eio_send_shared(session, *shared) : NARU_ERR_MEMORY;
}

static naru_status send_msgpack(naru__sio_out *out, naru_eio *session)
{
    if (naru_buf_span(&out->msgpack).size == 0) {
        naru_status status = naru__sio_msgpack_write(&out->msgpack, &out->packet, out->attachments);
        if (status) {
            return status;
        }
    }
    return send_one(out, session, NARU_WS_BINARY, naru_buf_span(&out->msgpack), &out->shared_msgpack);
}

static naru_status send_packet(naru__sio_out *out, naru_eio *session)
{
    naru_span typed = naru_buf_span(&out->text);
    naru_span packet = {typed.data + 1, typed.size - 1};
    return out->is_shared ? send_one(out, session, NARU_WS_TEXT, packet, &out->shared_text)
                          : naru__eio_send_typed(session, packet, out->flags);
}

static naru_status send_text(naru__sio_out *out, naru__sio_client *client)
{
    naru_status status = send_packet(out, client->session);
    for (uint32_t i = 0; status >= 0 && i < out->packet.attachments; i++) {
        status = send_one(out, client->session, NARU_WS_BINARY, out->attachments[i], &out->shared_attachments[i]);
        if (status < 0) {
            /* What has been announced would never come, and whatever came next would be taken for it. */
            naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        }
    }
    return status;
}

/* ---- whether there is room -------------------------------------------------------------------------------------- */

static bool has_room(const naru__sio_out *out, const naru_eio *session)
{
    uint64_t queued = naru_eio_queued_bytes(session);
    return queued == 0 || (queued <= out->io->queue_bytes_max && out->bytes <= out->io->queue_bytes_max - queued);
}

naru_status naru__sio_out_send(naru__sio_out *out, naru__sio_client *client)
{
    if (client->ending) {
        return NARU_ERR_STATE;
    }
    if (out->is_volatile && !naru_eio_writable(client->session)) {
        return NARU_ERR_REFUSED;
    }
    if (!has_room(out, client->session)) {
        if (out->io->options.queue_policy == NARU_SIO_QUEUE_CLOSE) {
            naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        }
        return NARU_ERR_TOO_BIG;
    }
    const naru__sio_watch *watch = out->io->watch;
    if (watch && watch->traffic) {
        watch->traffic(out->io, true, out->bytes);
    }
    return client->encoding == NARU__SIO_MSGPACK ? send_msgpack(out, client->session) : send_text(out, client);
}
