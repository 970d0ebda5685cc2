/* A ring of the bytes said last. It takes memory as bytes come, never by what was agreed on. Not for: what refers to
 * them (deflate.c). Source: RFC 7692 7.2.3.2. */
#include "window.h"

#include <string.h>

#include "base/ascii.h"
#include "base/memory.h"

enum { CAPACITY_MIN = 512 };

void naru__ws_window_last(const naru__ws_window *window, size_t bytes, naru_span pieces_out[2])
{
    size_t size = bytes < window->size ? bytes : window->size;
    size_t behind = size < window->end ? size : window->end; /* from the ring's front up to end */
    size_t before = size - behind;                           /* at its back */
    pieces_out[0] = (naru_span){before > 0 ? window->bytes + window->capacity - before : NULL, before};
    pieces_out[1] = (naru_span){behind > 0 ? window->bytes + window->end - behind : NULL, behind};
}

void naru__ws_window_free(naru__ws_window *window, const naru_allocator *allocator)
{
    naru__free(allocator, window->bytes, window->capacity);
    *window = (naru__ws_window){NULL, 0, 0, 0};
}

/* Over what is oldest, once the ring is full. shapes data: at most its capacity. */
static void put(naru__ws_window *window, naru_span data)
{
    if (data.size == 0) {
        return;
    }
    size_t room = window->capacity - window->end;
    size_t first = data.size < room ? data.size : room;
    memcpy(window->bytes + window->end, data.data, first);
    memcpy(window->bytes, data.data + first, data.size - first);
    size_t size = window->size + data.size;
    window->size = (uint32_t)(size < window->capacity ? size : window->capacity);
    window->end = (uint32_t)((window->end + data.size) & (window->capacity - 1));
}

naru_status naru__ws_window_ready(naru__ws_window *window, size_t bytes, uint32_t most, const naru_allocator *allocator)
{
    size_t wanted = window->size + (bytes < most ? bytes : most);
    uint32_t capacity = window->capacity > 0 ? window->capacity : CAPACITY_MIN;
    while (capacity < wanted && capacity < most) {
        capacity *= 2;
    }
    if (capacity <= window->capacity) {
        return NARU_OK;
    }
    naru__ws_window grown = {naru__alloc(allocator, capacity), capacity, 0, 0};
    if (!grown.bytes) {
        return NARU_ERR_MEMORY;
    }
    naru_span pieces[2];
    naru__ws_window_last(window, window->size, pieces);
    put(&grown, pieces[0]);
    put(&grown, pieces[1]);
    naru__ws_window_free(window, allocator);
    *window = grown;
    return NARU_OK;
}

naru_status naru__ws_window_append(naru__ws_window *window, naru_span data, uint32_t most,
                                   const naru_allocator *allocator)
{
    if (data.size == 0) {
        return NARU_OK;
    }
    if (data.size > most) {
        data = naru__span_from(data, data.size - most);
    }
    naru_status status = naru__ws_window_ready(window, data.size, most, allocator);
    if (status != NARU_OK) {
        return status;
    }
    put(window, data);
    return NARU_OK;
}
