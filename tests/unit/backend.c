/* Every loop of a test program on the backend that NARU_TEST_BACKEND names, so that the same tests prove both. The
 * linker puts this before the library's own (--wrap). 77: the kernel has no io_uring, and there is nothing to test. */
#include <naru/loop.h>

#include <stdlib.h>
#include <string.h>

#include "io/uring.h"

naru_loop *__real_naru_loop_new(const naru_loop_options *options);
naru_loop *__wrap_naru_loop_new(const naru_loop_options *options);

static void skip_without_ring(void)
{
    char why[NARU__URING_WHY_BYTES];
    naru__uring *ring = naru__uring_open(naru_allocator_default(), 1 << 16, why);
    if (!ring) {
        exit(77);
    }
    naru__uring_close(ring);
}

naru_loop *__wrap_naru_loop_new(const naru_loop_options *options)
{
    naru_loop_options chosen = options ? *options : (naru_loop_options){0};
    const char *name = getenv("NARU_TEST_BACKEND");
    if (chosen.backend == NARU_BACKEND_AUTO && name && strcmp(name, "epoll") == 0) {
        chosen.backend = NARU_BACKEND_EPOLL;
    }
    if (chosen.backend == NARU_BACKEND_AUTO && name && strcmp(name, "io_uring") == 0) {
        static bool seen;
        if (!seen) {
            skip_without_ring();
            seen = true;
        }
        chosen.backend = NARU_BACKEND_IO_URING;
    }
    return __real_naru_loop_new(&chosen);
}
