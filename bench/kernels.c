/* What masking and UTF-8 checking cost on this machine, in ns a call and GB/s: the library's functions, then the
 * kernels that the machine can choose from (from 64 bytes on, where they are used).
 *
 *   kernels                       everything; the best of several rounds
 *   kernels FUNCTION TEXT SIZE N  N calls and nothing else, to count instructions: valgrind --tool=callgrind
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "base/mask.h"
#include "base/utf8.h"

enum { BYTES_MAX = 1 << 20, SLOTS_BYTES_MAX = 16 << 10, ROUNDS = 9, ROUND_NS = 2000000 };

/* A key of zeros leaves the text a text: the same work, call after call. */
static const uint8_t key[4];
static uint8_t memory[BYTES_MAX];
/* The text of this call. Small texts lie side by side and are taken in turn, as messages are: a call that reads what
 * the last one has just written measures the store buffer. */
static uint8_t *bytes = memory;
static size_t slots, slot;
static const naru__kernels *kernels;
static volatile size_t kept;

typedef struct text {
    const char *name, *unit;
} text;

typedef struct function {
    const char *name;
    void (*run)(size_t size);
} function;

static const text texts[] = {
    {"ascii", "The ferry leaves at a quarter past nine. "},
    {"korean", "\xeb\x82\x98\xeb\xa3\xa8\xed\x84\xb0\xec\x97\x90\xec\x84\x9c"},
    {"mixed", "{\"\xeb\x82\x98\xeb\xa3\xa8\":\"caf\xc3\xa9\",\"text\":\"The ferry \xf0\x9f\x9a\xa2 leaves at nine\"},"},
};
static const size_t sizes[] = {20, 125, 1 << 10, 16 << 10, 1 << 20};

/* Whole characters of the unit, again and again, and dots for what is left. */
static void fill(const text *of, size_t size)
{
    size_t unit = strlen(of->unit);
    bytes = memory;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)of->unit[i % unit];
    }
    size_t bad = size;
    naru__utf8 utf8 = {0};
    while (size > 0 && (!naru__utf8_feed(&utf8, (naru_span){bytes, size}, &bad) || !naru__utf8_complete(&utf8))) {
        utf8 = (naru__utf8){0};
        size_t last = size - 1;
        while (bytes[last] < 0x80) {
            last--;
        }
        bytes[last] = '.';
    }
    slots = size < SLOTS_BYTES_MAX ? SLOTS_BYTES_MAX / size : 1;
    for (slot = 1; slot < slots; slot++) {
        memcpy(memory + slot * size, memory, size);
    }
}

static void run_mask(size_t size)
{
    naru__mask(bytes, bytes, size, key, 0);
}

static void run_utf8(size_t size)
{
    naru__utf8 utf8 = {0};
    kept += naru__utf8_feed(&utf8, (naru_span){bytes, size}, NULL);
}

static void run_both(size_t size)
{
    run_mask(size);
    run_utf8(size);
}

static void run_fused(size_t size)
{
    naru__utf8 utf8 = {0};
    kept += naru__mask_utf8(bytes, size, key, 0, &utf8, NULL);
}

static void run_kernel_mask(size_t size)
{
    kernels->mask(bytes, bytes, size, 0);
}

static void run_kernel_utf8(size_t size)
{
    kept += kernels->utf8(bytes, size);
}

static void run_kernel_fused(size_t size)
{
    kept += kernels->mask_utf8(bytes, size, 0);
}

static const function functions[] = {
    {"mask", run_mask}, {"utf8", run_utf8}, {"mask then utf8", run_both}, {"mask_utf8", run_fused}};
static const function by_kernel[] = {
    {"mask", run_kernel_mask}, {"utf8", run_kernel_utf8}, {"mask_utf8", run_kernel_fused}};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_calls(const function *what, size_t size, size_t calls)
{
    double start = now_ns();
    for (size_t i = 0; i < calls; i++) {
        slot = slot + 1 < slots ? slot + 1 : 0;
        bytes = memory + slot * size;
        what->run(size);
    }
    return now_ns() - start;
}

/* The best round: what else the machine does can only add. */
static double ns_a_call(const function *what, size_t size)
{
    size_t calls = 16;
    while (time_calls(what, size, calls) < ROUND_NS / 2.0) {
        calls *= 2;
    }
    double best = time_calls(what, size, calls);
    for (size_t round = 1; round < ROUNDS; round++) {
        double took = time_calls(what, size, calls);
        best = took < best ? took : best;
    }
    return best / (double)calls;
}

static void print_row(const char *group, const function *what, size_t least)
{
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        printf("%-9s %-15s %-7s", group, what->name, texts[t].name);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            if (sizes[s] < least) {
                printf("                   -");
                continue;
            }
            fill(&texts[t], sizes[s]);
            double ns = ns_a_call(what, sizes[s]);
            printf("  %10.1f (%5.1f)", ns, (double)sizes[s] / ns);
        }
        printf("\n");
        fflush(stdout);
    }
}

static void print_all(void)
{
    printf("ns (GB/s)%24s", "");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        printf("  %16zu B", sizes[s]);
    }
    printf("\n");
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        print_row("naru__", &functions[f], 0);
    }
    const naru__kernels *list[NARU__KERNELS_MAX];
    size_t count = naru__kernels_list(list);
    for (size_t k = 0; k < count; k++) {
        kernels = list[k];
        size_t count_functions = kernels == &naru__kernels_portable ? 1 : sizeof by_kernel / sizeof by_kernel[0];
        for (size_t f = 0; f < count_functions; f++) {
            bool masks = by_kernel[f].run == run_kernel_mask;
            print_row(kernels->name, &by_kernel[f], masks ? NARU__MASK_KERNEL_BYTES_MIN : NARU__UTF8_KERNEL_BYTES_MIN);
        }
    }
}

static int run_one(char **argv)
{
    size_t size = strtoul(argv[3], NULL, 10);
    size_t calls = strtoul(argv[4], NULL, 10);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
            if (strcmp(argv[1], functions[f].name) == 0 && strcmp(argv[2], texts[t].name) == 0 && size <= BYTES_MAX) {
                fill(&texts[t], size);
                time_calls(&functions[f], size, calls);
                return 0;
            }
        }
    }
    fprintf(stderr, "kernels: no such function, text or size\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 5) {
        return run_one(argv);
    }
    if (argc != 1) {
        fprintf(stderr, "usage: kernels [FUNCTION TEXT SIZE CALLS]\n");
        return 2;
    }
    print_all();
    return 0;
}
