/* The last bytes of what one side said compressed: all that a connection keeps of its compression between messages.
 * Source: RFC 7692 7.1.1, 7.2.3.2. */
#ifndef NARU_WS_WINDOW_H
#define NARU_WS_WINDOW_H

#include <naru/base.h>

/* A ring that grows by doubling. All zero: empty, without memory. */
typedef struct naru__ws_window {
    uint8_t *bytes;
    uint32_t capacity; /* a power of two */
    uint32_t size;
    uint32_t end; /* where the next byte goes */
} naru__ws_window;

/* Take the memory that appending so many bytes needs: then it cannot fail. errors NARU_ERR_MEMORY: unchanged. */
NARU_MUST_USE naru_status naru__ws_window_ready(naru__ws_window *window, size_t bytes, uint32_t most,
                                                const naru_allocator *allocator);
/* Append data; what is more than the last `most` bytes may be forgotten.
 * shapes    most: a power of two. errors NARU_ERR_MEMORY: unchanged. */
NARU_MUST_USE naru_status naru__ws_window_append(naru__ws_window *window, naru_span data, uint32_t most,
                                                 const naru_allocator *allocator);
/* The last bytes, at most `bytes` of them, in their order as two pieces of which either may be empty. */
void naru__ws_window_last(const naru__ws_window *window, size_t bytes, naru_span pieces_out[2]);
void naru__ws_window_free(naru__ws_window *window, const naru_allocator *allocator); /* and it is empty */

#endif
