/* Writing HTTP's dates. Source: RFC 9110 5.6.7. */
#ifndef NARU_SERVER_DATE_H
#define NARU_SERVER_DATE_H

#include "http/date.h"

/* A date and the second it was written for. All zero is none. */
typedef struct naru__date {
    int64_t seconds;
    char text[NARU__DATE_BYTES + 1];
} naru__date;

/* shapes seconds: since 1970, in UTC; up to the year 9999, later ones are written as its end. */
void naru__date_write(naru__date *date, int64_t seconds);
#endif
