/* What is to be sent while there is no connection. */
#ifndef NARU_APP_CONNECT_QUEUE_H
#define NARU_APP_CONNECT_QUEUE_H

#include <naru/ws.h>

/* All zero is an empty one. */
typedef struct connect_queue {
    naru_buf bytes; /* of each message a head, then its payload */
} connect_queue;

/* errors NARU_ERR_MEMORY: not taken */
NARU_MUST_USE naru_status connect_queue_push(connect_queue *queue, naru_ws_kind kind, naru_span data);
/* The oldest message, until connect_queue_drop. false: there is none. */
bool connect_queue_first(const connect_queue *queue, naru_ws_kind *kind_out, naru_span *data_out);
void connect_queue_drop(connect_queue *queue);
uint64_t connect_queue_bytes(const connect_queue *queue);
void connect_queue_free(connect_queue *queue);

#endif
