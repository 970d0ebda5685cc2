/* What waits to be sent on a stream: the bytes of `out`, and shots between them.
 *
 * Each queued shot says how many bytes of `out` come before it and behind the one before; the rest of `out` comes
 * last. So a stream without shots has nothing but its `out`, and appending to that stays what it is.
 *
 * Not for: sending it (stream_io.c, stream_tls.c, stream_uring.c). Source: none. */
#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "stream_core.h"

enum { SHOTS_MIN = 3 };

typedef struct queued_shot {
    naru__shot *shot;
    naru_span left; /* what is still to be sent of it; never empty */
    size_t before;  /* bytes of `out` between the last one and this one */
} queued_shot;

struct naru__stream_shots {
    size_t first, end, capacity;
    size_t bytes;  /* that are left of all of them */
    size_t before; /* sum of theirs: bytes of `out` that have their place already */
    queued_shot list[];
};

static size_t block_bytes(size_t capacity)
{
    return sizeof(naru__stream_shots) + capacity * sizeof(queued_shot);
}

size_t naru__stream_shot_bytes(const naru__stream *stream)
{
    return stream->cold->shots->bytes;
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static naru__stream_shots *make_list(naru__stream *stream)
{
    naru__stream_cold *cold = naru__stream_cold_get(stream);
    naru__stream_shots *shots = cold ? naru__alloc(&stream->loop->cache.allocator, block_bytes(SHOTS_MIN)) : NULL;
    if (shots) {
        *shots = (naru__stream_shots){.capacity = SHOTS_MIN};
        cold->shots = shots;
        stream->has_shots = true;
    }
    return shots;
}

static naru__stream_shots *grow_list(naru__stream *stream, naru__stream_shots *shots)
{
    if (shots->first > shots->capacity / 2) {
        memmove(shots->list, shots->list + shots->first, (shots->end - shots->first) * sizeof *shots->list);
        shots->end -= shots->first;
        shots->first = 0;
        return shots;
    }
    const naru_allocator *allocator = &stream->loop->cache.allocator;
    size_t capacity = shots->capacity * 2 + 1; /* with the head: 160, 288, 544 bytes and so on */
    naru__stream_shots *moved =
        allocator->resize(allocator->user, shots, block_bytes(shots->capacity), block_bytes(capacity));
    if (moved) {
        moved->capacity = capacity;
        stream->cold->shots = moved;
    }
    return moved;
}

naru_status naru__stream_write_shot(naru__stream *stream, naru__shot *shot, naru_span part)
{
    if (part.size == 0 || naru__stream_has(stream, NARU__CLOSED | NARU__DEAD | NARU__BROKEN | NARU__SHUT)) {
        return NARU_OK; /* on_end tells or told */
    }
    naru__stream_shots *shots = stream->has_shots ? stream->cold->shots : make_list(stream);
    if (shots && shots->end == shots->capacity) {
        shots = grow_list(stream, shots);
    }
    if (!shots) {
        return NARU_ERR_MEMORY;
    }
    size_t before = naru__stream_out_size(stream) - shots->before;
    shots->list[shots->end++] = (queued_shot){naru__shot_ref(shot), part, before};
    shots->bytes += part.size;
    shots->before += before;
    naru__stream_flush_later(stream);
    return NARU_OK;
}

/* ---- out ----------------------------------------------------------------------------------------------- */

naru_span naru__stream_out_front(const naru__stream *stream)
{
    if (!stream->has_shots) {
        return naru__stream_out_span(stream);
    }
    const naru__stream_shots *shots = stream->cold->shots;
    const queued_shot *head = &shots->list[shots->first];
    return head->before > 0 ? (naru_span){stream->out->data + stream->out->begin, head->before} : head->left;
}

static void add_part(struct iovec *parts, size_t *count, naru_span bytes)
{
    if (bytes.size > 0) {
        parts[(*count)++] = (struct iovec){(void *)(uintptr_t)bytes.data, bytes.size};
    }
}

size_t naru__stream_out_gather(const naru__stream *stream, struct iovec *parts, size_t parts_max, size_t *bytes_out)
{
    const naru__stream_shots *shots = stream->has_shots ? stream->cold->shots : NULL;
    naru_span rest = naru__stream_out_span(stream);
    size_t count = 0;
    size_t i = shots ? shots->first : 0;
    for (; shots && i < shots->end && count + 2 <= parts_max; i++) {
        add_part(parts, &count, (naru_span){rest.data, shots->list[i].before});
        add_part(parts, &count, shots->list[i].left);
        if (shots->list[i].before > 0) {
            rest = (naru_span){rest.data + shots->list[i].before, rest.size - shots->list[i].before};
        }
    }
    if ((!shots || i == shots->end) && count < parts_max) {
        add_part(parts, &count, rest);
    }
    *bytes_out = 0;
    for (size_t part = 0; part < count; part++) {
        *bytes_out += parts[part].iov_len;
    }
    return count;
}

static void free_list(naru__stream *stream)
{
    naru__stream_shots *shots = stream->cold->shots;
    naru__free(&stream->loop->cache.allocator, shots, block_bytes(shots->capacity));
    stream->cold->shots = NULL;
    stream->has_shots = false;
}

/* Once the burst is over, its memory goes. */
static void let_go_of_list(naru__stream *stream)
{
    free_list(stream);
    const naru__stream_cold *cold = stream->cold;
    if (!cold->dialer && !cold->carrier && !cold->held.allocator && !cold->held_end && !cold->error && !cold->told) {
        naru__stream_cold_free(stream);
    }
}

/* At most `bytes` of the first shot and of what stands before it. Answers how many. */
static size_t take_first(naru__stream *stream, size_t bytes)
{
    naru__stream_shots *shots = stream->cold->shots;
    queued_shot *head = &shots->list[shots->first];
    size_t plain = bytes < head->before ? bytes : head->before;
    if (plain > 0) {
        naru_buf_take(stream->out, plain);
        head->before -= plain;
        shots->before -= plain;
    }
    size_t part = bytes - plain < head->left.size ? bytes - plain : head->left.size;
    head->left = (naru_span){head->left.data + part, head->left.size - part};
    shots->bytes -= part;
    if (head->left.size == 0) {
        naru__shot_unref(head->shot);
        shots->first++;
        if (shots->first == shots->end) {
            let_go_of_list(stream);
        }
    }
    return plain + part;
}

void naru__stream_out_took(naru__stream *stream, size_t bytes)
{
    stream->sent += bytes;
    while (bytes > 0 && stream->has_shots) {
        bytes -= take_first(stream, bytes);
    }
    if (bytes > 0) {
        naru_buf_take(stream->out, bytes);
    }
    if (stream->out && naru__stream_queued(stream) == 0) {
        naru__stream_reclaim_out(stream);
    }
}

void naru__stream_out_drop(naru__stream *stream)
{
    if (stream->out) {
        naru__stream_reclaim_out(stream);
    }
    if (!stream->has_shots) {
        return;
    }
    naru__stream_shots *shots = stream->cold->shots;
    for (size_t i = shots->first; i < shots->end; i++) {
        naru__shot_unref(shots->list[i].shot);
    }
    free_list(stream);
}

/* ---- out of the middle --------------------------------------------------------------------------------- */

static void remove_plain(naru_buf *buf, size_t offset, size_t bytes)
{
    uint8_t *front = buf->data + buf->begin;
    memmove(front + bytes, front, offset);
    naru_buf_take(buf, bytes);
}

static void remove_shot(naru__stream *stream, size_t at)
{
    naru__stream_shots *shots = stream->cold->shots;
    queued_shot gone = shots->list[at];
    if (at + 1 < shots->end) {
        shots->list[at + 1].before += gone.before;
    } else {
        shots->before -= gone.before; /* they come last now */
    }
    shots->bytes -= gone.left.size;
    memmove(shots->list + shots->first + 1, shots->list + shots->first, (at - shots->first) * sizeof gone);
    shots->first++;
    naru__shot_unref(gone.shot);
    if (shots->first == shots->end) {
        free_list(stream);
    }
}

/* The piece that lies at offset, or its rest from there. Answers how much of it went. */
static size_t remove_piece(naru__stream *stream, size_t offset, size_t bytes)
{
    naru__stream_shots *shots = stream->has_shots ? stream->cold->shots : NULL;
    size_t plain = 0; /* of `out`, in front of the shot that is looked at */
    for (size_t i = shots ? shots->first : 0; shots && i < shots->end; i++) {
        queued_shot *one = &shots->list[i];
        if (offset < one->before) {
            size_t part = bytes < one->before - offset ? bytes : one->before - offset;
            remove_plain(stream->out, plain + offset, part);
            one->before -= part;
            shots->before -= part;
            return part;
        }
        offset -= one->before;
        plain += one->before;
        if (offset < one->left.size) {
            size_t part = one->left.size;
            assert(offset == 0 && part <= bytes);
            remove_shot(stream, i);
            return part;
        }
        offset -= one->left.size;
    }
    remove_plain(stream->out, plain + offset, bytes);
    return bytes;
}

void naru__stream_drop_queued(naru__stream *stream, size_t offset, size_t bytes)
{
    assert(bytes <= naru__stream_queued(stream) && offset <= naru__stream_queued(stream) - bytes);
    while (bytes > 0) {
        bytes -= remove_piece(stream, offset, bytes);
    }
}
