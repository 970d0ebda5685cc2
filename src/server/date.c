/* HTTP's dates, without regard to the locale. Source: RFC 9110 5.6.7. */
#include "server/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static const int64_t year_9999_end = 253402300799;

void naru__date_write(naru__date *date, int64_t seconds)
{
    time_t time = (time_t)(seconds < 0 ? 0 : seconds > year_9999_end ? year_9999_end : seconds);
    struct tm tm = {0};
    gmtime_r(&time, &tm);
    date->seconds = seconds;
    char text[96];
    int size = snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7], tm.tm_mday,
                        months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memset(date->text, 0, sizeof date->text);
    memcpy(date->text, text, size == NARU__DATE_BYTES ? NARU__DATE_BYTES : 0);
}
