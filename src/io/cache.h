/* The loop's allocator: freed blocks are kept by size and handed out again, for one thread and within a
 * bound. */
#ifndef NARU_IO_CACHE_H
#define NARU_IO_CACHE_H

#include <naru/base.h>
#include <string.h>

enum {
    NARU__CACHE_LINK_BYTES = sizeof(void *), /* a kept block begins with where the next one is */
    NARU__CACHE_STEP = 16,                   /* small classes: every multiple of it, up to */
    NARU__CACHE_SMALL_MAX = 1024,
    /* Above, four classes to each doubling, up to this; bigger blocks pass through. Those of a message of a megabyte
     * are worth keeping: the kernel would clear each of their pages again. */
    NARU__CACHE_BLOCK_MAX = 4 << 20,
    NARU__CACHE_CLASSES = NARU__CACHE_SMALL_MAX / NARU__CACHE_STEP + 12 * 4,
    NARU__CACHE_LARGE_MIN = 64 << 10, /* from here up a block is kept only as long as such blocks are used */
    /* What is lent for an answer: 1 KiB and its framing. Exactly a class. */
    NARU__CACHE_LENT_BYTES = 1280,
    NARU__CACHE_LENT_CLASS = NARU__CACHE_SMALL_MAX / NARU__CACHE_STEP
};

typedef struct naru__cache {
    naru_allocator allocator; /* its face */
    const naru_allocator *below;
    size_t kept_bytes;
    size_t kept_bytes_max;
    bool large_kept;                 /* a large one is among them */
    bool large_used;                 /* one was handed out or taken back since naru__cache_cool */
    void *kept[NARU__CACHE_CLASSES]; /* each block begins with the pointer to the next */
} naru__cache;

/* The cache must not move afterwards. */
void naru__cache_init(naru__cache *cache, const naru_allocator *below, size_t kept_bytes_max);
void naru__cache_deinit(naru__cache *cache); /* gives back what is kept; blocks in use stay their owners' */
/* Give back the large blocks, unless any was used since the last call. */
void naru__cache_cool(naru__cache *cache);
/* Have the default allocator give to the system what it holds on to. trim_*.c */
void naru__cache_trim_below(const naru__cache *cache);

/* The hot path's short cut: give an empty buf a block to be filled, before it asks for one and grows it
 * step by step. Without memory it stays as it is. */
static inline void naru__cache_lend(naru__cache *cache, naru_buf *buf)
{
    if (buf->data) {
        return;
    }
    uint8_t *block = cache->kept[NARU__CACHE_LENT_CLASS];
    if (block) {
        memcpy(&cache->kept[NARU__CACHE_LENT_CLASS], block, NARU__CACHE_LINK_BYTES);
        cache->kept_bytes -= NARU__CACHE_LENT_BYTES;
    } else {
        block = cache->allocator.resize(cache, NULL, 0, NARU__CACHE_LENT_BYTES);
    }
    buf->data = block;
    buf->capacity = block ? NARU__CACHE_LENT_BYTES : 0;
}
/* naru_buf_deinit, quick if the block is a lent one. */
static inline void naru__cache_reclaim(naru__cache *cache, naru_buf *buf)
{
    if (buf->capacity != NARU__CACHE_LENT_BYTES || NARU__CACHE_LENT_BYTES > cache->kept_bytes_max - cache->kept_bytes) {
        naru_buf_deinit(buf);
        return;
    }
    uint8_t *block = buf->data;
    memcpy(block, &cache->kept[NARU__CACHE_LENT_CLASS], NARU__CACHE_LINK_BYTES);
    cache->kept[NARU__CACHE_LENT_CLASS] = block;
    cache->kept_bytes += NARU__CACHE_LENT_BYTES;
    buf->data = NULL;
    buf->begin = 0;
    buf->end = 0;
    buf->capacity = 0;
}

#endif
