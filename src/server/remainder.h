/* The rest of an answer that is too long for the queue: a file or borrowed memory, sent in pieces as the peer reads
 * them. */
#ifndef NARU_SERVER_REMAINDER_H
#define NARU_SERVER_REMAINDER_H

#include "server/exchange.h"

/* shapes    fd: the remainder closes it, also on failure; -1: data is the content, borrowed. offset and size: the part
 * to send. errors    NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__remainder_new(naru__exchange *exchange, int fd, const uint8_t *data, uint64_t offset,
                                              uint64_t size, naru__remainder **remainder_out);
/* The head is queued: go on with this behind it. */
void naru__remainder_start(naru__remainder *remainder);
/* The queue has room again. */
void naru__remainder_drained(naru__remainder *remainder);
void naru__remainder_free(naru__remainder *remainder); /* NULL is fine */

#endif
