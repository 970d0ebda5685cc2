/* Feeding one input in two ways, whole and in pieces that the input itself chooses, for targets that hold
 * both to the same result. A broken promise aborts, which the fuzzer reports. */
#ifndef NARU_FUZZ_SPLIT_H
#define NARU_FUZZ_SPLIT_H

#include <naru/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLD(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* An exact heap copy, which the callee may change; the sanitizer sees a step past its end. */
static inline uint8_t *fuzz_copy(naru_span bytes)
{
    uint8_t *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    HOLD(copy != NULL);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

/* The sizes of the pieces, from a seed: 1 to 16 bytes mostly. */
static inline size_t fuzz_piece(uint32_t *seed, size_t left)
{
    *seed = *seed * 1664525U + 1013904223U;
    size_t size = (*seed >> 28) + 1;
    size = *seed >> 20 & 7 ? size : size * 40;
    return size < left ? size : left;
}

#endif
