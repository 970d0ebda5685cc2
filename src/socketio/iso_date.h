/* A point in time as JavaScript's Date.toJSON writes it. Source: ECMA-262 21.4.1.32. */
#ifndef NARU_SOCKETIO_ISO_DATE_H
#define NARU_SOCKETIO_ISO_DATE_H

#include <naru/base.h>

enum { NARU__ISO_DATE_BYTES_MAX = 32 };

/* ms: milliseconds since 1970. Answers the size; 0: no Date holds it. */
size_t naru__iso_date_write(int64_t ms, char out[NARU__ISO_DATE_BYTES_MAX]);

#endif
