/* <naru/reconnect.h>: a client that comes back: one naru_client after the other, with pauses that grow and are partly
 * drawn by lot, and a bounded queue for what is sent meanwhile.
 *
 *   on_attempt -> client.on_open -> [what has waited] -> on_up -> ... -> client.on_close -> on_down -> on_attempt ...
 *                                                                                        \-> on_giving_up
 *
 * What was given to a connection that is then lost is not sent again: nobody but the application can tell whether it
 * arrived. Source: RFC 6455 7.2.3, RFC 9110 10.2.3 (Retry-After). */
#ifndef NARU_RECONNECT_H
#define NARU_RECONNECT_H

#include <naru/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_reconnector naru_reconnector;

typedef enum naru_reconnect_state {
    NARU_RECONNECT_CONNECTING = 0, /* an attempt is under way */
    NARU_RECONNECT_UP,
    NARU_RECONNECT_WAITING, /* for the next attempt */
    NARU_RECONNECT_OVER     /* none follows */
} naru_reconnect_state;

/* What happens to a message that does not fit the queue for what is sent while there is no connection. */
typedef enum naru_offline_policy {
    NARU_OFFLINE_REFUSE = 0,  /* it is not taken: NARU_ERR_TOO_BIG */
    NARU_OFFLINE_DROP_OLDEST, /* the oldest go until it fits */
    NARU_OFFLINE_NOTHING      /* nothing is kept at all: NARU_ERR_STATE */
} naru_offline_policy;

/* Why no attempt follows. */
typedef enum naru_reconnect_end {
    NARU_RECONNECT_CLOSED = 0, /* by naru_reconnector_close */
    NARU_RECONNECT_UNWISE,     /* should_retry, or naru_reconnect_wise, says no */
    NARU_RECONNECT_ATTEMPTS,   /* attempts_max of them have failed */
    NARU_RECONNECT_REFUSED     /* on_attempt says no, or what it named cannot be opened: failure->text says why */
} naru_reconnect_end;

/* What was lost, and what follows.
 * shapes    failure: NULL: none; the connection was closed in order, by us or by the peer. close: NULL: no client could
 *           be made. was_up: it had been open. attempts: how many in a row have been made to come back so far, 0 after
 *           the first loss. retry_after_ms: what a 503 or 429 asked for (Retry-After, at most retry_after_max_ms), 0
 *           nothing. delay_ms: on_down: the pause before the next attempt. unsent, unsent_bytes: messages that wait,
 *           and their payload. dropped: messages that NARU_OFFLINE_DROP_OLDEST has dropped so far. end: on_giving_up.
 * lifetime  until the callback returns. */
typedef struct naru_reconnect_loss {
    const naru_client_failure *failure;
    const naru_close_info *close;
    bool was_up;
    uint32_t attempts;
    uint32_t retry_after_ms;
    uint32_t delay_ms;
    size_t unsent;
    uint64_t unsent_bytes;
    uint64_t dropped;
    naru_reconnect_end end;
} naru_reconnect_loss;

/* Where an attempt goes. */
typedef struct naru_reconnect_target {
    const char *url;
    naru_client_options options;
} naru_reconnect_target;

/* None runs inside a call on the reconnector, and it may be freed in any of them. Any may be NULL. */
typedef struct naru_reconnect_handler {
    /* Before each attempt, the first too. target: as naru_reconnect_options has it; change here what has to be another
     * one, such as a token in a field; it is copied once this returns. Answers NARU_OK; NARU_MORE: not yet,
     * naru_reconnector_retry tells when to ask again; anything else: give up. */
    naru_status (*on_attempt)(naru_reconnector *reconnector, naru_reconnect_target *target, void *user);
    /* Open, behind client.on_open, and what has waited is with the connection. */
    void (*on_up)(naru_reconnector *reconnector, void *user);
    /* There is no connection; another attempt follows after loss->delay_ms. */
    void (*on_down)(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user);
    /* The last callback, once: no attempt follows, loss->end tells why. */
    void (*on_giving_up)(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user);
    /* Is another attempt worth it? NULL: naru_reconnect_wise. */
    bool (*should_retry)(naru_reconnector *reconnector, const naru_reconnect_loss *loss, void *user);
    /* The events of each client, handed on; their user is the reconnector's. What client.on_open sends leaves before
     * what has waited. client.on_drain: also when what had waited has left. */
    naru_client_handler client;
} naru_reconnect_handler;

/* 0 and NULL mean the default that is named. */
typedef struct naru_reconnect_options {
    /* Where to; borrowed, with all that it points to, for the reconnector's life, unless on_attempt names another one
     * each time. */
    naru_reconnect_target target;
    /* The n-th pause in a row is drawn evenly from delay_min_ms to delay_min_ms * (factor_percent / 100)^n, but at most
     * delay_max_ms: 250, 30000, 200 (twice as long each time). A Retry-After is added to it. */
    uint32_t delay_min_ms;
    uint32_t delay_max_ms;
    uint32_t factor_percent;     /* at least 100 */
    uint32_t attempts_max;       /* in a row, to come back; the first of all is not counted. No limit */
    uint32_t stable_ms;          /* a connection that lasts so long starts the pauses and attempts anew; 10000 */
    uint32_t retry_after_max_ms; /* a longer Retry-After counts as this; 300000 */
    uint64_t offline_bytes_max;  /* of payload kept while there is no connection; 1 MiB; one of any size fits */
    uint32_t offline_messages_max; /* 4096 */
    naru_offline_policy offline_policy;
} naru_reconnect_options;

/* Is it likely that another attempt ends otherwise? Yes: no address, no connection, no answer in time, a connection
 * lost; 408, 425, 429 and 500 to 599; Close 1001, 1006, 1011 to 1014, 3000 to 4999. No: a URL, a certificate, another
 * answer, a broken protocol, and the other Closes. Any thread. */
NARU_API bool naru_reconnect_wise(const naru_reconnect_loss *loss);

/* Make one, and its first attempt from the loop.
 * errors    NARU_ERR_ARGUMENT: an option out of its range. NARU_ERR_MEMORY. What is wrong with the target goes to
 *           on_giving_up. */
NARU_API NARU_MUST_USE naru_status naru_reconnector_new(naru_loop *loop, const naru_reconnect_options *options,
                                                        const naru_reconnect_handler *handler, void *user,
                                                        naru_reconnector **reconnector_out);
/* End it all at once; no callback comes any more. NULL is fine; in any callback too. */
NARU_API void naru_reconnector_free(naru_reconnector *reconnector);

/* Send over the connection, or keep it for the next one, behind what is kept already.
 * errors    NARU_FULL: taken; the connection's queue is above its high mark, or that for what is kept more than half
 *           full: wait for client.on_drain. NARU_ERR_TOO_BIG: not taken (NARU_OFFLINE_REFUSE; a connection's
 *           NARU_QUEUE_REFUSE). NARU_ERR_STATE: not taken (NARU_OFFLINE_NOTHING). NARU_END: over. NARU_ERR_UTF8,
 *           NARU_ERR_MEMORY: not taken. */
NARU_API naru_status naru_reconnector_send(naru_reconnector *reconnector, naru_ws_kind kind, naru_span data,
                                           unsigned flags);
/* Close, and let no attempt follow: on_giving_up comes with NARU_RECONNECT_CLOSED. What is kept is dropped.
 * shapes and errors as naru_client_close. */
NARU_API naru_status naru_reconnector_close(naru_reconnector *reconnector, uint16_t code, naru_span reason);
/* Make the next attempt now: while it waits for a pause, or after on_attempt has answered NARU_MORE. Else nothing. */
NARU_API void naru_reconnector_retry(naru_reconnector *reconnector);

NARU_API naru_reconnect_state naru_reconnector_state(const naru_reconnector *reconnector);
/* The newest client, for all that only it can do. It is replaced by the next attempt. NULL: none yet. */
NARU_API naru_client *naru_reconnector_client(const naru_reconnector *reconnector);
NARU_API uint64_t naru_reconnector_offline_bytes(const naru_reconnector *reconnector); /* payload that is kept */
NARU_API naru_loop *naru_reconnector_loop(const naru_reconnector *reconnector);

#ifdef __cplusplus
}
#endif
#endif
