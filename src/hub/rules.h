/* The defaults of a channel's rules. */
#ifndef NARU_HUB_RULES_H
#define NARU_HUB_RULES_H

#include <naru/hub.h>

static inline void naru__rules_fill(naru_channel_rules *rules)
{
    rules->history_bytes_max = rules->history_bytes_max > 0 ? rules->history_bytes_max : UINT64_C(1) << 20;
    rules->history_age_ms = rules->history_age_ms > 0 ? rules->history_age_ms : 300000;
    rules->resume_max = rules->resume_max > 0 ? rules->resume_max : 300;
    rules->presence_max = rules->presence_max > 0 ? rules->presence_max : 10000;
    rules->presence_bytes_max = rules->presence_bytes_max > 0 ? rules->presence_bytes_max : 4096;
}

#endif
