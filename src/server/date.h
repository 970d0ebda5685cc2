/* HTTP's dates. Source: RFC 9110 5.6.7. */
#ifndef NARU_SERVER_DATE_H
#define NARU_SERVER_DATE_H

#include <naru/base.h>

enum { NARU__DATE_BYTES = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* A date and the second it was written for. All zero is none. */
typedef struct naru__date {
    int64_t seconds;
    char text[NARU__DATE_BYTES + 1];
} naru__date;

/* shapes seconds: since 1970, in UTC; up to the year 9999, later ones are written as its end. */
void naru__date_write(naru__date *date, int64_t seconds);
/* Read the preferred form only; the two old ones count as no date, which costs a full answer and no mistake. */
bool naru__date_read(naru_span text, int64_t *seconds_out);

#endif
