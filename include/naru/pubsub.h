/* <naru/pubsub.h>: publish and subscribe for WebSocket connections, on one loop or on several, one thread each.
 *
 * A channel's publications come to all its subscribers in one order, on whichever loop they are. Each is framed once,
 * and compressed once for each class of connections; all that a turn of the loop brings to one connection leaves in one
 * system call. A connection that reads too slowly is treated as its queue_policy says.
 *
 * Calls are for the thread of the loop that they name, or of the connection's; callbacks come on it, from the loop and
 * never inside a call. Source: none. */
#ifndef NARU_PUBSUB_H
#define NARU_PUBSUB_H

#include <naru/conn.h>
#include <naru/hub.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_pubsub naru_pubsub;

/* 0 and NULL mean the default that is named. */
typedef struct naru_pubsub_options {
    uint32_t channel_bytes_max; /* of a name; 256 */
    uint32_t channels_max;      /* of one loop; 1,000,000 */
    uint32_t subscriptions_max; /* of one connection; 1,000 */
    uint32_t queue_max;         /* publications that wait on any of the loops; then publishing is refused; 65,536 */
    uint32_t asked_max;         /* answers that a loop may wait for; 65,536 */
    uint32_t deliveries_max;    /* in one turn of a loop, so that a large channel does not stop the others; 4,096 */
    naru_channel_rules rules;   /* of every channel */
    /* Other rules for one channel, whenever it begins; on any of the loops' threads. */
    void (*rules_of)(void *user, naru_span channel, naru_channel_rules *rules);
    /* What goes on the wire for a publication, once for all who hear it; *prepared_out is taken over. On any of the
     * loops' threads. NULL: messages as they are, and nothing for who joins and leaves. An answer but NARU_OK: nothing.
     */
    naru_status (*encode)(void *user, const naru_publication *publication, naru_prepared **prepared_out);
    /* Drivers, one of each for each loop, made on the thread that calls naru_pubsub_new. NULL: memory, and none. */
    naru_status (*open_store)(void *user, size_t index, naru_store *store_out);
    naru_status (*open_broker)(void *user, size_t index, naru_broker *broker_out);
    void *user;
} naru_pubsub_options;

/* One hub over all these loops (at most 64), before they run. options NULL: the defaults. While a history has something
 * that will be too old one day, its loop has a timer, and naru_loop_run does not end by itself.
 * errors    NARU_ERR_ARGUMENT: no loop, or too many. NARU_ERR_MEMORY, NARU_ERR_ENTROPY. */
NARU_API NARU_MUST_USE naru_status naru_pubsub_new(naru_loop *const *loops, size_t loops_count,
                                                   const naru_pubsub_options *options, naru_pubsub **pubsub_out);
/* Once no loop runs any more, after their connections and before the loops. What still waits is answered by
 * NARU_ERR_CLOSED. With more than one loop, none of them may run again. NULL is fine. */
NARU_API void naru_pubsub_free(naru_pubsub *pubsub);

/* ---- connections ---------------------------------------------------------------------------------------------- */

/* Subscribe a connection, until it closes or is unsubscribed. how NULL: hear what is new.
 * order     done, then what was missed, then all that is new.
 * errors    NARU_ERR_TOO_BIG: the name is empty or too long. NARU_ERR_STATE: it subscribes already, or is not open.
 *           NARU_ERR_TOO_MANY: a limit. NARU_ERR_ARGUMENT: presence breaks its rules, or the connection's loop is none
 *           of these. NARU_ERR_MEMORY. By done: NARU_ERR_STATE: the client is present already, or the subscription was
 *           given up; NARU_ERR_TOO_BIG, NARU_ERR_TOO_MANY: presence; what a driver answers. */
NARU_API NARU_MUST_USE naru_status naru_pubsub_subscribe(naru_pubsub *pubsub, naru_conn *conn, naru_span channel,
                                                         const naru_subscription *how);
/* errors NARU_ERR_STATE: it does not subscribe. */
NARU_API naru_status naru_pubsub_unsubscribe(naru_pubsub *pubsub, naru_conn *conn, naru_span channel);
NARU_API bool naru_pubsub_subscribes(const naru_pubsub *pubsub, naru_conn *conn, naru_span channel);
/* For the exceptions of an audience; 0: it has not subscribed to anything yet. */
NARU_API uint64_t naru_pubsub_id(const naru_pubsub *pubsub, naru_conn *conn);

/* ---- publishing ----------------------------------------------------------------------------------------------- */

/* All NULL and zero: to the channel's subscribers, whether it worked is of no interest.
 *
 * shapes    except: this connection does not hear it, though it may catch up on it later. audience: instead of the
 *           channel's subscribers, those of several channels, each once, or of none of them all that there are; such a
 *           publication is not numbered and not kept; `channel` then only travels along. done: status, and the position
 *           that it has got; a refusal is told here and not forgotten. */
typedef struct naru_publish_options {
    naru_conn *except;
    const naru_audience *audience;
    unsigned flags; /* NARU_WS_VALID, NARU_WS_PLAIN, NARU_WS_COMPRESS as in naru_ws_send */
    naru_channel_answer_fn *done;
    void *user;
} naru_publish_options;

/* Publish from one of the loops (NULL: the first one). data is copied, unless nobody listens. options NULL: none.
 * errors    NARU_ERR_UTF8. NARU_ERR_TOO_BIG: the channel's name. NARU_ERR_TOO_MANY: queue_max or asked_max.
 *           NARU_ERR_ARGUMENT. NARU_ERR_MEMORY. */
NARU_API naru_status naru_pubsub_publish(naru_pubsub *pubsub, naru_loop *loop, naru_span channel, naru_ws_kind kind,
                                         naru_span data, const naru_publish_options *options);

/* ---- asking --------------------------------------------------------------------------------------------------- */

/* done comes once for each call that answered NARU_OK, never inside it.
 * errors    NARU_ERR_TOO_BIG: the name. NARU_ERR_TOO_MANY: asked_max. NARU_ERR_ARGUMENT: no such loop.
 *           NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_pubsub_history(naru_pubsub *pubsub, naru_loop *loop, naru_span channel,
                                                       const naru_history_range *range, naru_channel_answer_fn *done,
                                                       void *user);
/* Who is there, at most `limit` of them as JOINs in items; and the counts. */
NARU_API NARU_MUST_USE naru_status naru_pubsub_presence(naru_pubsub *pubsub, naru_loop *loop, naru_span channel,
                                                        uint32_t limit, naru_channel_answer_fn *done, void *user);
NARU_API NARU_MUST_USE naru_status naru_pubsub_counts(naru_pubsub *pubsub, naru_loop *loop, naru_span channel,
                                                      naru_channel_answer_fn *done, void *user);

/* ---- subscribers that are no connection ------------------------------------------------------------------------ */

/* The part of the hub on one loop: make naru_subscribers on it, and subscribe them here, not on it. NULL: no such loop.
 */
NARU_API naru_hub *naru_pubsub_hub(naru_pubsub *pubsub, naru_loop *loop);
/* naru_pubsub_subscribe for one of them; naru_hub_unsubscribe and naru_subscriber_free end it. */
NARU_API NARU_MUST_USE naru_status naru_pubsub_subscribe_subscriber(naru_pubsub *pubsub, naru_subscriber *subscriber,
                                                                    naru_span channel, const naru_subscription *how);

#ifdef __cplusplus
}
#endif
#endif
