/* bufferedAmount: how many payload bytes of send() the network has not taken yet, without framing and before
 * compression.
 *
 * Each queued message leaves a mark: where its frame ends in the stream, and how much payload it carries. A mark is
 * spent once the stream has sent that far. What a dead connection did not send, and what was sent to a closed one,
 * counts for ever.
 *
 * Source: WHATWG WebSockets 3.1, bufferedAmount and send. */
#include "base/buf.h"
#include "client/client.h"
#include <string.h>

typedef struct mark {
    uint64_t end;
    uint64_t payload_bytes;
    bool compressed; /* then only the whole frame counts: its bytes are not the payload's */
} mark;

static mark mark_at(const naru_buf *marks, size_t offset)
{
    mark found;
    memcpy(&found, naru_buf_span(marks).data + offset, sizeof found);
    return found;
}

uint64_t naru__client_queue_end(const naru_client *client)
{
    const naru__stream *stream = client->conn->stream;
    return stream->sent + naru__stream_out_size(stream);
}

static uint64_t unsent_of(const mark *one, uint64_t sent)
{
    if (one->end <= sent) {
        return 0;
    }
    uint64_t left = one->end - sent;
    return one->compressed || left > one->payload_bytes ? one->payload_bytes : left;
}

static void drop_spent(naru_client *client, uint64_t sent)
{
    while (naru__buf_size(&client->marks) > 0) {
        mark front = mark_at(&client->marks, 0);
        if (front.end > sent) {
            return;
        }
        client->marked_bytes -= front.payload_bytes;
        naru_buf_take(&client->marks, sizeof front);
    }
}

naru_status naru__client_mark_reserve(naru_client *client)
{
    drop_spent(client, client->conn->stream->sent);
    return naru_buf_reserve(&client->marks, sizeof(mark)) ? NARU_OK : NARU_ERR_MEMORY;
}

void naru__client_mark(naru_client *client, uint64_t queued_before, uint64_t payload_bytes)
{
    uint64_t end = naru__client_queue_end(client);
    mark new_mark = {.end = end, .payload_bytes = payload_bytes};
    new_mark.compressed = end < queued_before || end - queued_before < payload_bytes;
    memcpy(naru_buf_reserve(&client->marks, sizeof new_mark), &new_mark, sizeof new_mark);
    naru_buf_commit(&client->marks, sizeof new_mark);
    client->marked_bytes += payload_bytes;
}

/* Of the marked bytes, those that the stream has not sent. A dead stream has thrown away its `out`, but not
 * its count. */
static uint64_t unsent_bytes(const naru_client *client, const naru__stream *stream)
{
    uint64_t unsent = client->marked_bytes;
    for (size_t at = 0; at < naru__buf_size(&client->marks); at += sizeof(mark)) {
        mark one = mark_at(&client->marks, at);
        unsent -= one.payload_bytes - unsent_of(&one, stream->sent);
        if (one.end > stream->sent) {
            break;
        }
    }
    return unsent;
}

void naru__client_marks_settle(naru_client *client, bool clean)
{
    const naru__stream *stream = client->conn->stream;
    if (!clean || naru__stream_out_size(stream) > 0) {
        client->unsent_bytes += unsent_bytes(client, stream);
    }
    client->marked_bytes = 0;
    naru_buf_deinit(&client->marks);
}

uint64_t naru_client_buffered_bytes(const naru_client *client)
{
    if (client->state == NARU_CLOSED || !client->conn) {
        return client->unsent_bytes;
    }
    const naru__stream *stream = client->conn->stream;
    /* With nothing left to send all is sent, though NARU_QUEUE_DROP_OLDEST may have moved frames before their marks. */
    return client->unsent_bytes + (naru__stream_out_size(stream) > 0 ? unsent_bytes(client, stream) : 0);
}
