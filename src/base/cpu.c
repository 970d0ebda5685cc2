/* The choice is made at the first call and kept. */
#include "cpu.h"

#include <stdatomic.h>

/* Relaxed: what it points to is constant, and who finds nothing here arrives at the same answer. */
static _Atomic(const naru__kernels *) best;

static const naru__kernels *choose(void)
{
    const naru__kernels *list[NARU__KERNELS_MAX];
    naru__kernels_list(list);
    atomic_store_explicit(&best, list[0], memory_order_relaxed);
    return list[0];
}

const naru__kernels *naru__kernels_best(void)
{
    const naru__kernels *kernels = atomic_load_explicit(&best, memory_order_relaxed);
    return kernels ? kernels : choose();
}
