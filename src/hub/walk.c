/* Walks over channels and subscribers, during which callbacks may change whatever they like: what is walked is pinned,
 * so that it keeps its place. Source: none. */
#include "hub.h"

typedef struct walk {
    naru_hub *hub;
    const naru_audience *audience;
    uint64_t number; /* 0: inside another walk, whose marks must stay */
    bool (*each)(naru_subscriber *subscriber, void *user);
    void *user;
} walk;

static bool in_any(const naru_subscriber *subscriber, const naru_span *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (naru_hub_subscribes(subscriber, names[i])) {
            return true;
        }
    }
    return false;
}

static bool excepted(const walk *w, const naru_subscriber *subscriber)
{
    const naru_audience *audience = w->audience;
    for (size_t i = 0; i < audience->except_subscribers_count; i++) {
        if (audience->except_subscribers[i] == subscriber->id) {
            return true;
        }
    }
    return in_any(subscriber, audience->except_channels, audience->except_channels_count);
}

/* A mark remembers those whom a callback took out of the channel where they were met; a walk inside a walk asks instead
 * whether they are in one of the earlier channels. */
static bool met_already(const walk *w, naru_subscriber *subscriber, size_t index)
{
    if (w->number == 0) {
        return in_any(subscriber, w->audience->channels, index);
    }
    bool met = subscriber->met == w->number;
    subscriber->met = w->number;
    return met;
}

static bool walk_channel(const walk *w, naru__channel *channel, size_t index)
{
    bool more = true;
    uint32_t end = channel->end;
    naru__channel_pin(channel);
    for (uint32_t place = 0; more && place < end && place < channel->end; place++) {
        naru__member *member = channel->members[place];
        if (member && !met_already(w, member->subscriber, index) && !excepted(w, member->subscriber)) {
            more = w->each(member->subscriber, w->user);
        }
    }
    naru__channel_unpin(w->hub, channel);
    return more;
}

void naru_hub_each_subscriber(naru_hub *hub, const naru_audience *audience,
                              bool (*each)(naru_subscriber *subscriber, void *user), void *user)
{
    walk w = {hub, audience, hub->walking == 0 ? ++hub->walks : 0, each, user};
    hub->walking++;
    if (audience->channels_count == 0) {
        (void)walk_channel(&w, hub->everyone, 0);
    }
    for (size_t i = 0; i < audience->channels_count; i++) {
        naru__channel *channel = naru__channel_find(hub, audience->channels[i]);
        if (channel && !walk_channel(&w, channel, i)) {
            break;
        }
    }
    hub->walking--;
}

void naru_hub_each_channel(naru_hub *hub, bool (*each)(naru_hub *hub, naru_span channel, void *user), void *user)
{
    bool more = true;
    naru__channel *channel = hub->first;
    if (channel) {
        naru__channel_pin(channel);
    }
    while (channel) {
        if (more && channel->count > 0) {
            more = each(hub, naru__channel_name(channel), user);
        }
        naru__channel *next = more ? channel->next : NULL;
        if (next) {
            naru__channel_pin(next);
        }
        naru__channel_unpin(hub, channel);
        channel = next;
    }
}

/* What comes next may be taken away by the callback; naru__member_leave moves the cursor on then. */
void naru_subscriber_each_channel(naru_subscriber *subscriber,
                                  bool (*each)(naru_subscriber *subscriber, naru_span channel, void *user), void *user)
{
    naru_hub *hub = subscriber->hub;
    naru__cursor cursor = {subscriber->members, hub->cursors};
    bool more = true;
    hub->cursors = &cursor;
    while (more && cursor.next) {
        naru__channel *channel = cursor.next->channel;
        cursor.next = cursor.next->next;
        naru__channel_pin(channel);
        more = each(subscriber, naru__channel_name(channel), user);
        naru__channel_unpin(hub, channel);
    }
    hub->cursors = cursor.outer;
}
