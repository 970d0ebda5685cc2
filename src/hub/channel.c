/* Channels: found by name, made for the first who comes, freed with the last who leaves.
 * Not for: what is delivered (fanout.c). Source: none. */
#include <string.h>

#include "hub.h"

enum { MEMBERS_MIN = 4, HOLES_MIN = 8 };

naru__channel *naru__channel_find(const naru_hub *hub, naru_span name)
{
    uint64_t hash = naru__sip(&hub->key, name);
    for (naru__entry *entry = naru__table_chain(&hub->channels, hash); entry; entry = entry->next) {
        naru__channel *channel = (naru__channel *)(void *)entry;
        if (entry->hash == hash && naru_span_equal(naru__channel_name(channel), name)) {
            return channel;
        }
    }
    return NULL;
}

naru__channel *naru__channel_new(const naru_hub *hub, naru_span name)
{
    naru__channel *channel = naru__alloc(hub->allocator, sizeof *channel + name.size);
    if (!channel) {
        return NULL;
    }
    *channel = (naru__channel){.name_bytes = (uint32_t)name.size, .room = 1};
    channel->members = &channel->one;
    if (name.size > 0) {
        memcpy(channel->name, name.data, name.size);
    }
    return channel;
}

naru__channel *naru__channel_get(naru_hub *hub, naru_span name)
{
    naru__channel *channel = naru__channel_find(hub, name);
    if (channel) {
        return channel;
    }
    channel = naru__channel_new(hub, name);
    if (!channel) {
        return NULL;
    }
    channel->entry.hash = naru__sip(&hub->key, name);
    if (naru__table_put(&hub->channels, &channel->entry) != NARU_OK) {
        naru__channel_free(hub, channel);
        return NULL;
    }
    channel->next = hub->first;
    channel->link = &hub->first;
    if (hub->first) {
        hub->first->link = &channel->next;
    }
    hub->first = channel;
    return channel;
}

void naru__channel_free(naru_hub *hub, naru__channel *channel)
{
    if (channel->members != &channel->one) {
        naru__free(hub->allocator, channel->members, channel->room * sizeof(naru__member *));
    }
    naru__free(hub->allocator, channel, sizeof *channel + channel->name_bytes);
}

void naru__channel_release(naru_hub *hub, naru__channel *channel)
{
    if (channel->count > 0 || channel->pins > 0 || channel == hub->everyone) {
        return;
    }
    naru__table_remove(&hub->channels, &channel->entry);
    *channel->link = channel->next;
    if (channel->next) {
        channel->next->link = channel->link;
    }
    naru__channel_free(hub, channel);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static void close_up(naru__channel *channel)
{
    uint32_t to = 0;
    for (uint32_t from = 0; from < channel->end; from++) {
        naru__member *member = channel->members[from];
        if (member) {
            member->place = to;
            channel->members[to++] = member;
        }
    }
    channel->end = to;
}

/* Without memory for the smaller array the larger one stays. */
static void shrink(const naru_hub *hub, naru__channel *channel)
{
    if (channel->members == &channel->one || channel->count > channel->room / 4) {
        return;
    }
    uint32_t room = channel->room / 2 > MEMBERS_MIN ? channel->room / 2 : MEMBERS_MIN;
    void *smaller = room == channel->room
                        ? NULL
                        : hub->allocator->resize(hub->allocator->user, channel->members,
                                                 channel->room * sizeof(naru__member *), room * sizeof(naru__member *));
    if (smaller) {
        channel->members = smaller;
        channel->room = room;
    }
}

static void tidy(const naru_hub *hub, naru__channel *channel)
{
    uint32_t holes = channel->end - channel->count;
    if (channel->pins == 0 && holes > channel->count && holes >= HOLES_MIN) {
        close_up(channel);
        shrink(hub, channel);
    }
}

void naru__channel_unpin(naru_hub *hub, naru__channel *channel)
{
    channel->pins--;
    tidy(hub, channel);
    naru__channel_release(hub, channel);
}

static naru_status grow(const naru_hub *hub, naru__channel *channel)
{
    const naru_allocator *allocator = hub->allocator;
    if (channel->room > UINT32_MAX / 2) {
        return NARU_ERR_TOO_MANY;
    }
    bool inside = channel->members == &channel->one;
    uint32_t room = inside ? MEMBERS_MIN : channel->room * 2;
    naru__member **more =
        allocator->resize(allocator->user, inside ? NULL : channel->members,
                          inside ? 0 : channel->room * sizeof(naru__member *), room * sizeof(naru__member *));
    if (!more) {
        return NARU_ERR_MEMORY;
    }
    if (inside) {
        more[0] = channel->one;
    }
    channel->members = more;
    channel->room = room;
    return NARU_OK;
}

naru_status naru__channel_add(naru_hub *hub, naru__channel *channel, naru__member *member)
{
    if (channel->end == channel->room && channel->pins == 0 && channel->count < channel->end / 2) {
        close_up(channel);
    }
    naru_status status = channel->end == channel->room ? grow(hub, channel) : NARU_OK;
    if (status == NARU_OK) {
        member->place = channel->end;
        channel->members[channel->end++] = member;
        channel->count++;
    }
    return status;
}

void naru__channel_remove(naru_hub *hub, naru__channel *channel, naru__member *member)
{
    channel->members[member->place] = NULL;
    channel->count--;
    while (channel->end > 0 && !channel->members[channel->end - 1]) {
        channel->end--;
    }
    tidy(hub, channel);
    naru__channel_release(hub, channel);
}
