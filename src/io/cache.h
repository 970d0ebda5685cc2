/* The loop's allocator: freed blocks are kept by size and handed out again, for one thread and within a bound. */
#ifndef NARU_IO_CACHE_H
#define NARU_IO_CACHE_H

#include <naru/base.h>

enum {
    NARU__CACHE_STEP = 16,         /* small classes: every multiple of it, up to */
    NARU__CACHE_SMALL_MAX = 1024,
    NARU__CACHE_BLOCK_MAX = 65536, /* above, four classes to each doubling, up to this; bigger blocks pass through */
    NARU__CACHE_CLASSES = NARU__CACHE_SMALL_MAX / NARU__CACHE_STEP + 6 * 4
};

typedef struct naru__cache {
    naru_allocator allocator; /* its face */
    const naru_allocator *below;
    size_t kept_bytes;
    size_t kept_bytes_max;
    void *kept[NARU__CACHE_CLASSES]; /* each block begins with the pointer to the next */
} naru__cache;

/* The cache must not move afterwards. */
void naru__cache_init(naru__cache *cache, const naru_allocator *below, size_t kept_bytes_max);
void naru__cache_deinit(naru__cache *cache); /* gives back what is kept; blocks in use stay their owners' */

#endif
