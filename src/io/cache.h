/* The loop's allocator: freed blocks are kept by size and handed out again, for one thread and within a
 * bound. */
#ifndef NARU_IO_CACHE_H
#define NARU_IO_CACHE_H

#include <naru/base.h>
#include <string.h>

enum {
    NARU__CACHE_LINK_BYTES = sizeof(void *), /* a kept block begins with where the next one is */
    /* Small classes: a link more than every multiple of it, which is what malloc's chunks have room for, up to */
    NARU__CACHE_STEP = 16,
    NARU__CACHE_SMALL_MAX = 1024 + NARU__CACHE_LINK_BYTES,
    NARU__CACHE_SMALL_CLASSES = 1024 / NARU__CACHE_STEP + 1,
    /* Above, four classes to each doubling, up to this; bigger blocks pass through. Those of a message of a megabyte
     * are worth keeping: the kernel would clear each of their pages again. */
    NARU__CACHE_BLOCK_MAX = 4 << 20,
    NARU__CACHE_CLASSES = NARU__CACHE_SMALL_CLASSES + 12 * 4,
    NARU__CACHE_LARGE_MIN = 64 << 10, /* from here up a block is kept only as long as such blocks are used */
    NARU__CACHE_LENT_BYTES = 1280     /* what is lent for an answer: 1 KiB and its framing */
};

typedef struct naru__cache {
    naru_allocator allocator; /* its face */
    const naru_allocator *below;
    size_t kept_bytes;
    size_t kept_bytes_max;
    bool large_kept;                 /* a large one is among them */
    bool large_used;                 /* one was handed out or taken back since naru__cache_cool */
    struct naru__lent *lent;         /* those at hand */
    naru_buf barren;                 /* what is filled where there is no memory: it takes nothing */
    void *kept[NARU__CACHE_CLASSES]; /* each block begins with the pointer to the next */
} naru__cache;

/* A buf to be filled and emptied within a turn, as nearly all are that wait to be sent. Between two uses it keeps its
 * block, unless that has grown. */
typedef struct naru__lent {
    naru_buf buf; /* first: the one is found from the other */
    struct naru__lent *next;
} naru__lent;

/* The cache must not move afterwards. */
void naru__cache_init(naru__cache *cache, const naru_allocator *below, size_t kept_bytes_max);
void naru__cache_deinit(naru__cache *cache); /* gives back what is kept; blocks in use stay their owners' */
/* Give back the large blocks, unless any was used since the last call. */
void naru__cache_cool(naru__cache *cache);
/* Have the default allocator give to the system what it holds on to. trim_*.c */
void naru__cache_trim_below(const naru__cache *cache);

/* cache.c: an empty buf without a block, which grows step by step. NULL: no memory. */
naru_buf *naru__cache_lend_bare(naru__cache *cache);
/* cache.c: one with a block, where none is at hand; and naru__cache_reclaim for any. */
naru_buf *naru__cache_lend_fresh(naru__cache *cache);
void naru__cache_reclaim_rest(naru__cache *cache, naru_buf *buf);

/* The hot path's short cut: an empty buf with a block to be filled. NULL: no memory. */
static inline naru_buf *naru__cache_lend(naru__cache *cache)
{
    naru__lent *lent = cache->lent;
    if (!lent) {
        return naru__cache_lend_fresh(cache);
    }
    cache->lent = lent->next;
    cache->kept_bytes -= NARU__CACHE_LENT_BYTES;
    return &lent->buf;
}
/* Take back what was lent, whatever it holds. */
static inline void naru__cache_reclaim(naru__cache *cache, naru_buf *buf)
{
    if (buf->capacity != NARU__CACHE_LENT_BYTES || NARU__CACHE_LENT_BYTES > cache->kept_bytes_max - cache->kept_bytes) {
        naru__cache_reclaim_rest(cache, buf);
        return;
    }
    naru__lent *lent = (naru__lent *)(void *)buf;
    buf->begin = 0;
    buf->end = 0;
    lent->next = cache->lent;
    cache->lent = lent;
    cache->kept_bytes += NARU__CACHE_LENT_BYTES;
}

#endif
