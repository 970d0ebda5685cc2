/* The home of channels: it numbers what is published, has it kept, tells the shards that have listeners, and answers.
 *
 *   PUBLISH -> broker, if there is one -> message -> store, if there is history -> appended -> numbered, distributed
 *
 * A driver answers inside the call or later; the order of its answers is the channel's order.
 *
 * Not for: subscribers (shard.c). Source: none. */
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

static uint64_t next_epoch(naru__shard *shard)
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

static naru__home *get(naru__shard *shard, naru_span name)
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
    home->head.epoch = home->rules.history_max > 0 ? 0 : next_epoch(shard);
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

static void release(naru__shard *shard, naru__home *home)
{
    if (home->listeners == 0 && home->pending == 0 && home->present_count == 0) {
        naru__home_free(shard, home);
    }
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* A shard hears from its own home at once: what is delivered to it does not take the link either. */
static void post(naru__shard *shard, naru__letter *letter, uint32_t to)
{
    letter->from = shard->options.index;
    letter->to = to;
    if (to == shard->options.index || shard->closing) {
        naru__shard_receive(shard, letter);
    } else {
        shard->options.send(shard->options.user, letter);
    }
}

static void answer(naru__shard *shard, naru__letter *letter, naru_status status)
{
    letter->status = status;
    letter->kind = NARU__LETTER_ANSWER;
    if (letter->ticket == 0) {
        naru__letter_free(letter);
    } else {
        post(shard, letter, letter->from);
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
            post(shard, letter, to);
        }
    }
}

static naru__ticket *ask_driver(naru__shard *shard, naru__home *home, naru__letter *letter)
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
static naru__letter *driver_done(naru__shard *shard, naru__ticket *ticket, naru__home **home_out)
{
    naru__letter *letter = ticket->letter;
    *home_out = ticket->home;
    ticket->home->pending--;
    naru__ticket_free(shard, ticket);
    return letter;
}

/* ---- publishing ------------------------------------------------------------------------------------------------- */

static void publish_now(naru__shard *shard, naru__home *home, naru__letter *letter, naru_position position)
{
    home->head = position;
    letter->publication->position = position;
    letter->position = position;
    home->pending++; /* answering may run callbacks */
    naru__home_distribute(shard, home, letter->publication, letter);
    answer(shard, letter, NARU_OK);
    home->pending--;
}

static void appended(void *user, uint64_t id, naru_status status, naru_position position)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = driver_done(shard, ticket, &home);
    if (status == NARU_OK) {
        publish_now(shard, home, letter, position);
    } else {
        answer(shard, letter, status);
    }
    release(shard, home);
}

static void append(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    const naru_store *store = &shard->options.store;
    naru__ticket *ticket = ask_driver(shard, home, letter);
    if (!ticket) {
        answer(shard, letter, NARU_ERR_MEMORY);
        return;
    }
    naru_status status = store->calls->append(store->self, letter->publication, &home->rules, ticket->id);
    if (status < 0) {
        answer(shard, driver_done(shard, ticket, &home), status);
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
    release(shard, home);
}

static void message(void *user, naru_publication *publication)
{
    naru__shard *shard = user;
    naru__letter *letter = naru__letter_new(NARU__LETTER_PUBLISH, (naru_span){NULL, 0});
    naru__home *home = letter ? get(shard, publication->channel) : NULL;
    if (!home) {
        naru__letter_free(letter); /* nobody here hears it: it is not numbered either */
        return;
    }
    letter->publication = naru_publication_ref(publication);
    arrive(shard, home, letter);
}

static void published(void *user, uint64_t id, naru_status status)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = driver_done(shard, ticket, &home);
    answer(shard, letter, status);
    release(shard, home);
}

static void to_broker(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    const naru_broker *broker = &shard->options.broker;
    naru__ticket *ticket = ask_driver(shard, home, letter);
    if (!ticket) {
        answer(shard, letter, NARU_ERR_MEMORY);
        release(shard, home);
        return;
    }
    naru_status status = broker->calls->publish(broker->self, letter->publication, ticket->id);
    if (status < 0) {
        answer(shard, driver_done(shard, ticket, &home), status);
        release(shard, home);
    }
}

static void renew(naru__entry *entry, void *user)
{
    naru__home *home = (naru__home *)(void *)entry;
    home->head = (naru_position){home->rules.history_max > 0 ? 0 : next_epoch(user), 0};
}

static void lost(void *user)
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
        post(shard, copy, copy->to);
    }
    answer(shard, letter, NARU_OK);
}

static void publish(naru__shard *shard, naru__letter *letter)
{
    if (letter->envelope) {
        letter->publication->time_ms = shard->now_ms;
        broadcast(shard, letter);
        return;
    }
    if (shard->hub->jobs_count >= shard->options.hub.queue_max) {
        answer(shard, letter, NARU_ERR_TOO_MANY);
        return;
    }
    naru__home *home = get(shard, letter->publication->channel);
    if (!home) {
        answer(shard, letter, NARU_ERR_MEMORY);
    } else if (shard->options.broker.calls) {
        to_broker(shard, home, letter);
    } else {
        arrive(shard, home, letter);
    }
}

/* ---- listening and asking --------------------------------------------------------------------------------------- */

/* Everything that was missed, or nothing. */
static bool recover(const naru__home *home, naru__letter *letter, naru_position head, naru_publication *const *items,
                    size_t count)
{
    naru_position since =
        letter->range.epoch ? (naru_position){letter->range.epoch, letter->range.from} : (naru_position){0, 0};
    if (since.epoch == 0 || since.epoch != head.epoch || since.offset > head.offset ||
        head.offset - since.offset != count || count > home->rules.resume_max) {
        return false;
    }
    if (!naru__letter_make_room(letter, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        letter->items[letter->items_count++] = naru_publication_ref(items[i]);
    }
    return true;
}

static naru_status hand_items(naru__letter *letter, naru_status status, naru_publication *const *items, size_t count)
{
    if (status == NARU_OK && !naru__letter_make_room(letter, count)) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; status == NARU_OK && i < count; i++) {
        letter->items[letter->items_count++] = naru_publication_ref(items[i]);
    }
    return status;
}

/* From here on the asker's shard is told of all that follows. */
static void listening(naru__shard *shard, naru__home *home, naru__letter *letter, naru_position head,
                      naru_publication *const *items, size_t count)
{
    letter->recovered = letter->resume && recover(home, letter, head, items, count);
    letter->position = head;
    answer(shard, letter, NARU_OK);
}

static void unlisten(naru__shard *shard, naru__home *home, uint32_t from, const naru_publication *join)
{
    home->listeners--;
    home->shards[from]--;
    if (join) {
        naru__presence_leave(shard, home, join);
    }
}

static void read_done(void *user, uint64_t id, naru_status status, naru_position head, naru_publication *const *items,
                      size_t count)
{
    naru__shard *shard = user;
    naru__ticket *ticket = naru__ticket_find(shard, id);
    if (!ticket || !ticket->home) {
        return;
    }
    naru__home *home;
    naru__letter *letter = driver_done(shard, ticket, &home);
    home->pending++;
    if (letter->kind == NARU__LETTER_HISTORY) {
        letter->position = head;
        answer(shard, letter, hand_items(letter, status, items, count));
    } else if (status == NARU_OK) {
        listening(shard, home, letter, head, items, count);
    } else {
        unlisten(shard, home, letter->from, letter->publication);
        answer(shard, letter, status);
    }
    home->pending--;
    release(shard, home);
}

static naru_status read_store(naru__shard *shard, naru__home *home, naru__letter *letter,
                              const naru_history_range *range)
{
    const naru_store *store = &shard->options.store;
    naru__ticket *ticket = ask_driver(shard, home, letter);
    if (!ticket) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = store->calls->read(store->self, naru__home_name(shard, home), range, ticket->id);
    if (status < 0) {
        (void)driver_done(shard, ticket, &home);
    }
    return status;
}

static naru_status hear_broker(naru__shard *shard, naru__home *home)
{
    const naru_broker *broker = &shard->options.broker;
    if (!broker->calls || home->brokered) {
        return NARU_OK;
    }
    naru_status status = broker->calls->subscribe(broker->self, naru__home_name(shard, home));
    home->brokered = status == NARU_OK;
    return status < 0 ? status : NARU_OK;
}

static naru_status begin_listening(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_status status = hear_broker(shard, home);
    if (status != NARU_OK) {
        return status;
    }
    if (letter->publication) {
        status = naru__presence_enter(shard, home, letter->publication);
    }
    if (status == NARU_OK) {
        home->listeners++;
        home->shards[letter->from]++;
    }
    return status;
}

/* The range of what was missed, one more than may be caught up so that too much shows. */
static void listen(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_status status = begin_listening(shard, home, letter);
    if (status != NARU_OK) {
        answer(shard, letter, status);
        return;
    }
    if (home->rules.history_max == 0) {
        listening(shard, home, letter, home->head, NULL, 0);
        return;
    }
    naru_history_range range = {
        .from = letter->range.from, .limit = letter->resume ? home->rules.resume_max + 1 : 0, .begin = true};
    uint32_t from = letter->from;
    status = read_store(shard, home, letter, &range);
    if (status < 0) {
        unlisten(shard, home, from, letter->publication);
        answer(shard, letter, status);
    }
}

static void history(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    naru_history_range range = letter->range;
    naru_status status = NARU_OK;
    if (home->rules.history_max == 0) {
        letter->position = home->head;
        answer(shard, letter, NARU_OK);
        return;
    }
    range.limit = range.limit < home->rules.history_max ? range.limit : home->rules.history_max;
    status = read_store(shard, home, letter, &range);
    if (status < 0) {
        answer(shard, letter, status);
    }
}

static void tell(naru__shard *shard, const naru__home *home, naru__letter *letter)
{
    letter->status = NARU_OK;
    letter->subscribers = home->listeners;
    letter->position = home->head;
    naru__presence_list(home, letter, letter->kind == NARU__LETTER_PRESENCE ? letter->range.limit : 0);
    answer(shard, letter, letter->status);
}

/* The letter may be gone after each of these, and the home unless it is held. */
static void attend(naru__shard *shard, naru__home *home, naru__letter *letter)
{
    switch (letter->kind) {
    case NARU__LETTER_LISTEN:
        listen(shard, home, letter);
        break;
    case NARU__LETTER_UNLISTEN:
        unlisten(shard, home, letter->from, letter->publication);
        naru__letter_free(letter);
        break;
    case NARU__LETTER_HISTORY:
        history(shard, home, letter);
        break;
    default:
        tell(shard, home, letter);
        break;
    }
}

void naru__home_receive(naru__shard *shard, naru__letter *letter)
{
    if (letter->kind == NARU__LETTER_PUBLISH) {
        publish(shard, letter);
        return;
    }
    naru__home *home = get(shard, naru__letter_channel(letter));
    if (!home) {
        answer(shard, letter, NARU_ERR_MEMORY);
        return;
    }
    home->pending++;
    attend(shard, home, letter);
    home->pending--;
    release(shard, home);
}

/* ---- drivers ---------------------------------------------------------------------------------------------------- */

naru_status naru__home_open(naru__shard *shard)
{
    static const naru_store_answers store_answers = {appended, read_done};
    static const naru_broker_answers broker_answers = {published, message, lost};
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
