/* Which known word did a mistyped one mean? */
#ifndef NARU_APP_NEAREST_H
#define NARU_APP_NEAREST_H

#include <stddef.h>

typedef struct nearest_search {
    const char *word;
    size_t word_bytes;
    const char *best; /* NULL: nothing near enough was offered */
    size_t best_distance;
} nearest_search;

nearest_search nearest_start(const char *word, size_t word_bytes);
/* candidate is kept as a pointer. */
void nearest_offer(nearest_search *search, const char *candidate);

#endif
