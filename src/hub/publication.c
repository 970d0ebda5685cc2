/* Publications: one block with the bytes behind the struct, and slots that whoever comes first fills.
 *
 * The only things that threads share without a message: the count of references, and slots that go from NULL to their
 * encoding once. Source: none. */
#include "publication.h"

#include <string.h>

#include "base/memory.h"

static naru_span put(uint8_t **at, naru_span bytes)
{
    if (bytes.size > 0) {
        memcpy(*at, bytes.data, bytes.size);
    }
    naru_span copy = {*at, bytes.size};
    *at += bytes.size;
    return copy;
}

naru_publication *naru__publication_make(const naru_allocator *allocator, const naru_publication *like)
{
    const naru_presence *who = &like->presence;
    size_t sizes[] = {like->data.size, like->channel.size, who->client.size, who->user.size, who->data.size};
    size_t bytes = sizeof(naru__publication);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > SIZE_MAX / 2 - bytes) {
            return NULL;
        }
        bytes += sizes[i];
    }
    allocator = naru__allocator_or_default(allocator);
    naru__publication *made = naru__alloc(allocator, bytes);
    if (!made) {
        return NULL;
    }
    *made = (naru__publication){.face = *like, .allocator = allocator, .bytes = bytes};
    atomic_init(&made->references, 1);
    for (size_t i = 0; i < NARU_VARIANTS; i++) {
        atomic_init(&made->variants[i], NULL);
    }
    uint8_t *at = (uint8_t *)(made + 1);
    made->face.data = put(&at, like->data);
    made->face.channel = put(&at, like->channel);
    made->face.presence.client = put(&at, who->client);
    made->face.presence.user = put(&at, who->user);
    made->face.presence.data = put(&at, who->data);
    return &made->face;
}

naru_publication *naru_publication_new(const naru_allocator *allocator, naru_span channel, uint32_t tag, naru_span data)
{
    return naru__publication_make(allocator, &(naru_publication){.channel = channel, .data = data, .tag = tag});
}

naru_publication *naru_publication_ref(naru_publication *publication)
{
    atomic_fetch_add_explicit(&naru__publication_of(publication)->references, 1, memory_order_relaxed);
    return publication;
}

void naru_publication_unref(naru_publication *publication)
{
    naru__publication *inside = naru__publication_of(publication);
    if (!publication || atomic_fetch_sub_explicit(&inside->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < NARU_VARIANTS; i++) {
        naru_variant *variant = atomic_load_explicit(&inside->variants[i], memory_order_relaxed);
        if (variant) {
            variant->free(variant);
        }
    }
    naru__free(inside->allocator, inside, inside->bytes);
}

naru_variant *naru_publication_variant(naru_publication *publication, unsigned slot,
                                       naru_variant *(*make)(naru_publication *publication, void *user), void *user)
{
    if (slot >= NARU_VARIANTS) {
        return NULL;
    }
    _Atomic(naru_variant *) *at = &naru__publication_of(publication)->variants[slot];
    naru_variant *there = atomic_load_explicit(at, memory_order_acquire);
    if (there) {
        return there;
    }
    naru_variant *made = make(publication, user);
    if (!made ||
        atomic_compare_exchange_strong_explicit(at, &there, made, memory_order_acq_rel, memory_order_acquire)) {
        return made;
    }
    made->free(made); /* another thread was quicker */
    return there;
}
