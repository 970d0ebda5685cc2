/* Reading stdin record by record, with a stop whenever the connection has enough.
 *
 * Not for: a person at a terminal (editor.c). Source: none. */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static void stop(input *in)
{
    in->stopped = true;
    naru_watch_free(in->watch);
    in->watch = NULL;
}

static void fail(input *in, const char *text)
{
    stop(in);
    in->handler->on_error(text, in->user);
}

/* The next record at the front of the queue, with the bytes that it takes up. false: there is no complete
 * one. */
static bool next_record(input *in, naru_span *record_out, size_t *taken_out)
{
    naru_span bytes = naru_buf_span(&in->queue);
    *record_out = bytes;
    *taken_out = bytes.size;
    if (in->whole) {
        return in->ended;
    }
    const uint8_t *newline = NULL;
    if (bytes.size > in->scanned_bytes) {
        newline = memchr(bytes.data + in->scanned_bytes, '\n', bytes.size - in->scanned_bytes);
    }
    if (newline) {
        record_out->size = (size_t)(newline - bytes.data);
        *taken_out = record_out->size + 1;
        in->scanned_bytes = 0;
        return true;
    }
    in->scanned_bytes = bytes.size;
    return in->ended && bytes.size > 0;
}

static void tell_end(input *in)
{
    stop(in);
    in->handler->on_end(in->user);
}

/* Hand over what is complete, until told to wait. */
static void tell_records(input *in)
{
    naru_span record;
    size_t taken;
    while (!in->stopped && !in->paused && next_record(in, &record, &taken)) {
        bool last = in->whole;
        naru_status status = in->handler->on_record(record, in->user);
        if (in->stopped) {
            return;
        }
        naru_buf_take(&in->queue, taken);
        in->scanned_bytes = 0;
        if (status < 0) {
            stop(in);
            return;
        }
        in->paused = status == NARU_FULL;
        if (last) {
            tell_end(in);
            return;
        }
    }
    if (!in->stopped && !in->paused && in->ended) {
        tell_end(in);
    }
}

static void on_readable(void *user, unsigned events)
{
    input *in = user;
    (void)events;
    uint8_t *at = naru_buf_reserve(&in->queue, READ_BYTES);
    if (!at) {
        fail(in, "out of memory");
        return;
    }
    ssize_t bytes = read(STDIN_FILENO, at, READ_BYTES);
    if (bytes < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            fail(in, strerror(errno));
        }
        return;
    }
    naru_buf_commit(&in->queue, (size_t)bytes);
    in->ended = bytes == 0;
    tell_records(in);
    if (!in->stopped && naru_buf_span(&in->queue).size > in->record_bytes_max && !in->paused) {
        fail(in, "a message is larger than --max-message");
    }
    if (!in->stopped && (in->paused || in->ended)) {
        naru_watch_set(in->watch, 0);
    }
}

naru_status input_open(input *in, naru_loop *loop, bool whole, uint64_t record_bytes_max, const input_handler *handler,
                       void *user)
{
    *in = (input){.whole = whole, .record_bytes_max = record_bytes_max, .handler = handler, .user = user};
    naru_buf_init(&in->queue, NULL);
    in->watch = naru_watch_new(loop, STDIN_FILENO, NARU_READABLE, on_readable, in);
    return in->watch ? NARU_OK : NARU_ERR_MEMORY;
}

void input_resume(input *in)
{
    if (!in->watch || !in->paused) {
        return;
    }
    in->paused = false;
    tell_records(in);
    if (!in->stopped && !in->paused && !in->ended) {
        naru_watch_set(in->watch, NARU_READABLE);
    }
}

void input_close(input *in)
{
    stop(in);
    naru_buf_deinit(&in->queue);
}
