/* io_uring by raw system calls.
 *
 * The queues are shared with the kernel: it reads what we release, we acquire what it wrote. */
#include "ring.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listen.h"

static void *map(int fd, size_t size, off_t at)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);
    if (memory == MAP_FAILED) {
        listen_die("mmap of the ring");
    }
    return memory;
}

static unsigned *field(char *queue, unsigned offset)
{
    return (unsigned *)(void *)(queue + offset);
}

static void map_queues(ring *r, const struct io_uring_params *p)
{
    size_t sq_bytes = p->sq_off.array + p->sq_entries * sizeof(unsigned);
    size_t cq_bytes = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
    char *queue = map(r->fd, sq_bytes > cq_bytes ? sq_bytes : cq_bytes, IORING_OFF_SQ_RING);
    unsigned *order = field(queue, p->sq_off.array);
    r->sqes = map(r->fd, p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    r->cqes = (struct io_uring_cqe *)(void *)(queue + p->cq_off.cqes);
    r->sq_head = field(queue, p->sq_off.head);
    r->sq_tail = field(queue, p->sq_off.tail);
    r->cq_head = field(queue, p->cq_off.head);
    r->cq_tail = field(queue, p->cq_off.tail);
    r->sq_entries = p->sq_entries;
    r->sq_mask = p->sq_entries - 1;
    r->cq_mask = p->cq_entries - 1;
    for (unsigned i = 0; i < p->sq_entries; i++) {
        order[i] = i;
    }
}

void ring_open(ring *r, unsigned entries, unsigned completions)
{
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                                         IORING_SETUP_CLAMP,
                                .cq_entries = completions};
    *r = (ring){.fd = (int)syscall(SYS_io_uring_setup, entries, &p)};
    if (r->fd < 0) {
        listen_die("io_uring_setup");
    }
    map_queues(r, &p);
}

struct io_uring_sqe *ring_next(ring *r)
{
    if (r->tail - __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) == r->sq_entries) {
        ring_enter(r, 0);
    }
    struct io_uring_sqe *sqe = &r->sqes[r->tail++ & r->sq_mask];
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

void ring_enter(ring *r, unsigned wait_for)
{
    unsigned ready = r->tail - __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE);
    __atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
    long result = syscall(SYS_io_uring_enter, r->fd, ready, wait_for, IORING_ENTER_GETEVENTS, NULL, 0);
    if (result < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN) {
        listen_die("io_uring_enter");
    }
}

struct io_uring_cqe *ring_peek(ring *r)
{
    unsigned head = *r->cq_head;
    return head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) ? NULL : &r->cqes[head & r->cq_mask];
}

void ring_seen(ring *r)
{
    __atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
}

/* ---- buffers ------------------------------------------------------------------------------------------------- */

void ring_buffers_open(ring_buffers *b, const ring *r, unsigned count, size_t each_bytes)
{
    size_t queue_bytes = count * sizeof(struct io_uring_buf);
    *b = (ring_buffers){.count = count, .each_bytes = each_bytes};
    b->queue = mmap(NULL, queue_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b->bytes = mmap(NULL, count * each_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->queue == MAP_FAILED || b->bytes == MAP_FAILED) {
        listen_die("memory");
    }
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)b->queue, .ring_entries = count};
    if (syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_PBUF_RING, &reg, 1) != 0) {
        listen_die("io_uring_register");
    }
    for (unsigned i = 0; i < count; i++) {
        ring_buffer_return(b, i);
    }
    ring_buffers_publish(b);
}

char *ring_buffer(const ring_buffers *b, unsigned id)
{
    return b->bytes + id * b->each_bytes;
}

void ring_buffer_return(ring_buffers *b, unsigned id)
{
    struct io_uring_buf *slot = &b->queue->bufs[b->tail++ & (b->count - 1)];
    slot->addr = (uintptr_t)ring_buffer(b, id);
    slot->len = (unsigned)b->each_bytes;
    slot->bid = (unsigned short)id;
}

void ring_buffers_publish(ring_buffers *b)
{
    __atomic_store_n(&b->queue->tail, b->tail, __ATOMIC_RELEASE);
}
