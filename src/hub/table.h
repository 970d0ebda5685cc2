/* A hash table whose entries are parts of their owners' structs. It grows and shrinks by one bucket at a time, so that
 * no call has to wait for a million entries to move, and what a crowd took is given back when it leaves.
 * Source: Litwin, "Linear hashing", 1980. */
#ifndef NARU_HUB_TABLE_H
#define NARU_HUB_TABLE_H

#include <naru/base.h>

typedef struct naru__entry {
    struct naru__entry *next;
    uint64_t hash; /* the owner's; set before it is put in */
} naru__entry;

typedef struct naru__table {
    const naru_allocator *allocator;
    naru__entry ***segments; /* of SEGMENT buckets each */
    size_t segments_room, segments_count;
    size_t buckets, count;
} naru__table;

void naru__table_init(naru__table *table, const naru_allocator *allocator);
void naru__table_deinit(naru__table *table); /* the entries are the owner's */
/* errors NARU_ERR_MEMORY: only for the first one; later the chains grow longer instead. */
NARU_MUST_USE naru_status naru__table_put(naru__table *table, naru__entry *entry);
void naru__table_remove(naru__table *table, naru__entry *entry);
/* The first entry that may have this hash; go on by next, comparing hash and key. NULL: none. */
naru__entry *naru__table_chain(const naru__table *table, uint64_t hash);
/* Each entry once. Either each() removes and frees every entry that it is given, or it removes none. */
void naru__table_each(naru__table *table, void (*each)(naru__entry *entry, void *user), void *user);

#endif
