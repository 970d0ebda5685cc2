/* <naru/succession.h>: processes that serve one after the other without anybody noticing. The new one takes the
 * listening sockets from the old one, whose queues of waiting connections stay as they are; then the old one says
 * good-bye to its own connections in its own time.
 *
 *   naru_succession_join(&line)        meet whoever serves now, if anybody does
 *   naru_server_listen(.succession)    take the socket of this address, or open it
 *   naru_succession_begin(line)        from here on the old one accepts nobody, and the next one may come
 *   on_succeeded                       the next one has begun: naru_server_stop_with, finish_requests and a spread
 *
 * Source: unix(7), SCM_RIGHTS and SO_PEERCRED. */
#ifndef NARU_SUCCESSION_H
#define NARU_SUCCESSION_H

#include <naru/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One process's place in the line. */
typedef struct naru_succession naru_succession;

/* Meet the process that serves now, at a Unix socket, and get hold of its listening sockets; both go on accepting until
 * naru_succession_begin. If there is none, we are the first, and the socket is ours. Waits for the other process, and
 * for nothing else: call it before the loop runs.
 *
 * shapes    address: "unix:PATH", whose file is made with mode 0600; a stale one is replaced. timeout_ms: how long the
 *           other one may take to answer; 0: 10000. reason (may be NULL, else reason_bytes long): what failed, in
 *           words.
 * errors    NARU_ERR_ARGUMENT: not such an address. NARU_ERR_REFUSED: the other process is of another user.
 *           NARU_ERR_TIMEOUT: it does not answer. NARU_ERR_CLOSED: it refuses, or breaks off. NARU_ERR_PROTOCOL: it
 *           is no naru. NARU_ERR_SYSTEM, NARU_ERR_MEMORY. succession_out is unchanged. */
NARU_API NARU_MUST_USE naru_status naru_succession_join(const char *address, uint32_t timeout_ms,
                                                        naru_succession **succession_out, char *reason,
                                                        size_t reason_bytes);
/* Is there an older process whose sockets we got? Until naru_succession_begin. */
NARU_API bool naru_succession_has_predecessor(const naru_succession *succession);
/* All listens are made. Tell the predecessor that we accept, and from now on hand the sockets of these listens to
 * whoever comes next and is of our user; on_succeeded(user), once, from the loop, when that one has begun in its turn:
 * it may free the succession. What we got and have not listened on is left to the predecessor, which serves those who
 * wait there and closes it. A successor that dies before it begins has changed nothing. Keeps the loop running.
 * errors    NARU_ERR_STATE: begun already. NARU_ERR_CLOSED: the predecessor is gone; we serve all the same.
 *           NARU_ERR_MEMORY: nothing has happened, the predecessor goes on; try again, or free. thread: the loop's. */
NARU_API NARU_MUST_USE naru_status naru_succession_begin(naru_succession *succession, naru_loop *loop,
                                                         void (*on_succeeded)(void *user), void *user);
/* Leave the line: without a successor the socket file goes too. Before its loop; servers that listen with it may
 * outlive it. NULL is fine. thread: the loop's. */
NARU_API void naru_succession_free(naru_succession *succession);

#ifdef __cplusplus
}
#endif
#endif
