/* Publishing, at home: through the broker into the store, numbered, and out to the shards. Source: none. */
#include "home.h"

static void publish_now(naru__shard *shard, naru__home *home, naru__letter *letter, naru_position position)
{
    home->head = position;
    letter->publication->position = position;
    letter->position = position;
    home->pending++; /* answering may run callbacks */
    naru__home_distribute(shard, home, letter->publication, letter);
    naru__home_answer(shard, letter, NARU_OK);
    home->pending--;
}

void naru__home_appended(void *user, uint64_t id, naru_status status, naru_position position)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = naru__home_driver_done(shard, ticket, &home);
    if (status == NARU_OK) {
        publish_now(shard, home, letter, position);
    } else {
        naru__home_answer(shard, letter, status);
    }
    naru__home_release(shard, home);
}

static void append(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    const naru_store *store = &shard->options.store;
    naru__ticket *ticket = naru__home_ask_driver(shard, home, letter);
    if (!ticket) {
        naru__home_answer(shard, letter, NARU_ERR_MEMORY);
        return;
    }
    naru_status status = store->calls->append(store->self, letter->publication, &home->rules, ticket->id);
    if (status < 0) {
        naru__home_answer(shard, naru__home_driver_done(shard, ticket, &home), status);
    }
}

/* The message is in its order: it gets its number, and goes out. */
static void arrive(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    home->pending++;
    letter->publication->time_ms = shard->now_ms;
    if (home->rules.history_max > 0) {
        append(shard, home, letter);
    } else {
        publish_now(shard, home, letter, (naru_position){home->head.epoch, home->head.offset + 1});
    }
    home->pending--;
    naru__home_release(shard, home);
}

void naru__home_message(void *user, naru_publication *publication)
{
    naru__shard *shard = user;
    naru__letter *letter = naru__letter_new(NARU__LETTER_PUBLISH, (naru_span){NULL, 0});
    naru__home *home = letter ? naru__home_get(shard, publication->channel) : NULL;
    if (!home) {
        naru__letter_free(letter); /* nobody here hears it: it is not numbered either */
        return;
    }
    letter->publication = naru_publication_ref(publication);
    arrive(shard, home, letter);
}

void naru__home_published(void *user, uint64_t id, naru_status status)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = naru__home_driver_done(shard, ticket, &home);
    naru__home_answer(shard, letter, status);
    naru__home_release(shard, home);
}

static void to_broker(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    const naru_broker *broker = &shard->options.broker;
    naru__ticket *ticket = naru__home_ask_driver(shard, home, letter);
    if (!ticket) {
        naru__home_answer(shard, letter, NARU_ERR_MEMORY);
        naru__home_release(shard, home);
        return;
    }
    naru_status status = broker->calls->publish(broker->self, letter->publication, ticket->id);
    if (status < 0) {
        naru__home_answer(shard, naru__home_driver_done(shard, ticket, &home), status);
        naru__home_release(shard, home);
    }
}

static void renew(naru__entry *entry, void *user)
{
    naru__home *home = (naru__home *)(void *)entry;
    home->head = (naru_position){home->rules.history_max > 0 ? 0 : naru__home_next_epoch(user), 0};
}

void naru__home_lost(void *user)
{
    naru__shard *shard = user;
    shard->options.store.calls->forget(shard->options.store.self);
    naru__table_each(&shard->homes, renew, shard);
}

/* Publications to an audience stand in an order, and that is all. */
static void broadcast(naru__shard *shard, naru__letter *letter)
{
    while (letter->spares) {
        naru__letter *copy = letter->spares;
        letter->spares = copy->next;
        copy->kind = NARU__LETTER_BROADCAST;
        copy->publication = naru_publication_ref(letter->publication);
        copy->envelope = naru__envelope_ref(letter->envelope);
        naru__home_post(shard, copy, copy->to);
    }
    naru__home_answer(shard, letter, NARU_OK);
}

void naru__home_publish(naru__shard *shard, naru__letter *letter)
{
    if (letter->envelope) {
        letter->publication->time_ms = shard->now_ms;
        broadcast(shard, letter);
        return;
    }
    if (shard->hub->jobs_count >= shard->options.hub.queue_max) {
        naru__home_answer(shard, letter, NARU_ERR_TOO_MANY);
        return;
    }
    naru__home *home = naru__home_get(shard, letter->publication->channel);
    if (!home) {
        naru__home_answer(shard, letter, NARU_ERR_MEMORY);
    } else if (shard->options.broker.calls) {
        to_broker(shard, home, letter);
    } else {
        arrive(shard, home, letter);
    }
}
