/* A hub's beginning and end, and the questions about it. Source: none. */
#include "hub.h"

#include <string.h>

enum { CHANNEL_BYTES = 256, CHANNELS = 1000000, SUBSCRIPTIONS = 1000, QUEUE = 65536 };

static void fill(naru_hub_options *options)
{
    options->channel_bytes_max = options->channel_bytes_max > 0 ? options->channel_bytes_max : CHANNEL_BYTES;
    options->channels_max = options->channels_max > 0 ? options->channels_max : CHANNELS;
    options->subscriptions_max = options->subscriptions_max > 0 ? options->subscriptions_max : SUBSCRIPTIONS;
    options->queue_max = options->queue_max > 0 ? options->queue_max : QUEUE;
}

naru_status naru_hub_new(const naru_hub_options *options, naru_hub **hub_out)
{
    naru_hub_options chosen = options ? *options : (naru_hub_options){0};
    const naru_allocator *allocator = naru__allocator_or_default(chosen.allocator);
    naru_hub *hub = naru__alloc_zero(allocator, sizeof *hub);
    if (!hub) {
        return NARU_ERR_MEMORY;
    }
    fill(&chosen);
    hub->options = chosen;
    hub->allocator = allocator;
    memcpy(&hub->key, chosen.key, sizeof hub->key);
    naru__table_init(&hub->channels, allocator);
    naru__table_init(&hub->members, allocator);
    hub->jobs_end = &hub->jobs;
    hub->everyone = naru__channel_new(hub, (naru_span){NULL, 0});
    if (!hub->everyone) {
        naru__free(allocator, hub, sizeof *hub);
        return NARU_ERR_MEMORY;
    }
    *hub_out = hub;
    return NARU_OK;
}

void naru_hub_free(naru_hub *hub)
{
    if (!hub) {
        return;
    }
    naru__jobs_drop(hub);
    while (hub->everyone->end > 0) {
        naru_subscriber_free(hub->everyone->members[hub->everyone->end - 1]->subscriber);
    }
    naru__channel_free(hub, hub->everyone);
    naru__table_deinit(&hub->members);
    naru__table_deinit(&hub->channels);
    naru__free(hub->allocator, hub, sizeof *hub);
}

size_t naru_hub_channels_count(const naru_hub *hub)
{
    return hub->channels.count;
}

size_t naru_hub_subscribers_count(const naru_hub *hub)
{
    return hub->everyone->count;
}

size_t naru_hub_channel_count(const naru_hub *hub, naru_span channel)
{
    const naru__channel *found = naru__channel_find(hub, channel);
    return found ? found->count : 0;
}

size_t naru_subscriber_channels_count(const naru_subscriber *subscriber)
{
    return subscriber->members_count;
}
