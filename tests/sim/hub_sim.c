/* The hub of several shards, simulated: links that keep their own order and no other, stores that answer late or
 * refuse, clients that come, go, stall and resume while others publish. All of it in one thread and from one seed, so
 * that a seed that fails fails again:  test_sim_hub SEED 1
 *
 * shapes    test_sim_hub [FIRST [COUNT]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/shard.h"
#include "hub_check.h"
#include "unit/hub/slow_store.h"

enum { SHARDS = 4, CHANNELS = 5, CLIENTS = 24, STEPS = 2000, LINKS = SHARDS * SHARDS };

/* A client's dealings with one channel. */
typedef struct dealing {
    struct client *client;
    unsigned channel;
    bool asked, subscribed, present;
    unsigned generation; /* counts the subscriptions: an answer to an earlier one is told by it */
    naru_position since;
    bool resume;
    check_subscription state;
    uint64_t heard;
} dealing;

typedef struct client {
    struct sim *sim;
    unsigned number, shard;
    naru_subscriber *subscriber; /* NULL: not connected */
    unsigned subscriptions;
    uint64_t stalls_after; /* deliveries until its queue is full and it is thrown out; 0: never */
    dealing dealings[CHANNELS];
} client;

typedef struct link {
    naru__letter *first, **end;
} link;

typedef struct sim {
    uint64_t random;
    unsigned shards_count;
    naru__shard *shards[SHARDS];
    slow_store *slow[SHARDS];
    link links[LINKS];
    size_t letters;
    naru_channel_rules rules;
    bool refusing;
    client clients[CLIENTS];
    check_history *history;
    const char *fault;
    uint64_t messages, now_ms;
    uint64_t recovered, not_recovered, heard; /* what the seeds came to, together */
} sim;

/* An answer to a subscription finds its dealing, and whether it is still that subscription's. */
typedef struct asked {
    dealing *d;
    unsigned generation;
} asked;

static uint64_t draw(sim *s)
{
    s->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = s->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(sim *s, unsigned limit)
{
    return (unsigned)(draw(s) % limit);
}

static void fault(sim *s, const char *what)
{
    s->fault = s->fault ? s->fault : what;
}

static naru_span name_of(unsigned channel)
{
    static const char *const names[CHANNELS] = {"red", "green", "blue", "white", "black"};
    return naru_span_of(names[channel]);
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static void carry(void *user, naru__letter *letter)
{
    sim *s = user;
    link *l = &s->links[letter->from * SHARDS + letter->to];
    letter->next = NULL;
    *l->end = letter;
    l->end = &letter->next;
    s->letters++;
}

static void move_one(sim *s, link *l)
{
    naru__letter *letter = l->first;
    if (!letter) {
        return;
    }
    l->first = letter->next;
    if (!l->first) {
        l->end = &l->first;
    }
    s->letters--;
    naru__shard_receive(s->shards[letter->to], letter);
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */

static void disconnect(client *c)
{
    naru_subscriber *subscriber = c->subscriber;
    c->subscriber = NULL;
    for (unsigned i = 0; i < CHANNELS; i++) {
        c->dealings[i].asked = c->dealings[i].subscribed = c->dealings[i].present = false;
        c->dealings[i].generation++;
    }
    naru_subscriber_free(subscriber);
}

static void deliver(naru_subscriber *subscriber, naru_publication *publication, void *user)
{
    client *c = user;
    sim *s = c->sim;
    if (c->subscriber != subscriber) {
        fault(s, "something was delivered to a subscriber that is gone");
        return;
    }
    if (publication->kind != NARU_PUBLICATION_MESSAGE) {
        return;
    }
    uint64_t message;
    memcpy(&message, publication->data.data, sizeof message);
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (naru_span_equal(publication->channel, name_of(i))) {
            dealing *d = &c->dealings[i];
            check_heard(s->history, &d->state, i, publication->position, message);
            d->heard++;
            s->heard++;
        }
    }
    if (c->stalls_after > 0 && --c->stalls_after == 0) {
        disconnect(c);
    }
}

static void check_verdict(sim *s, const dealing *d, const naru_channel_answer *answer)
{
    if (!d->resume) {
        if (answer->recovered) {
            fault(s, "recovered without being asked to");
        }
        return;
    }
    bool same = d->since.epoch != 0 && d->since.epoch == answer->position.epoch;
    uint64_t gap = answer->position.offset - d->since.offset;
    uint64_t kept = s->rules.history_max < s->rules.resume_max ? s->rules.history_max : s->rules.resume_max;
    if (answer->recovered != (same && gap <= kept)) {
        fault(s, answer->recovered ? "recovered what cannot have been kept" : "not recovered what was kept");
    }
    s->recovered += answer->recovered;
    s->not_recovered += !answer->recovered;
}

static void on_subscribed(void *user, const naru_channel_answer *answer)
{
    asked *a = user;
    dealing *d = a->d;
    sim *s = d->client->sim;
    bool mine = a->generation == d->generation;
    free(a);
    if (answer->status == NARU_ERR_CLOSED) {
        return;
    }
    if (!mine) {
        if (answer->status == NARU_OK) {
            fault(s, "an answer came for a subscription that was given up");
        }
        return;
    }
    d->asked = false;
    if (answer->status != NARU_OK) {
        if (!s->refusing) {
            fault(s, "a subscription was refused");
        }
        d->present = false;
        return;
    }
    d->subscribed = true;
    check_verdict(s, d, answer);
    check_subscribed(s->history, &d->state, d->since, answer->recovered, answer->position, answer->items_count);
}

static void subscribe(sim *s, dealing *d)
{
    client *c = d->client;
    char id[32];
    char who[16];
    asked *a = malloc(sizeof *a);
    *a = (asked){d, ++d->generation};
    snprintf(id, sizeof id, "c%u.%u", c->number, ++c->subscriptions); /* no two connections are one client */
    snprintf(who, sizeof who, "u%u", c->number / 3);
    naru_presence presence = {.client = naru_span_of(id), .user = naru_span_of(who)};
    d->resume = d->state.began && below(s, 8) > 0;
    d->since = d->state.at;
    d->present = below(s, 2) == 0;
    d->state.began = false;
    naru_subscription how = {.resume = d->resume,
                             .since = d->since,
                             .wants_presence = below(s, 3) == 0,
                             .presence = d->present ? &presence : NULL,
                             .done = on_subscribed,
                             .user = a};
    if (naru__shard_subscribe(s->shards[c->shard], c->subscriber, name_of(d->channel), &how) != NARU_OK) {
        fault(s, "cannot subscribe");
        free(a);
        return;
    }
    d->asked = true;
}

static void toggle(sim *s, client *c)
{
    static const naru_subscriber_calls calls = {.deliver = deliver};
    if (!c->subscriber) {
        c->shard = below(s, s->shards_count);
        c->stalls_after = below(s, 3) == 0 ? 1 + below(s, 30) : 0;
        c->subscriber = naru_subscriber_new(naru__shard_hub(s->shards[c->shard]), &calls, c);
        return;
    }
    dealing *d = &c->dealings[below(s, CHANNELS)];
    if (!d->asked && !d->subscribed) {
        subscribe(s, d);
    } else if (below(s, 2) == 0) {
        d->asked = d->subscribed = d->present = false;
        d->generation++;
        if (naru_hub_unsubscribe(c->subscriber, name_of(d->channel)) != NARU_OK) {
            fault(s, "cannot unsubscribe");
        }
    } else if (below(s, 4) == 0) {
        disconnect(c);
    }
}

/* ---- publishing, looking ---------------------------------------------------------------------------------------- */

static void publish(sim *s)
{
    uint64_t message = ++s->messages;
    naru_span data = {(const uint8_t *)&message, sizeof message};
    naru_publication *p = naru_publication_new(NULL, name_of(below(s, CHANNELS)), 0, data);
    if (naru__shard_publish_take(s->shards[below(s, s->shards_count)], NULL, p, NULL, NULL) != NARU_OK) {
        fault(s, "cannot publish");
    }
}

static void on_history(void *user, const naru_channel_answer *answer)
{
    sim *s = user;
    for (size_t i = 1; i < answer->items_count; i++) {
        if (answer->items[i]->position.offset != answer->items[i - 1]->position.offset + 1) {
            fault(s, "a history with a gap");
        }
    }
}

static void look(sim *s)
{
    naru_history_range range = {.from = below(s, 40), .limit = below(s, 20)};
    naru__shard *shard = s->shards[below(s, s->shards_count)];
    (void)!naru__shard_history(shard, name_of(below(s, CHANNELS)), &range, on_history, s);
}

static void step(sim *s)
{
    unsigned shard = below(s, s->shards_count);
    switch (below(s, 12)) {
    case 0:
    case 1:
    case 2:
        toggle(s, &s->clients[below(s, CLIENTS)]);
        break;
    case 3:
        publish(s);
        break;
    case 4:
        s->now_ms += below(s, 50);
        (void)naru__shard_advance(s->shards[shard], s->now_ms);
        break;
    case 5:
    case 6:
        (void)naru_hub_run(naru__shard_hub(s->shards[shard]), 1 + below(s, 6));
        break;
    case 7:
        if (s->slow[shard]) {
            s->slow[shard]->refuses = s->refusing && below(s, 8) == 0;
            (void)slow_step(s->slow[shard]);
        }
        break;
    case 8:
        look(s);
        break;
    default:
        for (unsigned i = 0; i < 4; i++) {
            move_one(s, &s->links[below(s, SHARDS) * SHARDS + below(s, SHARDS)]);
        }
        break;
    }
}

static bool busy(const sim *s)
{
    bool is = s->letters > 0;
    for (unsigned i = 0; i < s->shards_count; i++) {
        is = is || s->shards[i] == NULL || (s->slow[i] && s->slow[i]->waiting > 0);
    }
    return is;
}

/* Let everything that is under way arrive. */
static void settle(sim *s)
{
    bool left = true;
    while (left) {
        left = busy(s);
        for (unsigned i = 0; i < LINKS; i++) {
            move_one(s, &s->links[i]);
        }
        for (unsigned i = 0; i < s->shards_count; i++) {
            if (s->slow[i]) {
                s->slow[i]->refuses = false;
                (void)slow_step(s->slow[i]);
            }
            left = naru_hub_run(naru__shard_hub(s->shards[i]), 100) == NARU_MORE || left;
        }
    }
}

/* ---- the end: everything is quiet, so everything must add up ---------------------------------------------------- */

typedef struct final {
    sim *s;
    unsigned channel;
    bool answered;
} final;

static void on_counts(void *user, const naru_channel_answer *answer)
{
    final *f = user;
    uint64_t subscribers = 0, present = 0;
    f->answered = true;
    for (unsigned i = 0; i < CLIENTS; i++) {
        const dealing *d = &f->s->clients[i].dealings[f->channel];
        subscribers += d->subscribed;
        present += d->present;
        if (d->subscribed) {
            check_caught_up(f->s->history, &d->state, answer->position);
        }
    }
    if (answer->status != NARU_OK || answer->subscribers != subscribers) {
        fault(f->s, "the home counts other subscribers than there are");
    }
    if (answer->clients != present || answer->items_count != present) {
        fault(f->s, "the home knows other clients than are present");
    }
}

static void finish(sim *s)
{
    settle(s);
    for (unsigned i = 0; i < CHANNELS; i++) {
        final f = {s, i, false};
        (void)!naru__shard_presence(s->shards[0], name_of(i), UINT32_MAX, on_counts, &f);
        settle(s);
        if (!f.answered) {
            fault(s, "a question was not answered");
        }
    }
}

static void make_shard(sim *s, unsigned index)
{
    naru__shard_options options = {.hub.key = {7},
                                   .hub.user = s,
                                   .index = index,
                                   .count = s->shards_count,
                                   .rules = s->rules,
                                   .epoch_seed = index,
                                   .send = carry,
                                   .user = s};
    if (below(s, 2) == 0) {
        s->slow[index] = slow_store_new(&options.store);
    } else if (below(s, 2) == 0) {
        (void)!naru_broker_memory_new(NULL, &options.broker);
    }
    if (naru__shard_new(&options, &s->shards[index]) != NARU_OK) {
        fault(s, "cannot make a shard");
    }
}

static void prepare(sim *s, uint64_t seed)
{
    *s = (sim){.random = seed, .history = check_history_new()};
    s->shards_count = 1 + below(s, SHARDS);
    s->rules = (naru_channel_rules){.history_max = (uint32_t[]){0, 3, 12, 1000}[below(s, 4)],
                                    .history_age_ms = UINT32_MAX,
                                    .resume_max = 1 + below(s, 40)};
    s->refusing = below(s, 4) == 0;
    for (unsigned i = 0; i < LINKS; i++) {
        s->links[i].end = &s->links[i].first;
    }
    for (unsigned i = 0; i < s->shards_count; i++) {
        make_shard(s, i);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        s->clients[i].sim = s;
        s->clients[i].number = i;
        for (unsigned j = 0; j < CHANNELS; j++) {
            s->clients[i].dealings[j] = (dealing){.client = &s->clients[i], .channel = j};
        }
    }
}

static void clear(sim *s)
{
    for (unsigned i = 0; i < s->shards_count; i++) {
        naru__shard_free(s->shards[i]);
    }
    for (unsigned i = 0; i < LINKS; i++) {
        while (s->links[i].first) {
            naru__letter *letter = s->links[i].first;
            s->links[i].first = letter->next;
            naru__letter_free(letter);
        }
    }
    check_history_free(s->history);
}

static bool run(uint64_t seed, sim *totals)
{
    static sim s;
    prepare(&s, seed);
    for (unsigned i = 0; i < STEPS && !s.fault && !check_history_fault(s.history); i++) {
        step(&s);
    }
    if (!s.fault && !check_history_fault(s.history)) {
        finish(&s);
    }
    const char *what = s.fault ? s.fault : check_history_fault(s.history);
    if (what) {
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
    }
    totals->heard += s.heard;
    totals->recovered += s.recovered;
    totals->not_recovered += s.not_recovered;
    bool fine = what == NULL;
    clear(&s);
    return fine;
}

int main(int argc, char **argv)
{
    static sim totals;
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    uint64_t failed = 0;
    for (uint64_t seed = first; seed - first < count && failed < 10; seed++) {
        failed += !run(seed, &totals);
    }
    printf("seeds %llu to %llu: %llu failed; %llu messages heard, %llu resumed, %llu not\n", (unsigned long long)first,
           (unsigned long long)(first + count - 1), (unsigned long long)failed, (unsigned long long)totals.heard,
           (unsigned long long)totals.recovered, (unsigned long long)totals.not_recovered);
    /* A simulation in which nothing happens proves nothing. */
    bool lively = count < 100 || (totals.heard > 1000 && totals.recovered > 100 && totals.not_recovered > 100);
    return failed > 0 || !lively;
}
