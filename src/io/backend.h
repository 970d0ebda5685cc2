/* What stands between the loop and the kernel: who wants to hear of which descriptor, and waiting for it.
 *
 * This is epoll, which tells readiness (backend_epoll.c, stream_epoll.c). With an io_uring (naru_loop.ring) streams
 * are told of what came and what left instead (backend_uring.c, stream_uring.c), and the ring waits for epoll's
 * descriptor on behalf of all else; nobody above sees the difference. */
#ifndef NARU_IO_BACKEND_H
#define NARU_IO_BACKEND_H

#include <naru/loop.h>

/* Part of the struct that owns a descriptor. ready runs in the loop's turn, level-triggered unless EDGE was asked for,
 * and never after naru__backend_remove; the struct itself must live until the end of the turn. */
typedef struct naru__source {
    void (*ready)(struct naru__source *source, unsigned events);
} naru__source;

/* Their values are epoll's, so that nothing needs translating. BROKEN and HANGUP come unasked.
 * EDGE: tell of each thing that comes once; naru__backend_set has it told again. With IN, ENDS then says that the
 * peer's end is there behind what is to be read. */
enum {
    NARU__READY_IN = 1,
    NARU__READY_OUT = 4,
    NARU__READY_BROKEN = 8,
    NARU__READY_HANGUP = 16,
    NARU__READY_ENDS = 1 << 13,
    NARU__READY_EDGE = 1 << 30
};

enum { NARU__BATCH_MAX = 256 }; /* events handled in a turn */

/* A descriptor to wait on, or -1. */
NARU_MUST_USE int naru__backend_open(void);
void naru__backend_close(int backend_fd);

/* errors    false: errno tells; EPERM: a file that cannot be waited for. */
NARU_MUST_USE bool naru__backend_add(naru_loop *loop, naru__source *source, int fd, unsigned events);
/* Change what is waited for, or who is told. fd has been added. */
void naru__backend_set(naru_loop *loop, naru__source *source, int fd, unsigned events);
/* Before fd is closed: a copy of it in a forked child would keep it in the kernel's list. */
void naru__backend_remove(naru_loop *loop, naru__source *source, int fd);

/* Wait at most timeout_ms (-1: for ever), note the time, call the sources.
 * errors    NARU_ERR_SYSTEM */
NARU_MUST_USE naru_status naru__backend_turn(naru_loop *loop, int timeout_ms);

#endif
