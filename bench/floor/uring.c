/* The floor of an echo on io_uring: uring [BUFFER_BYTES]. One multishot accept, one multishot receive a connection into
 * provided buffers, and each received buffer is sent back as it is; everything of a turn is submitted in the call that
 * waits for the next.
 *
 * A socket has one send in flight: two could overtake each other. A receive that found no buffer is armed again when
 * one has come back. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"
#include "ring.h"

enum { GUESTS_MAX = 65536, ENTRIES = 4096, COMPLETIONS = 16384, POOL_BYTES = 32 << 20, BUFFERS_MAX = 4096, NONE = -1 };
enum { ACCEPT, RECEIVE, SEND };

typedef struct guest {
    int first, last; /* buffers that wait to be sent; the first is in flight; NONE */
    size_t sent;     /* of the first */
    bool closing;    /* nothing more comes */
} guest;

typedef struct waiting {
    int next;
    size_t bytes;
} waiting;

static struct {
    ring ring;
    ring_buffers buffers;
    int listener;
    guest guests[GUESTS_MAX];     /* by descriptor */
    waiting waiting[BUFFERS_MAX]; /* by buffer */
    int starved[GUESTS_MAX];      /* descriptors whose receive found no buffer */
    size_t starved_count;
    size_t free_buffers;
} floor_;

static uint64_t tag(int what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static void arm_accept(void)
{
    struct io_uring_sqe *sqe = ring_next(&floor_.ring);
    sqe->opcode = IORING_OP_ACCEPT;
    sqe->fd = floor_.listener;
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
    sqe->user_data = tag(ACCEPT, floor_.listener);
}

static void arm_receive(int fd)
{
    struct io_uring_sqe *sqe = ring_next(&floor_.ring);
    sqe->opcode = IORING_OP_RECV;
    sqe->fd = fd;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->user_data = tag(RECEIVE, fd);
}

static void send_first(int fd)
{
    const guest *g = &floor_.guests[fd];
    struct io_uring_sqe *sqe = ring_next(&floor_.ring);
    sqe->opcode = IORING_OP_SEND;
    sqe->fd = fd;
    sqe->addr = (uintptr_t)ring_buffer(&floor_.buffers, (unsigned)g->first) + g->sent;
    sqe->len = (unsigned)(floor_.waiting[g->first].bytes - g->sent);
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
    sqe->user_data = tag(SEND, fd);
}

static void give_back(int buffer)
{
    ring_buffer_return(&floor_.buffers, (unsigned)buffer);
    floor_.free_buffers++;
}

static void end_if_done(int fd)
{
    if (floor_.guests[fd].closing && floor_.guests[fd].first == NONE) {
        close(fd);
    }
}

static void accepted(const struct io_uring_cqe *cqe)
{
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        arm_accept();
    }
    if (cqe->res < 0) {
        return;
    }
    if (cqe->res >= GUESTS_MAX) {
        close(cqe->res);
        return;
    }
    floor_.guests[cqe->res] = (guest){NONE, NONE, 0, false};
    arm_receive(cqe->res);
}

static void queue(int fd, int buffer, size_t bytes)
{
    guest *g = &floor_.guests[fd];
    floor_.waiting[buffer] = (waiting){NONE, bytes};
    if (g->first == NONE) {
        g->first = g->last = buffer;
        send_first(fd);
    } else {
        floor_.waiting[g->last].next = buffer;
        g->last = buffer;
    }
}

static void received(const struct io_uring_cqe *cqe, int fd)
{
    if (cqe->res > 0) {
        floor_.free_buffers--;
        queue(fd, (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT), (size_t)cqe->res);
    }
    if (cqe->flags & IORING_CQE_F_MORE) {
        return;
    }
    if (cqe->res == -ENOBUFS) {
        floor_.starved[floor_.starved_count++] = fd;
    } else if (cqe->res > 0) {
        arm_receive(fd);
    } else {
        floor_.guests[fd].closing = true;
        end_if_done(fd);
    }
}

static void sent(const struct io_uring_cqe *cqe, int fd)
{
    guest *g = &floor_.guests[fd];
    int buffer = g->first;
    g->sent += cqe->res > 0 ? (size_t)cqe->res : 0;
    if (cqe->res > 0 && g->sent < floor_.waiting[buffer].bytes) {
        send_first(fd);
        return;
    }
    g->first = floor_.waiting[buffer].next;
    g->sent = 0;
    give_back(buffer);
    if (g->first != NONE) {
        send_first(fd);
    }
    end_if_done(fd);
}

static void feed_the_starved(void)
{
    while (floor_.starved_count > 0 && floor_.free_buffers > 0) {
        arm_receive(floor_.starved[--floor_.starved_count]);
    }
}

static void turn(void)
{
    ring_enter(&floor_.ring, 1);
    for (struct io_uring_cqe *next; (next = ring_peek(&floor_.ring));) {
        struct io_uring_cqe cqe = *next;
        int fd = (int)(uint32_t)cqe.user_data;
        ring_seen(&floor_.ring);
        switch (cqe.user_data >> 32) {
        case ACCEPT:
            accepted(&cqe);
            break;
        case RECEIVE:
            received(&cqe, fd);
            break;
        default:
            sent(&cqe, fd);
        }
    }
    ring_buffers_publish(&floor_.buffers);
    feed_the_starved();
}

int main(int argc, char **argv)
{
    size_t each = argc > 1 ? listen_number(argv[1]) : 4096;
    unsigned count = 1;
    while (count < BUFFERS_MAX && 2 * count * each <= POOL_BYTES) {
        count *= 2;
    }
    ring_open(&floor_.ring, ENTRIES, COMPLETIONS);
    ring_buffers_open(&floor_.buffers, &floor_.ring, count, each);
    floor_.free_buffers = count;
    floor_.listener = listen_anywhere();
    arm_accept();
    for (;;) {
        turn();
    }
}
