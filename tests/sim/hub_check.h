/* The checker of histories: it is told what each subscriber was told and heard, and judges.
 *
 *   order        every subscriber hears a channel's messages in the order of its offsets, which is the same for all
 *   no doubles   and none twice
 *   no loss      between two messages that one subscription heard none is missing; if recovered was said, what follows
 *                joins what it had before without a gap
 *   truth        a (channel, epoch, offset) is the same message for everybody */
#ifndef NARU_SIM_HUB_CHECK_H
#define NARU_SIM_HUB_CHECK_H

#include <naru/hub.h>

typedef struct check_history check_history;

/* What one subscription has come to. */
typedef struct check_subscription {
    naru_position at; /* the last that is accounted for; epoch 0: nothing yet */
    bool began;
} check_subscription;

check_history *check_history_new(void);
void check_history_free(check_history *history);
/* What went wrong first; NULL: nothing. */
const char *check_history_fault(const check_history *history);

/* The answer to a subscription that asked to resume from `since`. */
void check_subscribed(check_history *history, check_subscription *subscription, naru_position since, bool recovered,
                      naru_position position, size_t missed);
void check_heard(check_history *history, check_subscription *subscription, unsigned channel, naru_position position,
                 uint64_t message);
/* Nothing is under way any more: has it heard everything up to the head? */
void check_caught_up(check_history *history, const check_subscription *subscription, naru_position head);

#endif
