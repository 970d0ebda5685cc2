/* The inside of <naru/stream.h>:
 *
 *   stream.c   reads, writes, the end      stream_banks.c   what is below, a client or a server's connection
 *
 * Not for: naru__stream, which is a socket's (io/). */
#ifndef NARU_CLIENT_STREAM_H
#define NARU_CLIENT_STREAM_H

#include "io/loop.h"
#include <naru/stream.h>

struct naru_stream {
    naru_loop *loop;
    naru_stream_handler handler;
    void *user;
    naru_client *client; /* one of these two; NULL: gone */
    naru_conn *conn;
    naru_stream_read_fn *read_done; /* NULL: nobody reads */
    void *read_user;
    naru_stream_write_fn *write_done;
    void *write_user;
    naru__deferred work; /* tells of what was through at once */
    naru_client_failure
        failure;       /* told before on_close; status NARU_OK: none was. What it points to lives until then */
    int8_t end_status; /* what reads answer from now on; NARU_OK: they are served */
    uint8_t calling;
    bool open;
    bool writing; /* no room for another write yet */
    bool full;    /* the drain tells when there is */
    bool closing; /* by us: what still comes is dropped */
    bool freed;
};

/* What is below tells, from the loop. */
void naru__face_opened(naru_stream *self, naru_span protocol, naru_span extensions);
void naru__face_message(naru_stream *self, naru_ws_kind kind, naru_span data);
void naru__face_drained(naru_stream *self);
void naru__face_closed(naru_stream *self, const naru_close_info *info, const naru_client_failure *failure);
/* Take nothing from the peer until somebody reads. */
void naru__face_hold_peer(naru_stream *self);

#endif
