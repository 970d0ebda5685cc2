/* A stream's inside, for the files that it is made of:
 *
 *   stream.c        what its owner calls              stream_tls.c   records in between
 *   dial.c          how it gets connected             stream_io.c    what both backends share
 *   stream_epoll.c  readiness to bytes, and back      stream_uring.c  completions to bytes, and back
 *   stream_out.c    what waits to be sent              stream_over.c   without a descriptor, by a carrier */
#ifndef NARU_IO_STREAM_CORE_H
#define NARU_IO_STREAM_CORE_H

#include <sys/types.h>
#include <sys/uio.h>

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
    NARU__RESTS = 1 << 14,     /* in the io_uring's list of those that wait for their sends */
    NARU__ROOM = 1 << 15       /* the owner says where to read to */
};

enum { NARU__STREAM_ERROR_BYTES = 384 };

/* Of naru__stream.ring, where an io_uring receives. */
enum {
    NARU__RECEIVING = 1 << 0, /* a receive is under way; the kernel names the stream once more when that ends */
    NARU__CANCELLED = 1 << 1, /* and has been called off */
    NARU__HUNG_UP = 1 << 2,   /* epoll told of a hang-up: not to be asked again while nobody reads */
    NARU__RING_BITS = 7
};

typedef struct naru__dialer naru__dialer;

typedef struct naru__stream_shots naru__stream_shots;
typedef struct naru__carrier naru__carrier;

struct naru__stream_cold {
    naru__dialer *dialer;      /* NULL once connected or failed */
    naru__stream_shots *shots; /* NULL: none are queued */
    const naru__peer *told;    /* see naru__stream_tell */
    char *error;               /* of NARU__STREAM_ERROR_BYTES; NULL: nothing beyond system_error */
    naru_buf held;             /* what came during a pause, by an io_uring or a carrier; without allocator until then */
    bool held_end;             /* and the peer's end behind it */
    const naru__carrier *carrier; /* NULL: none, or its owner has let go */
    void *bearer;                 /* the carrier's own */
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
/* Put a connected descriptor into the backend's care. errors false: errno tells. */
NARU_MUST_USE bool naru__stream_watch(naru__stream *stream);
/* The same for one that epoll knows already, as somebody else's. */
void naru__stream_adopt(naru__stream *stream);
void naru__stream_unwatch(naru__stream *stream); /* epoll forgets it */
void naru__stream_update_interest(naru__stream *stream);
void naru__stream_unwatchable(naru__stream *stream, int error); /* it fails at the end of the turn */
/* Give as much of `bytes` to the kernel as it takes. SIZE_MAX: writing failed, and the stream is marked
 * so. */
size_t naru__stream_transmit(naru__stream *stream, naru_span bytes);
/* The same with pieces. */
size_t naru__stream_transmit_parts(naru__stream *stream, struct iovec *parts, size_t count, size_t bytes);
void naru__stream_flush_plain(naru__stream *stream); /* the same with the queue */
void naru__stream_end_read(naru__stream *stream);    /* the peer's end, in order: on_end(NARU_END) */
/* A receive brought its end (got 0) or an error instead of bytes. */
void naru__stream_receive_failed(naru__stream *stream, ssize_t got, int error);
/* Nobody reads now, but the socket has something to tell. */
void naru__stream_ready_unread(naru__stream *stream, unsigned events);
/* From the loop only: mark it dead and tell its owner. error_text NULL: the one of system_error. */
void naru__stream_fail(naru__stream *stream, naru_status why, int system_error, const char *error_text);
/* What may have to come before the bytes. false: then there is nobody for the bytes any more. */
bool naru__stream_owed(naru__stream *stream);
/* After a flush: everything but the plain case of bytes that have left. */
void naru__stream_end_turn_rest(naru__stream *stream);

/* `out` is empty: an idle connection owns no buffer. */
static inline void naru__stream_reclaim_out(naru__stream *stream)
{
    naru_buf *out = stream->out;
    stream->out = NULL;
    naru__cache_reclaim(&stream->loop->cache, out);
}

static inline naru_span naru__stream_out_span(const naru__stream *stream)
{
    return stream->out ? naru_buf_span(stream->out) : (naru_span){NULL, 0};
}

/* on_data. Most owners answer what they get: have room for it at hand. */
static inline void naru__stream_hand_over(naru__stream *stream, uint8_t *bytes, size_t size)
{
    naru_loop *loop = stream->loop;
    if (!stream->out) {
        stream->out = naru__cache_lend(&loop->cache);
    }
    stream->handler->on_data(stream, bytes, size);
    if (stream->out && stream->out->end == 0) {
        naru__stream_reclaim_out(stream);
    }
}

/* stream_over.c; of streams that nobody carries they do nothing. */
const naru__stream *naru__stream_beneath(const naru__stream *stream); /* NULL: none */
void naru__stream_over_flush(naru__stream *stream);
void naru__stream_over_shut(naru__stream *stream);
void naru__stream_over_resumed(naru__stream *stream); /* hand over what came during a pause */
bool naru__stream_over_holds(const naru__stream *stream);
void naru__stream_over_let_go(naru__stream *stream);

/* stream_epoll.c */
NARU_MUST_USE bool naru__epoll_watch(naru__stream *stream);
void naru__epoll_adopt(naru__stream *stream);
void naru__epoll_update(naru__stream *stream);
void naru__epoll_streams_end_turn(naru_loop *loop);

/* stream_uring.c */
NARU_MUST_USE bool naru__uring_watch(naru__stream *stream);
void naru__uring_adopt(naru__stream *stream);
void naru__uring_update(naru__stream *stream);
void naru__uring_resumed(naru__stream *stream); /* hand over what came during a pause */
bool naru__uring_holds(const naru__stream *stream);
void naru__uring_forget_held(naru__stream *stream);
void naru__uring_streams_end_turn(naru_loop *loop);

/* stream_out.c */
enum { NARU__GATHER_MAX = 128 }; /* pieces of one system call */
/* What is queued first and lies in one piece; empty: nothing is. */
naru_span naru__stream_out_front(const naru__stream *stream);
/* The pieces in order, at most parts_max of them; answers how many. *bytes_out: what they hold. */
size_t naru__stream_out_gather(const naru__stream *stream, struct iovec *parts, size_t parts_max, size_t *bytes_out);
/* The queue lost `bytes` at its front: they are sent. From flushes only. */
void naru__stream_out_took(naru__stream *stream, size_t bytes);
void naru__stream_out_drop(naru__stream *stream); /* all of it */

/* stream.c */
naru__stream *naru__stream_new(naru_loop *loop, const naru__stream_handler *handler, void *owner); /* NULL: no memory */
void naru__stream_discard(naru__stream *stream); /* one that never came to be */
void naru__stream_free(naru__stream *stream);
naru__stream_cold *naru__stream_cold_get(naru__stream *stream); /* NULL: no memory */
void naru__stream_cold_free(naru__stream *stream);
const char *naru__error_text(int system_error); /* static */

/* stream_tls.c */
NARU_MUST_USE bool naru__stream_tls_begin(naru__stream *stream, naru_tls *tls, bool server, const char *name);
void naru__stream_tls_start(naru__stream *stream);                                 /* the client speaks first */
void naru__stream_tls_received(naru__stream *stream, uint8_t *bytes, size_t size); /* ciphertext */
void naru__stream_tls_resumed(naru__stream *stream);
void naru__stream_tls_ended(naru__stream *stream); /* FIN */
void naru__stream_tls_flush(naru__stream *stream);
/* The two halves of a flush, for who sends in between: what is to be sent, or NULL: it has failed; and what was. */
naru_buf *naru__stream_tls_records(naru__stream *stream);
void naru__stream_tls_sent(naru__stream *stream, size_t size);
size_t naru__stream_tls_backlog(const naru__stream *stream); /* ciphertext not yet sent */
void naru__stream_tls_free(naru__stream *stream);

/* dial.c */
void naru__dialer_cancel(naru__stream *stream);

#endif
