/* What the files of conn/ share among themselves. */
#ifndef NARU_CONN_INSIDE_H
#define NARU_CONN_INSIDE_H

#include "base/buf.h"
#include "conn/conn.h"

/* The states of a connection, in the order it passes them; it may skip but never goes back. */
enum {
    NARU__CONN_NEW = 0, /* on_open has not run */
    NARU__CONN_OPEN,    /* the session works: open, or in its closing handshake */
    NARU__CONN_LINGER,  /* all is said: our side is shut, what comes is dropped until the peer's end or a timeout */
    NARU__CONN_ENDING,  /* aborted: the timer is about to finish it */
    NARU__CONN_GONE     /* on_close has run */
};

/* Where one whole queued message lies: in bytes of the stream as naru__stream.sent counts them, plus all that was
 * dropped before it, so that dropping moves no mark. */
typedef struct naru__conn_mark {
    uint64_t begin, end;
} naru__conn_mark;

typedef struct naru__conn_source naru__conn_source;

/* What a connection needs whose options limit its time. */
typedef struct naru__conn_life {
    uint64_t message_ms; /* the last one, either way */
    uint64_t end_ms;     /* it is too old then; UINT64_MAX: never */
} naru__conn_life;

struct naru__conn_cold {
    naru_buf held;          /* bytes of the peer that came before or during a pause */
    naru__conn_mark *marks; /* of NARU_QUEUE_DROP_OLDEST, oldest first */
    size_t marks_first, marks_end, marks_capacity;
    naru__conn_source *source; /* of the message that is being pulled; NULL: none */
    uint64_t dropped, dropped_bytes;
    naru__conn_life life;
    uint8_t *reason; /* of the peer's Close; NULL: none */
    uint8_t reason_bytes;
    uint16_t protocol_bytes;
    uint8_t protocol[]; /* the subprotocol */
};

static inline const naru_allocator *naru__conn_allocator(const naru_conn *conn)
{
    return naru__conn_terms_of(conn)->allocator;
}
static inline naru__conn_life *naru__conn_life_of(const naru_conn *conn)
{
    return &conn->cold->life;
}
static inline void naru__conn_life_touch(const naru_conn *conn)
{
    if (conn->timed) {
        naru__conn_life_of(conn)->message_ms = naru_loop_now_ms(conn->stream->loop);
    }
}
/* life.c; of a connection that is timed. */
void naru__conn_life_begin(naru_conn *conn);
uint64_t naru__conn_life_deadline_ms(const naru_conn *conn);
void naru__conn_life_tick(naru_conn *conn); /* close it if its time is up */

/* The cold part, made on first need, gone with the connection. NULL: no memory. */
naru__conn_cold *naru__conn_cold_get(naru_conn *conn);
void naru__conn_cold_free(naru_conn *conn);

static inline naru_ws_turn naru__conn_turn(naru_conn *conn)
{
    naru_loop *loop = conn->stream->loop;
    naru_entropy *entropy = conn->ws.role == NARU_WS_CLIENT ? naru__loop_entropy(loop) : NULL;
    return (naru_ws_turn){.now_ms = naru_loop_now_ms(loop), .entropy = entropy, .out = naru__stream_out(conn->stream)};
}

static inline naru__conn_counts *naru__conn_counts_of(const naru_conn *conn)
{
    return naru__conn_terms_of(conn)->counts;
}
/* A message went out. */
static inline void naru__conn_count_out(const naru_conn *conn, size_t bytes, bool whole)
{
    naru__conn_counts *counts = naru__conn_counts_of(conn);
    naru__conn_life_touch(conn);
    if (counts) {
        counts->messages_out += whole;
        counts->message_bytes_out += bytes;
    }
}

extern const naru__stream_handler naru__conn_stream_handler;
void naru__conn_on_data(naru__stream *stream, uint8_t *bytes, size_t size);
naru_input naru__conn_on_room(naru__stream *stream);
/* Hand the session what there is, and its events to the application; what a pause leaves over stays in `in`. */
void naru__conn_take(naru_conn *conn, naru_input *in);
void naru__conn_take_held(naru_conn *conn);
/* The session's frames, to the handler's on_frame. */
void naru__conn_on_frame(naru_ws *ws, const naru_ws_frame *frame, void *user);
/* Keep bytes for after the pause. */
void naru__conn_hold(naru_conn *conn, naru_span bytes);

/* After anything that may have changed the session: send what it wrote, begin the end if it is through, set the
 * timer. */
void naru__conn_settle(naru_conn *conn);
/* Pings leave in so many groups over an interval, each group in one turn, and their pongs come in another, where each
 * would have woken the loop twice: this much late. */
enum { NARU__CONN_PING_GROUPS = 64 };
static inline uint32_t naru__conn_ping_step_ms(const naru_conn *conn)
{
    return naru__conn_options(conn)->ws.ping_interval_ms / NARU__CONN_PING_GROUPS;
}
/* Would naru__conn_settle find nothing to do behind messages that came and went the short way? What they wrote has
 * asked for its flush. The deadline of a session at rest is its next ping, and a timer that runs out before that, or
 * late in the company of others, needs no look. */
static inline bool naru__conn_is_settled(const naru_conn *conn)
{
    return conn->phase == NARU__CONN_OPEN && naru__ws_at_rest(&conn->ws) && naru__stream_timer_running(conn->stream) &&
           naru__stream_timer_at_ms(conn->stream) <=
               conn->ws.heard_ms + naru__conn_options(conn)->ws.ping_interval_ms + naru__conn_ping_step_ms(conn);
}
/* The end, here and now: on_close, on_gone, and the memory goes at the end of the turn. */
void naru__conn_finish(naru_conn *conn);
/* Die at the next turn of the timer, saying nothing to the peer any more. */
void naru__conn_doom(naru_conn *conn, naru_status why);
void naru__conn_timer_now(naru_conn *conn);

/* An empty queue takes any one message, else a message above the bound could never be sent. */
static inline bool naru__conn_queue_fits(const naru_conn *conn, size_t bytes)
{
    size_t queued = naru__stream_queued(conn->stream);
    uint64_t bytes_max = naru__conn_options(conn)->queue_bytes_max;
    return queued == 0 || (queued <= bytes_max && bytes <= bytes_max - queued);
}
/* `bytes` more do not fit: what the policy answers, NARU_OK if it has made room. */
NARU_MUST_USE naru_status naru__conn_queue_overflow(naru_conn *conn, size_t bytes);
/* May `bytes` more be queued? */
static inline naru_status naru__conn_queue_admit(naru_conn *conn, size_t bytes)
{
    return naru__conn_queue_fits(conn, bytes) ? NARU_OK : naru__conn_queue_overflow(conn, bytes);
}
/* send.c: is the connection open, and is there room for `bytes` more? */
NARU_MUST_USE naru_status naru__conn_send_admit(naru_conn *conn, size_t bytes);
/* What a send whose status this is answers, once all it queued is there. */
naru_status naru__conn_send_answer(naru_conn *conn, naru_status status);

/* source.c: go on with the message that is being pulled, from the loop only; the connection ended before it did. */
void naru__conn_source_feed(naru_conn *conn);
void naru__conn_source_cancel(naru_conn *conn);
static inline bool naru__conn_has_source(const naru_conn *conn)
{
    return conn->cold && conn->cold->source;
}

/* Remember the message that was queued since `begin`. */
void naru__conn_queue_mark(naru_conn *conn, uint64_t begin);
static inline uint64_t naru__conn_queue_end(const naru_conn *conn)
{
    return conn->stream->sent + naru__stream_queued(conn->stream);
}

#endif
