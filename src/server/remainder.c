/* The rest of an answer that is too long for the queue. At most NARU__OUT_HIGH_BYTES and one piece of it are in memory.
 * A fast reader of a huge file leaves the others their turn: a drain comes once a turn of the loop. */
#include "server/remainder.h"

#include "base/buf.h"
#include "base/memory.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

struct naru__remainder {
    naru__exchange *exchange;
    const naru_allocator *allocator;
    naru_loop *loop;
    const uint8_t *data;
    uint64_t offset;
    uint64_t left;
    int fd;
};

/* Bytes of the content; 0: the file has become shorter or cannot be read. */
static size_t read_piece(const naru__remainder *remainder, uint8_t *to, size_t bytes)
{
    if (remainder->fd < 0) {
        memcpy(to, remainder->data + remainder->offset, bytes);
        return bytes;
    }
    ssize_t got = 0;
    do {
        got = pread(remainder->fd, to, bytes, (off_t)remainder->offset);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

static bool queue_piece(naru__remainder *remainder)
{
    naru_buf *out = naru__stream_out(remainder->exchange->stream);
    size_t bytes = remainder->left < PIECE_BYTES ? (size_t)remainder->left : PIECE_BYTES;
    uint8_t *to = naru_buf_reserve(out, bytes);
    if (!to) {
        return false;
    }
    bytes = read_piece(remainder, to, bytes);
    naru_buf_commit(out, bytes);
    remainder->offset += bytes;
    remainder->left -= bytes;
    return bytes > 0;
}

/* The length is announced: an answer that cannot be finished can only be broken off. */
static void helping(naru__remainder *remainder)
{
    naru__exchange *exchange = remainder->exchange;
    while (remainder->left > 0 && naru__stream_out_size(exchange->stream) < NARU__OUT_HIGH_BYTES) {
        if (!queue_piece(remainder)) {
            naru__log(remainder->loop, NARU_LOG_WARN, "answer broken off: the file cannot be read to its end");
            naru__exchange_drop(exchange);
            return;
        }
    }
    if (remainder->left == 0) {
        exchange->remainder = NULL;
        naru__remainder_free(remainder);
        naru__exchange_answered(exchange);
        return;
    }
    naru__stream_flush_later(exchange->stream);
    naru__stream_want_drain(exchange->stream, NARU__OUT_LOW_BYTES);
}

naru_status naru__remainder_new(naru__exchange *exchange, int fd, const uint8_t *data, uint64_t offset, uint64_t size,
                                naru__remainder **remainder_out)
{
    const naru_allocator *allocator = exchange->server->allocator;
    naru__remainder *remainder = naru__alloc_zero(allocator, sizeof *remainder);
    if (!remainder) {
        if (fd >= 0) {
            close(fd);
        }
        return NARU_ERR_MEMORY;
    }
    remainder->exchange = exchange;
    remainder->allocator = allocator;
    remainder->loop = exchange->server->loop;
    remainder->data = data;
    remainder->offset = offset;
    remainder->left = size;
    remainder->fd = fd;
    *remainder_out = remainder;
    return NARU_OK;
}

void naru__remainder_start(naru__remainder *remainder)
{
    naru__exchange *exchange = remainder->exchange;
    exchange->remainder = remainder;
    exchange->phase = NARU__EXCHANGE_SENDING;
    naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
    helping(remainder);
}

void naru__remainder_drained(naru__remainder *remainder)
{
    helping(remainder);
}

void naru__remainder_free(naru__remainder *remainder)
{
    if (!remainder) {
        return;
    }
    if (remainder->fd >= 0) {
        close(remainder->fd);
    }
    naru__free(remainder->allocator, remainder, sizeof *remainder);
}
