/* A stream's inside, for the files that it is made of:
 *
 *   stream.c      what its owner calls          stream_io.c   readiness to bytes, and the end of the turn
 *   dial.c        how it gets connected         stream_tls.c  records in between */
#ifndef NARU_IO_STREAM_CORE_H
#define NARU_IO_STREAM_CORE_H

#include "core.h"

enum {
    NARU__DIRTY = 1 << 0,    /* in the loop's list */
    NARU__CLOSED = 1 << 1,   /* by its owner: freed when its turn in the list comes */
    NARU__DEAD = 1 << 2,     /* failed: nothing more happens but close */
    NARU__ANNOUNCE = 1 << 3, /* on_ready is owed */
    NARU__PAUSED = 1 << 4,
    NARU__READ_ENDED = 1 << 5, /* the peer ended its side, and the owner knows */
    NARU__BLOCKED = 1 << 6,    /* the kernel took less than there was: wait until it takes more */
    NARU__BROKEN = 1 << 7,     /* writing failed; reading may still find what came before */
    NARU__DRAIN = 1 << 8,      /* on_drain is owed */
    NARU__SHUTDOWN = 1 << 9,   /* our side is to end behind `out` */
    NARU__SHUT = 1 << 10,      /* it has */
    NARU__RESUMED = 1 << 11,   /* what TLS held back during a pause is to be read */
    NARU__ADDED = 1 << 12,     /* the backend knows of it */
    NARU__UNWATCHED = 1 << 13, /* the backend refused to take it back: it has to fail */
    NARU__ROOM = 1 << 14       /* the owner says where to read to */
};

enum { NARU__STREAM_ERROR_BYTES = 384 };

typedef struct naru__dialer naru__dialer;

struct naru__stream_cold {
    naru__dialer *dialer; /* NULL once connected or failed */
    char error[NARU__STREAM_ERROR_BYTES];
};

static inline bool naru__stream_has(const naru__stream *stream, unsigned flags)
{
    return (stream->flags & flags) != 0;
}
static inline void naru__stream_mark(naru__stream *stream, unsigned flags)
{
    stream->flags = (uint16_t)(stream->flags | flags);
}
static inline void naru__stream_unmark(naru__stream *stream, unsigned flags)
{
    stream->flags = (uint16_t)(stream->flags & ~flags);
}

/* stream_io.c */
void naru__stream_ready_io(naru__source *source, unsigned events); /* of its source */
/* Put a connected descriptor into the backend's care. errors false: errno tells. */
NARU_MUST_USE bool naru__stream_watch(naru__stream *stream);
void naru__stream_unwatch(naru__stream *stream);
void naru__stream_update_interest(naru__stream *stream);
/* Give as much of `bytes` to the kernel as it takes. SIZE_MAX: writing failed, and the stream is marked
 * so. */
size_t naru__stream_transmit(naru__stream *stream, naru_span bytes);
void naru__stream_hand_over(naru__stream *stream, uint8_t *bytes, size_t size); /* on_data */
void naru__stream_end_read(naru__stream *stream); /* the peer's end, in order: on_end(NARU_END) */
/* From the loop only: mark it dead and tell its owner. error_text NULL: the one of system_error. */
void naru__stream_fail(naru__stream *stream, naru_status why, int system_error, const char *error_text);

/* stream.c */
void naru__stream_free(naru__stream *stream);
naru__stream_cold *naru__stream_cold_get(naru__stream *stream); /* NULL: no memory */
const char *naru__error_text(int system_error);                 /* static */

/* stream_tls.c */
NARU_MUST_USE bool naru__stream_tls_begin(naru__stream *stream, naru_tls *tls, bool server, const char *name);
void naru__stream_tls_start(naru__stream *stream);                                 /* the client speaks first */
void naru__stream_tls_received(naru__stream *stream, uint8_t *bytes, size_t size); /* ciphertext */
void naru__stream_tls_resumed(naru__stream *stream);
void naru__stream_tls_ended(naru__stream *stream); /* FIN */
void naru__stream_tls_flush(naru__stream *stream);
size_t naru__stream_tls_backlog(const naru__stream *stream); /* ciphertext not yet sent */
void naru__stream_tls_free(naru__stream *stream);

/* dial.c */
void naru__dialer_cancel(naru__stream *stream);

#endif
