/* From publish to deliver. Jobs wait in one queue, so that all subscribers hear everything in one order; those at its
 * front that go to the same channel travel together, so that each subscriber gets its several publications in a row,
 * while what belongs to it is in the processor's cache. A run does as much as it may and goes on there the next time.
 *
 * Not for: numbering and history (home.c). Source: none. */
#include <string.h>

#include "base/fetch.h"
#include "hub.h"
#include "publication.h"

enum { AUDIENCE_MAX = 256, BATCH_MAX = 1024 };

/* ---- the queue -------------------------------------------------------------------------------------------------- */

static void job_free(naru_hub *hub, naru__job *job)
{
    uint32_t pinned = job->channels_count + job->except_channels_count;
    for (uint32_t i = 0; i < pinned; i++) {
        naru__channel_unpin(hub, job->of[i].channel);
    }
    naru_publication_unref(job->publication);
    if (job->release) {
        job->release(job);
    } else {
        naru__free(hub->allocator, job, job->bytes);
    }
}

static void pop(naru_hub *hub)
{
    naru__job *job = hub->jobs;
    hub->jobs = job->next;
    if (!hub->jobs) {
        hub->jobs_end = &hub->jobs;
    }
    hub->jobs_count--;
    job_free(hub, job);
}

void naru__jobs_drop(naru_hub *hub)
{
    while (hub->jobs) {
        pop(hub);
    }
    hub->batch = 0;
}

static naru_status job_new(naru_hub *hub, naru_publication *publication, size_t slots, naru__job **job_out)
{
    if (hub->jobs_count >= hub->options.queue_max) {
        return NARU_ERR_TOO_MANY;
    }
    size_t bytes = sizeof **job_out + slots * sizeof(*job_out)->of[0];
    naru__job *job = naru__alloc(hub->allocator, bytes);
    if (!job) {
        return NARU_ERR_MEMORY;
    }
    *job = (naru__job){.publication = naru_publication_ref(publication), .bytes = bytes};
    *job_out = job;
    return NARU_OK;
}

static void push(naru_hub *hub, naru__job *job)
{
    bool first = hub->jobs == NULL;
    job->number = ++hub->number;
    *hub->jobs_end = job;
    hub->jobs_end = &job->next;
    hub->jobs_count++;
    if (first && !hub->running && hub->options.wake) {
        hub->options.wake(hub->options.user);
    }
}

/* Those who come to a channel later hear nothing of this, so one that is not there now does not matter. */
static uint32_t pin_named(naru_hub *hub, naru__job *job, uint32_t at, const naru_span *names, size_t count)
{
    uint32_t pinned = 0;
    for (size_t i = 0; i < count; i++) {
        naru__channel *channel = naru__channel_find(hub, names[i]);
        if (channel) {
            naru__channel_pin(channel);
            job->of[at + pinned++].channel = channel;
        }
    }
    return pinned;
}

static void address(naru_hub *hub, naru__job *job, const naru_audience *audience)
{
    if (audience->channels_count == 0) {
        naru__channel_pin(hub->everyone);
        job->of[0].channel = hub->everyone;
        job->channels_count = 1;
    } else {
        job->channels_count = pin_named(hub, job, 0, audience->channels, audience->channels_count);
    }
    uint32_t at = job->channels_count;
    job->except_channels_count = pin_named(hub, job, at, audience->except_channels, audience->except_channels_count);
    at += job->except_channels_count;
    for (size_t i = 0; i < audience->except_subscribers_count; i++) {
        job->of[at++].subscriber = audience->except_subscribers[i];
    }
    job->except_subscribers_count = (uint32_t)audience->except_subscribers_count;
}

bool naru_hub_heard(const naru_hub *hub, const naru_audience *audience)
{
    if (audience->channels_count == 0) {
        return hub->everyone->count > 0;
    }
    for (size_t i = 0; i < audience->channels_count; i++) {
        const naru__channel *channel = naru__channel_find(hub, audience->channels[i]);
        if (channel && channel->count > 0) {
            return true;
        }
    }
    return false;
}

naru_status naru_hub_publish(naru_hub *hub, const naru_audience *audience, naru_publication *publication)
{
    if (audience->channels_count > AUDIENCE_MAX || audience->except_channels_count > AUDIENCE_MAX ||
        audience->except_subscribers_count > AUDIENCE_MAX) {
        return NARU_ERR_ARGUMENT;
    }
    if (!naru_hub_heard(hub, audience)) {
        return NARU_OK;
    }
    size_t channels = audience->channels_count > 0 ? audience->channels_count : 1;
    size_t slots = channels + audience->except_channels_count + audience->except_subscribers_count;
    naru__job *job;
    naru_status status = job_new(hub, publication, slots, &job);
    if (status == NARU_OK) {
        address(hub, job, audience);
        job->plain = job->channels_count == 1 && job->except_channels_count == 0 && job->except_subscribers_count == 0;
        push(hub, job);
    }
    return status;
}

/* Nobody is there who would hear it: false. */
static bool has_hearers(const naru__channel *channel, const naru_publication *publication)
{
    if (!channel || channel->count == 0) {
        return false;
    }
    return publication->kind == NARU_PUBLICATION_MESSAGE || channel->watchers > 0;
}

static void push_plain(naru_hub *hub, naru__job *job, naru__channel *channel)
{
    naru__channel_pin(channel);
    job->of[0].channel = channel;
    job->channels_count = 1;
    job->plain = true;
    push(hub, job);
}

naru_status naru_hub_publish_to_channel(naru_hub *hub, naru_publication *publication)
{
    naru__channel *channel = naru__channel_find(hub, publication->channel);
    if (!has_hearers(channel, publication)) {
        return NARU_OK;
    }
    naru__job *job;
    naru_status status = job_new(hub, publication, 1, &job);
    if (status == NARU_OK) {
        push_plain(hub, job, channel);
    }
    return status;
}

void naru__job_push(naru_hub *hub, naru__job *job, naru_publication *publication, void (*release)(naru__job *job))
{
    naru__channel *channel = naru__channel_find(hub, publication->channel);
    *job = (naru__job){.publication = naru_publication_ref(publication), .release = release};
    if (has_hearers(channel, publication)) {
        push_plain(hub, job, channel);
    } else {
        job_free(hub, job);
    }
}

/* ---- delivering ------------------------------------------------------------------------------------------------- */

static bool excepted(const naru__job *job, const naru_subscriber *subscriber)
{
    uint32_t at = job->channels_count;
    for (uint32_t end = at + job->except_channels_count; at < end; at++) {
        if (naru__member_find(subscriber, job->of[at].channel)) {
            return true;
        }
    }
    for (uint32_t end = at + job->except_subscribers_count; at < end; at++) {
        if (job->of[at].subscriber == subscriber->id) {
            return true;
        }
    }
    return false;
}

/* Whoever is in several of the job's channels is served in the first of them that is walked. */
static bool served_already(const naru__job *job, naru_subscriber *subscriber)
{
    bool served = job->channels_count > 1 && subscriber->served == job->number;
    subscriber->served = job->number;
    return served;
}

static bool wants(const naru__job *job, const naru__member *member)
{
    if (naru__publication_of(job->publication)->except == member->subscriber->id) {
        return false;
    }
    return job->publication->kind == NARU_PUBLICATION_MESSAGE || member->wants_presence;
}

static bool hears(const naru__job *job, naru__member *member)
{
    if (member->since > job->number || !wants(job, member)) {
        return false;
    }
    return job->plain || (!excepted(job, member->subscriber) && !served_already(job, member->subscriber));
}

/* A long walk meets memory that nobody had at hand since the last one: a chain of pointers for each member, of which a
 * link is fetched at each step towards it. */
static void foresee(const naru__channel *channel, uint32_t place)
{
    enum { NEAR = 2, STEPS = 5 };
    naru__member *const *ahead = channel->members + place;
    if (channel->end - place <= STEPS) {
        return;
    }
    naru__fetch(ahead[5], sizeof **ahead);
    if (ahead[4]) {
        naru__fetch(ahead[4]->subscriber, offsetof(naru_subscriber, served));
    }
    if (ahead[3]) {
        naru__fetch(ahead[3]->subscriber->user, 1);
    }
    for (unsigned turns = NEAR; turns > 0; turns--) {
        const naru_subscriber *subscriber = ahead[turns] ? ahead[turns]->subscriber : NULL;
        if (subscriber && subscriber->calls->near) {
            subscriber->calls->near(subscriber, turns, subscriber->user);
        }
    }
}

/* The batch for one member, which any of the deliveries may end: it is looked up again each time. */
static size_t serve(naru_hub *hub, naru__channel *channel, uint32_t place)
{
    size_t deliveries = 0;
    naru__job *job = hub->jobs;
    for (size_t i = 0; i < hub->batch; i++, job = job->next) {
        naru__member *member = place < channel->end ? channel->members[place] : NULL;
        if (!member) {
            break;
        }
        if (hears(job, member)) {
            naru_subscriber *subscriber = member->subscriber;
            subscriber->calls->deliver(subscriber, job->publication, subscriber->user);
            deliveries++;
        }
    }
    return deliveries;
}

static void begin_batch(naru_hub *hub)
{
    naru__job *job = hub->jobs;
    size_t batch = 1;
    bool together = job->channels_count == 1;
    while (together && batch < BATCH_MAX && job->next && job->next->channels_count == 1 &&
           job->next->of[0].channel == job->of[0].channel) {
        job = job->next;
        batch++;
    }
    hub->batch = batch;
    hub->at_channel = 0;
    hub->at_place = 0;
}

static void end_batch(naru_hub *hub)
{
    for (; hub->batch > 0; hub->batch--) {
        pop(hub);
    }
}

/* Go on with the batch. Answers how much of the budget is left. */
static size_t work(naru_hub *hub, size_t budget)
{
    while (hub->at_channel < hub->jobs->channels_count) {
        naru__channel *channel = hub->jobs->of[hub->at_channel].channel;
        while (hub->at_place < channel->end) {
            if (budget == 0) {
                return 0;
            }
            foresee(channel, hub->at_place);
            size_t spent = 1 + serve(hub, channel, hub->at_place++);
            budget = budget > spent ? budget - spent : 0;
        }
        hub->at_channel++;
        hub->at_place = 0;
    }
    end_batch(hub);
    return budget;
}

naru_status naru_hub_run(naru_hub *hub, size_t deliveries_max)
{
    if (hub->running) {
        return NARU_OK;
    }
    size_t budget = deliveries_max > 0 ? deliveries_max : SIZE_MAX;
    hub->running = true;
    while (hub->jobs && budget > 0) {
        if (hub->batch == 0) {
            begin_batch(hub);
        }
        budget = work(hub, budget);
    }
    hub->running = false;
    return hub->jobs ? NARU_MORE : NARU_OK;
}
