/* One packet on its way to however many sockets: written once as text and, when the first socket needs it, once as
 * MessagePack and once in each way that the engine has of writing it.
 *
 * Not for: who gets it (target.c). Source: none. */
#ifndef NARU_SOCKETIO_SERVER_OUTGOING_H
#define NARU_SOCKETIO_SERVER_OUTGOING_H

#include "engine.h"
#include "sio.h"

typedef struct naru__sio_out {
    naru_sio *io;
    naru__sio_packet packet; /* data: of `text` */
    naru_buf text;           /* the whole packet, behind the type of the engine's message */
    naru_buf msgpack;        /* empty until it is needed */
    naru_span attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
    size_t bytes;   /* of text and attachments */
    unsigned flags; /* as of naru_ws_send */
    bool is_volatile;
    bool is_shared; /* for more than one: */
    naru__eio_shared *shared_text, *shared_msgpack;
    naru__eio_shared *shared_attachments[NARU__SIO_ATTACHMENTS_OUT_MAX];
} naru__sio_out;

/* Begin a packet of that type and namespace. End it with naru__sio_out_deinit in any case. */
void naru__sio_out_init(naru__sio_out *out, naru_sio *io, naru__sio_type type, naru_span nsp);
void naru__sio_out_deinit(naru__sio_out *out);

/* args.c: write it. Set packet.id before. name: of an event; data NULL in an answer. offset: the last element; empty:
 * none.
 * errors    NARU_ERR_ARGUMENT: JSON that is none. NARU_ERR_TOO_MANY: attachments. NARU_ERR_UTF8. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__sio_out_write(naru__sio_out *out, const char *name, naru_sio_args args,
                                              naru_span offset);
/* The same of data that is written already. attachments may be NULL. */
NARU_MUST_USE naru_status naru__sio_out_write_json(naru__sio_out *out, naru_span json, const naru_span *attachments,
                                                   uint32_t count);
/* A list of arguments as JSON, `["name",...` without the name if it is NULL. attachments_out holds
 * NARU__SIO_ATTACHMENTS_OUT_MAX. */
NARU_MUST_USE naru_status naru__sio_args_write(naru_buf *text, const char *name, naru_sio_args args, naru_span offset,
                                               naru_span *attachments_out, uint32_t *count_out);
/* How many attachments they have. */
size_t naru__sio_args_attachments(naru_sio_args args);

/* Send it to a connected socket, or to a client that has none yet.
 * errors    NARU_FULL. NARU_ERR_TOO_BIG: the queue is full. NARU_ERR_REFUSED: volatile, and it would have to wait.
 *           NARU_ERR_STATE. NARU_ERR_MEMORY: when a part of it is out already, the session is ended. */
naru_status naru__sio_out_send(naru__sio_out *out, naru__sio_client *client);

#endif
