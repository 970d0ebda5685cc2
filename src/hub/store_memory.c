/* History in memory: for each channel a ring of references, bounded by count, bytes and age. An emptied log remembers
 * its place as long again as its publications lived, so that who missed nothing is told so; then it is gone.
 *
 * Not for: what outlives the process. Source: none. */
#include <naru/hub.h>
#include <string.h>

#include "base/memory.h"
#include "base/sip.h"
#include "base/wheel.h"
#include "publication.h"
#include "rules.h"
#include "table.h"

enum { RING_MIN = 4, TRIMS_MAX = 256, DUE_MAX_A_CALL = 1024, LOGS_MAX = 1000000 };

typedef struct ring_log {
    naru__entry entry; /* first */
    naru__timer timer; /* runs always: the age of the oldest, or of the empty log */
    naru_publication **ring;
    uint32_t room, first, count; /* room is a power of two */
    naru_position head;
    uint64_t bytes, last_ms;
    naru_channel_rules rules;
    uint32_t name_bytes;
    uint8_t name[];
} ring_log;

typedef struct memory_store {
    const naru_allocator *allocator;
    naru__sip_key key;
    const naru_store_answers *answers;
    void *user;
    naru__table logs;
    naru__wheel wheel;
    uint64_t epochs;
} memory_store;

static naru_publication *at(const ring_log *log, uint32_t index)
{
    return log->ring[(log->first + index) & (log->room - 1)];
}

static uint64_t cost(const naru_publication *publication)
{
    return publication->channel.size + publication->data.size;
}

static ring_log *find(const memory_store *store, naru_span name)
{
    uint64_t hash = naru__sip(&store->key, name);
    for (naru__entry *entry = naru__table_chain(&store->logs, hash); entry; entry = entry->next) {
        ring_log *log = (ring_log *)(void *)entry;
        if (entry->hash == hash && naru_span_equal((naru_span){log->name, log->name_bytes}, name)) {
            return log;
        }
    }
    return NULL;
}

/* Never 0, and not to be told from the last one's. */
static uint64_t next_epoch(memory_store *store)
{
    uint64_t number = ++store->epochs;
    return naru__sip(&store->key, (naru_span){(const uint8_t *)&number, sizeof number}) | 1;
}

static ring_log *make(memory_store *store, naru_span name)
{
    ring_log *log = naru__alloc_zero(store->allocator, sizeof *log + name.size);
    if (!log) {
        return NULL;
    }
    log->name_bytes = (uint32_t)name.size;
    memcpy(log->name, name.data, name.size);
    log->entry.hash = naru__sip(&store->key, name);
    if (naru__table_put(&store->logs, &log->entry) != NARU_OK) {
        naru__free(store->allocator, log, sizeof *log + name.size);
        return NULL;
    }
    log->head.epoch = next_epoch(store);
    return log;
}

static void drop_oldest(ring_log *log)
{
    naru_publication *oldest = at(log, 0);
    log->bytes -= cost(oldest);
    log->first = (log->first + 1) & (log->room - 1);
    log->count--;
    naru_publication_unref(oldest);
}

static void log_free(memory_store *store, ring_log *log)
{
    while (log->count > 0) {
        drop_oldest(log);
    }
    naru__wheel_stop(&store->wheel, &log->timer);
    naru__table_remove(&store->logs, &log->entry);
    naru__free(store->allocator, log->ring, log->room * sizeof *log->ring);
    naru__free(store->allocator, log, sizeof *log + log->name_bytes);
}

static void set_timer(memory_store *store, ring_log *log)
{
    uint64_t at_ms = log->count > 0 ? at(log, 0)->time_ms + log->rules.history_age_ms
                                    : log->last_ms + 2 * (uint64_t)log->rules.history_age_ms;
    naru__wheel_start(&store->wheel, &log->timer, at_ms);
}

static bool grow(const memory_store *store, ring_log *log)
{
    if (log->count < log->room) {
        return true;
    }
    uint32_t room = log->room > 0 ? log->room * 2 : RING_MIN;
    naru_publication **ring = naru__alloc(store->allocator, room * sizeof *ring);
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < log->count; i++) {
        ring[i] = at(log, i);
    }
    naru__free(store->allocator, log->ring, log->room * sizeof *ring);
    log->ring = ring;
    log->room = room;
    log->first = 0;
    return true;
}

static bool over_bounds(const ring_log *log, uint64_t more)
{
    return log->count >= log->rules.history_max || log->bytes > log->rules.history_bytes_max - more;
}

/* What alone passes the bound of bytes leaves an empty history behind it. */
static void keep(ring_log *log, naru_publication *publication)
{
    uint64_t bytes = cost(publication);
    bool fits = bytes <= log->rules.history_bytes_max;
    while (log->count > 0 && (!fits || over_bounds(log, bytes))) {
        drop_oldest(log);
    }
    if (fits) {
        log->ring[(log->first + log->count++) & (log->room - 1)] = naru_publication_ref(publication);
        log->bytes += bytes;
    }
}

static naru_status append(void *self, naru_publication *publication, const naru_channel_rules *rules, uint64_t ticket)
{
    memory_store *store = self;
    ring_log *log = find(store, publication->channel);
    bool fresh = log == NULL;
    if (fresh && store->logs.count >= LOGS_MAX) {
        return NARU_ERR_TOO_MANY;
    }
    log = log ? log : make(store, publication->channel);
    if (!log) {
        return NARU_ERR_MEMORY;
    }
    if (!grow(store, log)) {
        if (fresh) {
            log_free(store, log);
        }
        return NARU_ERR_MEMORY;
    }
    log->rules = *rules;
    naru__rules_fill(&log->rules);
    log->head.offset++;
    log->last_ms = publication->time_ms;
    publication->position = log->head;
    keep(log, publication);
    set_timer(store, log);
    store->answers->appended(store->user, ticket, NARU_OK, log->head);
    return NARU_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* The kept ones have the offsets [oldest, head]. What is asked for from before them begins with the oldest. */
static uint32_t select(const ring_log *log, const naru_history_range *range, uint32_t *begin_out)
{
    uint64_t oldest = log->head.offset - log->count + 1;
    uint64_t begin, end; /* of offsets */
    if (range->backward) {
        end = range->from > 0 && range->from <= log->head.offset ? range->from : log->head.offset + 1;
        begin = end > oldest + range->limit ? end - range->limit : oldest;
    } else if (range->from >= log->head.offset) {
        return 0;
    } else {
        begin = range->from >= oldest ? range->from + 1 : oldest;
        end = log->head.offset + 1;
    }
    if (begin >= end) {
        return 0;
    }
    *begin_out = (uint32_t)(begin - oldest);
    return end - begin < range->limit ? (uint32_t)(end - begin) : range->limit;
}

static void answer_items(memory_store *store, const ring_log *log, const naru_history_range *range, uint64_t ticket)
{
    uint32_t begin = 0;
    uint32_t count = log->count > 0 ? select(log, range, &begin) : 0;
    naru_publication **items = count > 0 ? naru__alloc(store->allocator, count * sizeof *items) : NULL;
    if (count > 0 && !items) {
        store->answers->read(store->user, ticket, NARU_ERR_MEMORY, log->head, NULL, 0);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = at(log, begin + (range->backward ? count - 1 - i : i));
    }
    store->answers->read(store->user, ticket, NARU_OK, log->head, items, count);
    naru__free(store->allocator, items, count * sizeof *items);
}

/* Nothing was published yet; the channel's own rules come with the first publication. */
static ring_log *begin(memory_store *store, naru_span channel)
{
    ring_log *log = make(store, channel);
    if (log) {
        naru__rules_fill(&log->rules);
        log->last_ms = store->wheel.now_ms;
        set_timer(store, log);
    }
    return log;
}

static naru_status read_range(void *self, naru_span channel, const naru_history_range *range, uint64_t ticket)
{
    memory_store *store = self;
    ring_log *log = find(store, channel);
    if (!log && range->begin && store->logs.count < LOGS_MAX) {
        log = begin(store, channel);
        if (!log) {
            return NARU_ERR_MEMORY;
        }
    }
    if (!log) {
        naru_status status = range->epoch != 0 ? NARU_ERR_STATE : NARU_OK;
        store->answers->read(store->user, ticket, status, (naru_position){0, 0}, NULL, 0);
    } else if (range->epoch != 0 && range->epoch != log->head.epoch) {
        store->answers->read(store->user, ticket, NARU_ERR_STATE, log->head, NULL, 0);
    } else {
        answer_items(store, log, range, ticket);
    }
    return NARU_OK;
}

/* ---- forgetting ------------------------------------------------------------------------------------------------- */

static void expire(memory_store *store, ring_log *log, uint64_t now_ms)
{
    uint64_t age_ms = log->rules.history_age_ms;
    for (int i = 0; i < TRIMS_MAX && log->count > 0 && at(log, 0)->time_ms + age_ms <= now_ms; i++) {
        drop_oldest(log);
    }
    if (log->count == 0) {
        naru__free(store->allocator, log->ring, log->room * sizeof *log->ring);
        log->ring = NULL;
        log->room = log->first = 0;
    }
    if (log->count == 0 && log->last_ms + 2 * age_ms <= now_ms) {
        log_free(store, log);
    } else {
        set_timer(store, log);
    }
}

static uint64_t trim(void *self, uint64_t now_ms)
{
    memory_store *store = self;
    naru__wheel_advance(&store->wheel, now_ms);
    for (int i = 0; i < DUE_MAX_A_CALL; i++) {
        naru__timer *timer = naru__wheel_take(&store->wheel);
        if (!timer) {
            return naru__wheel_wait_ms(&store->wheel);
        }
        expire(store, (ring_log *)(void *)((uint8_t *)timer - offsetof(ring_log, timer)), now_ms);
    }
    return 0;
}

static naru_status open(void *self, const naru_store_answers *answers, void *user)
{
    memory_store *store = self;
    store->answers = answers;
    store->user = user;
    return NARU_OK;
}

static void forget_one(naru__entry *entry, void *user)
{
    log_free(user, (ring_log *)(void *)entry);
}

static void forget(void *self)
{
    memory_store *store = self;
    naru__table_each(&store->logs, forget_one, store);
}

static void close(void *self)
{
    memory_store *store = self;
    forget(store);
    naru__free(store->allocator, store, sizeof *store);
}

naru_status naru_store_memory_new(const naru_allocator *allocator, const uint8_t key[16], naru_store *store_out)
{
    static const naru_store_calls calls = {open, append, read_range, trim, forget, close};
    allocator = naru__allocator_or_default(allocator);
    memory_store *store = naru__alloc_zero(allocator, sizeof *store);
    if (!store) {
        return NARU_ERR_MEMORY;
    }
    store->allocator = allocator;
    memcpy(&store->key, key, sizeof store->key);
    naru__table_init(&store->logs, allocator);
    naru__wheel_init(&store->wheel, 0);
    *store_out = (naru_store){&calls, store};
    return NARU_OK;
}
