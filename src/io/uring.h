/* One io_uring: its queues, and the buffers that it receives into. By raw system calls: no library is needed, and
 * what an old header does not name is named in uring.c.
 *
 * Sends are asked for in a way that never leaves one under way: MSG_DONTWAIT | MSG_WAITALL has the kernel try during
 * the submission itself, and only one that did not send everything is told of. So a buffer is its owner's again as
 * soon as the submission returns, nothing needs to be cancelled, and the order on a socket is the order of calls.
 *
 * Not for: what streams make of it (stream_uring.c). Source: io_uring(7), io_uring_enter(2). */
#ifndef NARU_IO_URING_H
#define NARU_IO_URING_H

#include <linux/io_uring.h>
#include <naru/base.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    NARU__URING_SQ_MAX = 256,
    NARU__URING_CQ_MAX = 4096,
    NARU__URING_BUFFERS_MAX = 256,
    NARU__URING_GATHER_MAX = 8, /* pieces of one send; more wait a turn */
    NARU__URING_WHY_BYTES = 128
};

/* The low bits of user_data; above them the stream's address, or the send's number. */
enum {
    NARU__URING_RECEIVE = 0,
    NARU__URING_SEND = 1,
    NARU__URING_READY = 2,  /* of the epoll descriptor */
    NARU__URING_IGNORE = 3, /* a cancel that found nothing */
    NARU__URING_TAG = 15
};

typedef struct naru__stream naru__stream;

typedef struct naru__uring_send {
    naru__stream *stream; /* NULL: seen to */
    size_t size;
} naru__uring_send;

/* What a send of several pieces is described by until it is submitted. */
typedef struct naru__uring_gather {
    struct msghdr message;
    struct iovec parts[NARU__URING_GATHER_MAX];
} naru__uring_gather;

typedef struct naru__uring {
    int fd;
    int both_fd;        /* for foreign loops; -1: nobody has asked */
    bool enabled;       /* by the thread that runs the loop: it alone may submit */
    bool broken;        /* the kernel took what was queued in part, and never the rest: all is over */
    bool hold;          /* what is queued goes with the next wait, which comes at once */
    bool ready_asked;   /* the epoll descriptor is being watched */
    unsigned no_iowait; /* the flag for it, or 0 */
    /* Submissions. */
    struct io_uring_sqe *sqes;
    unsigned *sq_head;
    unsigned *sq_tail;
    unsigned *sq_flags;
    unsigned sq_next; /* what sq_tail becomes */
    unsigned sq_entries;
    /* Completions. */
    struct io_uring_cqe *cqes;
    unsigned *cq_head;
    unsigned *cq_tail;
    unsigned cq_entries;
    /* Of the streams. */
    size_t sends_count;
    size_t rest_count;
    naru__stream *gone; /* closed, with a receive that has not ended yet */
    bool some_gone;     /* some of them have now */
    /* Provided buffers. */
    struct io_uring_buf *buffers; /* the kernel's ring of them */
    uint8_t *bytes;
    uint32_t buffer_bytes;
    uint16_t buffers_count;
    uint16_t buffers_tail;
    bool incremental; /* a buffer serves several receives, one behind the other */
    /* Memory. */
    void *rings;
    size_t rings_bytes;
    size_t sqes_bytes;
    const naru_allocator *allocator;
    uint32_t used[NARU__URING_BUFFERS_MAX]; /* bytes of each buffer's front */
    naru__uring_gather *gathers;            /* one for each of the sends; NULL: none was needed yet */
    naru__uring_send sends[NARU__URING_SQ_MAX];
    naru__stream *rest[2 * NARU__URING_SQ_MAX]; /* those with more to do once sends have been seen to */
} naru__uring;

/* receive_bytes: the most that a receive may bring.
 * errors    NULL: why_out says what the kernel lacks or refused. */
NARU_MUST_USE naru__uring *naru__uring_open(const naru_allocator *allocator, size_t receive_bytes,
                                            char why_out[NARU__URING_WHY_BYTES]);
void naru__uring_close(naru__uring *ring); /* NULL is fine */

/* From now on the calling thread is the only one that may submit. errors false: errno tells. */
NARU_MUST_USE bool naru__uring_enable(naru__uring *ring);

/* Submit what is queued, run what completes, and wait at most timeout_ms (-1: for ever) for one completion.
 * 0, or errno: of the waiting, if everything was submitted. */
int naru__uring_enter(naru__uring *ring, int timeout_ms);
/* Submit, and nothing else. 0 or errno. */
int naru__uring_submit(naru__uring *ring);

static inline unsigned naru__uring_queued(const naru__uring *ring)
{
    return ring->sq_next - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}
static inline unsigned naru__uring_completed(const naru__uring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - *ring->cq_head;
}
/* Is there room for all that a full queue of submissions may complete at once? Then none of it has to wait beside the
 * ring, where nobody sees it. */
static inline bool naru__uring_has_room(const naru__uring *ring)
{
    return naru__uring_completed(ring) <= ring->cq_entries / 2 &&
           !(__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW);
}
/* An empty submission. NULL: the queue is full. */
static inline struct io_uring_sqe *naru__uring_next(naru__uring *ring)
{
    if (naru__uring_queued(ring) == ring->sq_entries) {
        return NULL;
    }
    struct io_uring_sqe *sqe = &ring->sqes[ring->sq_next++ & (ring->sq_entries - 1)];
    *sqe = (struct io_uring_sqe){0};
    return sqe;
}

/* Of the sends, made on first need. NULL: no memory. */
naru__uring_gather *naru__uring_gathers(naru__uring *ring);

/* The bytes of a receive's completion, and true if the buffer is to go back afterwards. */
bool naru__uring_received(naru__uring *ring, const struct io_uring_cqe *cqe, uint8_t **bytes_out);
void naru__uring_give_back(naru__uring *ring, const struct io_uring_cqe *cqe);

#endif
