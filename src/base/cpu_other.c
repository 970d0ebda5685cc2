/* A machine with no kernels of its own. */
#include "cpu.h"

size_t naru__kernels_list(const naru__kernels *list_out[NARU__KERNELS_MAX])
{
    list_out[0] = &naru__kernels_portable;
    return 1;
}

naru__sha1_block *naru__sha1_block_choose(void)
{
    return naru__sha1_block_portable;
}
