/* The connection's inside, for server/ and client/: how one is made from a stream whose handshake is through.
 *
 *  stream --on_data--> conn --naru_ws_next--> events --> the application's handler
 *  application --naru_conn_send--> queue policy --> naru_ws_send --> stream.out --end of turn--> the peer */
#ifndef NARU_CONN_CONN_H
#define NARU_CONN_CONN_H

#include "io/stream.h"
#include "ws/session.h"
#include <naru/conn.h>

/* What an owner counts of all its connections: written by their one thread, so that it costs an addition. */
typedef struct naru__conn_counts {
    uint64_t messages_in, messages_out;
    uint64_t message_bytes_in, message_bytes_out; /* payload, inflated */
    uint64_t pings_in, pongs_in;
} naru__conn_counts;

/* What the connections of an owner (a server or one of its routes, a client) share. */
typedef struct naru__conn_terms {
    const naru_allocator *allocator; /* the loop's; with what follows a naru__ws_terms */
    naru_conn_options options;       /* filled */
    void *owner;
    /* After on_close: the last thing that is heard of conn, which is freed at the end of the turn. The info is
     * on_close's. NULL: of no interest. */
    void (*on_gone)(naru_conn *conn, const naru_close_info *info);
    naru__conn_counts *counts; /* NULL: nobody counts */
    /* Data has been handed on; whole: and the message is through. It may throttle or close the connection. NULL: of no
     * interest. */
    void (*on_received)(naru_conn *conn, size_t bytes, bool whole);
} naru__conn_terms;
_Static_assert(offsetof(naru__conn_terms, options) == offsetof(naru__ws_terms, options) &&
                   offsetof(naru_conn_options, ws) == 0,
               "a session's options tell its connection's terms");

/* Something that another room keeps for a connection: a part of its struct. */
typedef struct naru__conn_attachment {
    struct naru__conn_attachment *next;
    void (*on_gone)(struct naru__conn_attachment *attachment); /* once, after on_close */
} naru__conn_attachment;

typedef struct naru__conn_cold naru__conn_cold; /* what only a paused, marked or closing connection needs */

/* It stands in the room that the stream's block has behind it. The stream is an array of one so that it reads as the
 * pointer that it is everywhere else. */
struct naru_conn {
    naru__stream stream[1];
    naru_ws ws;
    const naru_conn_handler *handler;
    void *user;
    naru__conn_attachment *attachments;
    naru__conn_cold *cold;
    naru_conn *next, **link; /* the owner's list of them; for the owner alone */
    uint8_t phase;
    int8_t end_status; /* why it ends, where the session itself has no fault */
    bool paused : 1;
    bool resume_due : 1; /* resumed, and held bytes wait for the timer */
    bool compressed : 1;
    bool halted : 1;    /* by the application; with throttled: why it is paused */
    bool throttled : 1; /* by the owner */
    bool over_high : 1; /* a send answered NARU_FULL: on_drain is owed */
    bool timed : 1;     /* its options limit its time: cold->life */
    bool marked : 1;    /* each frame queued is marked for dropping, or told to who looks on */
    bool short_in : 1;  /* a message that lies whole in the input may go to on_message without an event */
    bool short_out : 1; /* a plain message may be queued with nothing but its head */
};
_Static_assert(sizeof(naru_conn) <= sizeof(naru__stream) + NARU__STREAM_ROOM_BYTES, "it has its room");

static inline const naru__conn_terms *naru__conn_terms_of(const naru_conn *conn)
{
    const void *terms = (const uint8_t *)conn->ws.options - offsetof(naru__conn_terms, options);
    return terms;
}
/* To others of the same owner and allocator, because these go. */
static inline void naru__conn_change_terms(naru_conn *conn, const naru__conn_terms *terms)
{
    conn->ws.options = &terms->options.ws;
}
static inline const naru_conn_options *naru__conn_options(const naru_conn *conn)
{
    return (const naru_conn_options *)(const void *)conn->ws.options;
}

/* Check and complete options in place. errors NARU_ERR_ARGUMENT */
NARU_MUST_USE naru_status naru__conn_options_fill(naru_conn_options *options);

/* Make a connection over a stream whose HTTP exchange is through (the 101 may still wait in stream->out). It takes the
 * stream over, handler and all.
 *
 * shapes    terms, handler: borrowed until on_gone. protocol is copied.
 * errors    NULL: no memory; the stream is untouched. */
naru_conn *naru__conn_new(naru__stream *stream, naru_ws_role role, const naru__conn_terms *terms,
                          const naru_ws_deflate *deflate, naru_span protocol, const naru_conn_handler *handler,
                          void *user);
/* Begin: on_open runs here, then the bytes that came right behind the handshake. Once, from the loop's own
 * callbacks, not inside a call of the application. The connection may be gone when it returns. */
void naru__conn_start(naru_conn *conn, uint8_t *bytes, size_t size);
/* Close it with 1013, as one that reads too slowly; and: is it about to end anyhow? */
void naru__conn_shed(naru_conn *conn);
bool naru__conn_is_doomed(const naru_conn *conn);
bool naru__conn_is_gone(const naru_conn *conn); /* has on_gone run? */
/* Have on_drain come once the queue has fallen below its low mark, as if a send had answered NARU_FULL. */
void naru__conn_owe_drain(naru_conn *conn);
/* naru_conn_send_prepared for the one thing that conn is likely to send in this turn: nobody waits for its end.
 * errors    NARU_ERR_MEMORY: a part of it may be out, so that nothing can follow: abort the connection. */
naru_status naru__conn_send_prepared_now(naru_conn *conn, naru_prepared *prepared);
/* Pause it for the owner's own reasons, beside the application's pauses. */
void naru__conn_throttle(naru_conn *conn, bool on);
/* End it at once without a word to the application but on_close with 1006, here and now, on_gone included. For an
 * owner that goes away. */
void naru__conn_destroy(naru_conn *conn);

#endif
