/* The default allocator: the only file of the library that calls malloc, realloc and free. Source:
 * C17 7.22.3. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static void *resize_default(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_bytes);
}

const naru_allocator *naru_allocator_default(void)
{
    static const naru_allocator allocator = {resize_default, NULL};
    return &allocator;
}

void *naru__alloc_zero(const naru_allocator *allocator, size_t bytes)
{
    void *block = naru__alloc(allocator, bytes);
    if (block) {
        memset(block, 0, bytes);
    }
    return block;
}
