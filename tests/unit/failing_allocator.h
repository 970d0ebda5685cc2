/* An allocator for tests: it fails the call that it is told to fail, moves every block that is resized, holds
 * callers to the allocator's contract and counts what is not given back.
 *
 *   for (size_t n = 1;; n++) {
 *       failing_allocator memory;
 *       failing_allocator_init(&memory, n);
 *       ... use &memory.allocator, survive NARU_ERR_MEMORY, free everything ...
 *       CHECK_EQ(memory.live_bytes, 0);
 *       if (!memory.failed) break;
 *   }
 *
 * Not for: threads. */
#ifndef NARU_UNIT_FAILING_ALLOCATOR_H
#define NARU_UNIT_FAILING_ALLOCATOR_H

#include <naru/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct failing_allocator {
    naru_allocator allocator;
    size_t fail_at;    /* which call that asks for memory fails, from 1 on; 0: none */
    size_t calls;      /* that asked for memory */
    size_t live_bytes; /* asked for and not given back */
    size_t peak_bytes;
    bool failed;
} failing_allocator;

enum { FAILING__HEADER_BYTES = 32 };

/* The block's size stands before it. */
static inline size_t failing__size(const void *block)
{
    size_t size;
    memcpy(&size, (const uint8_t *)block - FAILING__HEADER_BYTES, sizeof size);
    return size;
}

static inline void failing__free(failing_allocator *memory, void *block)
{
    if (block) {
        memory->live_bytes -= failing__size(block);
        free((uint8_t *)block - FAILING__HEADER_BYTES);
    }
}

static inline void failing__hold(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "allocator misused: %s\n", what);
        abort();
    }
}

static inline void *failing__resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    failing_allocator *memory = user;
    failing__hold(old_bytes == (block ? failing__size(block) : 0), "old_bytes is not what was asked for the block");
    if (new_bytes == 0) {
        failing__free(memory, block);
        return NULL;
    }
    memory->calls++;
    if (memory->calls == memory->fail_at) {
        memory->failed = true;
        return NULL;
    }
    uint8_t *fresh = malloc(FAILING__HEADER_BYTES + new_bytes);
    failing__hold(fresh != NULL, "the machine itself has no memory");
    memcpy(fresh, &new_bytes, sizeof new_bytes);
    fresh += FAILING__HEADER_BYTES;
    memset(fresh, 0xa5, new_bytes);
    if (block) {
        memcpy(fresh, block, old_bytes < new_bytes ? old_bytes : new_bytes);
    }
    failing__free(memory, block);
    memory->live_bytes += new_bytes;
    memory->peak_bytes = memory->live_bytes > memory->peak_bytes ? memory->live_bytes : memory->peak_bytes;
    return fresh;
}

static inline void failing_allocator_init(failing_allocator *memory, size_t fail_at)
{
    *memory = (failing_allocator){.fail_at = fail_at};
    memory->allocator = (naru_allocator){failing__resize, memory};
}

#endif
