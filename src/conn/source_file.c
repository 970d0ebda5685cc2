/* A message that is read from a descriptor. Not for: how it goes out (source.c). Source: read(2), pread(2). */
#include "conn/source.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct file {
    naru_conn *conn;
    naru_watch *watch; /* of what has nothing at the moment; NULL: it never had to wait */
    int64_t offset;    /* -1: where the descriptor stands */
    int fd;
    void (*on_done)(naru_conn *conn, naru_status status, void *user);
    void *user;
} file;

static void readable(void *user, unsigned events)
{
    file *self = user;
    (void)events;
    naru_watch_set(self->watch, 0);
    naru_conn_source_ready(self->conn);
}

/* NARU_MORE, or there is no way to wait. */
static naru_status wait_for_more(file *self)
{
    if (self->watch) {
        naru_watch_set(self->watch, NARU_READABLE);
    } else {
        self->watch = naru_watch_new(naru_conn_loop(self->conn), self->fd, NARU_READABLE, readable, self);
    }
    return self->watch ? NARU_MORE : NARU_ERR_SYSTEM;
}

static naru_status pull(void *user, uint8_t *into, size_t room, size_t *got_out)
{
    file *self = user;
    ssize_t got;
    do {
        got = self->offset < 0 ? read(self->fd, into, room) : pread(self->fd, into, room, self->offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? wait_for_more(self) : NARU_ERR_SYSTEM;
    }
    self->offset += self->offset < 0 ? 0 : got;
    *got_out = (size_t)got;
    return got > 0 ? NARU_OK : NARU_END;
}

static void done(naru_conn *conn, naru_status status, void *user)
{
    file *self = user;
    void (*on_done)(naru_conn *, naru_status, void *) = self->on_done;
    void *their_user = self->user;
    naru_watch_free(self->watch);
    naru__free(naru__conn_allocator(conn), self, sizeof *self);
    if (on_done) {
        on_done(conn, status, their_user);
    }
}

/* What a regular file has from there on: then its last fragment can say that it is the last. */
static uint64_t bytes_of(const file *self)
{
    struct stat status;
    off_t from = self->offset < 0 ? lseek(self->fd, 0, SEEK_CUR) : (off_t)self->offset;
    if (fstat(self->fd, &status) != 0 || !S_ISREG(status.st_mode) || from < 0) {
        return NARU_UNLIMITED;
    }
    return from < status.st_size ? (uint64_t)(status.st_size - from) : NARU_UNLIMITED; /* procfs says 0 */
}

naru_status naru_conn_send_file(naru_conn *conn, naru_ws_kind kind, int fd, int64_t offset, uint64_t bytes,
                                void (*on_done)(naru_conn *conn, naru_status status, void *user), void *user)
{
    static const naru_source source = {pull, done};
    if (offset < -1) {
        return NARU_ERR_ARGUMENT;
    }
    file *self = naru__alloc(naru__conn_allocator(conn), sizeof *self);
    if (!self) {
        return NARU_ERR_MEMORY;
    }
    *self = (file){.conn = conn, .offset = offset, .fd = fd, .on_done = on_done, .user = user};
    uint64_t most = bytes == NARU_UNLIMITED ? bytes_of(self) : bytes;
    naru_status status = naru_conn_send_source(conn, kind, most, &source, self, 0);
    if (status != NARU_OK) {
        naru__free(naru__conn_allocator(conn), self, sizeof *self);
    }
    return status;
}
