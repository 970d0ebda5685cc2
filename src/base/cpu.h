/* The loops over bulk that have a faster form on some machines, and the choice between the forms at run time.
 * The platform is chosen by file: cpu_x86_64.c, cpu_aarch64.c or cpu_other.c is the one that is compiled.
 * Not for: small inputs. mask.c and utf8.c handle those in place and come here with the rest. */
#ifndef NARU_BASE_CPU_H
#define NARU_BASE_CPU_H

#include <naru/base.h>
#include <stdatomic.h>

enum {
    NARU__MASK_KERNEL_BYTES_MIN = 64, /* no kernel is called with less */
    NARU__UTF8_KERNEL_BYTES_MIN = 32,
    NARU__KERNELS_MAX = 4
};

typedef struct naru__kernels {
    const char *name;
    /* out[i] = in[i] ^ key[i % 8]; key is eight bytes in memory order. out == in, or no overlap. */
    void (*mask)(uint8_t *out, const uint8_t *in, size_t size, uint64_t key);
    /* The text begins with a character. Answers how much of its front is whole good characters, a character's border
     * at most 3 bytes from the end if all is good; it may answer less, even 0, and the caller then looks itself. */
    size_t (*utf8)(const uint8_t *text, size_t size);
    /* mask in place, then utf8 of the result, in one pass. Every byte is unmasked, whatever the answer. */
    size_t (*mask_utf8)(uint8_t *text, size_t size, uint64_t key);
} naru__kernels;

extern const naru__kernels naru__kernels_portable;

/* What this machine can run, the best first, portable last. Answers how many. */
size_t naru__kernels_list(const naru__kernels *list_out[NARU__KERNELS_MAX]);
/* The best of them; the machine is asked once. Thread: any. */
extern _Atomic(const naru__kernels *) naru__kernels_chosen; /* NULL: it has not been asked */
const naru__kernels *naru__kernels_choose(void);
static inline const naru__kernels *naru__kernels_best(void)
{
    /* Relaxed: what it points to is constant, and who finds nothing here arrives at the same answer. */
    const naru__kernels *kernels = atomic_load_explicit(&naru__kernels_chosen, memory_order_relaxed);
    return kernels ? kernels : naru__kernels_choose();
}

/* One block of SHA-1 into the five words (3174 6.1). */
typedef void naru__sha1_block(uint32_t h[5], const uint8_t block[64]);
void naru__sha1_block_portable(uint32_t h[5], const uint8_t block[64]);
void naru__sha1_block_x86(uint32_t h[5], const uint8_t block[64]);
/* The best that this machine can run. It is asked each time, and that is slow. */
naru__sha1_block *naru__sha1_block_choose(void);

#endif
