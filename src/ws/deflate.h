/* Raw DEFLATE, each direction for itself. Nothing of zlib's outlives the message that it is for: what a connection
 * keeps is the text that was (window.h). Source: RFC 1951, RFC 7692 7.2. */
#ifndef NARU_WS_DEFLATE_H
#define NARU_WS_DEFLATE_H

#include "session.h"

/* How hard to try, and how far back. shapes bits: 9 to 15. level, memory_level: 1 to 9. */
typedef struct naru__ws_effort {
    uint8_t bits;
    uint8_t level;
    uint8_t memory_level;
} naru__ws_effort;

/* Append data, compressed and flushed, so that out ends with 00 00 ff ff. It may refer to the last reach_bytes of what
 * went before.
 *
 * shapes    before NULL: it refers to nothing. data holds at least one byte.
 * errors    NARU_ERR_MEMORY: out may have grown. */
NARU_MUST_USE naru_status naru__ws_deflate_append(const naru_allocator *allocator, naru__ws_effort effort,
                                                  const naru__ws_window *before, size_t reach_bytes, naru_span data,
                                                  naru_buf *out);
/* Append a whole message that refers to nothing before it, without its last four bytes: as good for one receiver as for
 * many, whatever they were sent before.
 *
 * shapes    window_bits: 9 to 15, the smallest window among the receivers. level: 1 to 9.
 * errors    NARU_ERR_MEMORY: out is as before. source RFC 7692 7.2.1 */
NARU_MUST_USE naru_status naru__ws_deflate_once(const naru_allocator *allocator, naru_span data, uint8_t window_bits,
                                                uint8_t level, naru_buf *out);

/* For one message. shapes bits: 8 to 15. before: it is read here, not kept. errors NULL: no memory. */
NARU_MUST_USE naru__ws_inflater *naru__ws_inflater_new(const naru_allocator *allocator, unsigned bits,
                                                       const naru__ws_window *before);
void naru__ws_inflater_free(naru__ws_inflater *inflater); /* NULL is fine */
/* Inflate from the front of `in` into room until either is used up; *room_bytes becomes what was written.
 * A full room may mean that more is held back: then call again, with nothing new if need be.
 * errors    NARU_ERR_DEFLATE, NARU_ERR_MEMORY: the inflater can only be freed; *room_bytes says what came
 *           before. */
NARU_MUST_USE naru_status naru__ws_inflater_run(naru__ws_inflater *inflater, naru_input *in, uint8_t *room,
                                                size_t *room_bytes);
/* Does it stand between two blocks, at a byte's edge? */
bool naru__ws_inflater_rests(const naru__ws_inflater *inflater);

#endif
