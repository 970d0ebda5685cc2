/* The broker of a single process: a publication comes back inside the call. Not for: other processes. Source: none. */
#include <naru/hub.h>

#include "base/memory.h"

typedef struct memory_broker {
    const naru_allocator *allocator;
    const naru_broker_answers *answers;
    void *user;
} memory_broker;

static naru_status open(void *self, const naru_broker_answers *answers, void *user)
{
    memory_broker *broker = self;
    broker->answers = answers;
    broker->user = user;
    return NARU_OK;
}

static naru_status subscribe(void *self, naru_span channel)
{
    (void)self;
    (void)channel;
    return NARU_OK;
}

static void unsubscribe(void *self, naru_span channel)
{
    (void)self;
    (void)channel;
}

static naru_status publish(void *self, naru_publication *publication, uint64_t ticket)
{
    memory_broker *broker = self;
    broker->answers->message(broker->user, publication);
    broker->answers->published(broker->user, ticket, NARU_OK);
    return NARU_OK;
}

static void close(void *self)
{
    memory_broker *broker = self;
    naru__free(broker->allocator, broker, sizeof *broker);
}

naru_status naru_broker_memory_new(const naru_allocator *allocator, naru_broker *broker_out)
{
    static const naru_broker_calls calls = {open, subscribe, unsubscribe, publish, close};
    allocator = naru__allocator_or_default(allocator);
    memory_broker *broker = naru__alloc_zero(allocator, sizeof *broker);
    if (!broker) {
        return NARU_ERR_MEMORY;
    }
    broker->allocator = allocator;
    *broker_out = (naru_broker){&calls, broker};
    return NARU_OK;
}
