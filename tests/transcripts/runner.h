/* What the parts of the transcript runner share. */
#ifndef NARU_TRANSCRIPTS_RUNNER_H
#define NARU_TRANSCRIPTS_RUNNER_H

#include "bytes.h"
#include <naru/base.h>

/* One line of a case: its key and what stands behind the colon. Lines that begin with `|` belong to the
 * line before, each with CRLF, in `block`. */
typedef struct step {
    char key[24];
    const char *text;
    unsigned line;
    bytes block;
    bool has_block;
} step;

typedef struct transcript {
    const char *file;
    const char *name;
    step *steps;
    size_t count;
} transcript;

/* How a case is replayed. */
typedef enum cut { CUT_NOT, CUT_BYTES, CUT_ONCE } cut;
typedef struct replay {
    cut cut;
    size_t cut_at;  /* CUT_ONCE: each input is cut behind that many bytes */
    int delivery;   /* -1: as the case says */
    size_t fail_at; /* which allocation fails; 0: none */
} replay;

typedef struct outcome {
    unsigned expectations; /* that were checked and held */
    unsigned failures;
    bool memory_failed; /* the allocator was told to fail and did */
    size_t longest_input;
    size_t allocations;
} outcome;

/* Report a failure of the case. Nothing is printed more than a few times for each case. */
NARU_PRINTF(5, 6)
void complain(const transcript *t, const step *s, const replay *how, outcome *o, const char *format, ...);

void session_case_run(const transcript *t, const replay *how, outcome *o);
void handshake_case_run(const transcript *t, const replay *how, outcome *o);

/* "NARU_ERR_PROTOCOL" to its value; false: no such status. */
bool status_read(const char **text, naru_status *out);
bool read_quoted(const char **text, char *out, size_t out_bytes);
const step *find_step(const transcript *t, const char *key);

#endif
