/* Waiting on an io_uring. Streams are its own; everything else (listeners, watches, dials, the wake-up) stays with
 * epoll, whose descriptor the ring watches.
 *
 * Not for: transfers (stream_uring.c), the ring itself (uring.c). Source: io_uring_enter(2). */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core.h"

enum { FAREWELL_MS = 10, FAREWELLS_MAX = 100 };

/* Level-triggered: asked again after each answer. */
void naru__uring_ask_epoll(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    struct io_uring_sqe *sqe = ring->ready_asked ? NULL : naru__uring_next(ring);
    if (!sqe) {
        return;
    }
    sqe->opcode = IORING_OP_POLL_ADD;
    sqe->fd = loop->backend_fd;
    sqe->poll32_events = POLLIN;
    sqe->user_data = NARU__URING_READY;
    ring->ready_asked = true;
}

/* ---- sends --------------------------------------------------------------------------------------------- */

/* Only those that did not send everything have a completion, and the submission has brought it. */
static void see_failures(naru__uring *ring)
{
    unsigned count = naru__uring_completed(ring);
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_cqe *cqe = &ring->cqes[(*ring->cq_head + i) & (ring->cq_entries - 1)];
        if ((cqe->user_data & NARU__URING_TAG) == NARU__URING_SEND) {
            naru__uring_send *send = &ring->sends[cqe->user_data >> 4];
            naru__stream *stream = send->stream;
            send->stream = NULL;
            cqe->user_data = NARU__URING_IGNORE;
            naru__uring_stream_sent_less(stream, cqe->res);
        }
    }
}

static void see_to_sends(naru__uring *ring)
{
    see_failures(ring);
    for (size_t i = 0; i < ring->sends_count; i++) {
        if (ring->sends[i].stream) {
            naru__uring_stream_sent(ring->sends[i].stream, ring->sends[i].size);
        }
    }
    ring->sends_count = 0;
}

void naru__uring_settle(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    if (!ring || !ring->enabled || naru__uring_queued(ring) == 0) {
        return;
    }
    if (ring->broken || naru__uring_submit(ring) != 0) {
        return; /* the next turn tells */
    }
    see_to_sends(ring);
}

/* ---- turns --------------------------------------------------------------------------------------------- */

static naru_status complete(naru_loop *loop, const struct io_uring_cqe *cqe)
{
    switch (cqe->user_data & NARU__URING_TAG) {
    case NARU__URING_RECEIVE:
        naru__uring_stream_received(loop, (naru__stream *)(uintptr_t)cqe->user_data, cqe);
        break;
    case NARU__URING_READY:
        loop->ring->ready_asked = false;
        return naru__backend_turn(loop, 0);
    default:
        break;
    }
    return NARU_OK;
}

/* What has completed by now; what does meanwhile has its turn later. */
static naru_status complete_all(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    naru_status status = NARU_OK;
    unsigned head = *ring->cq_head;
    unsigned end = head + naru__uring_completed(ring);
    loop->stirred |= head != end;
    while (head != end) {
        struct io_uring_cqe cqe = ring->cqes[head & (ring->cq_entries - 1)];
        __atomic_store_n(ring->cq_head, ++head, __ATOMIC_RELEASE);
        naru_status one = complete(loop, &cqe);
        status = one != NARU_OK ? one : status;
    }
    return status;
}

naru_status naru__uring_turn(naru_loop *loop, int timeout_ms)
{
    naru__uring *ring = loop->ring;
    if (!ring->enabled && !naru__uring_enable(ring)) {
        naru__log(loop, NARU_LOG_ERROR, "io_uring cannot be enabled: %s", strerror(errno));
        return NARU_ERR_SYSTEM;
    }
    naru__uring_ask_epoll(loop);
    int error = ring->broken ? EIO : naru__uring_enter(ring, timeout_ms);
    if (ring->sends_count > 0 && !ring->broken) {
        see_to_sends(ring);
    }
    naru__loop_read_clock(loop);
    if (ring->broken || (error != 0 && error != ETIME && error != EINTR && error != EBUSY && error != EAGAIN)) {
        naru__log(loop, NARU_LOG_ERROR, "io_uring_enter: %s", strerror(error));
        return NARU_ERR_SYSTEM;
    }
    return complete_all(loop);
}

/* A ring that is not enabled yet tells nothing, and later it tells of epoll only what it was asked for. */
int naru__uring_both_fd(const naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    if (ring->both_fd >= 0) {
        return ring->both_fd;
    }
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event readable = {.events = EPOLLIN};
    if (fd >= 0 && (epoll_ctl(fd, EPOLL_CTL_ADD, ring->fd, &readable) != 0 ||
                    epoll_ctl(fd, EPOLL_CTL_ADD, loop->backend_fd, &readable) != 0)) {
        close(fd);
        fd = -1;
    }
    ring->both_fd = fd;
    return fd;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

/* Closed streams' sockets are the kernel's until their receives have ended: have that happen now rather than some
 * time after the ring is gone. On another thread than the loop's only the latter is possible. */
void naru__uring_stop(naru_loop *loop)
{
    naru__uring *ring = loop->ring;
    for (int i = 0; ring->enabled && ring->gone && i < FAREWELLS_MAX; i++) {
        int error = naru__uring_enter(ring, FAREWELL_MS);
        if ((error != 0 && error != ETIME && error != EINTR) || complete_all(loop) != NARU_OK) {
            break;
        }
        naru__uring_bury_gone(loop, false);
    }
}
