/* The backend over epoll: one epoll_ctl for a connection that never blocks.
 * Not for: transfers (stream_epoll.c). Source: epoll(7). */
#include "io/backend.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/core.h"

_Static_assert((int)NARU__READY_IN == EPOLLIN && (int)NARU__READY_OUT == EPOLLOUT, "passed on as they are");
_Static_assert((int)NARU__READY_ENDS == EPOLLRDHUP, "passed on as it is");
_Static_assert((int)NARU__READY_BROKEN == EPOLLERR && (int)NARU__READY_HANGUP == EPOLLHUP, "passed on as they are");

int naru__backend_open(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

void naru__backend_close(int backend_fd)
{
    close(backend_fd);
}

static int control(naru_loop *loop, int operation, naru__source *source, int fd, unsigned events)
{
    struct epoll_event event = {.events = events & ~(unsigned)NARU__READY_EDGE, .data.ptr = source};
    if (events & NARU__READY_EDGE) {
        event.events |= EPOLLET | (events & NARU__READY_IN ? (unsigned)EPOLLRDHUP : 0);
    }
    return epoll_ctl(loop->backend_fd, operation, fd, &event);
}

bool naru__backend_add(naru_loop *loop, naru__source *source, int fd, unsigned events)
{
    return control(loop, EPOLL_CTL_ADD, source, fd, events) == 0;
}

void naru__backend_set(naru_loop *loop, naru__source *source, int fd, unsigned events)
{
    /* Changing an entry takes no memory, so it fails only for a descriptor that is gone. */
    if (control(loop, EPOLL_CTL_MOD, source, fd, events) != 0) {
        naru__log(loop, NARU_LOG_ERROR, "epoll_ctl: descriptor %d: %s", fd, strerror(errno));
    }
}

static void ignore(naru__source *source, unsigned events)
{
    (void)source;
    (void)events;
}

void naru__backend_remove(naru_loop *loop, naru__source *source, int fd)
{
    control(loop, EPOLL_CTL_DEL, source, fd, 0);
    source->ready = ignore; /* later events of this batch */
}

naru_status naru__backend_turn(naru_loop *loop, int timeout_ms)
{
    struct epoll_event events[NARU__BATCH_MAX];
    int count = epoll_wait(loop->backend_fd, events, NARU__BATCH_MAX, timeout_ms);
    int error = errno;
    naru__loop_read_clock(loop);
    if (count < 0 && error != EINTR) {
        naru__log(loop, NARU_LOG_ERROR, "epoll_wait: %s", strerror(error));
        return NARU_ERR_SYSTEM;
    }
    loop->stirred |= count > 0;
    for (int i = 0; i < count; i++) {
        naru__source *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
    return NARU_OK;
}
