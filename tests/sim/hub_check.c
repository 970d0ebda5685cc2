/* The checker's book of all messages, and its verdicts. See hub_check.h. */
#include "hub_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The log of all messages that anybody has heard, found by channel, epoch and offset. */
typedef struct record {
    unsigned channel;
    naru_position position;
    uint64_t message;
} record;

struct check_history {
    record *records; /* open addressing; message 0: free */
    size_t room, count;
    char fault[256];
};

check_history *check_history_new(void)
{
    check_history *history = calloc(1, sizeof *history);
    history->room = 1024;
    history->records = calloc(history->room, sizeof *history->records);
    return history;
}

void check_history_free(check_history *history)
{
    free(history->records);
    free(history);
}

const char *check_history_fault(const check_history *history)
{
    return history->fault[0] ? history->fault : NULL;
}

static void fail(check_history *history, const char *what, unsigned channel, naru_position was, naru_position is)
{
    if (!history->fault[0]) {
        snprintf(history->fault, sizeof history->fault, "%s: channel %u, was at %llx:%llu, now %llx:%llu", what,
                 channel, (unsigned long long)was.epoch, (unsigned long long)was.offset, (unsigned long long)is.epoch,
                 (unsigned long long)is.offset);
    }
}

static record *slot_of(const check_history *history, unsigned channel, naru_position position)
{
    uint64_t hash =
        (position.epoch ^ position.offset * UINT64_C(0x9e3779b97f4a7c15) ^ channel) * UINT64_C(0xc2b2ae3d27d4eb4f);
    for (size_t i = (size_t)(hash >> 20);; i++) {
        record *r = &history->records[i & (history->room - 1)];
        if (r->message == 0 ||
            (r->channel == channel && r->position.epoch == position.epoch && r->position.offset == position.offset)) {
            return r;
        }
    }
}

static void grow(check_history *history)
{
    record *old = history->records;
    size_t old_room = history->room;
    history->room *= 2;
    history->records = calloc(history->room, sizeof *history->records);
    for (size_t i = 0; i < old_room; i++) {
        if (old[i].message != 0) {
            *slot_of(history, old[i].channel, old[i].position) = old[i];
        }
    }
    free(old);
}

static void remember(check_history *history, unsigned channel, naru_position position, uint64_t message)
{
    record *r = slot_of(history, channel, position);
    if (r->message != 0 && r->message != message) {
        fail(history, "two messages have one place", channel, position, position);
    }
    if (r->message == 0) {
        *r = (record){channel, position, message};
        if (++history->count > history->room / 2) {
            grow(history);
        }
    }
}

void check_subscribed(check_history *history, check_subscription *subscription, naru_position since, bool recovered,
                      naru_position position, size_t missed)
{
    subscription->began = true;
    if (!recovered) {
        subscription->at = position;
        if (missed > 0) {
            fail(history, "not recovered, and yet something was given", 0, since, position);
        }
        return;
    }
    if (since.epoch != position.epoch || since.offset + missed != position.offset) {
        fail(history, "recovered, but not everything", 0, since, position);
    }
    subscription->at = since;
}

void check_heard(check_history *history, check_subscription *subscription, unsigned channel, naru_position position,
                 uint64_t message)
{
    naru_position was = subscription->at;
    if (!subscription->began) {
        fail(history, "heard before it was subscribed", channel, was, position);
    } else if (position.epoch != was.epoch) {
        fail(history, "another epoch in the middle", channel, was, position);
    } else if (position.offset <= was.offset) {
        fail(history, "heard twice, or out of order", channel, was, position);
    } else if (position.offset != was.offset + 1) {
        fail(history, "something is missing", channel, was, position);
    }
    subscription->at = position;
    remember(history, channel, position, message);
}

void check_caught_up(check_history *history, const check_subscription *subscription, naru_position head)
{
    if (subscription->at.epoch != head.epoch || subscription->at.offset != head.offset) {
        fail(history, "the end was never heard", 0, subscription->at, head);
    }
}
