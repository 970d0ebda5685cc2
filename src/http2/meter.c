/* How often a peer may do what costs us more than it. Source: ITU-T I.371 A (GCRA). */
#include "inside.h"

enum { SECOND_US = 1000000 };

bool naru__http2_meter_take(naru__http2_meter *meter, uint64_t now_ms, uint32_t per_second, uint32_t burst)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t full_us = meter->full_us > now_us ? meter->full_us : now_us;
    uint64_t one_us = SECOND_US / per_second;
    if (full_us - now_us + one_us > burst * one_us) {
        return false;
    }
    meter->full_us = full_us + one_us;
    return true;
}
