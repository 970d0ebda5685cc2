/* An allocator that keeps account and fails when it is told to: for tests that make each allocation fail in turn.
 *
 * Not for: what a test does meanwhile. */
#ifndef NARU_WIRE_MEMORY_RIG_H
#define NARU_WIRE_MEMORY_RIG_H

#include "wire/server_rig.h"

typedef struct memory_rig {
    size_t bytes, blocks;
    size_t calls;   /* allocations and growths so far */
    size_t fail_at; /* the number of the one that fails; 0: none */
} memory_rig;

static memory_rig rig_memory;

static inline void *rig_memory_resize(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    memory_rig *self = user;
    if (new_bytes == 0) {
        free(block);
        self->bytes -= old_bytes;
        self->blocks--;
        return NULL;
    }
    if (++self->calls == self->fail_at) {
        return NULL;
    }
    void *moved = realloc(block, new_bytes);
    if (!moved) {
        rig_die("no memory");
    }
    self->bytes += new_bytes - (block ? old_bytes : 0);
    self->blocks += !block;
    return moved;
}

static const naru_allocator rig_allocator = {rig_memory_resize, &rig_memory};

static inline naru_loop *rig_memory_loop(rig *self)
{
    naru_loop_options loop = {
        .allocator = &rig_allocator, .cache_bytes_max = 1, .log = self ? rig_log : NULL, .log_user = self};
    return naru_loop_new(&loop);
}

#endif
