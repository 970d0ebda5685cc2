/* Messages that wait for a connection, in one block of memory.
 *
 * Not for: how many may wait; who pushes knows. Source: none. */
#include "connect_queue.h"

#include <string.h>

typedef struct queue_head {
    size_t size;
    naru_ws_kind kind;
} queue_head;

naru_status connect_queue_push(connect_queue *queue, naru_ws_kind kind, naru_span data)
{
    queue_head head = {data.size, kind};
    if (data.size > SIZE_MAX - sizeof head) {
        return NARU_ERR_MEMORY;
    }
    uint8_t *at = naru_buf_reserve(&queue->bytes, sizeof head + data.size);
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    memcpy(at, &head, sizeof head);
    if (data.size > 0) {
        memcpy(at + sizeof head, data.data, data.size);
    }
    naru_buf_commit(&queue->bytes, sizeof head + data.size);
    return NARU_OK;
}

static queue_head first_head(const connect_queue *queue)
{
    queue_head head;
    memcpy(&head, naru_buf_span(&queue->bytes).data, sizeof head);
    return head;
}

bool connect_queue_first(const connect_queue *queue, naru_ws_kind *kind_out, naru_span *data_out)
{
    naru_span bytes = naru_buf_span(&queue->bytes);
    if (bytes.size == 0) {
        return false;
    }
    queue_head head = first_head(queue);
    *kind_out = head.kind;
    *data_out = (naru_span){bytes.data + sizeof head, head.size};
    return true;
}

void connect_queue_drop(connect_queue *queue)
{
    naru_buf_take(&queue->bytes, sizeof(queue_head) + first_head(queue).size);
}

uint64_t connect_queue_bytes(const connect_queue *queue)
{
    return naru_buf_span(&queue->bytes).size;
}

void connect_queue_free(connect_queue *queue)
{
    naru_buf_deinit(&queue->bytes);
}
