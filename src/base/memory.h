/* Shorthand for calls on an allocator. */
#ifndef NARU_BASE_MEMORY_H
#define NARU_BASE_MEMORY_H

#include <naru/base.h>

static inline const naru_allocator *naru__allocator_or_default(const naru_allocator *allocator)
{
    return allocator ? allocator : naru_allocator_default();
}
static inline void *naru__alloc(const naru_allocator *allocator, size_t bytes)
{
    return allocator->resize(allocator->user, NULL, 0, bytes);
}
/* All bytes zero. NULL: no memory. */
void *naru__alloc_zero(const naru_allocator *allocator, size_t bytes);
static inline void naru__free(const naru_allocator *allocator, void *block, size_t bytes)
{
    if (block) {
        allocator->resize(allocator->user, block, bytes, 0);
    }
}

#endif
