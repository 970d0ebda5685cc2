/* Subscribers and what they subscribe to. Source: none. */
#include "hub.h"

/* Both are addresses of our own: nobody chooses them, so mixing is enough. */
static uint64_t pair_hash(const naru_subscriber *subscriber, const naru__channel *channel)
{
    uint64_t hash = ((uint64_t)(uintptr_t)subscriber >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= ((uint64_t)(uintptr_t)channel >> 4) * UINT64_C(0xc2b2ae3d27d4eb4f);
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

naru__member *naru__member_find(const naru_subscriber *subscriber, const naru__channel *channel)
{
    uint64_t hash = pair_hash(subscriber, channel);
    for (naru__entry *entry = naru__table_chain(&subscriber->hub->members, hash); entry; entry = entry->next) {
        naru__member *member = (naru__member *)(void *)entry;
        if (member->subscriber == subscriber && member->channel == channel) {
            return member;
        }
    }
    return NULL;
}

void naru__member_begin(naru__member *member)
{
    member->since = member->subscriber->hub->number + 1;
}

static naru_status member_new(naru_subscriber *subscriber, naru__channel *channel, naru__member **member_out)
{
    naru_hub *hub = subscriber->hub;
    naru__member *member = naru__alloc(hub->allocator, sizeof *member);
    if (!member) {
        return NARU_ERR_MEMORY;
    }
    *member = (naru__member){.subscriber = subscriber, .channel = channel, .since = NARU__WAITS};
    member->entry.hash = pair_hash(subscriber, channel);
    naru_status status = naru__table_put(&hub->members, &member->entry);
    if (status != NARU_OK) {
        naru__free(hub->allocator, member, sizeof *member);
        return status;
    }
    status = naru__channel_add(hub, channel, member);
    if (status != NARU_OK) {
        naru__table_remove(&hub->members, &member->entry);
        naru__free(hub->allocator, member, sizeof *member);
        return status;
    }
    *member_out = member;
    return NARU_OK;
}

static void link_member(naru__member *member)
{
    naru_subscriber *subscriber = member->subscriber;
    member->next = subscriber->members;
    member->link = &subscriber->members;
    if (member->next) {
        member->next->link = &member->next;
    }
    subscriber->members = member;
    subscriber->members_count++;
}

naru_status naru__member_join(naru_subscriber *subscriber, naru_span name, bool waits, naru__member **member_out)
{
    naru_hub *hub = subscriber->hub;
    if (name.size == 0 || name.size > hub->options.channel_bytes_max) {
        return NARU_ERR_TOO_BIG;
    }
    naru__channel *channel = naru__channel_find(hub, name);
    *member_out = channel ? naru__member_find(subscriber, channel) : NULL;
    if (*member_out) {
        return NARU_OK;
    }
    if (subscriber->members_count >= hub->options.subscriptions_max ||
        (!channel && hub->channels.count >= hub->options.channels_max)) {
        return NARU_ERR_TOO_MANY;
    }
    channel = channel ? channel : naru__channel_get(hub, name);
    if (!channel) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = member_new(subscriber, channel, member_out);
    if (status != NARU_OK) {
        naru__channel_release(hub, channel);
        return status;
    }
    link_member(*member_out);
    if (!waits) {
        naru__member_begin(*member_out);
    }
    return NARU_OK;
}

void naru__member_leave(naru__member *member)
{
    naru_subscriber *subscriber = member->subscriber;
    naru_hub *hub = subscriber->hub;
    if (hub->on_left) {
        hub->on_left(member, hub->on_left_user);
    }
    for (naru__cursor *cursor = hub->cursors; cursor; cursor = cursor->outer) {
        cursor->next = cursor->next == member ? member->next : cursor->next;
    }
    naru__table_remove(&hub->members, &member->entry);
    *member->link = member->next;
    if (member->next) {
        member->next->link = member->link;
    }
    subscriber->members_count--;
    member->channel->watchers -= member->wants_presence;
    naru__channel_remove(hub, member->channel, member);
    naru__free(hub->allocator, member, sizeof *member);
}

naru_status naru_hub_subscribe(naru_subscriber *subscriber, naru_span channel)
{
    naru__member *member;
    return naru__member_join(subscriber, channel, false, &member);
}

static naru__member *find(const naru_subscriber *subscriber, naru_span name)
{
    naru__channel *channel = naru__channel_find(subscriber->hub, name);
    return channel ? naru__member_find(subscriber, channel) : NULL;
}

naru_status naru_hub_unsubscribe(naru_subscriber *subscriber, naru_span channel)
{
    naru__member *member = find(subscriber, channel);
    if (!member) {
        return NARU_ERR_STATE;
    }
    naru__member_leave(member);
    return NARU_OK;
}

void naru_hub_unsubscribe_all(naru_subscriber *subscriber)
{
    while (subscriber->members) {
        naru__member_leave(subscriber->members);
    }
}

bool naru_hub_subscribes(const naru_subscriber *subscriber, naru_span channel)
{
    return find(subscriber, channel) != NULL;
}

naru_subscriber *naru_subscriber_new(naru_hub *hub, const naru_subscriber_calls *calls, void *user)
{
    naru_subscriber *subscriber = naru__alloc(hub->allocator, sizeof *subscriber);
    if (!subscriber) {
        return NULL;
    }
    *subscriber = (naru_subscriber){.hub = hub, .calls = calls, .user = user};
    subscriber->self = (naru__member){.subscriber = subscriber, .channel = hub->everyone};
    if (naru__channel_add(hub, hub->everyone, &subscriber->self) != NARU_OK) {
        naru__free(hub->allocator, subscriber, sizeof *subscriber);
        return NULL;
    }
    subscriber->id = ++hub->ids;
    naru__member_begin(&subscriber->self);
    return subscriber;
}

void naru_subscriber_free(naru_subscriber *subscriber)
{
    if (!subscriber) {
        return;
    }
    naru_hub *hub = subscriber->hub;
    naru_hub_unsubscribe_all(subscriber);
    naru__channel_remove(hub, hub->everyone, &subscriber->self);
    naru__free(hub->allocator, subscriber, sizeof *subscriber);
}

void *naru_subscriber_user(const naru_subscriber *subscriber)
{
    return subscriber->user;
}

naru_hub *naru_subscriber_hub(const naru_subscriber *subscriber)
{
    return subscriber->hub;
}

uint64_t naru_subscriber_id(const naru_subscriber *subscriber)
{
    return subscriber->id;
}
