/* A publication's inside. */
#ifndef NARU_HUB_PUBLICATION_H
#define NARU_HUB_PUBLICATION_H

#include <naru/hub.h>
#include <stdatomic.h>

typedef struct naru__publication {
    naru_publication face; /* first: what users hold */
    _Atomic(size_t) references;
    _Atomic(naru_variant *) variants[NARU_VARIANTS];
    uint64_t except; /* the subscriber who is not to hear it, as a rule its publisher; 0: none */
    const naru_allocator *allocator;
    size_t bytes; /* of the block; data and channel stand behind the struct */
} naru__publication;

static inline naru__publication *naru__publication_of(naru_publication *publication)
{
    return (naru__publication *)(void *)publication;
}

/* A copy of all that `like` says, with one reference. allocator NULL: the default one. errors NULL: no memory. */
naru_publication *naru__publication_make(const naru_allocator *allocator, const naru_publication *like);

#endif
