/* Linear hashing. Buckets lie in segments that never move; `buckets` of them are in use. With m the highest power of
 * two not above that, a hash's bucket is its lowest bits under 2m, or under m if there is no such bucket yet.
 * Source: Litwin, "Linear hashing", 1980. */
#include "table.h"

#include "base/memory.h"

enum { SEGMENT = 256, BUCKETS_MIN = 8, SEGMENTS_MIN = 8 };

static size_t highest_power(size_t number)
{
    size_t power = BUCKETS_MIN;
    while (power <= number / 2) {
        power *= 2;
    }
    return power;
}

static naru__entry **bucket_at(const naru__table *table, size_t index)
{
    return &table->segments[index / SEGMENT][index % SEGMENT];
}

static naru__entry **bucket_of(const naru__table *table, uint64_t hash)
{
    size_t power = highest_power(table->buckets);
    size_t index = (size_t)hash & (2 * power - 1);
    return bucket_at(table, index < table->buckets ? index : (size_t)hash & (power - 1));
}

void naru__table_init(naru__table *table, const naru_allocator *allocator)
{
    *table = (naru__table){.allocator = allocator};
}

void naru__table_deinit(naru__table *table)
{
    while (table->segments_count > 0) {
        naru__free(table->allocator, table->segments[--table->segments_count], SEGMENT * sizeof(naru__entry *));
    }
    naru__free(table->allocator, table->segments, table->segments_room * sizeof *table->segments);
    naru__table_init(table, table->allocator);
}

static bool room_for_segment(naru__table *table)
{
    if (table->segments_count < table->segments_room) {
        return true;
    }
    size_t room = table->segments_room > 0 ? table->segments_room * 2 : SEGMENTS_MIN;
    void *more =
        table->allocator->resize(table->allocator->user, table->segments,
                                 table->segments_room * sizeof *table->segments, room * sizeof *table->segments);
    if (!more) {
        return false;
    }
    table->segments = more;
    table->segments_room = room;
    return true;
}

/* Is there memory for bucket number `buckets`? */
static bool reach(naru__table *table)
{
    if (table->buckets < table->segments_count * SEGMENT) {
        return true;
    }
    if (!room_for_segment(table)) {
        return false;
    }
    naru__entry **segment = naru__alloc_zero(table->allocator, SEGMENT * sizeof(naru__entry *));
    if (!segment) {
        return false;
    }
    table->segments[table->segments_count++] = segment;
    return true;
}

/* One bucket more: it takes from the one that has held its entries until now. */
static void split(naru__table *table)
{
    if (!reach(table)) {
        return;
    }
    size_t power = highest_power(table->buckets);
    naru__entry *entry = *bucket_at(table, table->buckets - power);
    naru__entry **low = bucket_at(table, table->buckets - power);
    naru__entry **high = bucket_at(table, table->buckets);
    *low = *high = NULL;
    while (entry) {
        naru__entry *next = entry->next;
        naru__entry **to = ((size_t)entry->hash & (2 * power - 1)) == table->buckets ? high : low;
        entry->next = *to;
        *to = entry;
        entry = next;
    }
    table->buckets++;
}

static void free_last_segment(naru__table *table)
{
    /* One is kept to spare, so that a count that hovers at a border does not allocate each time. */
    if (table->segments_count > 2 && table->buckets <= (table->segments_count - 2) * SEGMENT) {
        naru__free(table->allocator, table->segments[--table->segments_count], SEGMENT * sizeof(naru__entry *));
    }
}

static void merge(naru__table *table)
{
    size_t last = table->buckets - 1;
    naru__entry **to = bucket_at(table, last - highest_power(last));
    while (*to) {
        to = &(*to)->next;
    }
    *to = *bucket_at(table, last);
    *bucket_at(table, last) = NULL;
    table->buckets = last;
    free_last_segment(table);
}

naru_status naru__table_put(naru__table *table, naru__entry *entry)
{
    if (table->buckets == 0) {
        if (!reach(table)) {
            naru__table_deinit(table);
            return NARU_ERR_MEMORY;
        }
        table->buckets = BUCKETS_MIN;
    }
    naru__entry **bucket = bucket_of(table, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    if (++table->count > table->buckets) {
        split(table);
    }
    return NARU_OK;
}

void naru__table_remove(naru__table *table, naru__entry *entry)
{
    naru__entry **at = bucket_of(table, entry->hash);
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    if (--table->count < table->buckets / 2 && table->buckets > BUCKETS_MIN) {
        merge(table);
    }
    if (table->count == 0) {
        naru__table_deinit(table);
    }
}

naru__entry *naru__table_chain(const naru__table *table, uint64_t hash)
{
    return table->buckets > 0 ? *bucket_of(table, hash) : NULL;
}

/* From the last bucket down: removing merges the last one into one that is still to come, or was the only one. */
void naru__table_each(naru__table *table, void (*each)(naru__entry *entry, void *user), void *user)
{
    for (size_t index = table->buckets; index-- > 0;) {
        naru__entry *entry = index < table->buckets ? *bucket_at(table, index) : NULL;
        while (entry) {
            naru__entry *next = entry->next;
            each(entry, user);
            entry = next;
        }
    }
}
