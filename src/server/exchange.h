/* One connection as long as it speaks HTTP: request, answer, next request; or the upgrade that ends it.
 *
 *   OPENING -> HEAD -> BODY -> ASKED -> HEAD                     answered at once, kept alive
 *                                    -> SENDING -> HEAD          the answer is long or the peer slow
 *                                    -> ACCEPTED                 a WebSocket from here; the exchange is freed
 *                                    -> LEAVING              handed over to another server; the exchange is freed
 *   any of them -> FLUSHING -> LINGERING                         refused or done: see closing.c
 *
 * After the upgrade nothing of it is left. It is freed at the end of the turn, so that a pointer to one that is GONE
 * may still be looked at when a callback returns. */
#ifndef NARU_SERVER_EXCHANGE_H
#define NARU_SERVER_EXCHANGE_H

#include "server/route.h"
#include "server/server.h"

typedef enum naru__exchange_phase {
    NARU__EXCHANGE_OPENING = 0, /* the TLS handshake */
    NARU__EXCHANGE_HEAD,        /* between requests, or in a head (then request.head is there) */
    NARU__EXCHANGE_BODY,
    NARU__EXCHANGE_ASKED,    /* the application has the request and has not answered */
    NARU__EXCHANGE_ACCEPTED, /* the 101 is written, the connection made but not started */
    NARU__EXCHANGE_LEAVING,  /* to another server, at the end of the turn: see handover.c */
    NARU__EXCHANGE_SENDING,  /* answered; the next request waits until enough of the answer is out */
    NARU__EXCHANGE_FLUSHING, /* the last answer is on its way out */
    NARU__EXCHANGE_LINGERING,
    NARU__EXCHANGE_GONE
} naru__exchange_phase;

enum {
    NARU__HELD_BYTES_MAX = 64 * 1024,  /* kept for a request that is not answered yet, before the stream is paused */
    NARU__OUT_HIGH_BYTES = 128 * 1024, /* answers queued, before the next request has to wait */
    NARU__OUT_LOW_BYTES = 32 * 1024,
    NARU__START_BYTES_MAX = 256,         /* of a request that could not be read, for those who want to see it */
    NARU__CROWDED_RETRY_S = 5,           /* Retry-After where nobody knows when there will be room */
    NARU__LINGER_BYTES_MAX = 1024 * 1024 /* read and dropped behind a last answer */
};

struct naru_request {
    naru_http_head *head; /* NULL: no byte of it has come */
    naru_buf path;
    naru_buf body;
    naru_buf fields; /* of the answer, written out */
    const naru__route *route;
    naru_ws_request ws; /* of an upgrade */
    bool complete;      /* the head is */
    bool upgrade;
    bool end_is_leaving;    /* a peer that ends its own side is gone, though no upgrade was asked for */
    bool forwarded_tls;     /* a trusted proxy was asked by TLS */
    uint32_t retry_after_s; /* of a 429 */
    const char *rule;       /* that it has broken, of what is refused; NULL: none in particular */
    naru__guest *guest;     /* whom a trusted proxy asks for; NULL: the connection's */
    void (*on_cancel)(void *user);
    void *cancel_user;
};

/* The rest of an answer that does not fit the queue; see remainder.h. */
typedef struct naru__remainder naru__remainder;

struct naru__exchange {
    naru_request request; /* first: the one is found from the other */
    naru_server *server;
    naru__stream *stream;
    naru__exchange *next, **link; /* the server's list */
    naru__loop_timer timer;       /* the phase's deadline */
    naru__deferred work;          /* what waits for the loop: held bytes, an upgrade accepted late */
    naru_http_body body;
    naru_buf held; /* bytes behind a request that is not answered yet */
    naru__remainder *remainder;
    naru__peer peer;                          /* the socket's, or as a PROXY header told */
    naru__guest *guest;                       /* NULL: nothing is known that the socket does not tell */
    naru_conn *conn;                          /* ACCEPTED */
    const naru__stream_handler *conn_handler; /* what it made of the stream */
    const struct naru__handover *handover;    /* LEAVING */
    naru_span start;     /* of the bytes that are gone through: of a head, as far as they show it */
    uint64_t moved_mark; /* naru__exchange_moved when the timer was started */
    size_t drained;      /* bytes dropped while lingering */
    naru_status ended;   /* what on_end said; NARU_OK: nothing yet */
    uint8_t phase;
    bool trusted;      /* it is a proxy whose word counts */
    bool crowded;      /* its address has too many: it is told so, and nothing else */
    bool keep;         /* another request may follow on this connection */
    bool skipping;     /* the body is too long, and read only so that the next request can be */
    bool paused;       /* the stream */
    bool multiplexed;  /* it is one of HTTP/2 */
    bool may_be_http2; /* preface_bytes of its preface have come, and nothing else */
    uint8_t preface_bytes;
    bool begun;  /* a first request has begun: its deadline counts from the accept, later ones' from their first byte */
    bool taking; /* bytes are being gone through further up the stack */
    bool calling; /* the application has the request in a callback further up the stack */
};

static inline naru__exchange *naru__exchange_of(const naru_request *request)
{
    return (naru__exchange *)(uintptr_t)request;
}

/* Who asks: as a proxy told, or the socket's. Not known: a Unix socket. */
static inline naru__peer naru__exchange_who(const naru__exchange *exchange)
{
    const naru__peer *told = naru__stream_told(exchange->stream);
    return told && told->known ? *told : exchange->peer;
}
/* The same as text, see naru__stream_peer. */
void naru__exchange_peer(const naru__exchange *exchange, char *out, size_t out_bytes);

/* A new connection. errors NARU_ERR_MEMORY or NARU_ERR_SYSTEM: fd is still the caller's. */
NARU_MUST_USE naru_status naru__exchange_open(naru_server *server, const naru__arrival *arrival,
                                              naru__exchange **exchange_out);
/* All of the answer is queued: on to the next request, or to the end. */
void naru__exchange_answered(naru__exchange *exchange);
/* Enough of the answer is out. */
void naru__exchange_next(naru__exchange *exchange);
/* Restart the deadline of this phase. NARU_NEVER: none. */
void naru__exchange_time(naru__exchange *exchange, uint32_t timeout_ms);
/* How much of the answers has reached the peer: a number that changes as long as it does. */
uint64_t naru__exchange_moved(const naru__exchange *exchange);
/* Let the peer's bytes come again, if they were held up. */
void naru__exchange_unpause(naru__exchange *exchange);
/* Give back what the request holds. */
void naru__exchange_forget(naru__exchange *exchange);
/* Take it off the server's list and free it at the end of the turn; the stream is the caller's now. */
void naru__exchange_free(naru__exchange *exchange);

/* ---- arrive.c ----------------------------------------------------------------------------------------------- */

/* Learn from the head for whom a proxy asks. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__exchange_identify(naru__exchange *exchange);
/* May its address have one more WebSocket now? false: it was answered with 429, or ended. */
bool naru__exchange_admit(naru__exchange *exchange);
/* The guest for whom the connection goes on without the exchange. NULL: none. */
naru__guest *naru__exchange_take_guest(naru__exchange *exchange);

/* ---- intake.c ----------------------------------------------------------------------------------------------- */

/* Go through requests until one has to wait for its answer or `in` is used up. */
void naru__exchange_read(naru__exchange *exchange, naru_input *in);
/* Have the application decide, or whoever answers for the route. */
void naru__exchange_ask(naru__exchange *exchange);

/* ---- body.c ------------------------------------------------------------------------------------------------- */

/* Does a body follow the head? */
bool naru__body_expected(const naru_http_head *head);
/* The head is complete and a plain route found: read what follows, or refuse it. */
void naru__body_begin(naru__exchange *exchange, const naru_input *in);
/* May there be more to do with `in`? */
bool naru__body_read(naru__exchange *exchange, naru_input *in);

/* ---- closing.c ---------------------------------------------------------------------------------------------- */

/* Answer with `status` in the library's own name, `text` as the body, and log it. close: no request follows. If even
 * that finds no memory the connection ends. */
void naru__exchange_refuse(naru__exchange *exchange, int status, const char *text, bool close);
/* Send what is queued, end our side, and wait for the peer's. */
void naru__exchange_close(naru__exchange *exchange);
/* Our last bytes are out: wait for the peer's end. */
void naru__exchange_linger(naru__exchange *exchange);
/* Bytes that nobody wants. */
void naru__exchange_drain(naru__exchange *exchange, size_t bytes);
/* End it here and now. */
void naru__exchange_drop(naru__exchange *exchange);
/* The phase's time is up. */
void naru__exchange_late(naru__loop_timer *timer);
/* The server stops: finish what is under way, begin nothing. */
void naru__exchange_stop(naru__exchange *exchange);

/* ---- handover.c --------------------------------------------------------------------------------------------- */

/* Takes a connection over, on the thread that gives it away: it is sent to another one, which calls
 * naru__server_unpack. */
typedef struct naru__luggage naru__luggage;
typedef struct naru__handover {
    void (*send)(const struct naru__handover *handover, naru__luggage *luggage);
} naru__handover;
/* Instead of an answer: the connection leaves with its request at the end of the turn. The request is gone. Of a POST
 * no byte of the body may have been read: in a route's on_head alone. handover stays as long as the server.
 * errors    NARU_ERR_STATE: the request has been answered, or this connection cannot be handed over. */
NARU_MUST_USE naru_status naru__exchange_leave(naru__exchange *exchange, const naru__handover *handover);
/* The end of the turn. */
void naru__exchange_depart(naru__exchange *exchange);
/* On the other thread: go on with it, the request first. What cannot be taken is closed. */
void naru__server_unpack(naru_server *server, naru__luggage *luggage);
void naru__luggage_drop(naru__luggage *luggage); /* any thread */

/* ---- upgrade.c ---------------------------------------------------------------------------------------------- */

/* The head asks for a WebSocket on a route that has one. */
void naru__upgrade_ask(naru__exchange *exchange);
/* Hand the stream over to the accepted connection, with the bytes that came behind the request. Frees the exchange. */
void naru__upgrade_start(naru__exchange *exchange, uint8_t *bytes, size_t size);

#endif
