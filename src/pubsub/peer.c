/* Connections as subscribers: what is delivered to them is framed once for all, by the first who needs it.
 *
 * Not for: queues and their policies (conn/). Source: none. */
#include "base/fetch.h"
#include "hub/publication.h"
#include "pubsub.h"

/* ---- what goes on the wire -------------------------------------------------------------------------------------- */

typedef struct wire {
    naru_variant variant;    /* first */
    naru_prepared *prepared; /* NULL: nothing */
} wire;

static void wire_free(naru_variant *variant)
{
    wire *w = (wire *)(void *)variant;
    naru_prepared_unref(w->prepared);
    naru__free(naru_allocator_default(), w, sizeof *w);
}

static naru_status prepare(const naru_pubsub_options *options, const naru_publication *publication,
                           naru_prepared **prepared_out)
{
    if (options->encode) {
        return options->encode(options->user, publication, prepared_out);
    }
    if (publication->kind != NARU_PUBLICATION_MESSAGE) {
        return NARU_OK;
    }
    naru_ws_kind kind = (naru_ws_kind)(publication->tag & 0xff);
    return naru_prepared_new(kind, publication->data, publication->tag >> 8, prepared_out);
}

static naru_variant *wire_make(naru_publication *publication, void *user)
{
    wire *w = naru__alloc_zero(naru_allocator_default(), sizeof *w);
    if (!w) {
        return NULL;
    }
    w->variant.free = wire_free;
    if (prepare(user, publication, &w->prepared) == NARU_ERR_MEMORY) {
        wire_free(&w->variant);
        return NULL;
    }
    return &w->variant;
}

/* Several leave in one system call at the end of the turn. One alone leaves at once, while its connection is at hand:
 * by the end of a long walk it would have to be fetched from memory again. */
static naru_status hand_on(const naru__pubsub_peer *peer, naru_prepared *prepared)
{
    bool alone = naru__shard_hub(peer->part->shard)->jobs_count == 1;
    return alone ? naru__conn_send_prepared_now(peer->conn, prepared) : naru_conn_send_prepared(peer->conn, prepared);
}

/* Without memory the connection has missed something, and must not go on as if it had not. */
static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    naru__pubsub_peer *peer = user;
    const naru_pubsub_options *options = &peer->part->pubsub->options;
    naru_variant *variant =
        naru_publication_variant(publication, NARU_VARIANT_WS, wire_make, (void *)(uintptr_t)options);
    const wire *w = (const wire *)(const void *)variant;
    (void)subscriber;
    if (!w || (w->prepared && hand_on(peer, w->prepared) == NARU_ERR_MEMORY)) {
        naru_conn_abort(peer->conn);
    }
}

static void near(const naru_subscriber *subscriber, unsigned turns, void *user)
{
    const naru__pubsub_peer *peer = user;
    (void)subscriber;
    if (turns == 1) {
        naru__fetch(peer->conn->stream, sizeof *peer->conn->stream);
    } else {
        naru__fetch(&peer->conn->ws.cold, sizeof *peer->conn - offsetof(naru_conn, ws.cold));
    }
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static void peer_free(naru__pubsub_peer *peer)
{
    *peer->link = peer->next;
    if (peer->next) {
        peer->next->link = peer->link;
    }
    naru_subscriber_free(peer->subscriber);
    naru__free(naru_loop_allocator(peer->part->loop), peer, sizeof *peer);
}

static void on_gone(naru__conn_attachment *attachment)
{
    peer_free((naru__pubsub_peer *)(void *)attachment);
}

naru__pubsub_peer *naru__pubsub_peer_find(const naru_pubsub *pubsub, const naru_conn *conn)
{
    for (naru__conn_attachment *attachment = conn->attachments; attachment; attachment = attachment->next) {
        naru__pubsub_peer *peer = (naru__pubsub_peer *)(void *)attachment;
        if (attachment->on_gone == on_gone && peer->part->pubsub == pubsub) {
            return peer;
        }
    }
    return NULL;
}

static naru__pubsub_peer *peer_new(naru__pubsub_part *part, naru_conn *conn)
{
    static const naru_subscriber_calls calls = {.deliver = deliver, .near = near};
    const naru_allocator *allocator = naru_loop_allocator(part->loop);
    naru__pubsub_peer *peer = naru__alloc_zero(allocator, sizeof *peer);
    if (!peer) {
        return NULL;
    }
    peer->subscriber = naru_subscriber_new(naru__shard_hub(part->shard), &calls, peer);
    if (!peer->subscriber) {
        naru__free(allocator, peer, sizeof *peer);
        return NULL;
    }
    peer->part = part;
    peer->conn = conn;
    peer->attachment = (naru__conn_attachment){.next = conn->attachments, .on_gone = on_gone};
    conn->attachments = &peer->attachment;
    peer->next = part->peers;
    peer->link = &part->peers;
    if (peer->next) {
        peer->next->link = &peer->next;
    }
    part->peers = peer;
    return peer;
}

static void detach(naru__pubsub_peer *peer)
{
    naru__conn_attachment **at = &peer->conn->attachments;
    while (*at != &peer->attachment) {
        at = &(*at)->next;
    }
    *at = peer->attachment.next;
}

void naru__pubsub_peers_free(naru__pubsub_part *part)
{
    while (part->peers) {
        detach(part->peers);
        peer_free(part->peers);
    }
}

naru_status naru_pubsub_subscribe(naru_pubsub *pubsub, naru_conn *conn, naru_span channel, const naru_subscription *how)
{
    static const naru_subscription plain = {0};
    naru__pubsub_part *part = naru__pubsub_part_of(pubsub, naru_conn_loop(conn));
    if (!part) {
        return NARU_ERR_ARGUMENT;
    }
    if (naru_conn_state(conn) != NARU_WS_OPEN) {
        return NARU_ERR_STATE;
    }
    naru__pubsub_peer *peer = naru__pubsub_peer_find(pubsub, conn);
    peer = peer ? peer : peer_new(part, conn);
    if (!peer) {
        return NARU_ERR_MEMORY;
    }
    return naru__shard_subscribe(part->shard, peer->subscriber, channel, how ? how : &plain);
}

naru_status naru_pubsub_unsubscribe(naru_pubsub *pubsub, naru_conn *conn, naru_span channel)
{
    const naru__pubsub_peer *peer = naru__pubsub_peer_find(pubsub, conn);
    return peer ? naru_hub_unsubscribe(peer->subscriber, channel) : NARU_ERR_STATE;
}

bool naru_pubsub_subscribes(const naru_pubsub *pubsub, naru_conn *conn, naru_span channel)
{
    const naru__pubsub_peer *peer = naru__pubsub_peer_find(pubsub, conn);
    return peer && naru_hub_subscribes(peer->subscriber, channel);
}

uint64_t naru_pubsub_id(const naru_pubsub *pubsub, naru_conn *conn)
{
    const naru__pubsub_peer *peer = naru__pubsub_peer_find(pubsub, conn);
    return peer ? naru_subscriber_id(peer->subscriber) : 0;
}
