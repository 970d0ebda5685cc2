/* nghttp2's allocations by an allocator of ours. That one wants to know sizes, so that each block says its own in
 * front; and the blocks of a session are in a list, so that one which ran out of memory is given back whole: nghttp2
 * 1.52 may free a frame twice then, when a stream could not be put in line.
 *
 * Source: nghttp2's manual (nghttp2_mem). */
#include "inside.h"

#include <string.h>

#include "base/memory.h"

typedef struct naru__http2_block {
    struct naru__http2_block *next, **link;
    size_t bytes; /* this head included */
    size_t unused;
} block;
_Static_assert(sizeof(block) % _Alignof(max_align_t) == 0, "what follows is aligned");

static void put(naru__http2_memory *memory, block *self)
{
    self->next = memory->blocks;
    self->link = &memory->blocks;
    if (self->next) {
        self->next->link = &self->next;
    }
    memory->blocks = self;
}

static void unlink_block(block *self)
{
    *self->link = self->next;
    if (self->next) {
        self->next->link = self->link;
    }
}

static void *take(size_t size, void *user)
{
    naru__http2_memory *memory = user;
    bool fits = size <= SIZE_MAX - sizeof(block);
    block *self = fits ? naru__alloc(memory->allocator, size + sizeof(block)) : NULL;
    if (!self) {
        memory->failed = true;
        return NULL;
    }
    self->bytes = size + sizeof(block);
    put(memory, self);
    return self + 1;
}

static void give_back(void *bytes, void *user)
{
    naru__http2_memory *memory = user;
    if (bytes) {
        block *self = (block *)bytes - 1;
        unlink_block(self);
        naru__free(memory->allocator, self, self->bytes);
    }
}

static void *take_zero(size_t count, size_t size, void *user)
{
    bool fits = size == 0 || count <= SIZE_MAX / size;
    void *bytes = take(fits ? count * size : SIZE_MAX, user);
    return bytes ? memset(bytes, 0, count * size) : NULL;
}

static void *resize(void *bytes, size_t size, void *user)
{
    if (!bytes) {
        return take(size, user);
    }
    const block *self = (const block *)bytes - 1;
    size_t kept = self->bytes - sizeof(block) < size ? self->bytes - sizeof(block) : size;
    void *moved = take(size, user);
    if (moved) {
        memcpy(moved, bytes, kept);
        give_back(bytes, user);
    }
    return moved;
}

void naru__http2_memory_init(naru__http2_memory *memory, const naru_allocator *allocator)
{
    *memory = (naru__http2_memory){.allocator = allocator};
    memory->calls = (nghttp2_mem){
        .mem_user_data = memory, .malloc = take, .free = give_back, .calloc = take_zero, .realloc = resize};
}

void naru__http2_memory_drop(naru__http2_memory *memory)
{
    while (memory->blocks) {
        give_back(memory->blocks + 1, memory);
    }
}
