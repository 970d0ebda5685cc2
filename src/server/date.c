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

/* The number in `digits` characters; -1: there is something else. */
static int number(const uint8_t *text, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static int month_of(const uint8_t *text)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(text, months[i], 3) == 0) {
            return i;
        }
    }
    return -1;
}

bool naru__date_read(naru_span text, int64_t *seconds_out)
{
    const uint8_t *at = text.data;
    if (text.size != NARU__DATE_BYTES || memcmp(at + 3, ", ", 2) != 0 || memcmp(at + 25, " GMT", 4) != 0) {
        return false;
    }
    struct tm tm = {.tm_mday = number(at + 5, 2),
                    .tm_mon = month_of(at + 8),
                    .tm_year = number(at + 12, 4),
                    .tm_hour = number(at + 17, 2),
                    .tm_min = number(at + 20, 2),
                    .tm_sec = number(at + 23, 2)};
    if (tm.tm_mday < 1 || tm.tm_mon < 0 || tm.tm_year < 1970 || tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0) {
        return false;
    }
    tm.tm_year -= 1900;
    *seconds_out = (int64_t)timegm(&tm);
    return true;
}
