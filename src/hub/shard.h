/* A shard: what one loop has of a hub that spans several. It is a plain naru_hub for its own subscribers, the home of
 * the channels whose names hash to it, and a correspondent of the other shards.
 *
 *   subscriber's shard --LISTEN, PUBLISH, ...--> the channel's home --DELIVER, ANSWER--> shards that have subscribers
 *
 * Letters between two shards keep their order, also those to itself; nothing else is asked of whoever carries them. So
 * the home's order is everybody's, and an answer stands in it at the place where it was given: who subscribes hears
 * nothing until the answer is there, then what was missed, then all that follows.
 *
 * Not for: threads and clocks (pubsub/). Source: none. */
#ifndef NARU_HUB_SHARD_H
#define NARU_HUB_SHARD_H

#include "base/wheel.h"
#include "hub.h"
#include "letter.h"
#include "rules.h"

typedef struct naru__shard naru__shard;

typedef struct naru__shard_options {
    naru_hub_options hub; /* its key must be the same in all shards, its allocator is this shard's own */
    uint32_t index, count;
    naru_channel_rules rules;
    void (*rules_of)(void *user, naru_span channel, naru_channel_rules *rules); /* changes them for one; NULL */
    naru_store store;   /* taken over; none: one in memory is made */
    naru_broker broker; /* taken over; none: publications stay in the process */
    uint64_t epoch_seed;
    uint32_t asked_max; /* answers that this shard may wait for; 65,536 */
    uint64_t now_ms;
    /* Carry a letter to shard letter->to, which may be this one: then not inside this call. */
    void (*send)(void *user, naru__letter *letter);
    void *user;
} naru__shard_options;

NARU_MUST_USE naru_status naru__shard_new(const naru__shard_options *options, naru__shard **shard_out);
/* Waiting answers are given as NARU_ERR_CLOSED. */
void naru__shard_free(naru__shard *shard);
naru_hub *naru__shard_hub(const naru__shard *shard);
uint32_t naru__shard_home(const naru__shard *shard, naru_span channel);

/* done comes once for each call that answered NARU_OK, never inside it; for a subscriber that leaves first with
 * NARU_ERR_STATE. If it subscribed, what was missed is delivered right after done, and then all that is new.
 * errors    as naru_hub_subscribe; NARU_ERR_STATE: it subscribes already. NARU_ERR_ARGUMENT: presence breaks its rules.
 *           NARU_ERR_TOO_MANY also: asked_max. */
NARU_MUST_USE naru_status naru__shard_subscribe(naru__shard *shard, naru_subscriber *subscriber, naru_span channel,
                                                const naru_subscription *how);
/* Is nobody there who would hear it or want it later, as far as this shard can tell? Then it need not be made. */
bool naru__shard_unheard(const naru__shard *shard, naru_span channel);
/* Takes one reference, also when it fails; nobody else may have seen the publication. audience NULL: its channel's
 * subscribers, numbered and kept. An audience is not: it is only put in order, by the home of its first channel. */
NARU_MUST_USE naru_status naru__shard_publish_take(naru__shard *shard, const naru_audience *audience,
                                                   naru_publication *publication, naru_channel_answer_fn *done,
                                                   void *user);
NARU_MUST_USE naru_status naru__shard_history(naru__shard *shard, naru_span channel, const naru_history_range *range,
                                              naru_channel_answer_fn *done, void *user);
NARU_MUST_USE naru_status naru__shard_presence(naru__shard *shard, naru_span channel, uint32_t limit,
                                               naru_channel_answer_fn *done, void *user);
NARU_MUST_USE naru_status naru__shard_counts(naru__shard *shard, naru_span channel, naru_channel_answer_fn *done,
                                             void *user);

/* A letter has come; it is the shard's now. */
void naru__shard_receive(naru__shard *shard, naru__letter *letter);
/* Let time pass. Answers when to call again at the latest, in milliseconds; UINT64_MAX: never. */
uint64_t naru__shard_advance(naru__shard *shard, uint64_t now_ms);

#endif
