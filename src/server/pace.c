/* Token buckets that need no timer and no more memory than one number. Source: ITU-T I.371 A (GCRA). */
#include "server/guest.h"

enum { SECOND_US = 1000000 };

static uint64_t cost_us(uint64_t units, uint64_t per_second)
{
    uint64_t most = UINT64_MAX / 4 / SECOND_US;
    return (units < most ? units : most) * SECOND_US / per_second;
}

uint64_t naru__pace_take(uint64_t *full_us, uint64_t now_ms, uint64_t units, uint64_t per_second, uint64_t burst,
                         bool debt)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t limit_us = now_us + cost_us(burst, per_second);
    uint64_t full = (*full_us > now_us ? *full_us : now_us) + cost_us(units, per_second);
    uint64_t wait_ms = full > limit_us ? (full - limit_us + 999) / 1000 : 0;
    if (wait_ms == 0 || debt) {
        *full_us = full;
    }
    return wait_ms;
}
