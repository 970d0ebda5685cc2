/* A hub over loops: its making and end, publishing and asking. Not for: carrying (carry.c), connections (peer.c).
 * Source: none. */
#include "pubsub.h"

#include <string.h>

#include "hub/publication.h"

enum { LOOPS_MAX = 64, QUEUE = 65536 };

naru__pubsub_part *naru__pubsub_part_of(const naru_pubsub *pubsub, const naru_loop *loop)
{
    if (!loop) {
        return pubsub->parts[0];
    }
    for (uint32_t i = 0; i < pubsub->parts_count; i++) {
        if (pubsub->parts[i]->loop == loop) {
            return pubsub->parts[i];
        }
    }
    return NULL;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static size_t outboxes_bytes(const naru_pubsub *pubsub)
{
    return pubsub->parts_count * sizeof(naru__outbox);
}

static void part_free(naru_pubsub *pubsub, naru__pubsub_part *part)
{
    const naru_allocator *allocator = naru_allocator_default();
    if (!part) {
        return;
    }
    if (part->shard) {
        naru__pubsub_peers_free(part);
    }
    naru__shard_free(part->shard);
    if (part->outboxes) {
        naru__pubsub_carry_deinit(part);
    }
    naru__free(allocator, part->outboxes, outboxes_bytes(pubsub));
    naru__free(allocator, part, sizeof *part);
}

static naru_status open_drivers(const naru_pubsub_options *options, uint32_t index, naru__shard_options *shard)
{
    naru_status status = options->open_store ? options->open_store(options->user, index, &shard->store) : NARU_OK;
    if (status == NARU_OK && options->open_broker) {
        status = options->open_broker(options->user, index, &shard->broker);
    }
    if (status != NARU_OK && shard->store.calls) {
        shard->store.calls->close(shard->store.self);
    }
    return status;
}

static void rules_of(void *user, naru_span channel, naru_channel_rules *rules)
{
    const naru__pubsub_part *part = user;
    part->pubsub->options.rules_of(part->pubsub->options.user, channel, rules);
}

static naru_status open_shard(naru__pubsub_part *part, const uint8_t key[16])
{
    const naru_pubsub_options *options = &part->pubsub->options;
    naru__shard_options shard = {
        .hub = {.allocator = naru_loop_allocator(part->loop),
                .channel_bytes_max = options->channel_bytes_max,
                .channels_max = options->channels_max,
                .subscriptions_max = options->subscriptions_max,
                .queue_max = options->queue_max,
                .wake = naru__pubsub_wake,
                .user = part},
        .index = part->index,
        .count = part->pubsub->parts_count,
        .rules = options->rules,
        .rules_of = options->rules_of ? rules_of : NULL,
        .epoch_seed = part->index,
        .asked_max = options->asked_max,
        .now_ms = naru_loop_now_ms(part->loop),
        .send = naru__pubsub_send,
        .user = part,
    };
    memcpy(shard.hub.key, key, sizeof shard.hub.key);
    naru_status status = open_drivers(options, part->index, &shard);
    return status == NARU_OK ? naru__shard_new(&shard, &part->shard) : status;
}

static naru_status open_part(naru_pubsub *pubsub, uint32_t index, naru_loop *loop, const uint8_t key[16])
{
    const naru_allocator *allocator = naru_allocator_default();
    naru__pubsub_part *part = naru__alloc_zero(allocator, sizeof *part);
    if (!part) {
        return NARU_ERR_MEMORY;
    }
    pubsub->parts[index] = part;
    part->pubsub = pubsub;
    part->loop = loop;
    part->index = index;
    part->outboxes = naru__alloc_zero(allocator, outboxes_bytes(pubsub));
    if (!part->outboxes) {
        return NARU_ERR_MEMORY;
    }
    naru__pubsub_carry_init(part);
    return open_shard(part, key);
}

/* One key for all, so that all agree on homes. */
static naru_status draw_key(naru_loop *loop, uint8_t key[16])
{
    naru_entropy *entropy = naru__loop_entropy(loop);
    if (!entropy || entropy->size - entropy->used < 16) {
        return NARU_ERR_ENTROPY;
    }
    memcpy(key, entropy->bytes + entropy->used, 16);
    entropy->used += 16;
    return NARU_OK;
}

naru_status naru_pubsub_new(naru_loop *const *loops, size_t loops_count, const naru_pubsub_options *options,
                            naru_pubsub **pubsub_out)
{
    uint8_t key[16];
    if (loops_count == 0 || loops_count > LOOPS_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    size_t bytes = sizeof(naru_pubsub) + loops_count * sizeof(naru__pubsub_part *);
    naru_pubsub *pubsub = naru__alloc_zero(naru_allocator_default(), bytes);
    if (!pubsub) {
        return NARU_ERR_MEMORY;
    }
    pubsub->options = options ? *options : (naru_pubsub_options){0};
    pubsub->options.queue_max = pubsub->options.queue_max > 0 ? pubsub->options.queue_max : QUEUE;
    pubsub->parts_count = (uint32_t)loops_count;
    naru_status status = draw_key(loops[0], key);
    for (uint32_t i = 0; i < pubsub->parts_count && status == NARU_OK; i++) {
        status = open_part(pubsub, i, loops[i], key);
    }
    if (status != NARU_OK) {
        naru_pubsub_free(pubsub);
        return status;
    }
    *pubsub_out = pubsub;
    return NARU_OK;
}

void naru_pubsub_free(naru_pubsub *pubsub)
{
    if (!pubsub) {
        return;
    }
    for (uint32_t i = 0; i < pubsub->parts_count; i++) {
        part_free(pubsub, pubsub->parts[i]);
    }
    naru__free(naru_allocator_default(), pubsub, sizeof *pubsub + pubsub->parts_count * sizeof(naru__pubsub_part *));
}

/* ---- publishing ------------------------------------------------------------------------------------------------- */

static naru_status check(const naru__pubsub_part *part, naru_span channel, naru_ws_kind kind, naru_span data,
                         const naru_publish_options *options)
{
    if (!part || (kind != NARU_WS_TEXT && kind != NARU_WS_BINARY)) {
        return NARU_ERR_ARGUMENT;
    }
    uint32_t channel_bytes_max = naru__shard_hub(part->shard)->options.channel_bytes_max;
    if (channel.size > channel_bytes_max || (channel.size == 0 && !options->audience)) {
        return NARU_ERR_TOO_BIG;
    }
    if (naru__pubsub_crowded(part)) {
        return NARU_ERR_TOO_MANY;
    }
    bool valid = kind != NARU_WS_TEXT || (options->flags & NARU_WS_VALID) != 0 || naru_utf8_valid(data);
    return valid ? NARU_OK : NARU_ERR_UTF8;
}

naru_status naru_pubsub_publish(naru_pubsub *pubsub, naru_loop *loop, naru_span channel, naru_ws_kind kind,
                                naru_span data, const naru_publish_options *options)
{
    static const naru_publish_options plain = {0};
    options = options ? options : &plain;
    naru__pubsub_part *part = naru__pubsub_part_of(pubsub, loop);
    naru_status status = check(part, channel, kind, data, options);
    if (status != NARU_OK) {
        return status;
    }
    if (!options->audience && !options->done && naru__shard_unheard(part->shard, channel)) {
        return NARU_OK;
    }
    uint32_t tag = (uint32_t)kind | (options->flags | NARU_WS_VALID) << 8;
    naru_publication *publication = naru_publication_new(NULL, channel, tag, data);
    if (!publication) {
        return NARU_ERR_MEMORY;
    }
    if (options->except) {
        naru__publication_of(publication)->except = naru_pubsub_id(pubsub, options->except);
    }
    return naru__shard_publish_take(part->shard, options->audience, publication, options->done, options->user);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

naru_status naru_pubsub_history(naru_pubsub *pubsub, naru_loop *loop, naru_span channel,
                                const naru_history_range *range, naru_channel_answer_fn *done, void *user)
{
    const naru__pubsub_part *part = naru__pubsub_part_of(pubsub, loop);
    return part ? naru__shard_history(part->shard, channel, range, done, user) : NARU_ERR_ARGUMENT;
}

naru_status naru_pubsub_presence(naru_pubsub *pubsub, naru_loop *loop, naru_span channel, uint32_t limit,
                                 naru_channel_answer_fn *done, void *user)
{
    const naru__pubsub_part *part = naru__pubsub_part_of(pubsub, loop);
    return part ? naru__shard_presence(part->shard, channel, limit, done, user) : NARU_ERR_ARGUMENT;
}

naru_status naru_pubsub_counts(naru_pubsub *pubsub, naru_loop *loop, naru_span channel, naru_channel_answer_fn *done,
                               void *user)
{
    const naru__pubsub_part *part = naru__pubsub_part_of(pubsub, loop);
    return part ? naru__shard_counts(part->shard, channel, done, user) : NARU_ERR_ARGUMENT;
}

naru_hub *naru_pubsub_hub(naru_pubsub *pubsub, naru_loop *loop)
{
    const naru__pubsub_part *part = naru__pubsub_part_of(pubsub, loop);
    return part ? naru__shard_hub(part->shard) : NULL;
}

naru_status naru_pubsub_subscribe_subscriber(naru_pubsub *pubsub, naru_subscriber *subscriber, naru_span channel,
                                             const naru_subscription *how)
{
    static const naru_subscription plain = {0};
    for (uint32_t i = 0; i < pubsub->parts_count; i++) {
        naru__shard *shard = pubsub->parts[i]->shard;
        if (naru__shard_hub(shard) == naru_subscriber_hub(subscriber)) {
            return naru__shard_subscribe(shard, subscriber, channel, how ? how : &plain);
        }
    }
    return NARU_ERR_ARGUMENT;
}
