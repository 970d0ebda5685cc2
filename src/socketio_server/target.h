/* Resolving a target to its sockets. Source: none. */
#ifndef NARU_SOCKETIO_SERVER_TARGET_H
#define NARU_SOCKETIO_SERVER_TARGET_H

#include "sio.h"

typedef void naru__sio_each_fn(naru_sio_socket *socket, void *user);

/* Call each for every connected socket of target, which is of a namespace that is no parent, once; it must not change
 * who is where. errors NARU_ERR_ARGUMENT: too many rooms. NARU_ERR_MEMORY: some were not met. */
NARU_MUST_USE naru_status naru__sio_target_walk(const naru_sio_target *target, naru__sio_each_fn *each, void *user);

/* The sockets as they are now, held. */
typedef struct naru__sio_snapshot {
    const naru_allocator *allocator;
    naru_sio_socket **sockets;
    size_t count, capacity;
    naru_status status;
} naru__sio_snapshot;

/* errors as above, and NARU_ERR_MEMORY; the snapshot is empty then. Of a parent: those of all children. */
NARU_MUST_USE naru_status naru__sio_snapshot_take(naru__sio_snapshot *snapshot, const naru_sio_target *target);
void naru__sio_snapshot_free(naru__sio_snapshot *snapshot);

/* The next child of a parent; last NULL: the first. */
naru_sio_namespace *naru__sio_next_child(const naru_sio_namespace *parent, naru_sio_namespace *last);
bool naru__sio_target_good(const naru_sio_target *target);

#endif
