/* Milliseconds to a date of the Gregorian calendar, without a clock, a zone or a table. Years begin in March, so that
 * the leap day is a year's last. Source: ECMA-262 21.4.1. */
#include "iso_date.h"

static const int64_t MS_MAX = INT64_C(8640000000000000);
static const int64_t DAY_MS = 86400000;
enum { DAYS_TO_1970 = 719468, ERA_DAYS = 146097, ERA_YEARS = 400 };

static char *put(char *at, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

static char *put_year(char *at, int64_t year)
{
    if (year >= 0 && year <= 9999) {
        return put(at, (uint32_t)year, 4);
    }
    *at++ = year < 0 ? '-' : '+';
    return put(at, (uint32_t)(year < 0 ? -year : year), 6);
}

static char *put_day(char *at, int64_t days)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    uint32_t in_era = (uint32_t)(days - era * ERA_DAYS);
    uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * in_year + 2) / 153; /* from March on */
    uint32_t day = in_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    at = put_year(at, era * ERA_YEARS + year + (month <= 2));
    *at++ = '-';
    at = put(at, month, 2);
    *at++ = '-';
    return put(at, day, 2);
}

size_t naru__iso_date_write(int64_t ms, char out[NARU__ISO_DATE_BYTES_MAX])
{
    if (ms > MS_MAX || ms < -MS_MAX) {
        return 0;
    }
    int64_t days = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
    uint32_t rest = (uint32_t)(ms - days * DAY_MS);
    char *at = put_day(out, days);
    *at++ = 'T';
    at = put(at, rest / 3600000, 2);
    *at++ = ':';
    at = put(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = put(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = put(at, rest % 1000, 3);
    *at++ = 'Z';
    return (size_t)(at - out);
}
