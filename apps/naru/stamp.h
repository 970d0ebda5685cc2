/* The time of day, as people and programs read it. */
#ifndef NARU_APP_STAMP_H
#define NARU_APP_STAMP_H

#include <stddef.h>

enum { STAMP_BYTES = 25 };

/* "2026-01-31T23:59:59.999Z" with its NUL. */
void stamp_now(char out[STAMP_BYTES]);

#endif
