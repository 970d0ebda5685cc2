/* The time of day in UTC, to the millisecond.
 *
 * Not for: measuring; the loop's clock never goes back. Source: RFC 3339 5.6. */
#include "stamp.h"

#include <stdio.h>
#include <time.h>

void stamp_now(char out[STAMP_BYTES])
{
    struct timespec now = {0};
    struct tm parts = {0};
    char day[STAMP_BYTES];
    clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &parts) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) != 19) {
        snprintf(day, sizeof day, "0000-00-00T00:00:00");
    }
    snprintf(out, STAMP_BYTES, "%.19s.%03uZ", day, (unsigned)(now.tv_nsec / 1000000) % 1000);
}
