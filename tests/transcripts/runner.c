/* Replays transcripts: tests/transcripts/README.md describes them. Each case runs whole, byte by byte, cut
 * at every place, in each way of delivery, and once with each of its allocations failing. A case that
 * expects nothing is an error, as is a line that is not understood. */
#include "runner.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPLAINTS_MAX = 5, CUTS_MAX = 160, LINE_MAX_BYTES = 8192 };

static unsigned complaints;

void complain(const transcript *t, const step *s, const replay *how, outcome *o, const char *format, ...)
{
    static const char *const cuts[] = {"whole", "byte by byte", "cut"};
    o->failures++;
    if (++complaints > COMPLAINTS_MAX) {
        return;
    }
    fprintf(stderr, "%s:%u: [%s] (%s at %zu, delivery %d, allocation %zu): ", t->file, s ? s->line : 0, t->name,
            cuts[how->cut], how->cut_at, how->delivery, how->fail_at);
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
}

bool status_read(const char **text, naru_status *out)
{
    char word[40];
    if (!word_read(text, word, sizeof word)) {
        return false;
    }
    for (int i = NARU_ERR_UNSUPPORTED; i <= NARU_END; i++) {
        if (strcmp(naru_status_name((naru_status)i), word) == 0) {
            *out = (naru_status)i;
            return true;
        }
    }
    return false;
}

bool read_quoted(const char **text, char *out, size_t out_bytes)
{
    while (**text == ' ') {
        (*text)++;
    }
    if (*(*text) != '"') {
        return false;
    }
    size_t size = 0;
    for ((*text)++; **text != '"' && **text != '\0'; (*text)++) {
        if (size + 1 < out_bytes) {
            out[size++] = **text;
        }
    }
    out[size] = '\0';
    return *(*text)++ == '"';
}

const step *find_step(const transcript *t, const char *key)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->steps[i].key, key) == 0) {
            return &t->steps[i];
        }
    }
    return NULL;
}

/* ---- one case ------------------------------------------------------------------------------------------ */

static void run_once(const transcript *t, const replay *how, outcome *o)
{
    bool handshake = find_step(t, "request") || find_step(t, "url");
    (handshake ? handshake_case_run : session_case_run)(t, how, o);
}

/* Every offset of a short input, evenly spread ones of a long input. */
static unsigned run_cuts(const transcript *t, int delivery, size_t longest)
{
    unsigned failures = 0;
    size_t stride = longest / CUTS_MAX + 1;
    for (size_t at = 1; at < longest; at += at < 32 || at + 32 > longest ? 1 : stride) {
        replay how = {CUT_ONCE, at, delivery, 0};
        outcome o = {0};
        run_once(t, &how, &o);
        failures += o.failures;
    }
    return failures;
}

static unsigned run_without_memory(const transcript *t, cut way, size_t allocations)
{
    unsigned failures = 0;
    size_t stride = allocations / CUTS_MAX + 1;
    for (size_t n = 1; n <= allocations; n += n < 64 ? 1 : stride) {
        replay how = {way, 0, -1, n};
        outcome o = {0};
        run_once(t, &how, &o);
        if (!o.memory_failed) {
            complain(t, NULL, &how, &o, "the allocation was not asked for");
        }
        failures += o.failures;
    }
    return failures;
}

static unsigned run_case(const transcript *t)
{
    unsigned failures = 0;
    complaints = 0;
    bool fixed = find_step(t, "delivery") != NULL;
    replay plain = {CUT_NOT, 0, -1, 0};
    outcome first = {0};
    run_once(t, &plain, &first);
    failures += first.failures;
    if (first.failures == 0 && first.expectations == 0) {
        complain(t, NULL, &plain, &first, "the case expects nothing");
        return 1;
    }
    bool once = find_step(t, "once") != NULL;
    for (int delivery = fixed ? -1 : 0; delivery < (fixed ? 0 : 3) && failures == 0; delivery++) {
        replay whole = {CUT_NOT, 0, delivery, 0};
        replay bytewise = {CUT_BYTES, 0, delivery, 0};
        outcome o = {0};
        run_once(t, &whole, &o);
        if (!once) {
            run_once(t, &bytewise, &o);
            failures += run_cuts(t, delivery, first.longest_input);
        }
        failures += o.failures;
    }
    if (failures == 0) {
        failures += run_without_memory(t, CUT_NOT, first.allocations);
        replay bytewise = {CUT_BYTES, 0, -1, 0};
        outcome o = {0};
        if (!once) {
            run_once(t, &bytewise, &o);
            failures += run_without_memory(t, CUT_BYTES, o.allocations);
        }
    }
    return failures;
}

/* ---- files --------------------------------------------------------------------------------------------- */

typedef struct totals {
    unsigned cases;
    unsigned failed;
    bool broken;
} totals;

static void finish_case(transcript *t, totals *sum)
{
    if (t->name) {
        sum->cases++;
        unsigned failures = run_case(t);
        if (failures > 0) {
            sum->failed++;
            fprintf(stderr, "FAILED %s [%s]: %u\n", t->file, t->name, failures);
        }
    }
    for (size_t i = 0; i < t->count; i++) {
        free((char *)(uintptr_t)t->steps[i].text);
        bytes_free(&t->steps[i].block);
    }
    free(t->steps);
    free((char *)(uintptr_t)t->name);
    *t = (transcript){.file = t->file};
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        abort();
    }
    return copy;
}

static bool add_step(transcript *t, char *line, unsigned number)
{
    char *colon = strchr(line, ':');
    if (!colon || (size_t)(colon - line) >= sizeof t->steps->key) {
        return false;
    }
    *colon = '\0';
    char *text = colon + 1;
    while (*text == ' ') {
        text++;
    }
    t->steps = realloc(t->steps, (t->count + 1) * sizeof *t->steps);
    if (!t->steps) {
        abort();
    }
    step *s = &t->steps[t->count++];
    *s = (step){.line = number, .text = copy_of(text)};
    memcpy(s->key, line, strlen(line) + 1);
    return true;
}

/* A line that begins with blanks goes on with the step before. */
static void join_step(step *s, const char *line)
{
    size_t size = strlen(s->text) + strlen(line) + 2;
    char *joined = malloc(size);
    if (!joined) {
        abort();
    }
    snprintf(joined, size, "%s %s", s->text, line);
    free((char *)(uintptr_t)s->text);
    s->text = joined;
}

static bool take_line(transcript *t, char *line, unsigned number, totals *sum)
{
    size_t size = strlen(line);
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) {
        line[--size] = '\0';
    }
    if (size == 0 || line[0] == '#') {
        return true;
    }
    if (strncmp(line, "case:", 5) == 0) {
        finish_case(t, sum);
        t->name = copy_of(line + 6);
        return true;
    }
    if (line[0] == '|' || line[0] == ' ') {
        if (t->count == 0) {
            return false;
        }
        step *s = &t->steps[t->count - 1];
        if (line[0] == ' ') {
            join_step(s, line + 1);
            return true;
        }
        const char *text = line[1] == ' ' ? line + 2 : line + 1;
        bytes_add(&s->block, text, strlen(text));
        bytes_add(&s->block, "\r\n", 2);
        s->has_block = true;
        return true;
    }
    return t->name && add_step(t, line, number);
}

static void run_file(const char *path, totals *sum)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        sum->broken = true;
        return;
    }
    const char *slash = strrchr(path, '/');
    transcript t = {.file = slash ? slash + 1 : path};
    static char line[LINE_MAX_BYTES];
    unsigned before = sum->cases;
    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        if (!take_line(&t, line, number, sum)) {
            fprintf(stderr, "%s:%u: not understood\n", path, number);
            sum->broken = true;
        }
    }
    fclose(file);
    finish_case(&t, sum);
    if (sum->cases == before) {
        fprintf(stderr, "%s: holds no case\n", path);
        sum->broken = true;
    }
}

int main(int argc, char **argv)
{
    totals sum = {0};
    for (int i = 1; i < argc; i++) {
        run_file(argv[i], &sum);
    }
    printf("%u cases, %u failed\n", sum.cases, sum.failed);
    return sum.cases > 0 && sum.failed == 0 && !sum.broken ? 0 : 1;
}
