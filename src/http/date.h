/* Reading HTTP's dates. Source: RFC 9110 5.6.7. */
#ifndef NARU_HTTP_DATE_H
#define NARU_HTTP_DATE_H

#include <naru/base.h>

enum { NARU__DATE_BYTES = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Read the preferred form only; the two old ones count as no date, which is always a harmless mistake.
 * shapes    seconds_out: since 1970, in UTC. */
bool naru__date_read(naru_span text, int64_t *seconds_out);

#endif
