/* The home of channels: it numbers what is published, has it kept, tells the shards that have listeners, and answers.
 *
 *   PUBLISH -> broker, if there is one -> message -> store, if there is history -> appended -> numbered, distributed
 *
 * A driver answers inside the call or later; the order of its answers is the channel's order.
 *
 * Not for: subscribers (join.c). What comes in: home_publish.c, home_listen.c. Source: none. */
#include "home.h"

#include <string.h>

naru__home *naru__home_find(const naru__shard *shard, naru_span name)
{
    uint64_t hash = naru__sip(&shard->hub->key, name);
    for (naru__entry *entry = naru__table_chain(&shard->homes, hash); entry; entry = entry->next) {
        naru__home *home = (naru__home *)(void *)entry;
        if (entry->hash == hash && naru_span_equal(naru__home_name(shard, home), name)) {
            return home;
        }
    }
    return NULL;
}

uint64_t naru__home_next_epoch(naru__shard *shard)
{
    uint64_t seed[2] = {shard->options.epoch_seed, ++shard->epochs};
    return naru__sip(&shard->hub->key, (naru_span){(const uint8_t *)seed, sizeof seed}) | 1;
}

static size_t home_bytes(const naru__shard *shard, size_t name_bytes)
{
    return sizeof(naru__home) + shard->options.count * sizeof(uint32_t) + name_bytes;
}

static void apply_rules(const naru__shard *shard, naru__home *home, naru_span name)
{
    home->rules = shard->options.rules;
    if (shard->options.rules_of) {
        shard->options.rules_of(shard->options.user, name, &home->rules);
    }
    naru__rules_fill(&home->rules);
}

naru__home *naru__home_get(naru__shard *shard, naru_span name)
{
    naru__home *home = naru__home_find(shard, name);
    if (home) {
        return home;
    }
    home = naru__alloc_zero(shard->allocator, home_bytes(shard, name.size));
    if (!home) {
        return NULL;
    }
    home->name_bytes = (uint32_t)name.size;
    memcpy(home->shards + shard->options.count, name.data, name.size);
    home->entry.hash = naru__sip(&shard->hub->key, name);
    if (naru__table_put(&shard->homes, &home->entry) != NARU_OK) {
        naru__free(shard->allocator, home, home_bytes(shard, name.size));
        return NULL;
    }
    apply_rules(shard, home, name);
    home->head.epoch = home->rules.history_max > 0 ? 0 : naru__home_next_epoch(shard);
    return home;
}

void naru__home_free(naru__shard *shard, naru__home *home)
{
    const naru_broker *broker = &shard->options.broker;
    if (home->brokered) {
        broker->calls->unsubscribe(broker->self, naru__home_name(shard, home));
    }
    naru__table_remove(&shard->homes, &home->entry);
    naru__free(shard->allocator, home, home_bytes(shard, home->name_bytes));
}

void naru__home_release(naru__shard *shard, naru__home *home)
{
    if (home->listeners == 0 && home->pending == 0 && home->present_count == 0) {
        naru__home_free(shard, home);
    }
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* A shard hears from its own home at once: what is delivered to it does not take the link either. */
void naru__home_post(naru__shard *shard, naru__letter *letter, uint32_t to)
{
    letter->from = shard->options.index;
    letter->to = to;
    if (to == shard->options.index || shard->closing) {
        naru__shard_receive(shard, letter);
    } else {
        shard->options.send(shard->options.user, letter);
    }
}

void naru__home_answer(naru__shard *shard, naru__letter *letter, naru_status status)
{
    letter->status = status;
    letter->kind = NARU__LETTER_ANSWER;
    if (letter->ticket == 0) {
        naru__letter_free(letter);
    } else {
        naru__home_post(shard, letter, letter->from);
    }
}

void naru__home_distribute(naru__shard *shard, naru__home *home, naru_publication *publication, naru__letter *carrier)
{
    for (uint32_t to = 0; to < shard->options.count; to++) {
        if (home->shards[to] == 0) {
            continue;
        }
        naru__letter *letter = carrier ? carrier->spares : NULL;
        if (letter) {
            carrier->spares = letter->next;
        } else {
            letter = naru__letter_new(NARU__LETTER_DELIVER, (naru_span){NULL, 0});
        }
        if (letter) {
            letter->publication = naru_publication_ref(publication);
            naru__home_post(shard, letter, to);
        }
    }
}

naru__ticket *naru__home_ask_driver(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru__ticket *ticket = naru__ticket_new(shard);
    if (ticket) {
        ticket->home = home;
        ticket->letter = letter;
        home->pending++;
    }
    return ticket;
}

/* The driver has answered, or has refused: what it was asked for. */
naru__letter *naru__home_driver_done(naru__shard *shard, naru__ticket *ticket, naru__home **home_out)
{
    naru__letter *letter = ticket->letter;
    *home_out = ticket->home;
    ticket->home->pending--;
    naru__ticket_free(shard, ticket);
    return letter;
}

void naru__home_receive(naru__shard *shard, naru__letter *letter)
{
    if (letter->kind == NARU__LETTER_PUBLISH) {
        naru__home_publish(shard, letter);
        return;
    }
    naru__home *home = naru__home_get(shard, naru__letter_channel(letter));
    if (!home) {
        naru__home_answer(shard, letter, NARU_ERR_MEMORY);
        return;
    }
    home->pending++;
    naru__home_attend(shard, home, letter);
    home->pending--;
    naru__home_release(shard, home);
}

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

naru_status naru__home_open(naru__shard *shard)
{
    static const naru_store_answers store_answers = {naru__home_appended, naru__home_read_done};
    static const naru_broker_answers broker_answers = {naru__home_published, naru__home_message, naru__home_lost};
    naru__shard_options *options = &shard->options;
    naru_status status = NARU_OK;
    if (!options->store.calls) {
        status = naru_store_memory_new(shard->allocator, options->hub.key, &options->store);
    }
    if (status == NARU_OK) {
        status = options->store.calls->open(options->store.self, &store_answers, shard);
    }
    if (status == NARU_OK && options->broker.calls) {
        status = options->broker.calls->open(options->broker.self, &broker_answers, shard);
    }
    return status;
}

void naru__home_close(naru__shard *shard)
{
    naru__shard_options *options = &shard->options;
    if (options->broker.calls) {
        options->broker.calls->close(options->broker.self);
        options->broker.calls = NULL;
    }
    if (options->store.calls) {
        options->store.calls->close(options->store.self);
    }
}
