/* The transcripts' language for bytes: strings, hex, frames, repetitions. tests/transcripts/README.md
 * describes it. It is a second opinion on the wire format: nothing here comes from the library. */
#ifndef NARU_TRANSCRIPTS_BYTES_H
#define NARU_TRANSCRIPTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
} bytes;

void bytes_add(bytes *to, const void *data, size_t size);
void bytes_free(bytes *old);

/* Who sends the frames that stand in an expression. */
typedef struct writer {
    bool masks;
    unsigned frames; /* masked so far: each has a mask of its own */
} writer;

/* The mask of a writer's n-th frame, which is also what the runner hands a client as random bytes. */
void writer_mask(unsigned frame, uint8_t mask_out[4]);

/* Read items up to the end of text or a closing bracket. NULL: fine; else what is wrong. */
const char *bytes_read(const char **text, writer *writer, bytes *out);

/* One word of letters, digits and -_=.; false: there is none. Blanks before it are skipped. */
bool word_read(const char **text, char *out, size_t out_bytes);
bool number_read(const char **text, uint64_t *out);

#endif
