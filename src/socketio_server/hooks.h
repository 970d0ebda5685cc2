/* What an application has registered: functions of several kinds, each kind in its order, and listeners by event. A
 * namespace has one set; a socket gets one when something is registered at it alone.
 *
 * Whoever is being called may add and take off, also itself: a set that is walked keeps its places, those added
 * meanwhile are not called, those taken off are not called any more.
 * Not for: which of them are called when (dispatch.c, connect.c, leave.c). Source: none. */
#ifndef NARU_SOCKETIO_SERVER_HOOKS_H
#define NARU_SOCKETIO_SERVER_HOOKS_H

#include "map.h"
#include <naru/socketio_server.h>

typedef enum naru__sio_hook_kind {
    NARU__SIO_HOOK_MIDDLEWARE = 0,
    NARU__SIO_HOOK_PACKET,
    NARU__SIO_HOOK_CONNECTION,
    NARU__SIO_HOOK_DISCONNECTING,
    NARU__SIO_HOOK_DISCONNECT,
    NARU__SIO_HOOK_ANY,
    NARU__SIO_HOOK_ANY_OUTGOING,
    NARU__SIO_HOOK_ROOM,
    NARU__SIO_HOOK_ERROR,
    NARU__SIO_HOOK_EXPIRED,
    NARU__SIO_HOOK_DRAIN,
    NARU__SIO_HOOK_KINDS
} naru__sio_hook_kind;

/* Any of the function types of the public header, called as what its kind says. */
typedef void naru__sio_hook_fn(void);

typedef struct naru__sio_hook {
    naru__sio_hook_fn *fn; /* NULL: taken off */
    void *user;
    bool once;
} naru__sio_hook;

typedef struct naru__sio_hook_list {
    naru__sio_hook *hooks;
    uint32_t count, capacity;
    uint32_t walks; /* that go over it now */
    bool holes;
} naru__sio_hook_list;

/* The listeners of one event. */
typedef struct naru__sio_named_hooks {
    naru__sio_hook_list list;
    size_t name_bytes;
    uint8_t name[];
} naru__sio_named_hooks;

typedef struct naru__sio_hooks {
    const naru_allocator *allocator;
    naru__sio_hook_list lists[NARU__SIO_HOOK_KINDS];
    naru__sio_map events;          /* of naru__sio_named_hooks; they stay until the set goes */
    naru__sio_named_hooks *recent; /* what was found last: most events come in runs; NULL: nothing yet */
} naru__sio_hooks;

void naru__sio_hooks_init(naru__sio_hooks *hooks, const naru_allocator *allocator, const naru__sip_key *sip);
void naru__sio_hooks_deinit(naru__sio_hooks *hooks);

NARU_MUST_USE naru_status naru__sio_hooks_add(naru__sio_hooks *hooks, naru__sio_hook_kind kind, naru__sio_hook_fn *fn,
                                              void *user, bool front);
NARU_MUST_USE naru_status naru__sio_hooks_add_event(naru__sio_hooks *hooks, naru_span event, naru__sio_hook_fn *fn,
                                                    void *user, bool once);
/* fn NULL: all. */
void naru__sio_hooks_remove(naru__sio_hooks *hooks, naru__sio_hook_kind kind, naru__sio_hook_fn *fn);
void naru__sio_hooks_remove_event(naru__sio_hooks *hooks, naru_span event, naru__sio_hook_fn *fn);
/* NULL: nobody listens, and never has. */
naru__sio_hook_list *naru__sio_hooks_event(naru__sio_hooks *hooks, naru_span event);

/* A walk: begin, next until it answers false, and in any case end. */
typedef struct naru__sio_hook_walk {
    naru__sio_hook_list *list;
    uint32_t at, end;
} naru__sio_hook_walk;
naru__sio_hook_walk naru__sio_walk_begin(naru__sio_hook_list *list); /* list may be NULL */
bool naru__sio_walk_next(naru__sio_hook_walk *walk, naru__sio_hook *hook_out);
void naru__sio_walk_end(naru__sio_hook_walk *walk);

#endif
