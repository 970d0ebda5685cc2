/* What comes back on one connection: frames are counted as they stream by, and on one connection also compared with
 * what was sent. */
#ifndef NARU_BENCH_ANSWERS_H
#define NARU_BENCH_ANSWERS_H

#include "script.h"

typedef struct answers_check answers_check;

typedef struct answers {
    uint8_t head[14];
    unsigned head_bytes;
    bool in_payload;
    uint64_t left;    /* bytes of this payload that are still to come */
    size_t raw_bytes; /* a floor's answers have no heads: so many bytes each; 0: frames */
    uint64_t payload_bytes;
    answers_check *check; /* NULL: counted only */
} answers;

/* The messages that became complete. A frame that cannot be an answer ends the process. */
uint64_t answers_feed(answers *a, const uint8_t *bytes, size_t size);
/* Payload that may be thrown away unseen; 0: none. */
size_t answers_skippable(const answers *a);
uint64_t answers_skip(answers *a, size_t size);

/* shapes    prefix, suffix: what the server puts around each text. */
answers_check *answers_check_new(const script *sent, const wire_deflate *deflate, const char *prefix,
                                 const char *suffix);
uint64_t answers_check_count(const answers_check *check);
/* Large ones that can be skipped are not compared from the next on: a server that is measured would otherwise have a
 * slower peer than its floor, whose answers nobody reads. NULL is fine. */
void answers_check_end(answers_check *check);

#endif
