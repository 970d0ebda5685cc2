/* HTTP's dates: what is one, and which second it is. */
#include "unit/check.h"

#include "http/date.h"

static int64_t seconds_of(const char *text)
{
    int64_t seconds = -1;
    return naru__date_read(naru_span_of(text), &seconds) ? seconds : -1;
}

TEST(dates_and_their_seconds)
{
    CHECK_EQ(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    CHECK_EQ(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    CHECK_EQ(seconds_of("Tue, 29 Feb 2000 23:59:59 GMT"), 951868799);
    CHECK_EQ(seconds_of("Wed, 01 Mar 2000 00:00:00 GMT"), 951868800);
    CHECK_EQ(seconds_of("Mon, 28 Feb 2101 00:00:00 GMT"), 4138992000);
    CHECK_EQ(seconds_of("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799);
}

TEST(what_is_no_date)
{
    static const char *const bad[] = {"",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1969 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 -8:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(seconds_of(bad[i]), -1);
    }
}

TEST_MAIN({"dates and their seconds", dates_and_their_seconds}, {"what is no date", what_is_no_date})
