/* The choice is made at the first call and kept. */
#include "cpu.h"

_Atomic(const naru__kernels *) naru__kernels_chosen;

const naru__kernels *naru__kernels_choose(void)
{
    const naru__kernels *list[NARU__KERNELS_MAX];
    naru__kernels_list(list);
    atomic_store_explicit(&naru__kernels_chosen, list[0], memory_order_relaxed);
    return list[0];
}
