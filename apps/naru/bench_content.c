/* naru bench: what its messages say.
 *
 * Source: none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* The same in every run, so that runs can be compared. */
static uint32_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static void fill_ascii(uint8_t *out, size_t bytes, uint64_t *state)
{
    uint32_t first = draw(state) % 26;
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)('a' + (first + i) % 26);
    }
}

static void fill_korean(uint8_t *out, size_t bytes, uint64_t *state)
{
    size_t whole = bytes - bytes % 3;
    for (size_t i = 0; i < whole; i += 3) {
        uint32_t letter = 0xac00 + draw(state) % 11172; /* the Hangul syllables */
        out[i] = (uint8_t)(0xe0 | letter >> 12);
        out[i + 1] = (uint8_t)(0x80 | (letter >> 6 & 0x3f));
        out[i + 2] = (uint8_t)(0x80 | (letter & 0x3f));
    }
    for (size_t i = whole; i < bytes; i++) {
        out[i] = '.';
    }
}

/* The same keys, other values, and a sentence of common words: as compressible as what applications send. */
static void fill_json(uint8_t *out, size_t bytes, uint64_t *state)
{
    static const char *const words[] = {"ferry", "landing", "the", "leaves", "river", "and", "arrives", "at"};
    enum { WORDS = sizeof words / sizeof words[0] };
    char part[192];
    for (size_t at = 0; at < bytes;) {
        int used = snprintf(part, sizeof part,
                            "{\"id\":%u,\"user\":\"user-%u\",\"kind\":\"%s\",\"text\":\"%s %s %s %s %s\"}\n",
                            draw(state) % 1000000, draw(state) % 5000, words[draw(state) % WORDS],
                            words[draw(state) % WORDS], words[draw(state) % WORDS], words[draw(state) % WORDS],
                            words[draw(state) % WORDS], words[draw(state) % WORDS]);
        size_t taken = used > 0 && (size_t)used < bytes - at ? (size_t)used : bytes - at;
        memcpy(out + at, part, taken);
        at += taken;
    }
}

static void fill_random(uint8_t *out, size_t bytes, uint64_t *state)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)draw(state);
    }
}

static const struct {
    const char *name;
    naru_ws_kind kind;
    void (*fill)(uint8_t *out, size_t bytes, uint64_t *state);
} contents[] = {
    {"ascii", NARU_WS_TEXT, fill_ascii},
    {"korean", NARU_WS_TEXT, fill_korean},
    {"json", NARU_WS_TEXT, fill_json},
    {"random", NARU_WS_BINARY, fill_random},
};
enum { CONTENTS = sizeof contents / sizeof contents[0] };

naru_status bench_content_make(bench_content *content, const char *name, size_t bytes)
{
    unsigned which = 0;
    while (which < CONTENTS && strcmp(contents[which].name, name) != 0) {
        which++;
    }
    if (which == CONTENTS) {
        return NARU_ERR_ARGUMENT;
    }
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    *content = (bench_content){.kind = contents[which].kind, .bytes = bytes, .texts = malloc(bytes * BENCH_TEXTS + 1)};
    if (!content->texts) {
        return NARU_ERR_MEMORY;
    }
    for (size_t i = 0; i < BENCH_TEXTS; i++) {
        contents[which].fill(content->texts + i * bytes, bytes, &state);
    }
    return NARU_OK;
}

naru_span bench_content_of(const bench_content *content, uint64_t message)
{
    return (naru_span){content->texts + message % BENCH_TEXTS * content->bytes, content->bytes};
}

void bench_content_free(bench_content *content)
{
    free(content->texts);
}
