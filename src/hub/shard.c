/* A shard's beginning and end, and what it does with letters. Not for: what a home does (home.c), asking (ask.c),
 * subscribing (join.c). Source: none. */
#include "shard.h"

#include "home.h"

enum { ASKED = 65536, SHARD_ID_BITS = 48 };

naru_status naru__shard_new(const naru__shard_options *options, naru__shard **shard_out)
{
    const naru_allocator *allocator = naru__allocator_or_default(options->hub.allocator);
    naru__shard *shard = naru__alloc_zero(allocator, sizeof *shard);
    if (!shard) {
        return NARU_ERR_MEMORY;
    }
    shard->options = *options;
    shard->options.asked_max = options->asked_max > 0 ? options->asked_max : ASKED;
    shard->allocator = allocator;
    shard->now_ms = options->now_ms;
    naru__table_init(&shard->homes, allocator);
    naru__table_init(&shard->present, allocator);
    naru__table_init(&shard->users, allocator);
    naru__table_init(&shard->tickets, allocator);
    naru_status status = naru_hub_new(&options->hub, &shard->hub);
    if (status != NARU_OK) {
        naru__free(allocator, shard, sizeof *shard);
        return status;
    }
    shard->options.hub = shard->hub->options;
    shard->hub->ids = (uint64_t)options->index << SHARD_ID_BITS;
    shard->hub->on_left = naru__shard_on_left;
    shard->hub->on_left_user = shard;
    status = naru__home_open(shard);
    if (status != NARU_OK) {
        naru__shard_free(shard);
        return status;
    }
    (void)naru__shard_advance(shard, options->now_ms);
    *shard_out = shard;
    return NARU_OK;
}

static void close_ticket(naru__entry *entry, void *user)
{
    naru__shard *shard = user;
    naru__ticket taken = *(naru__ticket *)(void *)entry;
    if (taken.member) {
        taken.member->ticket = NULL;
    }
    naru__ticket_free(shard, (naru__ticket *)(void *)entry);
    naru__letter_free(taken.letter);
    if (taken.done) {
        taken.done(taken.user, &(naru_channel_answer){.status = NARU_ERR_CLOSED});
    }
}

static void close_present(naru__entry *entry, void *user)
{
    naru__shard *shard = user;
    naru__present *present = (naru__present *)(void *)entry;
    naru__table_remove(&shard->present, entry);
    naru_publication_unref(present->join);
    naru_publication_unref(present->leave);
    naru__free(shard->allocator, present, sizeof *present);
}

static void close_user(naru__entry *entry, void *user)
{
    naru__shard *shard = user;
    naru__present_user *present_user = (naru__present_user *)(void *)entry;
    naru__table_remove(&shard->users, entry);
    naru__free(shard->allocator, present_user, sizeof *present_user + present_user->name_bytes);
}

static void close_home(naru__entry *entry, void *user)
{
    naru__home_free(user, (naru__home *)(void *)entry);
}

void naru__shard_free(naru__shard *shard)
{
    if (!shard) {
        return;
    }
    shard->closing = true;
    naru__table_each(&shard->tickets, close_ticket, shard);
    naru__table_each(&shard->present, close_present, shard);
    naru__table_each(&shard->users, close_user, shard);
    naru__table_each(&shard->homes, close_home, shard);
    naru__home_close(shard);
    naru_hub_free(shard->hub);
    naru__free(shard->allocator, shard, sizeof *shard);
}

naru_hub *naru__shard_hub(const naru__shard *shard)
{
    return shard->hub;
}

/* The upper half: the lower one chooses buckets. */
uint32_t naru__shard_home(const naru__shard *shard, naru_span channel)
{
    uint64_t hash = naru__sip(&shard->hub->key, channel);
    return (uint32_t)((hash >> 32) % shard->options.count);
}

/* ---- letters ----------------------------------------------------------------------------------------------------- */

/* It has no place in any channel, so what cannot be queued is not missed by anybody who resumes. */
static void broadcast(naru__shard *shard, naru__letter *letter)
{
    naru_status status = naru_hub_publish(shard->hub, &letter->envelope->audience, letter->publication);
    (void)status;
    naru__letter_free(letter);
}

void naru__shard_receive(naru__shard *shard, naru__letter *letter)
{
    if (shard->closing) {
        naru__letter_free(letter);
        return;
    }
    switch (letter->kind) {
    case NARU__LETTER_ANSWER:
        naru__shard_receive_answer(shard, letter);
        break;
    case NARU__LETTER_DELIVER:
        naru__job_push(shard->hub, naru__letter_job(letter), letter->publication, naru__letter_release_job);
        break;
    case NARU__LETTER_BROADCAST:
        broadcast(shard, letter);
        break;
    default:
        naru__home_receive(shard, letter);
        break;
    }
}

uint64_t naru__shard_advance(naru__shard *shard, uint64_t now_ms)
{
    const naru_store *store = &shard->options.store;
    shard->now_ms = now_ms;
    return store->calls->trim ? store->calls->trim(store->self, now_ms) : UINT64_MAX;
}
