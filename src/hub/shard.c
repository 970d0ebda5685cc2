/* A shard towards its own subscribers: it asks the homes, and passes on what they say.
 *
 * Not for: what a home does (home.c). Source: none. */
#include "shard.h"

#include "home.h"
#include "publication.h"

enum { ASKED = 65536, SHARD_ID_BITS = 48, PRESENCE_NAME_MAX = 256 };

/* ---- tickets ---------------------------------------------------------------------------------------------------- */

static uint64_t ticket_hash(uint64_t id)
{
    return id * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

naru__ticket *naru__ticket_new(naru__shard *shard)
{
    naru__ticket *ticket = naru__alloc_zero(shard->allocator, sizeof *ticket);
    if (!ticket) {
        return NULL;
    }
    ticket->id = ++shard->tickets_count;
    ticket->entry.hash = ticket_hash(ticket->id);
    if (naru__table_put(&shard->tickets, &ticket->entry) != NARU_OK) {
        naru__free(shard->allocator, ticket, sizeof *ticket);
        return NULL;
    }
    return ticket;
}

naru__ticket *naru__ticket_find(const naru__shard *shard, uint64_t id)
{
    uint64_t hash = ticket_hash(id);
    for (naru__entry *entry = naru__table_chain(&shard->tickets, hash); entry; entry = entry->next) {
        naru__ticket *ticket = (naru__ticket *)(void *)entry;
        if (ticket->id == id) {
            return ticket;
        }
    }
    return NULL;
}

void naru__ticket_free(naru__shard *shard, naru__ticket *ticket)
{
    naru__table_remove(&shard->tickets, &ticket->entry);
    naru__free(shard->allocator, ticket, sizeof *ticket);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static void on_left(naru__member *member, void *user);

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
    shard->hub->on_left = on_left;
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

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void send(naru__shard *shard, naru__letter *letter, uint32_t to)
{
    letter->from = shard->options.index;
    letter->to = to;
    shard->options.send(shard->options.user, letter);
}

static bool name_fits(const naru__shard *shard, naru_span name)
{
    return name.size > 0 && name.size <= shard->options.hub.channel_bytes_max;
}

static naru_status ask(naru__shard *shard, naru__letter *letter, naru_span channel, naru_channel_answer_fn *done,
                       void *user)
{
    naru__ticket *ticket = NULL;
    if (done && shard->tickets.count >= shard->options.asked_max) {
        return NARU_ERR_TOO_MANY;
    }
    if (done) {
        ticket = naru__ticket_new(shard);
        if (!ticket) {
            return NARU_ERR_MEMORY;
        }
        ticket->done = done;
        ticket->user = user;
        letter->ticket = ticket->id;
    }
    send(shard, letter, naru__shard_home(shard, channel));
    return NARU_OK;
}

static naru_status ask_about(naru__shard *shard, naru__letter_kind kind, naru_span channel,
                             const naru_history_range *range, naru_channel_answer_fn *done, void *user)
{
    if (!name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    naru__letter *letter = naru__letter_new(kind, channel);
    if (!letter) {
        return NARU_ERR_MEMORY;
    }
    letter->range = *range;
    naru_status status = ask(shard, letter, channel, done, user);
    if (status != NARU_OK) {
        naru__letter_free(letter);
    }
    return status;
}

naru_status naru__shard_history(naru__shard *shard, naru_span channel, const naru_history_range *range,
                                naru_channel_answer_fn *done, void *user)
{
    naru_history_range asked = *range;
    asked.begin = false;
    return ask_about(shard, NARU__LETTER_HISTORY, channel, &asked, done, user);
}

naru_status naru__shard_presence(naru__shard *shard, naru_span channel, uint32_t limit, naru_channel_answer_fn *done,
                                 void *user)
{
    return ask_about(shard, NARU__LETTER_PRESENCE, channel, &(naru_history_range){.limit = limit}, done, user);
}

naru_status naru__shard_counts(naru__shard *shard, naru_span channel, naru_channel_answer_fn *done, void *user)
{
    return ask_about(shard, NARU__LETTER_COUNTS, channel, &(naru_history_range){0}, done, user);
}

/* ---- publishing ------------------------------------------------------------------------------------------------- */

bool naru__shard_unheard(const naru__shard *shard, naru_span channel)
{
    naru_channel_rules rules = shard->options.rules;
    if (shard->options.broker.calls || naru__shard_home(shard, channel) != shard->options.index ||
        naru__home_find(shard, channel) || naru_hub_channel_count(shard->hub, channel) > 0) {
        return false;
    }
    if (shard->options.rules_of) {
        shard->options.rules_of(shard->options.user, channel, &rules);
    }
    return rules.history_max == 0;
}

static bool add_spares(const naru__shard *shard, naru__letter *letter)
{
    for (uint32_t to = 0; to < shard->options.count; to++) {
        naru__letter *spare = naru__letter_new(NARU__LETTER_DELIVER, (naru_span){NULL, 0});
        if (!spare) {
            return false;
        }
        spare->to = to;
        spare->next = letter->spares;
        letter->spares = spare;
    }
    return true;
}

static naru_status publish(naru__shard *shard, naru__letter *letter, const naru_audience *audience,
                           naru_channel_answer_fn *done, void *user)
{
    naru_span channel = letter->publication->channel;
    if (audience) {
        channel = audience->channels_count > 0 ? audience->channels[0] : (naru_span){NULL, 0};
        letter->envelope = naru__envelope_new(audience);
    } else if (!name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    if ((audience && !letter->envelope) || !add_spares(shard, letter)) {
        return NARU_ERR_MEMORY;
    }
    return ask(shard, letter, channel, done, user);
}

naru_status naru__shard_publish_take(naru__shard *shard, const naru_audience *audience, naru_publication *publication,
                                     naru_channel_answer_fn *done, void *user)
{
    naru__letter *letter = naru__letter_new(NARU__LETTER_PUBLISH, (naru_span){NULL, 0});
    if (!letter) {
        naru_publication_unref(publication);
        return NARU_ERR_MEMORY;
    }
    letter->publication = publication;
    naru_status status = publish(shard, letter, audience, done, user);
    if (status != NARU_OK) {
        naru__letter_free(letter);
    }
    return status;
}

/* ---- subscribing ------------------------------------------------------------------------------------------------ */

/* While the home has not answered, it may yet refuse, and then must not be told of a leaving: the ticket keeps the
 * letter until it is known. */
static void on_left(naru__member *member, void *user)
{
    naru__shard *shard = user;
    naru__letter *goodbye = member->goodbye;
    naru__ticket *ticket = member->ticket;
    if (!goodbye) {
        return;
    }
    member->goodbye = NULL;
    if (shard->closing) {
        naru__letter_free(goodbye);
        return;
    }
    if (ticket) {
        ticket->member = NULL;
    }
    if (ticket && !ticket->is_in) {
        ticket->letter = goodbye;
    } else {
        send(shard, goodbye, naru__shard_home(shard, naru__letter_channel(goodbye)));
    }
}

static bool presence_fits(const naru_presence *presence)
{
    return !presence || (presence->client.size > 0 && presence->client.size <= PRESENCE_NAME_MAX &&
                         presence->user.size <= PRESENCE_NAME_MAX && presence->data.size <= UINT32_MAX);
}

/* Everything that may fail, before anything is changed. */
static naru_status prepare(naru_span channel, const naru_subscription *how, naru__letter *letters[2])
{
    letters[0] = naru__letter_new(NARU__LETTER_LISTEN, channel);
    letters[1] = naru__letter_new(NARU__LETTER_UNLISTEN, channel);
    if (!letters[0] || !letters[1]) {
        return NARU_ERR_MEMORY;
    }
    if (how->presence) {
        naru_publication like = {.channel = channel, .kind = NARU_PUBLICATION_JOIN, .presence = *how->presence};
        letters[0]->publication = naru__publication_make(NULL, &like);
        if (!letters[0]->publication) {
            return NARU_ERR_MEMORY;
        }
        letters[1]->publication = naru_publication_ref(letters[0]->publication);
    }
    letters[0]->resume = how->resume;
    letters[0]->range = (naru_history_range){.epoch = how->since.epoch, .from = how->since.offset};
    return NARU_OK;
}

static naru_status join(naru__shard *shard, naru_subscriber *subscriber, naru_span channel,
                        const naru_subscription *how, naru__letter *letters[2])
{
    naru__member *member;
    naru_status status = prepare(channel, how, letters);
    naru__ticket *ticket = status == NARU_OK ? naru__ticket_new(shard) : NULL;
    if (!ticket) {
        return NARU_ERR_MEMORY;
    }
    status = naru__member_join(subscriber, channel, true, &member);
    if (status != NARU_OK) {
        naru__ticket_free(shard, ticket);
        return status;
    }
    ticket->done = how->done;
    ticket->user = how->user;
    ticket->member = member;
    member->ticket = ticket;
    member->goodbye = letters[1];
    member->wants_presence = how->wants_presence;
    member->channel->watchers += how->wants_presence;
    letters[0]->ticket = ticket->id;
    send(shard, letters[0], naru__shard_home(shard, channel));
    letters[0] = letters[1] = NULL;
    return NARU_OK;
}

naru_status naru__shard_subscribe(naru__shard *shard, naru_subscriber *subscriber, naru_span channel,
                                  const naru_subscription *how)
{
    if (!name_fits(shard, channel)) {
        return NARU_ERR_TOO_BIG;
    }
    if (!presence_fits(how->presence)) {
        return NARU_ERR_ARGUMENT;
    }
    if (naru_hub_subscribes(subscriber, channel)) {
        return NARU_ERR_STATE;
    }
    if (shard->tickets.count >= shard->options.asked_max) {
        return NARU_ERR_TOO_MANY;
    }
    naru__letter *letters[2];
    naru_status status = join(shard, subscriber, channel, how, letters);
    naru__letter_free(letters[0]);
    naru__letter_free(letters[1]);
    return status;
}

/* ---- receiving -------------------------------------------------------------------------------------------------- */

static naru_channel_answer answer_of(const naru__letter *letter)
{
    return (naru_channel_answer){.status = letter->status,
                                 .position = letter->position,
                                 .recovered = letter->recovered,
                                 .items = letter->items,
                                 .items_count = letter->items_count,
                                 .subscribers = letter->subscribers,
                                 .clients = letter->clients,
                                 .users = letter->users};
}

static void tell(const naru__ticket *ticket, const naru_channel_answer *answer)
{
    if (ticket->done) {
        ticket->done(ticket->user, answer);
    }
}

/* It has gone before the answer came: now the home can be told, if it had let it in. */
static void gone_meanwhile(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru__ticket taken = *ticket;
    naru__ticket_free(shard, ticket);
    if (taken.letter && letter->status == NARU_OK) {
        send(shard, taken.letter, letter->from);
    } else {
        naru__letter_free(taken.letter);
    }
    tell(&taken, &(naru_channel_answer){.status = taken.letter ? NARU_ERR_STATE : letter->status});
}

static void refused(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru__ticket taken = *ticket;
    naru__ticket_free(shard, ticket);
    naru__letter_free(taken.member->goodbye);
    taken.member->goodbye = NULL;
    naru__member_leave(taken.member);
    tell(&taken, &(naru_channel_answer){.status = letter->status});
}

/* What was missed goes to it alone, now; any of it may end the subscription. */
static void subscribed(naru__shard *shard, naru__ticket *ticket, const naru__letter *letter)
{
    naru_subscriber *subscriber = ticket->member->subscriber;
    uint64_t id = ticket->id;
    naru_channel_answer answer = answer_of(letter);
    naru__member_begin(ticket->member);
    ticket->letter = NULL;
    ticket->is_in = true;
    tell(ticket, &answer);
    for (size_t i = 0; i < letter->items_count && ticket->member; i++) {
        subscriber->calls->deliver(subscriber, letter->items[i], subscriber->user);
    }
    if (ticket->member) {
        ticket->member->ticket = NULL;
    }
    naru__ticket_free(shard, naru__ticket_find(shard, id));
}

static void receive_answer(naru__shard *shard, naru__letter *letter)
{
    naru__ticket *ticket = naru__ticket_find(shard, letter->ticket);
    if (ticket && (ticket->member || ticket->letter)) {
        if (!ticket->member) {
            gone_meanwhile(shard, ticket, letter);
        } else if (letter->status != NARU_OK) {
            refused(shard, ticket, letter);
        } else {
            subscribed(shard, ticket, letter);
        }
    } else if (ticket) {
        naru__ticket taken = *ticket;
        naru_channel_answer answer = answer_of(letter);
        naru__ticket_free(shard, ticket);
        tell(&taken, &answer);
    }
    naru__letter_free(letter);
}

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
        receive_answer(shard, letter);
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
