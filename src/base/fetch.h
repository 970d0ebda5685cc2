/* Memory that is about to be needed, fetched while something else is still under way. Only for chains of pointers
 * whose next link is known early; the processor foresees arrays by itself, and what is cached anyhow gains nothing. */
#ifndef NARU_BASE_FETCH_H
#define NARU_BASE_FETCH_H

#include <stddef.h>
#include <stdint.h>

/* Harmless whatever `from` is. */
static inline void naru__fetch(const void *from, size_t bytes)
{
    enum { LINE_BYTES = 64 };
    for (size_t at = 0; at < bytes; at += LINE_BYTES) {
        __builtin_prefetch((const void *)((uintptr_t)from + at));
    }
    __builtin_prefetch((const void *)((uintptr_t)from + bytes - 1));
}

#endif
