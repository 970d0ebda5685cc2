/* The reconnector's inside:
 *
 *   reconnect.c        its life                           reconnect_events.c   what its clients tell
 *   reconnect_queue.c  what waits for a connection        reconnect_delay.c    how long to wait, and whether
 *   reconnect_send.c   to the connection or the queue */
#ifndef NARU_CLIENT_RECONNECT_H
#define NARU_CLIENT_RECONNECT_H

#include "io/loop.h"
#include <naru/reconnect.h>

/* Messages in one block of memory, oldest first. */
typedef struct naru__reconnect_queue {
    naru_buf bytes;
    size_t messages;
    uint64_t payload_bytes;
    uint64_t dropped;
} naru__reconnect_queue;

struct naru_reconnector {
    naru_loop *loop;
    naru_reconnect_options options; /* filled */
    naru_reconnect_handler handler;
    void *user;
    naru_client *client;         /* the newest; NULL: none yet */
    naru_client_failure failure; /* what on_error told; status NARU_OK: nothing. It points into the client */
    naru__loop_timer timer;      /* the pause */
    naru__deferred work;         /* an attempt, or the end, is due */
    naru__reconnect_queue queue;
    uint64_t opened_ms;
    uint32_t attempts; /* in a row */
    uint8_t state;
    uint8_t calling; /* callbacks under way */
    bool begun;      /* the first attempt was made */
    bool asking;     /* on_attempt has answered NARU_MORE */
    bool was_up;     /* of the client */
    bool closing;    /* by the application */
    bool owes_drain; /* a send answered NARU_FULL for the queue's sake */
    bool freed;
};

/* ---- reconnect.c -------------------------------------------------------------------------------------------- */

/* Around every callback of the application: after leave it may be gone. */
void naru__reconnect_enter(naru_reconnector *self);
void naru__reconnect_leave(naru_reconnector *self);
/* The client has ended, or could not be made (close NULL). Between enter and leave. */
void naru__reconnect_lost(naru_reconnector *self, const naru_close_info *close);
/* ---- reconnect_events.c ------------------------------------------------------------------------------------- */

/* What a client of this reconnector is opened with; its user is the reconnector. */
naru_client_handler naru__reconnect_client_handler(const naru_reconnector *self);

/* ---- reconnect_send.c --------------------------------------------------------------------------------------- */

/* Give what waits to the open client, as far as it takes it. Between enter and leave. */
void naru__reconnect_flush(naru_reconnector *self);

/* ---- reconnect_queue.c -------------------------------------------------------------------------------------- */

/* errors NARU_ERR_MEMORY: the queue is as before. */
NARU_MUST_USE naru_status naru__reconnect_queue_push(naru__reconnect_queue *queue, naru_ws_kind kind, naru_span data,
                                                     unsigned flags);
/* The oldest. false: there is none. lifetime data_out until the next call. */
bool naru__reconnect_queue_first(const naru__reconnect_queue *queue, naru_ws_kind *kind_out, naru_span *data_out,
                                 unsigned *flags_out);
void naru__reconnect_queue_drop(naru__reconnect_queue *queue); /* the oldest, which must be there */
void naru__reconnect_queue_clear(naru__reconnect_queue *queue);

/* ---- reconnect_delay.c -------------------------------------------------------------------------------------- */

/* errors NARU_ERR_ARGUMENT */
NARU_MUST_USE naru_status naru__reconnect_options_fill(naru_reconnect_options *options);
/* The longest that the n-th pause in a row may be; 1 is the first. */
uint32_t naru__reconnect_ceiling_ms(const naru_reconnect_options *options, uint32_t n);
/* A pause between delay_min_ms and that; lot: random. */
uint32_t naru__reconnect_draw_ms(const naru_reconnect_options *options, uint32_t n, uint64_t lot);
/* What a Retry-After field asks for: seconds, or a date; 0: nothing that can be read. now_s: since 1970, in UTC. */
uint32_t naru__reconnect_retry_after_ms(naru_span value, int64_t now_s, uint32_t ms_max);

#endif
