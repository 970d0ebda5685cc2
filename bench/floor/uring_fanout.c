/* The floor of a fan-out on io_uring: uring_fanout IN OUT. As fanout, but the sends of one publish are handed to the
 * kernel together; only failures come back. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"
#include "ring.h"

enum { SUBSCRIBERS_MAX = 65536, ENTRIES = 4096, COMPLETIONS = 65536, BUFFERS = 256, BUFFER_BYTES = 4096 };
enum { ACCEPT, RECEIVE, SEND };

static struct {
    ring ring;
    ring_buffers buffers;
    int listener;
    int subscribers[SUBSCRIBERS_MAX];
    size_t count, in_bytes, out_bytes, received;
    char block[BUFFER_BYTES];
} floor_;

static struct io_uring_sqe *prepare(int opcode, int what, int fd)
{
    struct io_uring_sqe *sqe = ring_next(&floor_.ring);
    sqe->opcode = (uint8_t)opcode;
    sqe->fd = fd;
    sqe->user_data = (uint64_t)what << 32 | (uint32_t)fd;
    return sqe;
}

static void arm_accept(void)
{
    prepare(IORING_OP_ACCEPT, ACCEPT, floor_.listener)->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void arm_receive(int fd)
{
    struct io_uring_sqe *sqe = prepare(IORING_OP_RECV, RECEIVE, fd);
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
}

static void accepted(const struct io_uring_cqe *cqe)
{
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        arm_accept();
    }
    if (cqe->res >= 0 && floor_.count < SUBSCRIBERS_MAX) {
        floor_.subscribers[floor_.count++] = cqe->res;
        arm_receive(cqe->res);
    }
}

/* The bytes are always the same, so they may still be read when the next publish begins. */
static void publish(void)
{
    for (size_t i = 0; i < floor_.count; i++) {
        struct io_uring_sqe *sqe = prepare(IORING_OP_SEND, SEND, floor_.subscribers[i]);
        sqe->addr = (uintptr_t)floor_.block;
        sqe->len = (unsigned)floor_.out_bytes;
        sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
        sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    }
}

static void leave(int fd)
{
    for (size_t i = 0; i < floor_.count; i++) {
        if (floor_.subscribers[i] == fd) {
            floor_.subscribers[i] = floor_.subscribers[--floor_.count];
            break;
        }
    }
    close(fd);
}

static void received(const struct io_uring_cqe *cqe, int fd)
{
    if (cqe->res > 0) {
        ring_buffer_return(&floor_.buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        ring_buffers_publish(&floor_.buffers);
        for (floor_.received += (size_t)cqe->res; floor_.received >= floor_.in_bytes;
             floor_.received -= floor_.in_bytes) {
            publish();
        }
    }
    if (cqe->flags & IORING_CQE_F_MORE) {
        return;
    }
    if (cqe->res > 0 || cqe->res == -ENOBUFS) {
        arm_receive(fd);
    } else {
        leave(fd);
    }
}

int main(int argc, char **argv)
{
    floor_.in_bytes = argc == 3 ? listen_number(argv[1]) : 0;
    floor_.out_bytes = argc == 3 ? listen_number(argv[2]) : 0;
    if (floor_.in_bytes == 0 || floor_.out_bytes == 0 || floor_.out_bytes > BUFFER_BYTES) {
        return 2;
    }
    ring_open(&floor_.ring, ENTRIES, COMPLETIONS);
    ring_buffers_open(&floor_.buffers, &floor_.ring, BUFFERS, BUFFER_BYTES);
    floor_.listener = listen_anywhere();
    arm_accept();
    for (;;) {
        ring_enter(&floor_.ring, 1);
        for (struct io_uring_cqe *next; (next = ring_peek(&floor_.ring));) {
            struct io_uring_cqe cqe = *next;
            ring_seen(&floor_.ring);
            if (cqe.user_data >> 32 == ACCEPT) {
                accepted(&cqe);
            } else if (cqe.user_data >> 32 == RECEIVE) {
                received(&cqe, (int)(uint32_t)cqe.user_data);
            }
        }
    }
}
