/* Answering an event that wants it, now or later: the ACK packet.
 *
 * Not for: answers that we wait for (ack.c). Source: Socket.IO protocol 5, "Acknowledgement". */
#include "base/memory.h"
#include "outgoing.h"

struct naru_sio_ack {
    naru_sio_socket *socket; /* a reference; NULL: it is for another loop's server */
    naru_sio *io;            /* of that; its struct stays as it does for a namespace */
    uint32_t from;
    uint64_t id;
};

static naru_status send_answer(naru_sio_socket *socket, uint64_t id, naru_sio_args args)
{
    if (!socket || socket->state != NARU__SIO_CONNECTED) {
        return NARU_ERR_STATE;
    }
    naru__sio_out out;
    naru__sio_out_init(&out, socket->nsp->io, NARU__SIO_ACK, naru__sio_name(socket->nsp));
    out.packet.has_id = true;
    out.packet.id = id;
    naru_status status = naru__sio_out_write(&out, NULL, args, (naru_span){0});
    if (status == NARU_OK) {
        status = naru__sio_out_send(&out, socket->client);
    }
    naru__sio_out_deinit(&out);
    return status;
}

naru_status naru_sio_answer(const naru_sio_event *event, naru_sio_args args)
{
    if (!naru_sio_event_wants_answer(event)) {
        return NARU_ERR_STATE;
    }
    naru_status status = event->server_side ? naru__sio_answer_server(event->server_side, event->from, event->id, args)
                                            : send_answer(event->socket, event->id, args);
    event->state->answered = status >= 0;
    return status;
}

naru_sio_ack *naru_sio_event_take_ack(const naru_sio_event *event)
{
    if (!naru_sio_event_wants_answer(event)) {
        return NULL;
    }
    naru_sio_ack *ack = naru__alloc(event->allocator, sizeof *ack);
    if (!ack) {
        return NULL;
    }
    *ack = (naru_sio_ack){.id = event->id, .io = event->server_side, .from = event->from};
    if (ack->io) {
        ack->io->namespaces_count++;
    } else {
        ack->socket = naru_sio_socket_ref(event->socket);
    }
    event->state->answered = true;
    return ack;
}

naru_status naru_sio_ack_send(naru_sio_ack *ack, naru_sio_args args)
{
    if (!ack) {
        return NARU_ERR_STATE;
    }
    naru_status status =
        ack->io ? naru__sio_answer_server(ack->io, ack->from, ack->id, args) : send_answer(ack->socket, ack->id, args);
    naru_sio_ack_drop(ack);
    return status;
}

void naru_sio_ack_drop(naru_sio_ack *ack)
{
    naru_sio_socket *socket = ack ? ack->socket : NULL;
    naru_sio *io = ack ? ack->io : NULL;
    if (io) {
        naru__free(io->allocator, ack, sizeof *ack);
        io->namespaces_count--;
        naru__sio_release(io);
    } else if (ack) {
        naru__free(socket->nsp->io->allocator, ack, sizeof *ack);
        naru_sio_socket_unref(socket);
    }
}
