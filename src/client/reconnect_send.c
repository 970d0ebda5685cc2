/* Sending over the connection that is there, or into the queue for the next one; in order all the same.
 *
 * Source: none. */
#include "client/client.h"
#include "client/reconnect.h"

static bool is_open(const naru_reconnector *self)
{
    return self->state == NARU_RECONNECT_UP && self->client && naru_client_state(self->client) == NARU_OPEN;
}

void naru__reconnect_flush(naru_reconnector *self)
{
    naru_ws_kind kind;
    naru_span data;
    unsigned flags;
    while (is_open(self) && naru__reconnect_queue_first(&self->queue, &kind, &data, &flags)) {
        naru_status status = naru_client_send(self->client, kind, data, flags);
        if (status == NARU_ERR_TOO_BIG) {
            naru__conn_owe_drain(self->client->conn); /* there is no room before it */
            return;
        }
        if (status < 0) {
            naru_client_abort(self->client); /* no memory: the next one may have some */
            return;
        }
        naru__reconnect_queue_drop(&self->queue);
        if (status == NARU_FULL) {
            return;
        }
    }
}

static bool fits(const naru_reconnector *self, size_t bytes)
{
    const naru__reconnect_queue *queue = &self->queue;
    uint64_t bytes_max = self->options.offline_bytes_max;
    return queue->messages == 0 || (queue->messages < self->options.offline_messages_max &&
                                    queue->payload_bytes <= bytes_max && bytes <= bytes_max - queue->payload_bytes);
}

static bool half_full(const naru_reconnector *self)
{
    return self->queue.payload_bytes > self->options.offline_bytes_max / 2 ||
           self->queue.messages > self->options.offline_messages_max / 2;
}

static naru_status keep(naru_reconnector *self, naru_ws_kind kind, naru_span data, unsigned flags)
{
    if (self->options.offline_policy == NARU_OFFLINE_NOTHING) {
        return NARU_ERR_STATE;
    }
    if (kind == NARU_WS_TEXT && !(flags & NARU_WS_VALID) && !naru_utf8_valid(data)) {
        return NARU_ERR_UTF8;
    }
    if (!fits(self, data.size) && self->options.offline_policy == NARU_OFFLINE_REFUSE) {
        return NARU_ERR_TOO_BIG;
    }
    while (!fits(self, data.size)) {
        naru__reconnect_queue_drop(&self->queue);
        self->queue.dropped++;
    }
    naru_status status = naru__reconnect_queue_push(&self->queue, kind, data, flags | NARU_WS_VALID);
    if (status == NARU_OK && half_full(self)) {
        self->owes_drain = true;
        return NARU_FULL;
    }
    return status;
}

naru_status naru_reconnector_send(naru_reconnector *self, naru_ws_kind kind, naru_span data, unsigned flags)
{
    if (self->state == NARU_RECONNECT_OVER || self->closing) {
        return NARU_END;
    }
    if (kind != NARU_WS_TEXT && kind != NARU_WS_BINARY) {
        return NARU_ERR_ARGUMENT;
    }
    bool at_once = is_open(self) && self->queue.messages == 0;
    return at_once ? naru_client_send(self->client, kind, data, flags) : keep(self, kind, data, flags);
}
