/* What a full outbound queue does. The declared policy and nothing else; a slow reader only hurts itself. */
#include "base/memory.h"
#include "conn/inside.h"

#include <string.h>

/* Marks of which something is out already are done with. */
static void forget_started(naru__conn_cold *cold, uint64_t sent)
{
    while (cold->marks_first < cold->marks_end && cold->marks[cold->marks_first].begin < sent + cold->dropped_bytes) {
        cold->marks_first++;
    }
}

static void drop(naru__stream *stream, naru__conn_cold *cold, naru__conn_mark mark)
{
    uint64_t bytes = mark.end - mark.begin;
    /* What stands in front of it is at most the rest of one message and some control frames. */
    naru__stream_drop_queued(stream, (size_t)(mark.begin - cold->dropped_bytes - stream->sent), (size_t)bytes);
    cold->dropped_bytes += bytes;
    cold->dropped++;
}

/* Drop whole messages, oldest first, until `bytes` more fit. */
static void drop_oldest(naru_conn *conn, size_t bytes)
{
    naru__conn_cold *cold = conn->cold;
    if (!cold) {
        return;
    }
    forget_started(cold, conn->stream->sent);
    while (cold->marks_first < cold->marks_end && !naru__conn_queue_fits(conn, bytes)) {
        drop(conn->stream, cold, cold->marks[cold->marks_first++]);
    }
}

static naru_status close_slow_reader(naru_conn *conn)
{
    conn->end_status = NARU_ERR_TOO_BIG;
    (void)naru_conn_close(conn, 1013, naru_span_of("reads too slowly"));
    return NARU_ERR_TOO_BIG;
}

naru_status naru__conn_queue_overflow(naru_conn *conn, size_t bytes)
{
    switch (naru__conn_options(conn)->queue_policy) {
    case NARU_QUEUE_CLOSE:
        return close_slow_reader(conn);
    case NARU_QUEUE_DROP_OLDEST:
        drop_oldest(conn, bytes);
        return naru__conn_queue_fits(conn, bytes) ? NARU_OK : NARU_ERR_TOO_BIG;
    case NARU_QUEUE_REFUSE:
        break;
    }
    return NARU_ERR_TOO_BIG;
}

/* Room for one more at the end: first by moving the marks to the front, then by growing. */
static naru_status make_room(naru_conn *conn, naru__conn_cold *cold)
{
    size_t count = cold->marks_end - cold->marks_first;
    if (cold->marks_first > cold->marks_capacity / 2) {
        memmove(cold->marks, cold->marks + cold->marks_first, count * sizeof *cold->marks);
        cold->marks_first = 0;
        cold->marks_end = count;
        return NARU_OK;
    }
    const naru_allocator *allocator = naru__conn_allocator(conn);
    size_t capacity = cold->marks_capacity ? cold->marks_capacity * 2 : 16;
    naru__conn_mark *marks =
        allocator->resize(allocator->user, cold->marks, cold->marks_capacity * sizeof *marks, capacity * sizeof *marks);
    if (!marks) {
        return NARU_ERR_MEMORY;
    }
    cold->marks = marks;
    cold->marks_capacity = capacity;
    return NARU_OK;
}

/* Without memory for its mark a message just cannot be dropped. */
void naru__conn_queue_mark(naru_conn *conn, uint64_t begin)
{
    naru__conn_cold *cold = naru__conn_cold_get(conn);
    if (!cold) {
        return;
    }
    forget_started(cold, conn->stream->sent);
    if (cold->marks_end == cold->marks_capacity && make_room(conn, cold) != NARU_OK) {
        return;
    }
    uint64_t end = naru__conn_queue_end(conn);
    cold->marks[cold->marks_end++] = (naru__conn_mark){begin + cold->dropped_bytes, end + cold->dropped_bytes};
}
