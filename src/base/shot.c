/* Shared frozen bytes. Not for: bytes that still change (buf.c). Source: C17 7.17 (atomics). */
#include "shot.h"

#include "memory.h"

naru__shot *naru__shot_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(naru__shot)) {
        return NULL;
    }
    naru__shot *shot = naru__alloc(naru_allocator_default(), sizeof *shot + size);
    if (!shot) {
        return NULL;
    }
    atomic_init(&shot->references, 1);
    shot->size = size;
    return shot;
}

void naru__shot_unref(naru__shot *shot)
{
    /* Release: what this owner read happens before it is freed. Acquire: by whoever lets go last. */
    if (shot && atomic_fetch_sub_explicit(&shot->references, 1, memory_order_acq_rel) == 1) {
        naru__free(naru_allocator_default(), shot, sizeof *shot + shot->size);
    }
}
