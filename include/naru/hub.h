/* <naru/hub.h>: who hears what: channels, those who subscribe to them, and publications that are encoded once however
 * many listen. It makes no system call, reads no clock and starts no thread; <naru/pubsub.h> gives it loops.
 *
 * A hub and all that is on it belong to one thread; only a publication may be shared between threads. No callback runs
 * inside the call that caused it: publishing queues, and naru_hub_run delivers. Source: none. */
#ifndef NARU_HUB_H
#define NARU_HUB_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_hub naru_hub;
typedef struct naru_subscriber naru_subscriber;

/* ---- publications --------------------------------------------------------------------------------------------- */

typedef enum naru_publication_kind {
    NARU_PUBLICATION_MESSAGE = 0,
    NARU_PUBLICATION_JOIN, /* somebody is present on the channel from here on; data is a naru_presence's */
    NARU_PUBLICATION_LEAVE /* and is no longer */
} naru_publication_kind;

/* A place in a channel: offset counts its publications from 1 on, and is worth something only together with the epoch,
 * which is another one whenever a channel has lost its past. epoch 0: no place. */
typedef struct naru_position {
    uint64_t epoch, offset;
} naru_position;

/* Who is present on a channel. A user may be there by several connections.
 *
 * shapes    client: one connection, the same string for one connection only; 1 to 256 bytes. user: whom it belongs to;
 *           at most 256, may be empty. data: the application's own, at most presence_bytes_max. since_ms: when it came,
 *           by the hub's clock. */
typedef struct naru_presence {
    naru_span client, user, data;
    uint64_t since_ms;
} naru_presence;

/* What was published: frozen once it was handed to a hub, shared by reference, also between threads. Do not write the
 * fields.
 *
 * shapes    tag: the publisher's own, such as a naru_ws_kind. position: of a message on a numbered channel, else zero.
 *           time_ms: by the hub's clock. presence: of JOIN and LEAVE; alone: its user has no other connection on
 *           the channel, so that the first JOIN and the last LEAVE of a user show. */
typedef struct naru_publication {
    naru_span channel, data;
    naru_position position;
    uint64_t time_ms;
    naru_publication_kind kind;
    uint32_t tag;
    naru_presence presence;
    bool alone;
} naru_publication;

/* Make one; channel and data are copied. allocator NULL: the default one; it must serve every thread that may hold a
 * reference. errors NULL: no memory. */
NARU_API NARU_MUST_USE naru_publication *naru_publication_new(const naru_allocator *allocator, naru_span channel,
                                                              uint32_t tag, naru_span data);
/* Any thread. */
NARU_API naru_publication *naru_publication_ref(naru_publication *publication);
NARU_API void naru_publication_unref(naru_publication *publication); /* NULL is fine */

/* Room for encodings that are made once, whoever needs them first. Each has its own number: */
enum {
    NARU_VARIANT_WS = 0,   /* a prepared WebSocket message */
    NARU_VARIANT_DIALECT,  /* up to five of one dialect: DIALECT .. DIALECT + 4 */
    NARU_VARIANT_USER = 6, /* and two of the application: USER, USER + 1 */
    NARU_VARIANTS = 8
};
typedef struct naru_variant {
    void (*free)(struct naru_variant *variant); /* on the thread of the last reference */
} naru_variant;

/* The publication's encoding number `slot`, made by make(publication, user) if it is not there yet. A struct of the
 * caller's that begins with a naru_variant. When two threads make one at once, one of the two is freed again.
 * lifetime  of the publication. errors NULL: make answered NULL. Any thread that holds a reference. */
NARU_API naru_variant *naru_publication_variant(naru_publication *publication, unsigned slot,
                                                naru_variant *(*make)(naru_publication *publication, void *user),
                                                void *user);

/* ---- the hub -------------------------------------------------------------------------------------------------- */

/* 0 and NULL mean the default that is named. */
typedef struct naru_hub_options {
    const naru_allocator *allocator; /* for everything but publications; the default one */
    uint8_t key[16];                 /* random: seeds the hash of names; drawn anew for each hub */
    uint32_t channel_bytes_max;      /* of a name; 256 */
    uint32_t channels_max;           /* 1,000,000 */
    uint32_t subscriptions_max;      /* of one subscriber; 1,000 */
    uint32_t queue_max;              /* publications that wait for naru_hub_run; 65,536 */
    /* The queue is no longer empty: have naru_hub_run called soon, at best at the end of the turn, so that all that is
     * published in a turn goes to each subscriber at once. Runs inside the call that published. */
    void (*wake)(void *user);
    void *user;
} naru_hub_options;

/* errors NARU_ERR_MEMORY. options NULL: the defaults (with a key that everybody knows: for tests). */
NARU_API NARU_MUST_USE naru_status naru_hub_new(const naru_hub_options *options, naru_hub **hub_out);
/* Frees its subscribers and drops what waits. NULL is fine. Not from a callback of it. */
NARU_API void naru_hub_free(naru_hub *hub);

/* ---- subscribers ---------------------------------------------------------------------------------------------- */

typedef struct naru_subscriber_calls {
    /* It may subscribe, unsubscribe, publish, and free any subscriber, this one too. lifetime: the publication's is
     * that of a reference; take one to keep it. */
    void (*deliver)(naru_subscriber *subscriber, naru_publication *publication, void *user);
    /* A hint, which may be NULL, may not come and changes nothing: its turn is near, `turns` subscribers on (2, then
     * 1), so that memory that it will need can be fetched meanwhile. */
    void (*near)(const naru_subscriber *subscriber, unsigned turns, void *user);
} naru_subscriber_calls;

/* calls is borrowed for its life. errors NULL: no memory. */
NARU_API NARU_MUST_USE naru_subscriber *naru_subscriber_new(naru_hub *hub, const naru_subscriber_calls *calls,
                                                            void *user);
/* Leaves every channel. NULL is fine; from any callback. */
NARU_API void naru_subscriber_free(naru_subscriber *subscriber);
NARU_API void *naru_subscriber_user(const naru_subscriber *subscriber);
NARU_API naru_hub *naru_subscriber_hub(const naru_subscriber *subscriber);
/* A number that no other subscriber of the hub has had or gets; never 0. */
NARU_API uint64_t naru_subscriber_id(const naru_subscriber *subscriber);

/* Subscribe to a channel: what is published from now on is delivered. Twice is once.
 * errors    NARU_ERR_TOO_BIG: the name is empty or longer than channel_bytes_max. NARU_ERR_TOO_MANY: subscriptions_max
 *           or channels_max. NARU_ERR_MEMORY. Nothing is changed then. */
NARU_API NARU_MUST_USE naru_status naru_hub_subscribe(naru_subscriber *subscriber, naru_span channel);
/* errors NARU_ERR_STATE: it does not subscribe to it. What waits to be delivered there is not. */
NARU_API naru_status naru_hub_unsubscribe(naru_subscriber *subscriber, naru_span channel);
NARU_API void naru_hub_unsubscribe_all(naru_subscriber *subscriber);
NARU_API bool naru_hub_subscribes(const naru_subscriber *subscriber, naru_span channel);

/* ---- publishing ----------------------------------------------------------------------------------------------- */

/* Whom a publication is for: the subscribers of any of `channels`, each once, without those in except_subscribers and
 * those who subscribe to any of except_channels. channels_count 0: every subscriber of the hub. At most 256 of each. */
typedef struct naru_audience {
    const naru_span *channels;
    size_t channels_count;
    const naru_span *except_channels;
    size_t except_channels_count;
    const uint64_t *except_subscribers; /* by naru_subscriber_id */
    size_t except_subscribers_count;
} naru_audience;

/* Is there anybody? true may be wrong where exceptions leave nobody; false never is. Ask before encoding. */
NARU_API bool naru_hub_heard(const naru_hub *hub, const naru_audience *audience);

/* Queue a publication; a reference is taken, the audience copied. Those who subscribe later do not get it. All get what
 * is queued in one order, that of these calls. Nobody listens: nothing is kept.
 * errors    NARU_ERR_ARGUMENT: more than 256 of something. NARU_ERR_TOO_MANY: queue_max. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_hub_publish(naru_hub *hub, const naru_audience *audience,
                                                    naru_publication *publication);
/* The same for the subscribers of publication->channel, without an audience to be copied. */
NARU_API NARU_MUST_USE naru_status naru_hub_publish_to_channel(naru_hub *hub, naru_publication *publication);

/* Deliver what is queued, about deliveries_max at most (0: everything), a subscriber's several publications in a row.
 * Answers NARU_OK when the queue is empty and NARU_MORE when some is left for the next turn. From deliver: NARU_OK,
 * and nothing is done. */
NARU_API naru_status naru_hub_run(naru_hub *hub, size_t deliveries_max);

/* ---- looking -------------------------------------------------------------------------------------------------- */

NARU_API size_t naru_hub_channels_count(const naru_hub *hub);
NARU_API size_t naru_hub_subscribers_count(const naru_hub *hub);
NARU_API size_t naru_hub_channel_count(const naru_hub *hub, naru_span channel); /* its subscribers */
NARU_API size_t naru_subscriber_channels_count(const naru_subscriber *subscriber);

/* Call each() until it answers false. It may subscribe, unsubscribe and free whom it likes, also those being walked:
 * who is there from beginning to end is met exactly once, who comes or goes meanwhile once or not at all. */
NARU_API void naru_hub_each_subscriber(naru_hub *hub, const naru_audience *audience,
                                       bool (*each)(naru_subscriber *subscriber, void *user), void *user);
NARU_API void naru_hub_each_channel(naru_hub *hub, bool (*each)(naru_hub *hub, naru_span channel, void *user),
                                    void *user);
NARU_API void naru_subscriber_each_channel(naru_subscriber *subscriber,
                                           bool (*each)(naru_subscriber *subscriber, naru_span channel, void *user),
                                           void *user);

/* ---- what channels keep, and the seam for brokers and stores ----------------------------------------------------- */

/* What a channel keeps. All zero: nothing but its numbers while somebody listens. */
typedef struct naru_channel_rules {
    uint32_t history_max;        /* publications; 0: no history */
    uint64_t history_bytes_max;  /* of channel names and data; 0: 1 MiB */
    uint32_t history_age_ms;     /* 0: 300,000 */
    uint32_t resume_max;         /* most that is caught up at once, more is not recovered; 0: 300 */
    uint32_t presence_max;       /* who may be present; 0: 10,000 */
    uint32_t presence_bytes_max; /* of one's application data; 0: 4,096 */
} naru_channel_rules;

/* What was asked for, and how a subscription began.
 * shapes    position: of what was published; of a subscription, behind which the new begins; the history's head.
 *           recovered: all that was missed since the place that was named is delivered next; false: nothing of it.
 *           items: of a history, of a presence list (JOINs), or what was missed.
 * lifetime  items until done returns; references may be taken. */
typedef struct naru_channel_answer {
    naru_status status;
    naru_position position;
    bool recovered;
    naru_publication *const *items;
    size_t items_count;
    uint64_t subscribers, clients, users;
} naru_channel_answer;
typedef void naru_channel_answer_fn(void *user, const naru_channel_answer *answer);

/* How to subscribe; all zero: hear what is new. */
typedef struct naru_subscription {
    bool resume;                   /* hear what was missed behind `since` first, if all of it is still there */
    bool wants_presence;           /* hear who joins and leaves */
    naru_position since;           /* of the last one that was heard */
    const naru_presence *presence; /* be present while it lasts, the same to all; copied; NULL: not */
    naru_channel_answer_fn *done;  /* NULL: nobody wants to know */
    void *user;
} naru_subscription;

/* Which part of a history.
 * shapes    from: the offset before the first one that is wanted, going up; going backward the one after it, and 0
 *           means from the newest. limit 0: none, only where the head is. epoch 0: whichever; another one than the
 *           channel's is answered NARU_ERR_STATE, since its offsets mean something else. */
typedef struct naru_history_range {
    uint64_t epoch, from;
    uint32_t limit;
    bool backward;
    bool begin; /* a channel that is not known begins now, so that its head is a place to resume from */
} naru_history_range;

/* A store keeps what was published and numbers it. Each home of channels has its own, on its own thread.
 *
 * order     Calls for one channel are answered in their order, each as of its place in it, inside the call or later.
 *           Every call that answered NARU_OK is answered, also at close, then by NARU_ERR_CLOSED; one that answered a
 *           failure is not. */
typedef struct naru_store_answers {
    /* position: the publication's; offsets of one epoch have no gap. status NARU_OK, or why it is not kept. */
    void (*appended)(void *user, uint64_t ticket, naru_status status, naru_position position);
    /* head: of the newest that was appended, kept or not; epoch 0: the channel is not known. items: in the order asked
     * for, without a gap, their positions set; borrowed until it returns. */
    void (*read)(void *user, uint64_t ticket, naru_status status, naru_position head, naru_publication *const *items,
                 size_t count);
} naru_store_answers;
typedef struct naru_store_calls {
    naru_status (*open)(void *store, const naru_store_answers *answers, void *user);
    /* A reference is taken if it is kept. rules: of the channel, until it returns. */
    naru_status (*append)(void *store, naru_publication *publication, const naru_channel_rules *rules, uint64_t ticket);
    naru_status (*read)(void *store, naru_span channel, const naru_history_range *range, uint64_t ticket);
    /* Drop what is too old, a bounded number a call. Answers in how many milliseconds to call again at the latest,
     * UINT64_MAX: never. */
    uint64_t (*trim)(void *store, uint64_t now_ms);
    void (*forget)(void *store); /* every channel gets a new epoch: there may be a gap in any of them */
    void (*close)(void *store); /* frees it */
} naru_store_calls;

/* A broker carries publications between processes. What it took comes back by `message`, ours too: that is the only way
 * to local subscribers, so that all processes hear one order where the broker has one.
 * order     Of one channel, messages come in the same order for every process. Every publish that answered NARU_OK is
 *           answered once by published; one that answered a failure is not. */
typedef struct naru_broker_answers {
    void (*published)(void *user, uint64_t ticket, naru_status status);
    /* A reference is taken. It gets its number: nobody else may be looking at it. */
    void (*message)(void *user, naru_publication *publication);
    void (*lost)(void *user); /* what was published meanwhile may be missing: nothing from before is recovered */
} naru_broker_answers;
typedef struct naru_broker_calls {
    naru_status (*open)(void *broker, const naru_broker_answers *answers, void *user);
    naru_status (*subscribe)(void *broker, naru_span channel);
    void (*unsubscribe)(void *broker, naru_span channel);
    naru_status (*publish)(void *broker, naru_publication *publication, uint64_t ticket); /* takes a reference */
    void (*close)(void *broker); /* frees it */
} naru_broker_calls;

/* A driver that was made and not opened. calls NULL: there is none. */
typedef struct naru_store {
    const naru_store_calls *calls;
    void *self;
} naru_store;
typedef struct naru_broker {
    const naru_broker_calls *calls;
    void *self;
} naru_broker;

/* History in memory, gone with the process. key: seeds the hash of names and the epochs. errors NARU_ERR_MEMORY */
NARU_API NARU_MUST_USE naru_status naru_store_memory_new(const naru_allocator *allocator, const uint8_t key[16],
                                                         naru_store *store_out);
/* A broker of one process: what it is given comes back at once. errors NARU_ERR_MEMORY */
NARU_API NARU_MUST_USE naru_status naru_broker_memory_new(const naru_allocator *allocator, naru_broker *broker_out);

#ifdef __cplusplus
}
#endif
#endif
