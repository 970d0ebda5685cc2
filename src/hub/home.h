/* A shard's inside, and what it is home to. For shard.c, home.c and presence.c. */
#ifndef NARU_HUB_HOME_H
#define NARU_HUB_HOME_H

#include "shard.h"

/* Somebody present on a channel. Both publications were made when it came, so that leaving cannot fail. */
typedef struct naru__present {
    naru__entry entry;                  /* first; among the shard's, by channel and client */
    struct naru__present *next, **link; /* of the channel's */
    naru_publication *join, *leave;
} naru__present;

/* How many connections a user has on a channel. */
typedef struct naru__present_user {
    naru__entry entry; /* first */
    const struct naru__home *home;
    uint32_t count, name_bytes;
    uint8_t name[];
} naru__present_user;

/* One channel, at home. It is there while anybody subscribes to it or an answer is under way; its history is the
 * store's. */
typedef struct naru__home {
    naru__entry entry; /* first */
    naru_channel_rules rules;
    naru_position head;
    uint64_t listeners;
    uint32_t pending; /* answers of drivers that are under way */
    bool brokered;    /* the broker brings its messages */
    naru__present *present;
    uint64_t present_count, users_count;
    uint32_t name_bytes;
    uint32_t shards[]; /* listeners of each; the name stands behind */
} naru__home;

/* What waits for a driver or another shard. */
typedef struct naru__ticket {
    naru__entry entry; /* first */
    uint64_t id;
    naru_channel_answer_fn *done; /* of one's own questions */
    void *user;
    naru__member *member;
    naru__home *home;     /* of those to a driver */
    naru__letter *letter; /* what is to be answered; of a member that left meanwhile: its goodbye */
    bool is_in;           /* the home has let the member in */
} naru__ticket;

struct naru__shard {
    naru__shard_options options;
    const naru_allocator *allocator;
    naru_hub *hub;
    naru__table homes, present, users, tickets;
    uint64_t tickets_count, epochs, now_ms;
    bool closing;
};

static inline naru_span naru__home_name(const naru__shard *shard, const naru__home *home)
{
    return (naru_span){(const uint8_t *)(home->shards + shard->options.count), home->name_bytes};
}

naru__ticket *naru__ticket_new(naru__shard *shard); /* NULL: no memory */
naru__ticket *naru__ticket_find(const naru__shard *shard, uint64_t id);
void naru__ticket_free(naru__shard *shard, naru__ticket *ticket);

naru__home *naru__home_find(const naru__shard *shard, naru_span name); /* NULL: nobody is there */
naru__home *naru__home_get(naru__shard *shard, naru_span name);        /* made if need be. NULL: no memory */
void naru__home_release(naru__shard *shard, naru__home *home);         /* free it if it is of no more use */
uint64_t naru__home_next_epoch(naru__shard *shard);
/* Turn a letter round. It is gone afterwards; callbacks may have run. */
void naru__home_answer(naru__shard *shard, naru__letter *letter, naru_status status);
void naru__home_post(naru__shard *shard, naru__letter *letter, uint32_t to);
/* What a driver is asked for, and the end of that; NULL: no memory. */
naru__ticket *naru__home_ask_driver(naru__shard *shard, naru__home *home, naru__letter *letter);
naru__letter *naru__home_driver_done(naru__shard *shard, naru__ticket *ticket, naru__home **home_out);
/* home_publish.c */
void naru__home_publish(naru__shard *shard, naru__letter *letter);
void naru__home_appended(void *user, uint64_t id, naru_status status, naru_position position);
void naru__home_published(void *user, uint64_t id, naru_status status);
void naru__home_message(void *user, naru_publication *publication);
void naru__home_lost(void *user);
/* home_listen.c */
void naru__home_attend(naru__shard *shard, naru__home *home, naru__letter *letter);
void naru__home_read_done(void *user, uint64_t id, naru_status status, naru_position head,
                          naru_publication *const *items, size_t count);
/* ask.c, join.c */
void naru__shard_send(naru__shard *shard, naru__letter *letter, uint32_t to);
bool naru__shard_name_fits(const naru__shard *shard, naru_span name);
void naru__shard_on_left(naru__member *member, void *user);
void naru__shard_receive_answer(naru__shard *shard, naru__letter *letter);

/* The home's half of receiving. */
void naru__home_receive(naru__shard *shard, naru__letter *letter);
NARU_MUST_USE naru_status naru__home_open(naru__shard *shard); /* its drivers */
void naru__home_close(naru__shard *shard);
void naru__home_free(naru__shard *shard, naru__home *home);
/* Give a publication to all that listen; spares are used up, or made where there are none. */
void naru__home_distribute(naru__shard *shard, naru__home *home, naru_publication *publication, naru__letter *carrier);

/* join's reference is taken where it is kept. */
NARU_MUST_USE naru_status naru__presence_enter(naru__shard *shard, naru__home *home, naru_publication *join);
void naru__presence_leave(naru__shard *shard, naru__home *home, const naru_publication *join);
void naru__presence_list(const naru__home *home, naru__letter *letter, uint32_t limit);

#endif
