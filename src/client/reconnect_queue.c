/* Messages that wait for a connection, in one block of memory.
 *
 * Not for: how many may wait; who pushes knows. Source: none. */
#include "base/buf.h"
#include "client/reconnect.h"
#include <string.h>

typedef struct head {
    size_t size;
    unsigned flags;
    naru_ws_kind kind;
} head;

naru_status naru__reconnect_queue_push(naru__reconnect_queue *queue, naru_ws_kind kind, naru_span data, unsigned flags)
{
    head one = {data.size, flags, kind};
    uint8_t *at = data.size <= SIZE_MAX - sizeof one ? naru_buf_reserve(&queue->bytes, sizeof one + data.size) : NULL;
    if (!at) {
        return NARU_ERR_MEMORY;
    }
    memcpy(at, &one, sizeof one);
    if (data.size > 0) {
        memcpy(at + sizeof one, data.data, data.size);
    }
    naru_buf_commit(&queue->bytes, sizeof one + data.size);
    queue->messages++;
    queue->payload_bytes += data.size;
    return NARU_OK;
}

static head first_head(const naru__reconnect_queue *queue)
{
    head one;
    memcpy(&one, naru_buf_span(&queue->bytes).data, sizeof one);
    return one;
}

bool naru__reconnect_queue_first(const naru__reconnect_queue *queue, naru_ws_kind *kind_out, naru_span *data_out,
                                 unsigned *flags_out)
{
    if (queue->messages == 0) {
        return false;
    }
    head one = first_head(queue);
    *kind_out = one.kind;
    *flags_out = one.flags;
    *data_out = (naru_span){naru_buf_span(&queue->bytes).data + sizeof one, one.size};
    return true;
}

void naru__reconnect_queue_drop(naru__reconnect_queue *queue)
{
    size_t size = first_head(queue).size;
    naru_buf_take(&queue->bytes, sizeof(head) + size);
    queue->messages--;
    queue->payload_bytes -= size;
    if (queue->messages == 0) {
        naru_buf_deinit(&queue->bytes);
    }
}

void naru__reconnect_queue_clear(naru__reconnect_queue *queue)
{
    naru_buf_deinit(&queue->bytes);
    queue->messages = 0;
    queue->payload_bytes = 0;
}
