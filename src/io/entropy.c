/* Random bytes from the kernel, a page at a time. The page is wiped in a forked child, its own count of
 * bytes included, so that parent and child never spend the same ones.
 *
 * Source: getrandom(2), madvise(2) MADV_WIPEONFORK. */
#include "core.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { PAGE_BYTES = 4096, UNSPENT_MIN = 64 };

struct naru__entropy_pool {
    naru_entropy entropy; /* all zero: nothing left */
    uint8_t bytes[PAGE_BYTES - sizeof(naru_entropy)];
};
_Static_assert(sizeof(naru__entropy_pool) == PAGE_BYTES, "one page of its own");

naru__entropy_pool *naru__entropy_open(void)
{
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    if (madvise(page, PAGE_BYTES, MADV_WIPEONFORK) != 0) {
        munmap(page, PAGE_BYTES);
        return NULL;
    }
    return page;
}

void naru__entropy_close(naru__entropy_pool *pool)
{
    if (pool) {
        munmap(pool, PAGE_BYTES);
    }
}

static void refill(naru__entropy_pool *pool)
{
    size_t filled = 0;
    while (filled < sizeof pool->bytes) {
        ssize_t got = getrandom(pool->bytes + filled, sizeof pool->bytes - filled, 0);
        if (got < 0 && errno != EINTR) {
            break; /* whoever needs more than there is answers NARU_ERR_ENTROPY */
        }
        filled += got > 0 ? (size_t)got : 0;
    }
    pool->entropy = (naru_entropy){pool->bytes, filled, 0};
}

naru_entropy *naru__loop_entropy(naru_loop *loop)
{
    naru__entropy_pool *pool = loop->entropy;
    if (pool->entropy.size - pool->entropy.used < UNSPENT_MIN) {
        refill(pool);
    }
    return &pool->entropy;
}
