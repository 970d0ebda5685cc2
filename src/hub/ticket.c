/* Tickets: what waits for an answer, found by its number. Source: none. */
#include "home.h"

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
