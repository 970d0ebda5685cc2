/* A stream without a descriptor: somebody else carries its bytes, inside a connection of his own. For its owner it is a
 * stream like any other; the carrier takes from its queue what it can, and hands over what came.
 *
 * Not for: what the carrier does with them (http2/). Source: none. */
#ifndef NARU_IO_STREAM_OVER_H
#define NARU_IO_STREAM_OVER_H

#include "io/stream.h"

/* What the carrier is told. None may be NULL. */
typedef struct naru__carrier {
    /* The stream that all goes by; NULL: it is gone. Who the peer is and whether there is TLS is that one's to tell. */
    const naru__stream *(*beneath)(const naru__stream *stream);
    /* At the end of a turn, from the loop: there is something in the queue, or there was something to see to. */
    void (*flush)(naru__stream *stream);
    /* From the loop: all that was queued is taken, and our side ends. */
    void (*shut)(naru__stream *stream);
    /* All bytes that a pause had held back are handed over now. */
    void (*released)(naru__stream *stream);
    /* Its owner lets go, inside a call of his: no call on the stream any more. */
    void (*closed)(naru__stream *stream);
} naru__carrier;

/* A stream that is ready, but has not told so. The owner is set as fields of the struct, before it is announced.
 * errors    NULL: no memory. */
naru__stream *naru__stream_over(naru_loop *loop, const naru__carrier *carrier, void *bearer);
void *naru__stream_bearer(const naru__stream *stream); /* the carrier's own; NULL once closed */
void naru__stream_over_announce(naru__stream *stream); /* on_ready follows at the end of the turn */

/* From the loop only; on a stream that is closed or has ended they do nothing. */

/* Bytes of the peer. false: they are kept until the owner reads again; released tells. */
bool naru__stream_over_receive(naru__stream *stream, naru_span bytes);
void naru__stream_over_end(naru__stream *stream); /* the peer's end in order, behind those bytes */
void naru__stream_over_fail(naru__stream *stream, naru_status why, int system_error, const char *text);

/* What is queued first and lies in one piece; and: so much of it is sent. */
naru_span naru__stream_over_front(const naru__stream *stream);
void naru__stream_over_took(naru__stream *stream, size_t bytes);
bool naru__stream_over_is_shut(const naru__stream *stream); /* our side has ended */

#endif
