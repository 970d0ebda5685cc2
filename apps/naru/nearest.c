/* Edit distance with exchanged neighbours, for "did you mean".
 *
 * Source: optimal string alignment (Damerau 1964). */
#include "nearest.h"

#include <string.h>

enum { WORD_BYTES_MAX = 31 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t cost[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];
    for (size_t i = 0; i <= a_bytes; i++) {
        cost[i][0] = i;
    }
    for (size_t j = 0; j <= b_bytes; j++) {
        cost[0][j] = j;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t replace = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = smaller(replace, smaller(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = smaller(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a_bytes][b_bytes];
}

nearest_search nearest_start(const char *word, size_t word_bytes)
{
    /* A guess that changes more than a third of the word helps nobody. */
    return (nearest_search){word, word_bytes, NULL, word_bytes / 3 + 2};
}

void nearest_offer(nearest_search *search, const char *candidate)
{
    size_t candidate_bytes = strlen(candidate);
    if (search->word_bytes > WORD_BYTES_MAX || candidate_bytes > WORD_BYTES_MAX) {
        return;
    }
    size_t found = distance(search->word, search->word_bytes, candidate, candidate_bytes);
    if (found < search->best_distance) {
        search->best_distance = found;
        search->best = candidate;
    }
}
