/* Owned bytes that grow at the end and are taken from the front. Both cost constant time a byte on average.
 * Not for: sharing. Source: none. */
#include "buf.h"

#include <assert.h>
#include <string.h>

#include "ascii.h"
#include "memory.h"

enum { CAPACITY_MIN = 64 };

void naru_buf_init(naru_buf *buf, const naru_allocator *allocator)
{
    *buf = (naru_buf){.allocator = naru__allocator_or_default(allocator)};
}

void naru_buf_deinit(naru_buf *buf)
{
    naru__free(naru__allocator_or_default(buf->allocator), buf->data, buf->capacity);
    *buf = (naru_buf){.allocator = buf->allocator};
}

naru_span naru_buf_span(const naru_buf *buf)
{
    /* An offset into NULL is undefined even when it is 0. */
    return buf->data ? (naru_span){buf->data + buf->begin, naru__buf_size(buf)} : (naru_span){NULL, 0};
}

/* Twice the old capacity, or what is needed if that is more. */
static size_t grown_capacity(size_t capacity, size_t needed)
{
    size_t doubled = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    size_t grown = doubled > needed ? doubled : needed;
    return grown > CAPACITY_MIN ? grown : CAPACITY_MIN;
}

/* The content moves to the front of a bigger block. */
static bool grow(naru_buf *buf, size_t capacity)
{
    const naru_allocator *allocator = naru__allocator_or_default(buf->allocator);
    if (buf->begin == 0) {
        uint8_t *moved = allocator->resize(allocator->user, buf->data, buf->capacity, capacity);
        if (!moved) {
            return false;
        }
        buf->data = moved;
        buf->capacity = capacity;
        return true;
    }
    uint8_t *fresh = naru__alloc(allocator, capacity);
    if (!fresh) {
        return false;
    }
    assert(buf->data); /* something was taken from it */
    memcpy(fresh, buf->data + buf->begin, naru__buf_size(buf));
    naru__free(allocator, buf->data, buf->capacity);
    *buf = (naru_buf){buf->allocator, fresh, 0, naru__buf_size(buf), capacity};
    return true;
}

static void slide(naru_buf *buf)
{
    memmove(buf->data, buf->data + buf->begin, naru__buf_size(buf));
    buf->end -= buf->begin;
    buf->begin = 0;
}

uint8_t *naru_buf_reserve(naru_buf *buf, size_t bytes)
{
    if (buf->data && bytes <= buf->capacity - buf->end) {
        return buf->data + buf->end;
    }
    size_t size = naru__buf_size(buf);
    if (bytes > SIZE_MAX - size) {
        return NULL;
    }
    /* Sliding moves at most four bytes for each one taken since, so that taking and appending in turns stays
     * linear. */
    if (buf->data && bytes <= buf->capacity - size && size / 4 <= buf->begin) {
        slide(buf);
    } else if (!grow(buf, grown_capacity(buf->capacity, size + bytes))) {
        return NULL;
    }
    return buf->data + buf->end;
}

void naru_buf_commit(naru_buf *buf, size_t bytes)
{
    assert(bytes <= buf->capacity - buf->end);
    buf->end += bytes;
}

naru_status naru_buf_append(naru_buf *buf, naru_span bytes)
{
    if (bytes.size == 0) {
        return NARU_OK;
    }
    uint8_t *room = naru_buf_reserve(buf, bytes.size);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    memcpy(room, bytes.data, bytes.size);
    naru_buf_commit(buf, bytes.size);
    return NARU_OK;
}

naru_status naru__buf_append_byte(naru_buf *buf, uint8_t byte)
{
    uint8_t *room = naru_buf_reserve(buf, 1);
    if (!room) {
        return NARU_ERR_MEMORY;
    }
    *room = byte;
    naru_buf_commit(buf, 1);
    return NARU_OK;
}

void naru_buf_take(naru_buf *buf, size_t bytes)
{
    assert(bytes <= naru__buf_size(buf));
    buf->begin += bytes;
    if (buf->begin == buf->end) {
        buf->begin = 0;
        buf->end = 0;
    }
}

void naru__buf_truncate(naru_buf *buf, size_t size)
{
    if (size < naru__buf_size(buf)) {
        buf->end = buf->begin + size;
    }
}
