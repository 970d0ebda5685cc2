/* Connection state recovery: what is kept of a session that went away, and what it has missed meanwhile. One for each
 * namespace. It reads no clock, draws no ids and knows no sockets: time, ids and owners are handed in.
 *
 * The events' log is bounded by count, bytes and age, the sessions by count and age. A client may come back
 *   - with the offset of the last event it saw, or with none if it saw none: then everything since it came counts;
 *   - while its old connection still looks alive: restore names the ghost, whoever owns it lets go, and it may try
 *     again;
 *   - once for each time it went: a session that was restored is in use, and a replay is not given a second time.
 * Not for: the wire (the offset is an event's last argument; pid and offset come in CONNECT's data), logs that outlive
 * the process. Source: Socket.IO 4.6, "Connection state recovery". */
#ifndef NARU_SOCKETIO_RECOVERY_H
#define NARU_SOCKETIO_RECOVERY_H

#include <naru/base.h>

/* 0 in a field means its default. */
typedef struct naru__sio_recovery_options {
    uint64_t away_ms_max;  /* how long a session and an event are kept; 120000 */
    size_t log_bytes_max;  /* all events' text, attachments and rooms together; 4 MiB */
    uint32_t events_max;   /* 10000 */
    uint32_t sessions_max; /* that are away; more are not kept; 10000 */
} naru__sio_recovery_options;

typedef struct naru__sio_recovery naru__sio_recovery;

enum { NARU__SIO_OFFSET_BYTES_MAX = 40, NARU__SIO_EPOCH_BYTES_MAX = 20, NARU__SIO_PID_BYTES_MAX = 64 };

/* shapes    epoch: 1 to 20 letters, digits, - and _ that differ from those of every earlier log: it is in each
 *           offset, so that one of another process is known to be strange. options NULL: the defaults.
 * errors    NARU_ERR_MEMORY, NARU_ERR_ARGUMENT. */
NARU_MUST_USE naru_status naru__sio_recovery_new(naru_span epoch, const naru__sio_recovery_options *options,
                                                 const naru_allocator *allocator, naru__sio_recovery **out);
void naru__sio_recovery_free(naru__sio_recovery *recovery); /* NULL is fine */

/* ---- the log ------------------------------------------------------------------------------------------------ */

/* An event that sessions may miss. An event without rooms is for everyone; one for a single socket has its id as room.
 * lifetime  log copies it; replay hands out its own until the next call that changes the log. */
typedef struct naru__sio_recovery_event {
    naru_span data; /* the JSON array, with the offset as its last element */
    const naru_span *attachments;
    const naru_span *rooms;
    const naru_span *except;
    uint32_t attachments_count;
    uint32_t rooms_count;
    uint32_t except_count;
} naru__sio_recovery_event;

/* Where the log stands: the number of the last event, 0 before the first. A socket keeps what this was when it
 * joined. */
uint64_t naru__sio_recovery_position(const naru__sio_recovery *recovery);
/* The text of a position. The next event's is that of position + 1. What is not logged (volatile, or with an ack) but
 * reaches a client of this log carries the text of the position itself: then no argument of the application
 * is taken for an offset. Answers its size. */
size_t naru__sio_recovery_offset(const naru__sio_recovery *recovery, uint64_t position,
                                 char out[NARU__SIO_OFFSET_BYTES_MAX]);
/* Take the next event; position grows by one in any case.
 * errors    NARU_ERR_MEMORY, NARU_ERR_TOO_BIG (alone above log_bytes_max): it and all before it are forgotten, so
 *           that nobody is restored across the gap. */
NARU_MUST_USE naru_status naru__sio_recovery_log(naru__sio_recovery *recovery, const naru__sio_recovery_event *event,
                                                 uint64_t now_ms);

/* ---- sessions ----------------------------------------------------------------------------------------------- */

/* lifetime  of a session handed out: until the next call on the recovery. */
typedef struct naru__sio_recovery_session {
    naru_span pid; /* private id, at most NARU__SIO_PID_BYTES_MAX */
    naru_span sid; /* public id */
    const naru_span *rooms;
    uint32_t rooms_count;
    naru_span data;    /* what the application keeps of it, any bytes */
    uint64_t position; /* of the log when the socket joined: what counts as seen by one that saw no event */
    uint64_t sent;     /* the last event that was sent to the socket, its position at joining before that; 0: not known.
                        * A client that saw this one comes back however far the log has moved on before it went */
} naru__sio_recovery_session;

/* A socket of that pid is alive. owner: who is named as the ghost if its client comes back too early; never NULL.
 * errors    NARU_ERR_MEMORY, NARU_ERR_ARGUMENT (size of the pid), NARU_ERR_STATE: the pid is there already. */
NARU_MUST_USE naru_status naru__sio_recovery_enter(naru__sio_recovery *recovery, naru_span pid, void *owner);
/* It went away for a reason that it may come back from: keep the session. Nothing if `owner` has lost the pid.
 * errors    NARU_ERR_MEMORY, NARU_ERR_TOO_MANY (sessions_max): it is not kept, and cannot come back. NARU_ERR_STATE:
 *           the pid is not owner's. */
NARU_MUST_USE naru_status naru__sio_recovery_save(naru__sio_recovery *recovery,
                                                  const naru__sio_recovery_session *session, void *owner,
                                                  uint64_t now_ms);
/* A session that was restored, and of which nothing was replayed, was not let in: it is away again, for as long as it
 * had left. session: as restore gave it; its data may have changed. errors as of save. */
NARU_MUST_USE naru_status naru__sio_recovery_give_back(naru__sio_recovery *recovery,
                                                       const naru__sio_recovery_session *session, void *owner);
/* It went for good. Nothing if `owner` has lost the pid. */
void naru__sio_recovery_leave(naru__sio_recovery *recovery, naru_span pid, void *owner);

/* What restore says. */
typedef struct naru__sio_recovery_restored {
    naru__sio_recovery_session session;
    uint64_t after; /* replay what is behind this position */
    void *ghost;    /* with NARU_ERR_STATE: who must save and let go first */
} naru__sio_recovery_restored;

/* Give the session back; from now on it is owner's, and alive. Then walk naru__sio_recovery_replay.
 *
 * shapes    offset: as the client sent it; empty: it sent none.
 * errors    NARU_ERR_STATE: the pid is alive, out->ghost owns it: have that one save and close, then call again.
 *           NARU_ERR_REFUSED: unknown or expired pid, strange offset, an offset that the log has lost, or one from
 *           which events were replayed before (the client may hold them, and would see them twice): it is a new
 *           session.
 *           If the pid was away, out->session is what it was, for the application to know, and it is not kept. */
NARU_MUST_USE naru_status naru__sio_recovery_restore(naru__sio_recovery *recovery, naru_span pid, naru_span offset,
                                                     void *owner, uint64_t now_ms, naru__sio_recovery_restored *out);
/* The next event behind *position that is for the session: (no rooms, or one of its rooms) and none of its rooms
 * excepted. Start with *position = restored.after. false: no more. Call it before anything else changes the log. */
bool naru__sio_recovery_replay(const naru__sio_recovery *recovery, const naru__sio_recovery_session *session,
                               uint64_t *position, naru__sio_recovery_event *event_out);

/* Time has passed: the log forgets what is too old, and a session that was away too long is handed out, one a call, to
 * tell the application. false: none is due. */
bool naru__sio_recovery_expire(naru__sio_recovery *recovery, uint64_t now_ms, naru__sio_recovery_session *session_out);
/* When to call expire next; UINT64_MAX: nothing is kept. */
uint64_t naru__sio_recovery_expire_at_ms(const naru__sio_recovery *recovery);

#endif
