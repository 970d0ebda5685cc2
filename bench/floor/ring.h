/* io_uring by raw system calls, as little of it as the floors need: one ring for one thread.
 *
 * Source: io_uring(7), io_uring_setup(2), io_uring_enter(2), io_uring_register(2). */
#ifndef NARU_BENCH_RING_H
#define NARU_BENCH_RING_H

#include <linux/io_uring.h>
#include <stddef.h>

typedef struct ring {
    int fd;
    unsigned *sq_head, *sq_tail, sq_mask, sq_entries;
    unsigned *cq_head, *cq_tail, cq_mask;
    unsigned tail; /* submissions that are filled in, told to the kernel by ring_enter */
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
} ring;

/* Buffers that the kernel chooses from; group 0. */
typedef struct ring_buffers {
    struct io_uring_buf_ring *queue;
    char *bytes;
    unsigned count; /* a power of two */
    size_t each_bytes;
    unsigned short tail;
} ring_buffers;

void ring_open(ring *r, unsigned entries, unsigned completions);
struct io_uring_sqe *ring_next(ring *r); /* zeroed; enters when the queue is full */
void ring_enter(ring *r, unsigned wait_for);
/* The oldest completion that was not taken, or NULL; ring_seen takes it. */
struct io_uring_cqe *ring_peek(ring *r);
void ring_seen(ring *r);

void ring_buffers_open(ring_buffers *b, const ring *r, unsigned count, size_t each_bytes);
char *ring_buffer(const ring_buffers *b, unsigned id);
void ring_buffer_return(ring_buffers *b, unsigned id);
void ring_buffers_publish(ring_buffers *b); /* what was returned is the kernel's from here on */

#endif
