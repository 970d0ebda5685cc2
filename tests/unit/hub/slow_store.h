/* A store for tests that takes its time: it keeps what it was asked in a queue and does one piece of it whenever it is
 * told to, in order; it can be told to refuse. It stands on the memory store. */
#ifndef NARU_UNIT_HUB_SLOW_STORE_H
#define NARU_UNIT_HUB_SLOW_STORE_H

#include <naru/hub.h>
#include <stdlib.h>
#include <string.h>

typedef struct slow_work {
    struct slow_work *next;
    naru_publication *publication; /* of append; NULL: a read */
    naru_channel_rules rules;
    naru_history_range range;
    uint64_t ticket;
    size_t channel_bytes;
    uint8_t channel[];
} slow_work;

typedef struct slow_store {
    naru_store below;
    const naru_store_answers *answers;
    void *user;
    slow_work *first, **end;
    size_t waiting;
    bool refuses;
} slow_store;

static inline naru_status slow_open(void *self, const naru_store_answers *answers, void *user)
{
    slow_store *store = self;
    store->answers = answers;
    store->user = user;
    return store->below.calls->open(store->below.self, answers, user);
}

static inline slow_work *slow_push(slow_store *store, naru_span channel, uint64_t ticket)
{
    slow_work *work = calloc(1, sizeof *work + channel.size);
    if (work) {
        work->ticket = ticket;
        work->channel_bytes = channel.size;
        memcpy(work->channel, channel.data, channel.size);
        *store->end = work;
        store->end = &work->next;
        store->waiting++;
    }
    return work;
}

static inline naru_status slow_append(void *self, naru_publication *publication, const naru_channel_rules *rules,
                                      uint64_t ticket)
{
    slow_store *store = self;
    slow_work *work = store->refuses ? NULL : slow_push(store, publication->channel, ticket);
    if (!work) {
        return NARU_ERR_REFUSED;
    }
    work->publication = naru_publication_ref(publication);
    work->rules = *rules;
    return NARU_OK;
}

static inline naru_status slow_read(void *self, naru_span channel, const naru_history_range *range, uint64_t ticket)
{
    slow_store *store = self;
    slow_work *work = store->refuses ? NULL : slow_push(store, channel, ticket);
    if (!work) {
        return NARU_ERR_REFUSED;
    }
    work->range = *range;
    return NARU_OK;
}

static inline uint64_t slow_trim(void *self, uint64_t now_ms)
{
    slow_store *store = self;
    return store->below.calls->trim(store->below.self, now_ms);
}

static inline void slow_forget(void *self)
{
    slow_store *store = self;
    store->below.calls->forget(store->below.self);
}

static inline slow_work *slow_pop(slow_store *store)
{
    slow_work *work = store->first;
    store->first = work->next;
    if (!store->first) {
        store->end = &store->first;
    }
    store->waiting--;
    return work;
}

/* Do one piece of work. false: there is none. */
static inline bool slow_step(slow_store *store)
{
    if (!store->first) {
        return false;
    }
    slow_work *work = slow_pop(store);
    const naru_store_calls *calls = store->below.calls;
    if (work->publication) {
        naru_status status = calls->append(store->below.self, work->publication, &work->rules, work->ticket);
        if (status < 0) {
            store->answers->appended(store->user, work->ticket, status, (naru_position){0, 0});
        }
    } else {
        naru_span channel = {work->channel, work->channel_bytes};
        naru_status status = calls->read(store->below.self, channel, &work->range, work->ticket);
        if (status < 0) {
            store->answers->read(store->user, work->ticket, status, (naru_position){0, 0}, NULL, 0);
        }
    }
    naru_publication_unref(work->publication);
    free(work);
    return true;
}

static inline void slow_close(void *self)
{
    slow_store *store = self;
    while (store->first) {
        slow_work *work = slow_pop(store);
        if (work->publication) {
            store->answers->appended(store->user, work->ticket, NARU_ERR_CLOSED, (naru_position){0, 0});
        } else {
            store->answers->read(store->user, work->ticket, NARU_ERR_CLOSED, (naru_position){0, 0}, NULL, 0);
        }
        naru_publication_unref(work->publication);
        free(work);
    }
    store->below.calls->close(store->below.self);
    free(store);
}

static inline slow_store *slow_store_new(naru_store *store_out)
{
    static const naru_store_calls calls = {slow_open, slow_append, slow_read, slow_trim, slow_forget, slow_close};
    static const uint8_t key[16] = {1, 2, 3};
    slow_store *store = calloc(1, sizeof *store);
    if (!store || naru_store_memory_new(NULL, key, &store->below) != NARU_OK) {
        free(store);
        return NULL;
    }
    store->end = &store->first;
    *store_out = (naru_store){&calls, store};
    return store;
}

#endif
