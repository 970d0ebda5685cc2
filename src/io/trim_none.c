/* A C library that is not glibc decides by itself what it gives back to the system. */
#include "io/cache.h"

void naru__cache_trim_below(const naru__cache *cache)
{
    (void)cache;
}
