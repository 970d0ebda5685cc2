/* Feeding a text in pieces: whole, byte by byte, cut in two at every place. Each piece is an exact heap copy,
 * so that AddressSanitizer sees a read past its end. */
#ifndef NARU_UNIT_HTTP_PIECES_H
#define NARU_UNIT_HTTP_PIECES_H

#include <naru/base.h>
#include <stdlib.h>
#include <string.h>

/* The first piece has `first` bytes, each later one at most `step`. */
typedef struct pieces {
    naru_span text;
    size_t first;
    size_t step;
} pieces;

/* Way number `index` of cutting the text; false: there are no more. */
static inline bool pieces_way(naru_span text, size_t index, pieces *out)
{
    *out = (pieces){text, index, text.size};
    if (index > text.size) {
        *out = (pieces){text, 1, 1};
    }
    return index <= text.size + 1;
}

static inline size_t pieces_size(const pieces *p, size_t at)
{
    size_t wanted = at == 0 ? p->first : p->step;
    size_t left = p->text.size - at;
    return wanted < left ? wanted : left;
}

static inline naru_input pieces_copy(const uint8_t *data, size_t size)
{
    naru_input copy = {malloc(size > 0 ? size : 1), size};
    if (!copy.data) {
        abort();
    }
    if (size > 0) {
        memcpy(copy.data, data, size);
    }
    return copy;
}

#endif
