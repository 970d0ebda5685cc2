/* Raw DEFLATE in pieces, each direction for itself. Source: RFC 1951, RFC 7692 7.2. */
#ifndef NARU_WS_DEFLATE_H
#define NARU_WS_DEFLATE_H

#include "session.h"

/* shapes bits: 9 to 15. level, memory_level: 1 to 9. errors NULL: no memory. */
NARU_MUST_USE naru__ws_deflater *naru__ws_deflater_new(const naru_allocator *allocator, unsigned bits, unsigned level,
                                                       unsigned memory_level);
void naru__ws_deflater_free(naru__ws_deflater *deflater);  /* NULL is fine */
void naru__ws_deflater_reset(naru__ws_deflater *deflater); /* forget the window */
/* Append data, compressed and flushed, so that out ends with 00 00 ff ff. data holds at least one byte.
 * errors    NARU_ERR_MEMORY: out may have grown and the deflater can only be freed. */
NARU_MUST_USE naru_status naru__ws_deflater_append(naru__ws_deflater *deflater, naru_span data, naru_buf *out);

/* shapes bits: 8 to 15. errors NULL: no memory. */
NARU_MUST_USE naru__ws_inflater *naru__ws_inflater_new(const naru_allocator *allocator, unsigned bits);
void naru__ws_inflater_free(naru__ws_inflater *inflater);                /* NULL is fine */
NARU_MUST_USE bool naru__ws_inflater_reset(naru__ws_inflater *inflater); /* forget the window; false: no memory */
/* Inflate from the front of `in` into room until either is used up; *room_bytes becomes what was written.
 * A full room may mean that more is held back: then call again, with nothing new if need be.
 * errors    NARU_ERR_DEFLATE, NARU_ERR_MEMORY: the inflater can only be freed; *room_bytes says what came
 *           before. */
NARU_MUST_USE naru_status naru__ws_inflater_run(naru__ws_inflater *inflater, naru_input *in, uint8_t *room,
                                                size_t *room_bytes);
/* Does it stand between two blocks, at a byte's edge? */
bool naru__ws_inflater_rests(const naru__ws_inflater *inflater);
/* Does it hold more than its window? NULL: no. */
bool naru__ws_inflater_awake(const naru__ws_inflater *inflater);
/* Shrink a resting one to its window, or to nothing if the window is not needed (fresh); the next run
 * wakes it. NULL in *inflater is fine. false: no memory, nothing changed. */
NARU_MUST_USE bool naru__ws_inflater_sleep(naru__ws_inflater **inflater, bool fresh);

#endif
