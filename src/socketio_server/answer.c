/* Answering an event that wants it, now or later: the ACK packet.
 *
 * Not for: answers that we wait for (ack.c). Source: Socket.IO protocol 5, "Acknowledgement". */
#include "base/memory.h"
#include "outgoing.h"

struct naru_sio_ack {
    naru_sio_socket *socket; /* a reference */
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
    naru_status status = send_answer(event->socket, event->id, args);
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
    *ack = (naru_sio_ack){.socket = naru_sio_socket_ref(event->socket), .id = event->id};
    event->state->answered = true;
    return ack;
}

naru_status naru_sio_ack_send(naru_sio_ack *ack, naru_sio_args args)
{
    if (!ack) {
        return NARU_ERR_STATE;
    }
    naru_status status = send_answer(ack->socket, ack->id, args);
    naru_sio_ack_drop(ack);
    return status;
}

void naru_sio_ack_drop(naru_sio_ack *ack)
{
    if (ack) {
        naru_sio_socket *socket = ack->socket;
        naru__free(socket->nsp->io->allocator, ack, sizeof *ack);
        naru_sio_socket_unref(socket);
    }
}
