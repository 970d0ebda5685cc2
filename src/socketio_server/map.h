/* A table from names to what has them: namespaces by name, sockets by id, listeners by event. Names may come from
 * peers, so they are hashed with a key of this server's own.
 *
 * Not for: order, walking while it changes. Source: linear probing, as everywhere. */
#ifndef NARU_SOCKETIO_SERVER_MAP_H
#define NARU_SOCKETIO_SERVER_MAP_H

#include "base/sip.h"

typedef struct naru__sio_map_entry {
    naru_span key; /* borrowed from value */
    void *value;   /* NULL: free */
    uint64_t hash;
} naru__sio_map_entry;

typedef struct naru__sio_map {
    const naru_allocator *allocator;
    const naru__sip_key *sip;
    naru__sio_map_entry *entries;
    size_t count, capacity; /* a power of two, or 0 */
} naru__sio_map;

void naru__sio_map_init(naru__sio_map *map, const naru_allocator *allocator, const naru__sip_key *sip);
void naru__sio_map_deinit(naru__sio_map *map);                    /* the values are the caller's */
void *naru__sio_map_get(const naru__sio_map *map, naru_span key); /* NULL: it is not there */
/* key must not be there yet, and live as long as it is. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__sio_map_put(naru__sio_map *map, naru_span key, void *value);
void naru__sio_map_remove(naru__sio_map *map, naru_span key); /* not there is fine */

#endif
