/* <naru/conn.h>: one established WebSocket connection, the same from either bank: what a server's handler and a client
 * hold.
 *
 * A handle is good from on_open until on_close returns. on_close comes exactly once after on_open, and last. Callbacks
 * run on the loop's thread and never inside a call on the same connection. Closing twice is harmless.
 * Source: RFC 6455; the queue's rules are our own. */
#ifndef NARU_CONN_H
#define NARU_CONN_H

#include <naru/loop.h>
#include <naru/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_conn naru_conn;

/* What happens to a message that would take the outbound queue past queue_bytes_max. */
typedef enum naru_queue_policy {
    NARU_QUEUE_CLOSE = 0,  /* the connection is closed with 1013: the peer reads too slowly */
    NARU_QUEUE_REFUSE,     /* the message is not taken: NARU_ERR_TOO_BIG; wait for drain */
    NARU_QUEUE_DROP_OLDEST /* whole messages of which nothing is out yet are dropped, oldest first; needs a deflate
                               without context takeover on our side, and asks for it in the handshake */
} naru_queue_policy;

/* 0 means the default that is named. */
typedef struct naru_conn_options {
    naru_ws_options ws;
    /* bytes waiting to be sent; 1 MiB, and at least one message of any size fits an empty queue */
    uint64_t queue_bytes_max;
    uint64_t queue_high_bytes; /* above this mark a send answers NARU_FULL; 64 KiB */
    uint64_t queue_low_bytes;  /* once below it again, on_drain; 16 KiB */
    naru_queue_policy queue_policy;
    /* Not for noticing a peer that is gone, which pings do. Either costs an open connection 136 bytes. */
    uint32_t idle_timeout_ms; /* no message either way for so long: it is closed; not while it is paused; 0: never */
    uint32_t age_max_ms;      /* open for so long: it is closed; 0: never */
    uint32_t age_jitter_ms; /* up to so much earlier, drawn for each: who came together does not go together; a tenth */
    uint16_t timeout_code;  /* of both these Closes; 1001 */
} naru_conn_options;

/* How it ended.
 * shapes    code: of the peer's Close (1005: none in it), or 1006 when there was none. clean: the closing handshake
 *           went both ways (WHATWG wasClean). fault: status NARU_OK when nothing failed. dropped: messages that the
 *           queue's policy dropped.
 * lifetime  reason until on_close returns. */
typedef struct naru_close_info {
    uint16_t code;
    bool clean;
    naru_span reason;
    naru_fault fault;
    uint64_t dropped;
} naru_close_info;

/* Any of them may be NULL. user is what naru_conn_set_user last set, at first the route's or the client's. */
typedef struct naru_conn_handler {
    void (*on_open)(naru_conn *conn, void *user);
    /* data until it returns; a whole message (NARU_WS_MESSAGES). */
    void (*on_message)(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user);
    /* NARU_WS_CHUNKS and NARU_WS_FRAMES instead of on_message, and what parts_from_bytes makes of a long message. */
    void (*on_part)(naru_conn *conn, const naru_ws_event *part, void *user);
    void (*on_ping)(naru_conn *conn, naru_span data, void *user);
    void (*on_pong)(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user); /* rtt_ms -1: not asked for */
    void (*on_drain)(naru_conn *conn, void *user); /* once, when the queue has fallen below its low mark */
    void (*on_close)(naru_conn *conn, const naru_close_info *info, void *user);
    /* Looks on at every frame, both ways, also those that naru sends by itself (pongs, Closes, its own pings): ours
     * when they are queued, the peer's data frames once their head is in, its control frames once they are whole. The
     * one callback that runs inside calls (the one that made the frame): it may ask, but not send, pause, close or
     * free. What is sent before on_open is told before it. NULL costs nothing. */
    void (*on_frame)(naru_conn *conn, const naru_ws_frame *frame, void *user);
} naru_conn_handler;

/* Queue one message; it leaves at the end of the turn with all else that was queued, in one system call.
 * shapes    flags: see naru_ws_send.
 * errors    NARU_FULL: taken, and the queue is above its high mark. NARU_ERR_TOO_BIG: not taken (NARU_QUEUE_REFUSE),
 *           or the connection is being closed for it (NARU_QUEUE_CLOSE). NARU_ERR_STATE: not open. NARU_ERR_UTF8.
 *           NARU_ERR_MEMORY. */
NARU_API naru_status naru_conn_send(naru_conn *conn, naru_ws_kind kind, naru_span data, unsigned flags);
NARU_API naru_status naru_conn_send_part(naru_conn *conn, naru_ws_kind kind, naru_span data, bool last, unsigned flags);

/* Begin a message of a known size as one frame; naru_conn_send_part then sends its payload piece by piece, the last one
 * exactly to the end. It is not compressed. Until then no ping and no Close can leave, and pongs wait: for what may
 * stall in the middle, fragments (naru_conn_send_part alone, or a source) are the better choice.
 * errors    NARU_ERR_UNSUPPORTED: a client's frames are masked. Else as naru_conn_send. */
NARU_API naru_status naru_conn_send_begin(naru_conn *conn, naru_ws_kind kind, uint64_t bytes);

/* A message made once and sent on many connections, of any loops and threads: its text is checked once, its frame is
 * made once, and so is its compressed form, when a connection first wants it. Frozen: it never changes. */
typedef struct naru_prepared naru_prepared;

/* Make one, with one reference, which is the caller's.
 * shapes    flags: see naru_ws_send; they hold wherever it is sent. data is copied.
 * errors    NARU_ERR_ARGUMENT: kind. NARU_ERR_UTF8. NARU_ERR_MEMORY. *out is written on NARU_OK only.
 * thread    any, as are the four below */
NARU_API NARU_MUST_USE naru_status naru_prepared_new(naru_ws_kind kind, naru_span data, unsigned flags,
                                                     naru_prepared **out);
NARU_API naru_prepared *naru_prepared_ref(naru_prepared *prepared); /* answers its argument */
NARU_API void naru_prepared_unref(naru_prepared *prepared);         /* the last one frees it; NULL is fine */
/* The message itself, until the caller's reference goes. */
NARU_API naru_span naru_prepared_data(const naru_prepared *prepared);
NARU_API naru_ws_kind naru_prepared_kind(const naru_prepared *prepared);
/* Queue it, as naru_conn_send would. From about 1 KB up it is not copied: the queue holds a reference to it. With
 * permessage-deflate it leaves compressed where naru_conn_send would compress it and that makes it smaller; the level
 * is that of the connection that was first to want it, and a client's connection, whose frames are masked, compresses
 * for itself.
 * lifetime  the caller's reference may go when this returns.
 * errors    as naru_conn_send, but for NARU_ERR_UTF8.     thread: the connection's. */
NARU_API naru_status naru_conn_send_prepared(naru_conn *conn, naru_prepared *prepared);

/* Where the bytes of one large message come from, a piece at a time, as fast as the peer reads and no faster. Both are
 * called from the loop, never inside a call on the connection. */
typedef struct naru_source {
    /* Write the next bytes to into. NARU_OK: *got_out of them, 1 to room. NARU_END: *got_out, 0 to room, and those were
     * the last. NARU_MORE: none at the moment; naru_conn_source_ready tells when there are. Negative: it failed. */
    naru_status (*pull)(void *user, uint8_t *into, size_t room, size_t *got_out);
    /* Once, and the last that is heard of it; NULL: of no interest. NARU_OK: the whole message is queued.
     * NARU_ERR_CLOSED: the connection is closing or gone (on_close follows). Else what failed, and the connection is
     * being closed with 1011, since a message cannot be taken back: pull's own failure, NARU_ERR_ARGUMENT: it ended
     * before the size that was announced, NARU_ERR_UTF8, NARU_ERR_MEMORY. */
    void (*on_done)(naru_conn *conn, naru_status status, void *user);
} naru_source;

/* Send one message of any size in bounded memory: fragments of at most 64 KiB, pulled while the queue is below its
 * high mark. Control frames go between them, so that pings, pongs and a Close never wait for the end. A message that
 * fits one fragment leaves as one frame. Until on_done other messages are answered NARU_ERR_STATE. What the peer
 * accepts is its own affair: naru itself takes 1024 fragments and 1 MiB unless told otherwise.
 * shapes    bytes: how many it has; fewer are a failure, more are not asked for. NARU_UNLIMITED: until NARU_END.
 *           flags: see naru_ws_send_part.
 * lifetime  source is copied.
 * errors    NARU_ERR_STATE: not open, or in the middle of another message. NARU_ERR_ARGUMENT: kind, or no pull.
 *           NARU_ERR_MEMORY. Then on_done is not called. */
NARU_API naru_status naru_conn_send_source(naru_conn *conn, naru_ws_kind kind, uint64_t bytes,
                                           const naru_source *source, void *user, unsigned flags);
/* The source that answered NARU_MORE has something now. From anywhere on the loop's thread, also from pull. */
NARU_API void naru_conn_source_ready(naru_conn *conn);
/* The same from a descriptor: a file, or a pipe or socket that is non-blocking (else reading it stops the whole loop).
 * shapes    offset: where in the file; -1: from where the descriptor stands, as it must be for pipes and sockets.
 *           bytes NARU_UNLIMITED: up to the end. on_done as in naru_source; NARU_ERR_SYSTEM: reading failed.
 * lifetime  fd stays the caller's, who may close it in on_done and not before. */
NARU_API naru_status naru_conn_send_file(naru_conn *conn, naru_ws_kind kind, int fd, int64_t offset, uint64_t bytes,
                                         void (*on_done)(naru_conn *conn, naru_status status, void *user), void *user);

NARU_API naru_status naru_conn_ping(naru_conn *conn, naru_span data); /* at most 125 bytes */
NARU_API naru_status naru_conn_pong(naru_conn *conn, naru_span data);
/* Start the closing handshake after what is queued; see naru_ws_close for code and reason. NARU_OK also if it is
 * closing already. */
NARU_API naru_status naru_conn_close(naru_conn *conn, uint16_t code, naru_span reason);
/* End it now, without a closing handshake, dropping what is queued. on_close follows with 1006. */
NARU_API void naru_conn_abort(naru_conn *conn);
/* Take nothing more from the peer until resumed (TCP pushes back). No event is lost, none comes meanwhile but
 * on_drain and on_close. A pause stops the clock for pongs that we wait for. */
NARU_API void naru_conn_pause(naru_conn *conn);
NARU_API void naru_conn_resume(naru_conn *conn);

NARU_API naru_ws_state naru_conn_state(const naru_conn *conn);
NARU_API uint64_t naru_conn_queued_bytes(const naru_conn *conn); /* framed, not yet given to the kernel */
/* What one connection has counted. Messages are counted for the whole server (naru_server_counters): a number more for
 * each of many idle connections is memory. */
typedef struct naru_conn_counts {
    uint64_t bytes_out;    /* given to the kernel (with TLS: to it), the handshake's answer included */
    uint64_t queued_bytes; /* not yet */
    uint64_t dropped;      /* messages, by NARU_QUEUE_DROP_OLDEST */
} naru_conn_counts;
NARU_API void naru_conn_counters(const naru_conn *conn, naru_conn_counts *counts_out);
NARU_API naru_span naru_conn_protocol(const naru_conn *conn); /* the subprotocol agreed on, or empty */
NARU_API bool naru_conn_compressed(const naru_conn *conn);    /* was permessage-deflate agreed on? */
NARU_API naru_loop *naru_conn_loop(const naru_conn *conn);
NARU_API void naru_conn_set_user(naru_conn *conn, void *user);
NARU_API void *naru_conn_user(const naru_conn *conn);
/* The peer's address as text: "127.0.0.1:5000", "[::1]:5000", "unix:"; written with its NUL into out. Of a server's
 * connection that a trusted proxy forwards: whom the proxy names, with port 0 where it names none. */
NARU_API void naru_conn_peer(const naru_conn *conn, char *out, size_t out_bytes);

#ifdef __cplusplus
}
#endif
#endif
