/* 64-bit ARM: every one has NEON. The portable mask is in 16-byte vectors, which is NEON already. */
#include "cpu.h"

#include "mask_word.h"
#include "utf8_kernels.h"

static const naru__kernels neon = {"neon", naru__mask_portable, naru__utf8_neon, naru__mask_utf8_neon};

size_t naru__kernels_list(const naru__kernels *list_out[NARU__KERNELS_MAX])
{
    list_out[0] = &neon;
    list_out[1] = &naru__kernels_portable;
    return 2;
}

naru__sha1_block *naru__sha1_block_choose(void)
{
    return naru__sha1_block_portable;
}
