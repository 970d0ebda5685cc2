/* HTTP's dates to seconds, without regard to locale and time zone. Source: RFC 9110 5.6.7. */
#include "date.h"

#include <string.h>

enum { DAY_SECONDS = 86400, DAYS_TO_1970 = 719468 };

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

/* 1 to 12; 0: none. */
static int month_of(const uint8_t *text)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int i = 0; i < 12; i++) {
        if (memcmp(text, months[i], 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* Days since 1970 in the Gregorian calendar, whose years begin here with March: so the leap day is a year's last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t era = shifted / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

bool naru__date_read(naru_span text, int64_t *seconds_out)
{
    const uint8_t *at = text.data;
    if (text.size != NARU__DATE_BYTES || memcmp(at + 3, ", ", 2) != 0 || memcmp(at + 25, " GMT", 4) != 0) {
        return false;
    }
    int day = number(at + 5, 2);
    int month = month_of(at + 8);
    int year = number(at + 12, 4);
    int hour = number(at + 17, 2);
    int minute = number(at + 20, 2);
    int second = number(at + 23, 2);
    if (day < 1 || month < 1 || year < 1970 || hour < 0 || minute < 0 || second < 0) {
        return false;
    }
    *seconds_out = days_of(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    return true;
}
