/* Frozen bytes that several owners share, on any threads: written once, before anybody else sees them, and never after.
 * One allocation each, from the default allocator, since whoever lets go last frees it. Source: none. */
#ifndef NARU_BASE_SHOT_H
#define NARU_BASE_SHOT_H

#include <naru/base.h>
#include <stdatomic.h>

typedef struct naru__shot {
    atomic_size_t references;
    size_t size;
    uint8_t bytes[];
} naru__shot;

/* One reference, the caller's, who fills the bytes before sharing it. errors NULL: no memory. */
NARU_MUST_USE naru__shot *naru__shot_new(size_t size);
static inline naru__shot *naru__shot_ref(naru__shot *shot)
{
    atomic_fetch_add_explicit(&shot->references, 1, memory_order_relaxed);
    return shot;
}
void naru__shot_unref(naru__shot *shot); /* NULL is fine */

static inline naru_span naru__shot_span(const naru__shot *shot)
{
    return (naru_span){shot->bytes, shot->size};
}

#endif
