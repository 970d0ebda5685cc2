/* A connected byte stream: TCP or a Unix socket, with TLS or without. The one thing that conn, server and client
 * know of sockets. Completion-shaped (bytes are handed over, not announced), so that a backend of another kind fits
 * below it.
 *
 * A stream owns no read buffer: bytes come in the loop's shared block and are the owner's only during on_data. What is
 * written goes to `out` and leaves at the end of the turn in one system call; shared bytes (shots) stand between
 * those of `out`, in order, without a copy. No callback runs inside a call on the same stream. */
#ifndef NARU_IO_STREAM_H
#define NARU_IO_STREAM_H

#include "base/buf.h"
#include "base/shot.h"
#include "io/backend.h"
#include "io/loop.h"
#include "io/peer.h"
#include <naru/tls.h>

typedef struct naru__stream naru__stream;
typedef struct naru__tls_session naru__tls_session;
typedef struct naru__stream_cold naru__stream_cold;

typedef struct naru__stream_handler {
    /* Connected, and the TLS handshake is done. For an accepted plain socket it comes at the end of the turn. */
    void (*on_ready)(naru__stream *stream);
    /* Decrypted bytes, size > 0; the owner may change them in place, and takes all of them now. */
    void (*on_data)(naru__stream *stream, uint8_t *bytes, size_t size);
    /* Once. NARU_END: the peer ends its side in order (FIN; with TLS: close_notify); writing may still work.
     * NARU_ERR_CLOSED: reset or broken off (with TLS: FIN without close_notify). NARU_ERR_TLS, NARU_ERR_CONNECT,
     * NARU_ERR_NAME, NARU_ERR_SYSTEM, NARU_ERR_MEMORY: naru__stream_error tells more. After anything but NARU_END the
     * stream is dead: only naru__stream_close is left. */
    void (*on_end)(naru__stream *stream, naru_status why);
    /* Asked for with naru__stream_want_drain: `out` has fallen to that mark. Once for each asking. */
    void (*on_drain)(naru__stream *stream);
    /* Only while naru__stream_has_room says so: where the owner wants the next bytes instead of in the shared block;
     * size 0: in the block after all. on_data then tells how many came there. A backend may pay no heed to it. */
    naru_input (*on_room)(naru__stream *stream);
    /* The time of naru__stream_timer_start has come. NULL: nobody cares. */
    void (*on_timer)(naru__stream *stream);
} naru__stream_handler;

/* Each stream's block has room behind it for what its owner keeps of an established connection: one allocation for
 * both. It lives as long as the stream, and in any case until the end of the turn in which that is closed. */
enum { NARU__STREAM_ROOM_BYTES = 120 };

struct naru__stream {
    const naru__stream_handler *handler; /* the owner may switch both at any time */
    void *owner;
    naru_loop *loop;
    naru_buf *out;          /* plain bytes to be sent, see naru__stream_out; NULL: none */
    naru__tls_session *tls; /* NULL: plain */
    uint64_t sent;          /* bytes of the queue taken off its front so far: marks into the stream count from here */
    uint32_t low_mark;      /* of naru__stream_want_drain */
    int fd;
    /* For this room alone, from here on. */
    int system_error;
    uint16_t flags;
    uint8_t phase : 4;
    uint8_t ring : 3;   /* what an io_uring does for it */
    bool has_shots : 1; /* some are queued between the bytes of `out`; in the cold part */
    uint8_t armed;      /* what the backend waits for */
    naru__source source;
    naru__stream *dirty_next; /* of the loop's list of those that have work at the end of the turn */
    naru__stream_cold *cold;  /* what only a connecting, paused or failed stream needs; NULL: nothing */
    naru__timer timer;        /* its owner's */
};
_Static_assert(sizeof(struct naru__stream) <= 112, "what an idle connection costs");

/* Take over a connected socket (non-blocking, close-on-exec already). tls NULL: plain; else the server's side of a
 * handshake.
 * errors    NULL: no memory or the kernel refused; fd is then still the caller's. */
naru__stream *naru__stream_accept(naru_loop *loop, int fd, naru_tls *tls, const naru__stream_handler *handler,
                                  void *owner);

/* Where to connect to. */
typedef struct naru__dial {
    const char *host; /* name or numeric address without brackets; or "unix:PATH", then port is not looked at */
    uint16_t port;
    naru_tls *tls;        /* NULL: plain */
    const char *tls_name; /* for SNI and the check */
    bool http2;           /* with TLS: naru__stream_offer_http2 */
} naru__dial;

/* Resolve (without blocking), connect (every address in turn, IPv6 and IPv4 interleaved, a new attempt each 250 ms
 * while older ones hang, RFC 8305), shake hands. on_ready or on_end follows, never inside this call. The strings are
 * copied.
 * errors    NULL: no memory. */
naru__stream *naru__stream_connect(naru_loop *loop, const naru__dial *dial, const naru__stream_handler *handler,
                                   void *owner);

/* The client's side of TLS from here on, on a stream that is ready (behind a proxy's answer); inside the TLS to the
 * proxy, if there is that. on_ready comes again, or on_end, never inside this call.
 * errors    NARU_ERR_STATE: plain bytes have not been sent yet. NARU_ERR_TLS: it cannot be set up for this name. The
 *           stream is good for closing then. */
NARU_MUST_USE naru_status naru__stream_start_tls(naru__stream *stream, naru_tls *tls, const char *name);

/* Its one timer, of which on_timer tells: due at at_ms of naru_loop_now_ms; restarting moves it, closing stops it. */
void naru__stream_timer_start(naru__stream *stream, uint64_t at_ms);
void naru__stream_timer_stop(naru__stream *stream);
static inline bool naru__stream_timer_running(const naru__stream *stream)
{
    return naru__timer_running(&stream->timer);
}
/* When it is due, or was. */
static inline uint64_t naru__stream_timer_at_ms(const naru__stream *stream)
{
    return naru__timer_at_ms(&stream->timer);
}

/* How far a connecting stream has come. */
typedef enum naru__stream_phase {
    NARU__STREAM_NAME,
    NARU__STREAM_CONNECT,
    NARU__STREAM_TLS,
    NARU__STREAM_READY,
    NARU__STREAM_ENDED
} naru__stream_phase;
naru__stream_phase naru__stream_get_phase(const naru__stream *stream); /* after a failure: the phase that failed */
/* One sentence on what ended it ("connection to 127.0.0.1:9 refused"), and errno or 0. Until it is freed. */
const char *naru__stream_error(const naru__stream *stream, int *system_error_out);

/* Have `out` sent at the end of this turn. */
void naru__stream_flush_later(naru__stream *stream);
/* Where to append what is to be sent, before naru__stream_flush_later. It is lent to the stream until a flush finds it
 * empty, so ask anew in each turn. Without memory it is one that nothing can be appended to. */
naru_buf *naru__stream_lend_out(naru__stream *stream);
static inline naru_buf *naru__stream_out(naru__stream *stream)
{
    return stream->out ? stream->out : naru__stream_lend_out(stream);
}
/* How many of its bytes wait. */
static inline size_t naru__stream_out_size(const naru__stream *stream)
{
    return stream->out ? naru__buf_size(stream->out) : 0;
}
/* Send payload right behind what `out` holds, gathered without a copy if the kernel takes it now; what it does not
 * take is copied to `out`. For large payloads. errors NARU_ERR_MEMORY: nothing more can be sent in order: close the
 * stream. */
NARU_MUST_USE naru_status naru__stream_write_through(naru__stream *stream, naru_span payload);
/* Give bytes to the kernel now, if nothing is queued and the backend can; answers how many went. The rest is the
 * caller's to queue. For bytes that many streams get, and this one nothing else in this turn: each is met once. */
NARU_MUST_USE size_t naru__stream_send_now(naru__stream *stream, naru_span bytes);
/* Queue a part of shot behind all that is queued; the stream takes a reference of its own while it needs it. For parts
 * of about NARU__SHOT_BYTES_MIN and more: smaller ones are cheaper to copy to `out`.
 * errors    NARU_ERR_MEMORY: nothing was queued. */
NARU_MUST_USE naru_status naru__stream_write_shot(naru__stream *stream, naru__shot *shot, naru_span part);
enum { NARU__SHOT_BYTES_MIN = 1024 };
size_t naru__stream_shot_bytes(const naru__stream *stream);
/* How many bytes are queued in all. */
static inline size_t naru__stream_queued(const naru__stream *stream)
{
    size_t bytes = naru__stream_out_size(stream);
    return stream->has_shots ? bytes + naru__stream_shot_bytes(stream) : bytes;
}
/* Take `bytes` out of the queue, `offset` behind its front; of a shot all that is queued or nothing. What stands in
 * front moves, so that it should be short. */
void naru__stream_drop_queued(naru__stream *stream, size_t offset, size_t bytes);
/* Have on_drain come once, from the loop, at the end of the first flush after which the queue holds at most low_mark
 * bytes (this turn's flush counts, also when it sends everything at once). */
void naru__stream_want_drain(naru__stream *stream, uint32_t low_mark);
/* What was given to the kernel and has not reached the peer yet, in bytes; 0 if that cannot be told. */
size_t naru__stream_in_flight(const naru__stream *stream);

/* Does the owner have room of its own for what comes next (on_room)? */
void naru__stream_has_room(naru__stream *stream, bool room);
void naru__stream_pause(naru__stream *stream); /* no on_data, no on_end but for errors, until resumed */
void naru__stream_resume(naru__stream *stream);

/* End our side once `out` is sent: close_notify, then FIN. Reading goes on. */
void naru__stream_shutdown(naru__stream *stream);
/* Let go: no callback comes any more, the descriptor is closed at once, the struct is freed at the end of the turn.
 * What `out` still holds is dropped. */
void naru__stream_close(naru__stream *stream);
/* The same with a reset (RST) instead of a FIN. */
void naru__stream_abort(naru__stream *stream);

/* What a connection is to the kernel and to TLS, between two loops. `plain` is still to be sent. */
typedef struct naru__stream_parcel {
    int fd;
    naru__tls_session *tls;      /* NULL: plain */
    const naru_allocator *below; /* what its memory is of */
    naru_buf plain;
} naru__stream_parcel;
/* Close the stream, which is ready, but for what goes into the parcel; from the end of a turn, without shots queued.
 * errors    NARU_ERR_STATE: an io_uring reads it, or it has failed. NARU_ERR_MEMORY. The stream is as it was. */
NARU_MUST_USE naru_status naru__stream_pack(naru__stream *stream, naru__stream_parcel *parcel_out);
/* Open it again on another loop. errors NULL: no memory, loops of different memory, or the kernel refused; the parcel
 * is then to be dropped. */
naru__stream *naru__stream_unpack(naru_loop *loop, naru__stream_parcel *parcel, const naru__stream_handler *handler,
                                  void *owner);
void naru__stream_parcel_drop(naru__stream_parcel *parcel); /* any thread */

void naru__stream_peer(const naru__stream *stream, char *out, size_t out_bytes); /* "127.0.0.1:5000", "[::1]:5000",
"unix:" */
/* Whom that is to tell instead of the socket's peer; the owner's. NULL: the socket's again, which never fails.
 * errors    NARU_ERR_MEMORY: it tells whom it told before. */
naru_status naru__stream_tell(naru__stream *stream, const naru__peer *peer);
const naru__peer *naru__stream_told(const naru__stream *stream); /* NULL: the socket's */

/* ---- listening ---------------------------------------------------------------------------------------------- */

typedef struct naru__listener naru__listener;

/* Called with each accepted socket; the callee takes it over (naru__stream_accept) or closes it. */
typedef void naru__accept_fn(naru__listener *listener, int fd, void *user);

/* address as naru_server_listen has it. bound_out 128 bytes or NULL. EMFILE: one descriptor is kept in reserve to
 * accept and close what waits, then accepting pauses for 100 ms; the log tells it, at most once a second.
 * errors    NARU_ERR_ARGUMENT, NARU_ERR_SYSTEM (logged), NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__listener_open(naru_loop *loop, const char *address, bool reuse_port, int backlog,
                                              naru__accept_fn *accepted, void *user, naru__listener **listener_out,
                                              char *bound_out);
void naru__listener_pause(naru__listener *listener);
void naru__listener_resume(naru__listener *listener);
/* The same with a socket that listens already at this address; a socket file is then ours too. On failure fd is still
 * the caller's. */
NARU_MUST_USE naru_status naru__listener_take(naru_loop *loop, const char *address, int fd, naru__accept_fn *accepted,
                                              void *user, naru__listener **listener_out, char *bound_out);
int naru__listener_fd(const naru__listener *listener);
/* During naru__accept_fn: the address of the accepted socket's peer, which has cost no system call of its own. */
const naru__address *naru__listener_peer(const naru__listener *listener);
/* Another process listens on it too: its file stays when it is closed. */
void naru__listener_leave(naru__listener *listener);
/* Take all that wait, and close. */
void naru__listener_finish(naru__listener *listener);
void naru__listener_close(naru__listener *listener); /* removes its socket file; NULL is fine */

/* Names of TLS sessions for those who ask. */
bool naru__stream_is_tls(const naru__stream *stream);
/* The client's side, before its handshake begins: offer h2 by ALPN, then http/1.1. Without memory nothing is offered
 * but what the context does. */
void naru__stream_offer_http2(naru__stream *stream);
bool naru__stream_chose_http2(const naru__stream *stream); /* by ALPN; false without TLS. stream_tls.c */
/* The subject of the certificate that the peer showed and we verified (RFC 4514), cut to fit. false: none. tls.c. */
bool naru__stream_tls_subject(const naru__stream *stream, char *out, size_t out_bytes);

#endif
