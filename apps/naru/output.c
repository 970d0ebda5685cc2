/* Writing to stdout without ever waiting for its reader.
 *
 * A pipe's O_NONBLOCK belongs to everyone who shares it, so stdout itself is left as it is: a pipe is opened
 * once more for ourselves, a socket is told with each send. Files and terminals take what they are given.
 * Source: POSIX open, pipe; proc(5). */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* As much is collected within a turn before it is written. */
enum { OUTPUT_BATCH_BYTES = 128 * 1024 };

static ssize_t write_some(const output *out, naru_span bytes)
{
    if (out->is_socket) {
        return send(out->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return write(out->fd, bytes.data, bytes.size);
}

static void write_queue(output *out)
{
    naru_span bytes = naru_buf_span(&out->queue);
    while (bytes.size > 0 && out->error == 0) {
        ssize_t written = write_some(out, bytes);
        if (written >= 0) {
            naru_buf_take(&out->queue, (size_t)written);
            bytes = naru_buf_span(&out->queue);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            out->error = errno;
        }
    }
}

static void arm(output *out)
{
    bool wanted = out->error == 0 && output_waiting_bytes(out) > 0;
    if (wanted != out->armed) {
        out->armed = wanted;
        naru_watch_set(out->watch, wanted ? NARU_WRITABLE : 0);
    }
}

static void on_ready(void *user, unsigned events)
{
    output *out = user;
    (void)events;
    write_queue(out);
    arm(out);
    out->on_progress(out->user);
}

static int open_pipe_again(void)
{
    return open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

naru_status output_open(output *out, naru_loop *loop, void (*on_progress)(void *user), void *user)
{
    *out = (output){.fd = STDOUT_FILENO, .on_progress = on_progress, .user = user};
    naru_buf_init(&out->queue, NULL);
    struct stat info;
    if (fstat(STDOUT_FILENO, &info) == 0) {
        out->is_socket = S_ISSOCK(info.st_mode);
        int again = S_ISFIFO(info.st_mode) ? open_pipe_again() : -1;
        if (again >= 0) {
            out->fd = again;
            out->owns_fd = true;
        }
    }
    out->watch = naru_watch_new(loop, out->fd, 0, on_ready, out);
    return out->watch ? NARU_OK : NARU_ERR_MEMORY;
}

naru_buf *output_buf(output *out)
{
    return &out->queue;
}

void output_flush(output *out)
{
    if (output_waiting_bytes(out) >= OUTPUT_BATCH_BYTES) {
        write_queue(out);
    }
    /* A failed write is told from the loop, never from within this call. */
    if (out->error != 0 && !out->armed) {
        out->armed = true;
        naru_watch_set(out->watch, NARU_WRITABLE);
        return;
    }
    arm(out);
}

size_t output_waiting_bytes(const output *out)
{
    return naru_buf_span(&out->queue).size;
}

void output_close(output *out)
{
    naru_watch_free(out->watch);
    naru_buf_deinit(&out->queue);
    if (out->owns_fd) {
        close(out->fd);
    }
    *out = (output){.fd = -1};
}
