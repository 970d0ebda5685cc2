/* Size classes over another allocator. Since every free tells the size, a block carries no header, and the
 * class it came from is computed again.
 *
 * Not for: several threads. Source: none. */
#include "io/cache.h"

#include <string.h>

#include "base/memory.h"

enum { PASSES_THROUGH = NARU__CACHE_CLASSES };

/* shapes bytes: at least 1. */
static size_t class_of(size_t bytes)
{
    if (bytes <= NARU__CACHE_SMALL_MAX) {
        return (bytes + NARU__CACHE_STEP - 1 - NARU__CACHE_LINK_BYTES) / NARU__CACHE_STEP;
    }
    if (bytes > NARU__CACHE_BLOCK_MAX) {
        return PASSES_THROUGH;
    }
    /* The two bits below the highest one tell the quarter of the doubling. */
    unsigned log2 = 63 - (unsigned)__builtin_clzll(bytes - 1);
    size_t quarter = ((bytes - 1) >> (log2 - 2)) & 3;
    return NARU__CACHE_SMALL_CLASSES + (size_t)(log2 - 10) * 4 + quarter;
}

static size_t bytes_of(size_t index)
{
    if (index < NARU__CACHE_SMALL_CLASSES) {
        return index * NARU__CACHE_STEP + NARU__CACHE_LINK_BYTES;
    }
    size_t above = index - NARU__CACHE_SMALL_CLASSES;
    return (5 + above % 4) << (8 + above / 4);
}

static void *take(naru__cache *cache, size_t bytes)
{
    size_t index = class_of(bytes);
    if (index == PASSES_THROUGH) {
        return naru__alloc(cache->below, bytes);
    }
    void *block = cache->kept[index];
    cache->large_used = cache->large_used || bytes > NARU__CACHE_LARGE_MIN;
    if (!block) {
        return naru__alloc(cache->below, bytes_of(index));
    }
    memcpy(&cache->kept[index], block, NARU__CACHE_LINK_BYTES);
    cache->kept_bytes -= bytes_of(index);
    return block;
}

static void give(naru__cache *cache, void *block, size_t bytes)
{
    size_t index = class_of(bytes);
    if (index == PASSES_THROUGH) {
        naru__free(cache->below, block, bytes);
        return;
    }
    size_t block_bytes = bytes_of(index);
    /* Most of the bound is for large blocks, which go again when they are not used; small ones stay. */
    size_t most = bytes > NARU__CACHE_LARGE_MIN ? cache->kept_bytes_max : cache->kept_bytes_max / 4;
    if (cache->kept_bytes > most || block_bytes > most - cache->kept_bytes) {
        naru__free(cache->below, block, block_bytes);
        return;
    }
    memcpy(block, &cache->kept[index], NARU__CACHE_LINK_BYTES);
    cache->kept[index] = block;
    cache->kept_bytes += block_bytes;
    cache->large_kept = cache->large_kept || bytes > NARU__CACHE_LARGE_MIN;
}

static void *move(naru__cache *cache, void *block, size_t old_bytes, size_t new_bytes)
{
    size_t old_class = class_of(old_bytes);
    size_t new_class = class_of(new_bytes);
    if (old_class == PASSES_THROUGH && new_class == PASSES_THROUGH) {
        return cache->below->resize(cache->below->user, block, old_bytes, new_bytes);
    }
    if (old_class == new_class) {
        return block;
    }
    void *moved = take(cache, new_bytes);
    if (moved) {
        memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        give(cache, block, old_bytes);
    }
    return moved;
}

static void *resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    naru__cache *cache = user;
    if (!block) {
        return new_bytes > 0 ? take(cache, new_bytes) : NULL;
    }
    if (new_bytes > 0) {
        return move(cache, block, old_bytes, new_bytes);
    }
    give(cache, block, old_bytes);
    return NULL;
}

static void *refuse(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)block, (void)old_bytes, (void)new_bytes;
    return NULL;
}

void naru__cache_init(naru__cache *cache, const naru_allocator *below, size_t kept_bytes_max)
{
    static const naru_allocator barren = {refuse, NULL};
    *cache = (naru__cache){
        .allocator = {resize, cache},
        .below = below,
        .kept_bytes_max = kept_bytes_max,
        .barren = {.allocator = &barren},
    };
}

/* ---- bufs that are lent -------------------------------------------------------------------------------------- */

naru_buf *naru__cache_lend_bare(naru__cache *cache)
{
    naru__lent *lent = take(cache, sizeof *lent);
    if (!lent) {
        return NULL;
    }
    naru_buf_init(&lent->buf, &cache->allocator);
    return &lent->buf;
}

naru_buf *naru__cache_lend_fresh(naru__cache *cache)
{
    naru_buf *buf = naru__cache_lend_bare(cache);
    uint8_t *block = buf ? take(cache, NARU__CACHE_LENT_BYTES) : NULL;
    if (block) {
        buf->data = block;
        buf->capacity = NARU__CACHE_LENT_BYTES;
    }
    return buf;
}

void naru__cache_reclaim_rest(naru__cache *cache, naru_buf *buf)
{
    naru_buf_deinit(buf);
    give(cache, buf, sizeof(naru__lent));
}

static void give_back_lent(naru__cache *cache)
{
    naru__lent *lent = cache->lent;
    cache->lent = NULL;
    while (lent) {
        naru__lent *next = lent->next;
        cache->kept_bytes -= NARU__CACHE_LENT_BYTES;
        naru__cache_reclaim_rest(cache, &lent->buf); /* among the kept ones */
        lent = next;
    }
}

/* ---- what is kept -------------------------------------------------------------------------------------------- */

static void give_back(naru__cache *cache, size_t from_class)
{
    for (size_t i = from_class; i < NARU__CACHE_CLASSES; i++) {
        while (cache->kept[i]) {
            void *block = cache->kept[i];
            memcpy(&cache->kept[i], block, NARU__CACHE_LINK_BYTES);
            cache->kept_bytes -= bytes_of(i);
            naru__free(cache->below, block, bytes_of(i));
        }
    }
    cache->large_kept = false;
}

void naru__cache_deinit(naru__cache *cache)
{
    give_back_lent(cache);
    give_back(cache, 0);
}

void naru__cache_cool(naru__cache *cache)
{
    if (!cache->large_used && cache->large_kept) {
        give_back(cache, class_of(NARU__CACHE_LARGE_MIN + 1));
        naru__cache_trim_below(cache);
    }
    cache->large_used = false;
}
