/* The rest of an answer that is too long for the queue. At most NARU__OUT_HIGH_BYTES and one piece of it are in memory, and
 * one helping goes out in a turn of the loop, so that a fast reader of a huge file leaves the others their turn. */
#include "server/source.h"

#include "base/buf.h"
#include "base/memory.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

struct naru__source {
    naru__exchange *exchange;
    const naru_allocator *allocator;
    naru_loop *loop;
    naru__loop_timer timer; /* the next helping */
    const uint8_t *data;
    uint64_t offset;
    uint64_t left;
    int fd;
};

/* Bytes of the content; 0: the file has become shorter or cannot be read. */
static size_t read_piece(const naru__source *source, uint8_t *to, size_t bytes)
{
    if (source->fd < 0) {
        memcpy(to, source->data + source->offset, bytes);
        return bytes;
    }
    ssize_t got = 0;
    do {
        got = pread(source->fd, to, bytes, (off_t)source->offset);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

static bool queue_piece(naru__source *source)
{
    naru_buf *out = &source->exchange->stream->out;
    size_t bytes = source->left < PIECE_BYTES ? (size_t)source->left : PIECE_BYTES;
    uint8_t *to = naru_buf_reserve(out, bytes);
    if (!to) {
        return false;
    }
    bytes = read_piece(source, to, bytes);
    naru_buf_commit(out, bytes);
    source->offset += bytes;
    source->left -= bytes;
    return bytes > 0;
}

/* The length is announced: an answer that cannot be finished can only be broken off. */
static void helping(naru__source *source)
{
    naru__exchange *exchange = source->exchange;
    while (source->left > 0 && naru__buf_size(&exchange->stream->out) < NARU__OUT_HIGH_BYTES) {
        if (!queue_piece(source)) {
            naru__log(source->loop, NARU_LOG_WARN, "answer broken off: the file cannot be read to its end");
            naru__exchange_drop(exchange);
            return;
        }
    }
    if (source->left == 0) {
        exchange->source = NULL;
        naru__source_free(source);
        naru__exchange_answered(exchange);
        return;
    }
    naru__stream_flush_later(exchange->stream);
    naru__stream_want_drain(exchange->stream, NARU__OUT_LOW_BYTES);
}

static void on_turn(naru__loop_timer *timer)
{
    helping((naru__source *)((char *)timer - offsetof(naru__source, timer)));
}

naru_status naru__source_new(naru__exchange *exchange, int fd, const uint8_t *data, uint64_t offset, uint64_t size,
                             naru__source **source_out)
{
    const naru_allocator *allocator = exchange->server->allocator;
    naru__source *source = naru__alloc_zero(allocator, sizeof *source);
    if (!source) {
        if (fd >= 0) {
            close(fd);
        }
        return NARU_ERR_MEMORY;
    }
    source->exchange = exchange;
    source->allocator = allocator;
    source->loop = exchange->server->loop;
    source->timer.fire = on_turn;
    source->data = data;
    source->offset = offset;
    source->left = size;
    source->fd = fd;
    *source_out = source;
    return NARU_OK;
}

void naru__source_start(naru__source *source)
{
    naru__exchange *exchange = source->exchange;
    exchange->source = source;
    exchange->phase = NARU__EXCHANGE_SENDING;
    naru__exchange_time(exchange, exchange->server->options.idle_timeout_ms);
    helping(source);
}

void naru__source_drained(naru__source *source)
{
    naru__loop_timer_start(source->loop, &source->timer, naru_loop_now_ms(source->loop));
}

void naru__source_free(naru__source *source)
{
    if (!source) {
        return;
    }
    naru__loop_timer_stop(source->loop, &source->timer);
    if (source->fd >= 0) {
        close(source->fd);
    }
    naru__free(source->allocator, source, sizeof *source);
}
