/* Answers that we wait for: of one socket, or of all that a broadcast went to.
 *
 * An answer is found by its ack id and its socket: a broadcast has one id for all, so that it is encoded once. The
 * wait ends with the answer, the deadline or the socket, whichever comes first. Source: Socket.IO protocol 5. */
#ifndef NARU_SOCKETIO_SERVER_ACK_H
#define NARU_SOCKETIO_SERVER_ACK_H

#include "sio.h"

struct naru__sio_awaited {
    naru__sio_awaited *next_in_bucket;
    naru__sio_awaited *next, **link; /* of its socket */
    naru__sio_awaited *next_of_poll, **link_of_poll;
    naru_sio_socket *socket;
    uint64_t id;
    naru__sio_poll *poll; /* NULL: one socket was asked */
    naru_sio_on_answer *on_answer;
    void *user;
    naru__loop_timer deadline;
};

/* Wait for an answer of that socket. timeout_ms 0: for as long as it is there.
 * errors    NARU_ERR_TOO_MANY, NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__sio_await(naru_sio_socket *socket, uint64_t id, uint32_t timeout_ms,
                                          naru_sio_on_answer *on_answer, void *user, naru__sio_awaited **awaited_out);
NARU_MUST_USE naru_status naru__sio_await_for_poll(naru_sio_socket *socket, uint64_t id, naru__sio_poll *poll,
                                                   naru__sio_awaited **awaited_out);
void naru__sio_await_cancel(naru__sio_awaited *awaited);                                     /* without a word */
void naru__sio_answered(naru_sio_socket *socket, uint64_t id, const naru_sio_event *answer); /* unknown is fine */
void naru__sio_await_gone(naru_sio_socket *socket); /* it disconnected: NARU_ERR_CLOSED for each */
void naru__sio_acks_deinit(naru_sio_namespace *nsp);

/* poll.c: errors NULL: no memory. */
naru__sio_poll *naru__sio_poll_new(naru_sio *io, uint32_t timeout_ms, naru_sio_on_responses *on_responses, void *user);
void naru__sio_poll_start(naru__sio_poll *poll);  /* all have been asked */
void naru__sio_poll_cancel(naru__sio_poll *poll); /* without a word */
void naru__sio_poll_answered(naru__sio_poll *poll, naru_span id, const naru_sio_event *answer); /* id: whose */
void naru__sio_poll_lost(naru__sio_poll *poll);   /* one of them will not answer */
void naru__sio_poll_missed(naru__sio_poll *poll); /* one could not even be waited for */
void naru__sio_polls_end(naru_sio *io);           /* those of all */
/* Of a group: */
uint64_t naru__sio_poll_id(const naru__sio_poll *poll);
size_t naru__sio_poll_asked(const naru__sio_poll *poll);
naru__sio_poll *naru__sio_poll_find(const naru_sio *io, uint64_t id); /* NULL: it is over */
/* One that hands on to member `to` what is answered, for its poll. */
naru__sio_poll *naru__sio_poll_for(naru_sio *io, uint32_t timeout_ms, uint32_t to, uint64_t question);
void naru__sio_poll_expect(naru__sio_poll *poll, size_t answers); /* so many more */
void naru__sio_poll_spread(naru__sio_poll *poll, uint32_t loops); /* so many loops will say whom they asked */
void naru__sio_poll_heard_of(naru__sio_poll *poll, size_t asked); /* one of them has */
/* Each awaited of a poll stands in its list. */
void naru__sio_poll_add(naru__sio_poll *poll, naru__sio_awaited *awaited);

#endif
