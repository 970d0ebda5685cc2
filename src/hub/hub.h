/* The hub's inside, for this room's files.
 *
 *   hub --channels--> channel --members[place]--> member --> subscriber
 *   subscriber --> its list of members;   hub --members--> member by (subscriber, channel)
 *
 * A channel's members stand in an array in the order they came, so that a fan-out walks memory forwards. Who leaves
 * leaves a hole; the array is closed up when nobody walks it. */
#ifndef NARU_HUB_HUB_H
#define NARU_HUB_HUB_H

#include "base/memory.h"
#include "base/sip.h"
#include "table.h"
#include <naru/hub.h>

typedef struct naru__channel naru__channel;
typedef struct naru__job naru__job;

typedef struct naru__member {
    naru__entry entry; /* first; among the hub's, by subscriber and channel */
    naru_subscriber *subscriber;
    naru__channel *channel;
    struct naru__member *next, **link; /* the subscriber's */
    uint64_t since;                    /* the number of the first publication that it gets; NARU__WAITS: not yet any */
    uint32_t place;                    /* in the channel */
    bool wants_presence;
    void *ticket;  /* of the shard's: the answer that it waits for */
    void *goodbye; /* of the shard's: the letter that tells the home, made in time so that leaving cannot fail */
} naru__member;

#define NARU__WAITS UINT64_MAX

struct naru__channel {
    naru__entry entry;           /* first; among the hub's, by name */
    naru__channel *next, **link; /* all of the hub */
    naru__member **members;      /* [0, end), with holes */
    naru__member *one;           /* room enough for many a channel: members is &one then */
    uint32_t room, end, count;
    uint32_t watchers; /* of its members, those who want to hear who comes and goes */
    uint32_t pins;     /* who holds on to it or walks it: it is not freed, and members keep their places */
    uint32_t name_bytes;
    uint8_t name[];
};

struct naru_subscriber {
    naru_hub *hub;
    const naru_subscriber_calls *calls;
    void *user;
    uint64_t id;
    uint64_t served; /* the number of the last publication to several channels that it got */
    uint64_t met;    /* the last walk over several channels that it was met by */
    naru__member *members;
    uint32_t members_count;
    naru__member self; /* of hub->everyone, but in no table and no list */
};

/* One queued publication, with the channels as they were when it was published; each is pinned. */
struct naru__job {
    naru__job *next;
    naru_publication *publication;
    uint64_t number;
    size_t bytes;
    void (*release)(naru__job *job); /* whose memory it is; NULL: the hub's */
    uint32_t channels_count, except_channels_count, except_subscribers_count;
    bool plain; /* one channel, nobody excepted */
    union {
        naru__channel *channel;
        uint64_t subscriber;
    } of[]; /* channels, except_channels, except_subscribers */
};

/* A walk over one subscriber's channels. */
typedef struct naru__cursor {
    naru__member *next;
    struct naru__cursor *outer; /* the walk that this one is inside of */
} naru__cursor;

struct naru_hub {
    naru_hub_options options;
    const naru_allocator *allocator;
    naru__sip_key key;
    naru__table channels, members;
    naru__channel *first;    /* of all channels */
    naru__channel *everyone; /* of every subscriber; not in the table */
    uint64_t ids, number, walks;
    unsigned walking; /* how deep */

    naru__job *jobs, **jobs_end;
    size_t jobs_count;
    size_t batch;        /* how many of the first jobs are on their way together; 0: none */
    uint32_t at_channel; /* how far they are */
    uint32_t at_place;
    bool running;
    naru__cursor *cursors;
    void (*on_left)(naru__member *member, void *user); /* the shard's; NULL */
    void *on_left_user;
};

/* NULL: nobody subscribes to it. */
naru__channel *naru__channel_find(const naru_hub *hub, naru_span name);
static inline naru_span naru__channel_name(const naru__channel *channel)
{
    return (naru_span){channel->name, channel->name_bytes};
}
static inline void naru__channel_pin(naru__channel *channel)
{
    channel->pins++;
}
/* It may be gone afterwards. */
void naru__channel_unpin(naru_hub *hub, naru__channel *channel);
naru__channel *naru__channel_new(const naru_hub *hub, naru_span name);
naru__channel *naru__channel_get(naru_hub *hub, naru_span name);   /* made if need be. NULL: no memory */
void naru__channel_release(naru_hub *hub, naru__channel *channel); /* free it if it is of no more use */
void naru__channel_free(naru_hub *hub, naru__channel *channel);
NARU_MUST_USE naru_status naru__channel_add(naru_hub *hub, naru__channel *channel, naru__member *member);
void naru__channel_remove(naru_hub *hub, naru__channel *channel, naru__member *member);

/* NULL: it does not subscribe. */
naru__member *naru__member_find(const naru_subscriber *subscriber, const naru__channel *channel);
/* naru_hub_subscribe; waits: nothing is delivered until naru__member_begin. */
NARU_MUST_USE naru_status naru__member_join(naru_subscriber *subscriber, naru_span name, bool waits,
                                            naru__member **member_out);
void naru__member_leave(naru__member *member);
void naru__member_begin(naru__member *member);

void naru__jobs_drop(naru_hub *hub);
/* naru_hub_publish_to_channel that cannot fail: the job's memory is the caller's until release. The queue's bound is
 * for the caller to see to. */
enum { NARU__JOB_BYTES = sizeof(naru__job) + sizeof(uint64_t) };
void naru__job_push(naru_hub *hub, naru__job *job, naru_publication *publication, void (*release)(naru__job *job));

#endif
