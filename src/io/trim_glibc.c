/* Giving freed memory back to the system: glibc keeps it otherwise, as long as anything stands above it on its heap.
 * Source: malloc_trim(3). */
#include "io/cache.h"

#include <malloc.h>

void naru__cache_trim_below(const naru__cache *cache)
{
    if (cache->below == naru_allocator_default()) {
        malloc_trim(0);
    }
}
