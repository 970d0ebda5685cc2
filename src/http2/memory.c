/* nghttp2's allocations by an allocator of ours, which wants to know sizes: each block says its own in front.
 *
 * Source: nghttp2's manual (nghttp2_mem). */
#include "inside.h"

#include <string.h>

#include "base/memory.h"

typedef union block_head {
    size_t bytes; /* this head included */
    max_align_t aligned;
} block_head;

static void *resize(void *block, size_t size, void *user)
{
    const naru_allocator *allocator = user;
    block_head *old = block ? (block_head *)block - 1 : NULL;
    if (size > SIZE_MAX - sizeof(block_head)) {
        return NULL;
    }
    size_t bytes = size + sizeof(block_head);
    block_head *head = allocator->resize(allocator->user, old, old ? old->bytes : 0, bytes);
    if (!head) {
        return NULL;
    }
    head->bytes = bytes;
    return head + 1;
}

static void *take(size_t size, void *user)
{
    return resize(NULL, size, user);
}

static void *take_zero(size_t count, size_t size, void *user)
{
    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *block = resize(NULL, count * size, user);
    return block ? memset(block, 0, count * size) : NULL;
}

static void give_back(void *block, void *user)
{
    if (block) {
        block_head *head = (block_head *)block - 1;
        naru__free(user, head, head->bytes);
    }
}

nghttp2_mem naru__http2_memory(const naru_allocator *allocator)
{
    return (nghttp2_mem){.mem_user_data = (void *)(uintptr_t)allocator,
                         .malloc = take,
                         .free = give_back,
                         .calloc = take_zero,
                         .realloc = resize};
}
