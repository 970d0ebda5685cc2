/* The ring itself: setting up, probing, entering, buffers. Source: io_uring_setup(2), io_uring_register(2). */
#include "uring.h"

#include <errno.h>
#include <linux/time_types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* What headers of Linux 6.1 lack. */
enum {
    SETUP_NO_SQARRAY = 1 << 16,  /* 6.6 */
    BUFFERS_INCREMENTAL = 2,     /* 6.12 */
    COMPLETION_BUFFER_MORE = 16, /* 6.12 */
    FEATURE_NO_IOWAIT = 1 << 17, /* 6.15 */
    ENTER_NO_IOWAIT = 1 << 7,    /* 6.15 */
};

typedef struct buffers_registration {
    uint64_t ring_addr;
    uint32_t ring_entries;
    uint16_t group;
    uint16_t flags;
    uint64_t reserved[3];
} buffers_registration;
_Static_assert(sizeof(buffers_registration) == sizeof(struct io_uring_buf_reg), "one later header apart");

enum {
    BYTES_TOTAL = 1 << 20, /* of all buffers: stays in the second-level cache */
    BUFFERS_MIN = 8,
    WHOLE_BUFFER_BYTES = 32 << 10, /* where each receive takes a buffer of its own, however little comes */
    WHOLE_BUFFERS = 64,
    PATIENCE = 1000 /* attempts to submit while the kernel is short of memory */
};

static int register_with(const naru__uring *ring, unsigned what, const void *argument, unsigned count)
{
    return (int)syscall(SYS_io_uring_register, ring->fd, what, argument, count);
}

static bool refuse(char why[NARU__URING_WHY_BYTES], const char *what)
{
    snprintf(why, NARU__URING_WHY_BYTES, "%s: %s", what, strerror(errno));
    return false;
}

/* ---- setting up ---------------------------------------------------------------------------------------- */

static int create(struct io_uring_params *params)
{
    /* Completions are run by the thread that waits for them, when it waits: DEFER_TASKRUN (6.1). */
    const unsigned flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                           IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
    *params = (struct io_uring_params){.flags = flags | SETUP_NO_SQARRAY, .cq_entries = NARU__URING_CQ_MAX};
    int fd = (int)syscall(SYS_io_uring_setup, NARU__URING_SQ_MAX, params);
    if (fd < 0 && errno == EINVAL) {
        *params = (struct io_uring_params){.flags = flags, .cq_entries = NARU__URING_CQ_MAX};
        fd = (int)syscall(SYS_io_uring_setup, NARU__URING_SQ_MAX, params);
    }
    return fd;
}

static bool map(naru__uring *ring, const struct io_uring_params *params)
{
    size_t sq_bytes = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t cq_bytes = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    bool indirect = !(params->flags & SETUP_NO_SQARRAY);
    ring->rings_bytes = indirect && sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
    ring->sqes_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_SHARED | MAP_POPULATE;
    ring->rings = mmap(NULL, ring->rings_bytes, protection, flags, ring->fd, IORING_OFF_SQ_RING);
    ring->sqes = mmap(NULL, ring->sqes_bytes, protection, flags, ring->fd, IORING_OFF_SQES);
    if (ring->rings == MAP_FAILED || (void *)ring->sqes == MAP_FAILED) {
        return false;
    }
    uint8_t *base = ring->rings;
    ring->sq_head = (unsigned *)(void *)(base + params->sq_off.head);
    ring->sq_tail = (unsigned *)(void *)(base + params->sq_off.tail);
    ring->sq_flags = (unsigned *)(void *)(base + params->sq_off.flags);
    ring->sq_entries = params->sq_entries;
    ring->cq_head = (unsigned *)(void *)(base + params->cq_off.head);
    ring->cq_tail = (unsigned *)(void *)(base + params->cq_off.tail);
    ring->cqes = (struct io_uring_cqe *)(void *)(base + params->cq_off.cqes);
    ring->cq_entries = params->cq_entries;
    unsigned *array = (unsigned *)(void *)(base + params->sq_off.array);
    for (unsigned i = 0; indirect && i < params->sq_entries; i++) {
        array[i] = i;
    }
    return true;
}

static bool knows_operations(const naru__uring *ring)
{
    static const uint8_t needed[] = {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_POLL_ADD,
                                     IORING_OP_ASYNC_CANCEL};
    union {
        struct io_uring_probe head;
        uint8_t bytes[sizeof(struct io_uring_probe) + 64 * sizeof(struct io_uring_probe_op)];
    } probe = {.bytes = {0}};
    if (register_with(ring, IORING_REGISTER_PROBE, &probe, 64) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof needed; i++) {
        const struct io_uring_probe_op *operation = &probe.head.ops[needed[i]];
        if (needed[i] > probe.head.last_op || !(operation->flags & IO_URING_OP_SUPPORTED)) {
            errno = EOPNOTSUPP;
            return false;
        }
    }
    return true;
}

/* ---- buffers ------------------------------------------------------------------------------------------- */

static size_t list_bytes(void)
{
    return NARU__URING_BUFFERS_MAX * sizeof(struct io_uring_buf);
}

/* The ring's tail lies in the first entry, where that has no other use. */
static void publish_buffers(naru__uring *ring)
{
    __atomic_store_n(&ring->buffers[0].resv, ring->buffers_tail, __ATOMIC_RELEASE);
}

static void put_buffer(naru__uring *ring, uint16_t index)
{
    struct io_uring_buf *buffer = &ring->buffers[ring->buffers_tail++ & (ring->buffers_count - 1)];
    buffer->addr = (uint64_t)(uintptr_t)(ring->bytes + (size_t)index * ring->buffer_bytes);
    buffer->len = ring->buffer_bytes;
    buffer->bid = index;
    ring->used[index] = 0;
}

static void size_buffers(naru__uring *ring, size_t receive_bytes)
{
    size_t most = ring->incremental ? (size_t)1 << 30 : (size_t)WHOLE_BUFFER_BYTES;
    ring->buffer_bytes = (uint32_t)(receive_bytes < most ? receive_bytes : most);
    size_t count = ring->incremental ? (size_t)BUFFERS_MIN : (size_t)WHOLE_BUFFERS;
    while (count < NARU__URING_BUFFERS_MAX && 2 * count * ring->buffer_bytes <= BYTES_TOTAL) {
        count *= 2;
    }
    ring->buffers_count = (uint16_t)count;
}

static bool register_buffers(naru__uring *ring, size_t receive_bytes, bool incremental)
{
    ring->incremental = incremental;
    size_buffers(ring, receive_bytes);
    buffers_registration registration = {
        .ring_addr = (uint64_t)(uintptr_t)ring->buffers,
        .ring_entries = ring->buffers_count,
        .flags = incremental ? (uint16_t)BUFFERS_INCREMENTAL : 0,
    };
    return register_with(ring, IORING_REGISTER_PBUF_RING, &registration, 1) == 0;
}

static bool provide_buffers(naru__uring *ring, size_t receive_bytes)
{
    ring->buffers = mmap(NULL, list_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((void *)ring->buffers == MAP_FAILED ||
        (!register_buffers(ring, receive_bytes, true) && !register_buffers(ring, receive_bytes, false))) {
        return false;
    }
    ring->bytes = naru__alloc(ring->allocator, (size_t)ring->buffers_count * ring->buffer_bytes);
    if (!ring->bytes) {
        errno = ENOMEM;
        return false;
    }
    for (uint16_t i = 0; i < ring->buffers_count; i++) {
        put_buffer(ring, i);
    }
    publish_buffers(ring);
    return true;
}

bool naru__uring_received(naru__uring *ring, const struct io_uring_cqe *cqe, uint8_t **bytes_out)
{
    uint32_t index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    *bytes_out = ring->bytes + (size_t)index * ring->buffer_bytes + ring->used[index];
    ring->used[index] += (uint32_t)cqe->res;
    return !ring->incremental || !(cqe->flags & COMPLETION_BUFFER_MORE);
}

void naru__uring_give_back(naru__uring *ring, const struct io_uring_cqe *cqe)
{
    put_buffer(ring, (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT));
    publish_buffers(ring);
}

naru__uring_gather *naru__uring_gathers(naru__uring *ring)
{
    if (!ring->gathers) {
        ring->gathers = naru__alloc(ring->allocator, NARU__URING_SQ_MAX * sizeof *ring->gathers);
    }
    return ring->gathers;
}

/* ---- beginning and end --------------------------------------------------------------------------------- */

static bool set_up(naru__uring *ring, size_t receive_bytes, char why[NARU__URING_WHY_BYTES])
{
    const unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                            IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
    struct io_uring_params params;
    ring->fd = create(&params);
    if (ring->fd < 0) {
        return refuse(why, errno == EINVAL ? "io_uring_setup, which needs Linux 6.1" : "io_uring_setup");
    }
    if ((params.features & needed) != needed) {
        errno = EOPNOTSUPP;
        return refuse(why, "features of io_uring");
    }
    /* Else a server that waits for its peers is counted as waiting for a disk. */
    ring->no_iowait = params.features & FEATURE_NO_IOWAIT ? (unsigned)ENTER_NO_IOWAIT : 0;
    if (!map(ring, &params)) {
        return refuse(why, "mapping io_uring's queues");
    }
    if (!knows_operations(ring)) {
        return refuse(why, "operations of io_uring");
    }
    return provide_buffers(ring, receive_bytes) || refuse(why, "buffers for io_uring");
}

naru__uring *naru__uring_open(const naru_allocator *allocator, size_t receive_bytes,
                              char why_out[NARU__URING_WHY_BYTES])
{
    naru__uring *ring = naru__alloc_zero(allocator, sizeof *ring);
    if (!ring) {
        errno = ENOMEM;
        refuse(why_out, "memory for io_uring");
        return NULL;
    }
    ring->allocator = allocator;
    ring->fd = -1;
    ring->both_fd = -1;
    ring->rings = MAP_FAILED;
    ring->sqes = MAP_FAILED;
    ring->buffers = MAP_FAILED;
    if (!set_up(ring, receive_bytes, why_out)) {
        naru__uring_close(ring);
        return NULL;
    }
    return ring;
}

static void unmap(void *address, size_t bytes)
{
    if (address != MAP_FAILED) {
        munmap(address, bytes);
    }
}

void naru__uring_close(naru__uring *ring)
{
    if (!ring) {
        return;
    }
    if (ring->both_fd >= 0) {
        close(ring->both_fd);
    }
    if (ring->fd >= 0) {
        close(ring->fd);
    }
    unmap(ring->rings, ring->rings_bytes);
    unmap(ring->sqes, ring->sqes_bytes);
    unmap(ring->buffers, list_bytes());
    naru__free(ring->allocator, ring->bytes, (size_t)ring->buffers_count * ring->buffer_bytes);
    naru__free(ring->allocator, ring->gathers, NARU__URING_SQ_MAX * sizeof *ring->gathers);
    naru__free(ring->allocator, ring, sizeof *ring);
}

bool naru__uring_enable(naru__uring *ring)
{
    ring->enabled = register_with(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0;
    return ring->enabled;
}

/* ---- entering ------------------------------------------------------------------------------------------ */

static int enter(naru__uring *ring, unsigned completions_min, unsigned flags, const void *argument, size_t bytes)
{
    __atomic_store_n(ring->sq_tail, ring->sq_next, __ATOMIC_RELEASE);
    long result =
        syscall(SYS_io_uring_enter, ring->fd, naru__uring_queued(ring), completions_min, flags, argument, bytes);
    return result >= 0 ? 0 : errno;
}

int naru__uring_submit(naru__uring *ring)
{
    int error = 0;
    for (int i = 0; naru__uring_queued(ring) > 0; i++) {
        error = enter(ring, 0, 0, NULL, 0);
        if (i == PATIENCE || (error != 0 && error != EAGAIN && error != EBUSY && error != EINTR)) {
            ring->broken = true;
            return error != 0 ? error : EBUSY;
        }
        if (error != 0) {
            sched_yield();
        }
    }
    return 0;
}

int naru__uring_enter(naru__uring *ring, int timeout_ms)
{
    struct __kernel_timespec time = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000LL};
    struct io_uring_getevents_arg argument = {
        .sigmask_sz = _NSIG / 8,
        .ts = timeout_ms > 0 ? (uint64_t)(uintptr_t)&time : 0,
    };
    const unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | ring->no_iowait;
    int error = enter(ring, timeout_ms != 0, flags, &argument, sizeof argument);
    /* Short of memory, the kernel may leave some in the queue. */
    int left = naru__uring_submit(ring);
    return left != 0 ? left : error;
}
