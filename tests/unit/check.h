/* The unit tests' words: CHECK and its kin, a flat table of tests, and main.
 *
 *   TEST(refuses_an_empty_key) { CHECK_EQ(key_read(empty), NARU_ERR_PROTOCOL); }
 *   TEST_MAIN({"refuses an empty key", refuses_an_empty_key})
 *
 * A failed check prints where it stands and both values, and the test goes on; REQUIRE leaves the test. The program
 * runs every test, or those named on its command line, and ends with 1 if anything failed or if no test ran.
 *
 * Not for: the protocol's behaviour, which is told by transcripts. */
#ifndef NARU_UNIT_CHECK_H
#define NARU_UNIT_CHECK_H

#include <naru/base.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* CHECK(!"why this line must not be reached") is meant. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wstring-conversion"
#endif

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

static int check__failures;

#define TEST(function) static void function(void)
#define TEST_MAIN(...)                                                                                                 \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        const check_test tests[] = {__VA_ARGS__};                                                                      \
        return check__main(tests, sizeof tests / sizeof tests[0], argc, argv);                                         \
    }

#define CHECK(condition) ((void)check__true((condition), #condition, __FILE__, __LINE__))
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!check__true((condition), #condition, __FILE__, __LINE__)) {                                               \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Integers, enums, booleans. A signed and an unsigned value are equal only if they mean the same number. */
#define CHECK_EQ(actual, expected)                                                                                     \
    check__int(check__number(actual), check__number(expected), #actual, #expected, __FILE__, __LINE__)
/* NUL-terminated strings; NULL equals only NULL. */
#define CHECK_STR(actual, expected) check__str((actual), (expected), #actual, __FILE__, __LINE__)
/* A naru_span and a string literal, which may hold NUL bytes. */
#define CHECK_SPAN(actual, literal)                                                                                    \
    check__bytes((actual), (naru_span){(const uint8_t *)("" literal), sizeof(literal) - 1}, #actual, __FILE__, __LINE__)
/* Two naru_spans. */
#define CHECK_BYTES(actual, expected) check__bytes((actual), (expected), #actual, __FILE__, __LINE__)

/* A number together with its sign, so that -1 and UINT64_MAX stay apart. */
typedef struct check__value {
    uint64_t bits;
    bool negative;
} check__value;

/* clang-format does not know _Generic. */
/* clang-format off */
#define check__number(value)                  \
    _Generic((value),                         \
        bool: check__unsigned,                \
        unsigned char: check__unsigned,       \
        unsigned short: check__unsigned,      \
        unsigned int: check__unsigned,        \
        unsigned long: check__unsigned,       \
        unsigned long long: check__unsigned,  \
        char: check__signed,                  \
        signed char: check__signed,           \
        short: check__signed,                 \
        int: check__signed,                   \
        long: check__signed,                  \
        long long: check__signed)(value)
/* clang-format on */

static inline check__value check__unsigned(unsigned long long value)
{
    return (check__value){value, false};
}

static inline check__value check__signed(long long value)
{
    return (check__value){(uint64_t)value, value < 0};
}

static inline void check__print(check__value value)
{
    if (value.negative) {
        fprintf(stderr, "%" PRId64, (int64_t)value.bits);
    } else {
        fprintf(stderr, "%" PRIu64 " (0x%" PRIx64 ")", value.bits, value.bits);
    }
}

static inline bool check__true(bool holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        check__failures++;
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    }
    return holds;
}

static inline void check__int(check__value actual, check__value expected, const char *actual_text,
                              const char *expected_text, const char *file, int line)
{
    if (actual.bits == expected.bits && actual.negative == expected.negative) {
        return;
    }
    check__failures++;
    fprintf(stderr, "%s:%d: %s is ", file, line, actual_text);
    check__print(actual);
    fprintf(stderr, ", expected ");
    check__print(expected);
    fprintf(stderr, " from %s\n", expected_text);
}

static inline void check__str(const char *actual, const char *expected, const char *text, const char *file, int line)
{
    bool equal = actual == NULL || expected == NULL ? actual == expected : strcmp(actual, expected) == 0;
    if (!equal) {
        check__failures++;
        fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", file, line, text, actual ? actual : "(NULL)",
                expected ? expected : "(NULL)");
    }
}

static inline void check__dump(const char *label, naru_span span)
{
    fprintf(stderr, "  %s, %zu bytes: ", label, span.size);
    for (size_t i = 0; i < span.size && i < 256; i++) {
        bool plain = span.data[i] >= 0x20 && span.data[i] < 0x7f && span.data[i] != '\\';
        fprintf(stderr, plain ? "%c" : "\\x%02x", span.data[i]);
    }
    fprintf(stderr, span.size > 256 ? "...\n" : "\n");
}

static inline void check__bytes(naru_span actual, naru_span expected, const char *text, const char *file, int line)
{
    if (actual.size == expected.size && (actual.size == 0 || memcmp(actual.data, expected.data, actual.size) == 0)) {
        return;
    }
    size_t same = 0;
    while (same < actual.size && same < expected.size && actual.data[same] == expected.data[same]) {
        same++;
    }
    check__failures++;
    fprintf(stderr, "%s:%d: %s differs at byte %zu\n", file, line, text, same);
    check__dump("is      ", actual);
    check__dump("expected", expected);
}

static inline bool check__wanted(const char *name, int argc, char **argv)
{
    bool wanted = argc < 2;
    for (int i = 1; i < argc; i++) {
        wanted = wanted || strcmp(argv[i], name) == 0;
    }
    return wanted;
}

static inline int check__main(const check_test *tests, size_t count, int argc, char **argv)
{
    size_t ran = 0;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!check__wanted(tests[i].name, argc, argv)) {
            continue;
        }
        check__failures = 0;
        tests[i].run();
        ran++;
        failed += check__failures > 0;
        if (check__failures > 0) {
            fprintf(stderr, "FAILED: %s\n", tests[i].name);
        }
    }
    printf("%zu tests, %zu failed\n", ran, failed);
    return ran == 0 || failed > 0;
}

#endif
