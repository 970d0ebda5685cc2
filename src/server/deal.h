/* One server accepts for several: each connection goes to the one that has fewest. */
#ifndef NARU_SERVER_DEAL_H
#define NARU_SERVER_DEAL_H

#include "server/server.h"
#include <stdatomic.h>

/* One server of those that are dealt to. */
struct naru__hand {
    naru__deal *deal;
    naru_server *server; /* of the first: NULL once it has ended, on its own thread */
    atomic_uint held;    /* connections, those on their way to it included */
};

struct naru__deal {
    naru__hand *hands; /* the first one accepts */
    naru_loop *loop;   /* the first one's, which outlives all servers: other threads post to it */
    uint32_t count;
    uint32_t next;    /* where to begin looking */
    atomic_bool full; /* none has room: the listeners are paused */
};

/* One connection more; of a server that is dealt to naru__deal_out has counted it. NULL is fine. */
static inline void naru__hand_takes(naru__hand *hand)
{
    if (hand) {
        atomic_fetch_add_explicit(&hand->held, 1, memory_order_relaxed);
    }
}

/* The first server's listening, which is the newest, is to be dealt out: all servers know of it from here on.
 * errors    NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__deal_listening(naru__deal *deal);
/* An accepted socket. It is taken over, or closed. */
void naru__deal_out(naru__listening *listening, int fd, const naru__peer *peer);
/* A connection of this server has gone. */
void naru__deal_released(naru__hand *hand);

#endif
