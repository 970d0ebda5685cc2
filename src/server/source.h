/* The rest of an answer that is too long for the queue: a file or borrowed memory, sent in pieces as the peer reads them. */
#ifndef NARU_SERVER_SOURCE_H
#define NARU_SERVER_SOURCE_H

#include "server/exchange.h"

/* shapes    fd: the source closes it, also on failure; -1: data is the content, borrowed. offset and size: the part to send.
 * errors    NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__source_new(naru__exchange *exchange, int fd, const uint8_t *data, uint64_t offset,
                                           uint64_t size, naru__source **source_out);
/* The head is queued: go on with this behind it. */
void naru__source_start(naru__source *source);
/* The queue has room again. */
void naru__source_drained(naru__source *source);
void naru__source_free(naru__source *source); /* NULL is fine */

#endif
