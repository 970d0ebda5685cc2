/* A pubsub's inside.
 *
 *   letters to other loops:  outbox (newest first) --one compare-and-swap a turn--> the other's mailbox --one post-->
 *   letters to itself:       own, read at the end of the turn
 *   end of a turn:           own letters, then a slice of deliveries, then outboxes; then io sends what was queued */
#ifndef NARU_PUBSUB_PUBSUB_H
#define NARU_PUBSUB_PUBSUB_H

#include <stdatomic.h>

#include "conn/conn.h"
#include "hub/shard.h"
#include "io/loop.h"
#include <naru/pubsub.h>

typedef struct naru__outbox {
    naru__letter *newest, *oldest;
    size_t count;
    bool wake_owed; /* the letters are over there, but nobody could be told for want of memory */
} naru__outbox;

/* What one loop has of it. Other threads touch the mailbox and the two counts of what waits, and nothing else. */
typedef struct naru__pubsub_part {
    naru_pubsub *pubsub;
    naru_loop *loop;
    naru__shard *shard;
    uint32_t index;
    naru__letter *own, **own_end;
    size_t own_count;
    naru__outbox *outboxes;
    naru__deferred deferred;
    naru__loop_timer timer;
    struct naru__pubsub_peer *peers;
    uint8_t apart[64];               /* the others' writes stay out of the cache line of what is above */
    _Atomic(naru__letter *) mailbox; /* newest first */
    atomic_size_t in_mailbox;        /* letters that were put there and are not read */
    atomic_size_t queued;            /* publications that wait here, as of the last turn's end */
} naru__pubsub_part;

struct naru_pubsub {
    naru_pubsub_options options;
    uint32_t parts_count;
    naru__pubsub_part *parts[];
};

/* A connection that has subscribed. */
typedef struct naru__pubsub_peer {
    naru__conn_attachment attachment; /* first */
    naru__pubsub_part *part;
    naru_conn *conn;
    naru_subscriber *subscriber;
    struct naru__pubsub_peer *next, **link; /* the part's */
} naru__pubsub_peer;

/* NULL: no such loop; loop NULL: the first. */
naru__pubsub_part *naru__pubsub_part_of(const naru_pubsub *pubsub, const naru_loop *loop);

/* carry.c */
void naru__pubsub_carry_init(naru__pubsub_part *part);
void naru__pubsub_carry_deinit(naru__pubsub_part *part); /* drops what is on its way */
void naru__pubsub_send(void *part, naru__letter *letter);
void naru__pubsub_wake(void *part); /* see to the end of this turn */
/* Does any of the loops have queue_max publications waiting? A little late for the others, exact for this one. */
bool naru__pubsub_crowded(const naru__pubsub_part *part);

/* peer.c */
naru__pubsub_peer *naru__pubsub_peer_find(const naru_pubsub *pubsub, const naru_conn *conn);
void naru__pubsub_peers_free(naru__pubsub_part *part);

#endif
