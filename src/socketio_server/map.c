/* See map.h. Half of the places stay free, so a search ends soon. */
#include "map.h"

#include "base/memory.h"

enum { FIRST_CAPACITY = 8 };

void naru__sio_map_init(naru__sio_map *map, const naru_allocator *allocator, const naru__sip_key *sip)
{
    *map = (naru__sio_map){.allocator = allocator, .sip = sip};
}

void naru__sio_map_deinit(naru__sio_map *map)
{
    naru__free(map->allocator, map->entries, map->capacity * sizeof *map->entries);
    *map = (naru__sio_map){.allocator = map->allocator, .sip = map->sip};
}

/* The entry of that key, or the free one where it would be. */
static naru__sio_map_entry *place_of(const naru__sio_map *map, naru_span key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (map->entries[at].value && (map->entries[at].hash != hash || !naru_span_equal(map->entries[at].key, key))) {
        at = (at + 1) & mask;
    }
    return &map->entries[at];
}

void *naru__sio_map_get(const naru__sio_map *map, naru_span key)
{
    return map->count > 0 ? place_of(map, key, naru__sip(map->sip, key))->value : NULL;
}

static naru_status grow(naru__sio_map *map)
{
    naru__sio_map bigger = *map;
    bigger.capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY;
    bigger.entries = naru__alloc_zero(map->allocator, bigger.capacity * sizeof *map->entries);
    if (!bigger.entries) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].value) {
            *place_of(&bigger, map->entries[i].key, map->entries[i].hash) = map->entries[i];
        }
    }
    naru__free(map->allocator, map->entries, map->capacity * sizeof *map->entries);
    *map = bigger;
    return NARU_OK;
}

naru_status naru__sio_map_put(naru__sio_map *map, naru_span key, void *value)
{
    if ((map->count + 1) * 2 > map->capacity && grow(map)) {
        return NARU_ERR_MEMORY;
    }
    uint64_t hash = naru__sip(map->sip, key);
    *place_of(map, key, hash) = (naru__sio_map_entry){.key = key, .value = value, .hash = hash};
    map->count++;
    return NARU_OK;
}

/* What stands behind a freed place and would have been put there moves up, so that no search ends too early. */
static void close_gap(naru__sio_map *map, size_t gap)
{
    size_t mask = map->capacity - 1;
    for (size_t at = (gap + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
        size_t home = (size_t)map->entries[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->entries[gap] = map->entries[at];
            map->entries[at].value = NULL;
            gap = at;
        }
    }
}

void naru__sio_map_remove(naru__sio_map *map, naru_span key)
{
    if (map->count == 0) {
        return;
    }
    naru__sio_map_entry *entry = place_of(map, key, naru__sip(map->sip, key));
    if (!entry->value) {
        return;
    }
    entry->value = NULL;
    map->count--;
    close_gap(map, (size_t)(entry - map->entries));
    if (map->count == 0) {
        naru__sio_map_deinit(map);
    }
}
