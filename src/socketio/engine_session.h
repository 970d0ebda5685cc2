/* One Engine.IO session, without I/O: what comes to it and the time go in, what is to be done comes out.
 *
 *   OPEN    on polling: at most one GET hangs and one POST is being read. A WebSocket that probes may stand beside.
 *           on websocket: nothing of polling is left.
 *   CLOSING the application is told and the client not yet: its next GET brings it the close packet.
 *   CLOSED  all is said; GONE is the last action.
 *
 * Hand over an event, then do what naru__engine_session_next answers until it answers NONE; it may be asked later, as
 * long as no bytes of the application are sent on a WebSocket before that. Some deadline always runs.
 * Source: the Engine.IO protocol, revisions 3 and 4; the behaviour of the engine.io package, version 6. */
#ifndef NARU_SOCKETIO_ENGINE_SESSION_H
#define NARU_SOCKETIO_ENGINE_SESSION_H

#include "socketio/engine_packet.h"

enum {
    NARU__ENGINE_NOOP_MS = 100,        /* how long a GET hangs at most while the client wants to leave polling */
    NARU__ENGINE_LATE_MS = 100,        /* a timer that comes later than this was held up by the loop */
    NARU__ENGINE_CLOSE_MS = 30000,     /* how long a close packet waits for a GET */
    NARU__ENGINE_MESSAGE_OVERHEAD = 64 /* what a queued message counts beside its bytes */
};

/* Times in milliseconds, sizes in bytes; all of them filled. Shared by many sessions. */
typedef struct naru__engine_options {
    uint32_t ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    uint64_t queue_bytes_max, queue_high_bytes, queue_low_bytes;
} naru__engine_options;

typedef enum naru__engine_way {
    NARU__ENGINE_POLLING = 1,
    NARU__ENGINE_WEBSOCKET = 2,
    NARU__ENGINE_PROBE = 3 /* the WebSocket that is not the transport yet */
} naru__engine_way;

typedef enum naru__engine_state {
    NARU__ENGINE_IS_OPEN = 0,
    NARU__ENGINE_IS_CLOSING,
    NARU__ENGINE_IS_CLOSED
} naru__engine_state;

/* In the order of naru_eio_close_reason. */
typedef enum naru__engine_reason {
    NARU__ENGINE_TRANSPORT_CLOSE = 0,
    NARU__ENGINE_TRANSPORT_ERROR,
    NARU__ENGINE_PING_TIMEOUT,
    NARU__ENGINE_PARSE_ERROR,
    NARU__ENGINE_FORCED_CLOSE,
    NARU__ENGINE_SHUTDOWN
} naru__engine_reason;

/* What is to be done, in the order in which it is answered. */
typedef enum naru__engine_action {
    NARU__ENGINE_DO_NONE = 0,
    NARU__ENGINE_DO_PONG_PROBE,  /* send "3probe" on the probe */
    NARU__ENGINE_DO_SWITCH,      /* the probe is the transport now: send it all of the queue, tell the application */
    NARU__ENGINE_DO_PING,        /* send "2" on the WebSocket */
    NARU__ENGINE_DO_PONG,        /* send "3" on the WebSocket */
    NARU__ENGINE_DO_ANSWER,      /* answer the GET that hangs with naru__engine_session_payload */
    NARU__ENGINE_DO_END_PROBE,   /* close the probe */
    NARU__ENGINE_DO_DRAINED,     /* the queue has room again: tell the application */
    NARU__ENGINE_DO_TELL_CLOSED, /* tell the application; once */
    NARU__ENGINE_DO_END,         /* close the WebSocket */
    NARU__ENGINE_DO_FORGET       /* the session is over, and its id unknown; last */
} naru__engine_action;

/* Messages in their order. */
typedef struct naru__engine_queue {
    naru__engine_message **ring;
    uint32_t first, count, capacity;
    uint64_t bytes; /* overhead included, without control packets */
} naru__engine_queue;

typedef struct naru__engine_session {
    const naru__engine_options *options;
    const naru_allocator *allocator;
    naru__engine_queue queue;
    uint64_t heartbeat_ms;   /* the next ping, or the end of the wait for its answer or for the client's ping */
    uint64_t upgrade_ms;     /* the probe's time; of a CLOSING one: when it is given up */
    uint64_t noop_ms;        /* when a GET that hangs is let go */
    const char *description; /* of the close; static */
    uint16_t actions;        /* bits of naru__engine_action */
    uint8_t revision;
    uint8_t transport; /* POLLING or WEBSOCKET */
    uint8_t state;
    uint8_t reason;
    bool base64 : 1; /* the client takes no binary */
    bool awaiting_pong : 1;
    bool extended : 1; /* that wait, by another packet */
    bool get : 1;      /* one hangs */
    bool post : 1;     /* one is being read */
    bool probe : 1;
    bool probed : 1; /* it has said "2probe" */
    bool over_high : 1;
    bool pong_queued : 1;
    bool client_closed : 1; /* it has said "1" */
    bool late : 1;          /* the GET came when it was CLOSING */
} naru__engine_session;

/* shapes    options: borrowed for its life. transport: which the handshake came by. */
void naru__engine_session_init(naru__engine_session *session, const naru__engine_options *options,
                               const naru_allocator *allocator, int revision, naru__engine_way transport,
                               uint64_t now_ms);
void naru__engine_session_deinit(naru__engine_session *session);

naru__engine_action naru__engine_session_next(naru__engine_session *session);
/* When naru__engine_session_tick is to be called; UINT64_MAX: never. It may lie in the past. */
uint64_t naru__engine_session_deadline_ms(const naru__engine_session *session);
void naru__engine_session_tick(naru__engine_session *session, uint64_t now_ms);
/* A ping or the end of a wait is due and the tick has not come yet: it goes before a request that comes now. false too
 * when it is long overdue: then the loop was away, and the request may have waited as well. */
bool naru__engine_heartbeat_due(const naru__engine_session *session, uint64_t now_ms);

/* ---- polling ------------------------------------------------------------------------------------------------- */

/* A GET has come, and hangs until DO_ANSWER. errors NARU_ERR_STATE: refuse it; if another hangs the session ends. */
NARU_MUST_USE naru_status naru__engine_session_get(naru__engine_session *session, uint64_t now_ms);
/* A POST begins. errors NARU_ERR_STATE: refuse it; the session ends over it. */
NARU_MUST_USE naru_status naru__engine_session_post(naru__engine_session *session);
void naru__engine_session_posted(naru__engine_session *session);
/* The connection of the GET or POST broke off before it was answered. */
void naru__engine_session_broken(naru__engine_session *session);
/* Append the payload that answers the GET, which hangs no longer.
 * errors    NARU_ERR_MEMORY: answer with an error; the session has failed. */
NARU_MUST_USE naru_status naru__engine_session_payload(naru__engine_session *session, naru_buf *out, bool *octets_out);

/* ---- websocket ----------------------------------------------------------------------------------------------- */

/* A WebSocket has come for the session. errors NARU_ERR_STATE: close it. */
NARU_MUST_USE naru_status naru__engine_session_probe(naru__engine_session *session, uint64_t now_ms);
/* A WebSocket has ended; the probe when there is one. clean: with a Close of both. */
void naru__engine_session_ended(naru__engine_session *session, naru__engine_way way, bool clean);
/* The next of the queue, for DO_SWITCH; its reference is the caller's. NULL: no more. */
naru__engine_message *naru__engine_session_pop(naru__engine_session *session);

/* ---- both ---------------------------------------------------------------------------------------------------- */

/* A packet has come. errors NARU_OK: it is a message, hand it on. NARU_MORE: it is dealt with. NARU_END: take no more
 * of this way. */
NARU_MUST_USE naru_status naru__engine_session_packet(naru__engine_session *session, naru__engine_way way,
                                                      const naru__engine_packet *packet, uint64_t now_ms);
/* What came was no packet. */
void naru__engine_session_garbled(naru__engine_session *session, naru__engine_way way);
/* Queue a message while the transport is polling; a reference is taken.
 * errors    NARU_FULL, NARU_ERR_TOO_BIG (refused), NARU_ERR_STATE, NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__engine_session_send(naru__engine_session *session, naru__engine_message *message);
/* End it in order: what is queued and a close packet still go out. Again is harmless. */
void naru__engine_session_close(naru__engine_session *session, naru__engine_reason reason, uint64_t now_ms);
/* End it here. description: static, or NULL. */
void naru__engine_session_fail(naru__engine_session *session, naru__engine_reason reason, const char *description);

/* ---- for this room's engine_ files --------------------------------------------------------------------------- */

static inline void naru__engine_do(naru__engine_session *session, naru__engine_action action)
{
    session->actions = (uint16_t)(session->actions | 1u << action);
}
/* A control packet on whatever the transport is: '2' or '3'. */
void naru__engine_session_control(naru__engine_session *session, char type);
void naru__engine_heartbeat_start(naru__engine_session *session, uint64_t now_ms);
void naru__engine_heartbeat_tick(naru__engine_session *session, uint64_t now_ms);
/* A ping or pong. false: in the direction that this revision does not have. */
bool naru__engine_heartbeat_packet(naru__engine_session *session, char type, uint64_t now_ms);
void naru__engine_heartbeat_heard(naru__engine_session *session, uint64_t now_ms); /* any other packet */
naru_status naru__engine_upgrade_packet(naru__engine_session *session, const naru__engine_packet *packet,
                                        uint64_t now_ms);
void naru__engine_upgrade_tick(naru__engine_session *session, uint64_t now_ms);
/* Answer the GET that hangs, if the client wants to leave polling and none was let go just now. */
void naru__engine_upgrade_let_go(naru__engine_session *session, uint64_t now_ms);
void naru__engine_upgrade_end(naru__engine_session *session); /* the probe is over, or has been let down */

#endif
