/* Whole messages as frozen frames, made once and sent on many sessions. A server's frames alone: a client's are masked,
 * each with a mask of its own. Not for: who keeps them (conn/prepared.c). Source: RFC 6455 5.2; RFC 7692 7.2.1. */
#ifndef NARU_WS_FROZEN_H
#define NARU_WS_FROZEN_H

#include "base/shot.h"
#include "ws/session.h"

/* One uncompressed frame. errors NULL: no memory. */
NARU_MUST_USE naru__shot *naru__ws_freeze(naru_ws_kind kind, naru_span data);
/* One compressed frame that refers to nothing before it, for every session of that class, made with the options
 * of ws, which is one of them.
 * errors    NULL with *status_out NARU_OK: it would not be smaller; NARU_ERR_MEMORY. */
NARU_MUST_USE naru__shot *naru__ws_freeze_deflated(const naru_ws *ws, naru_ws_kind kind, naru_span data,
                                                   unsigned frozen_class, naru_status *status_out);

/* Which compressed form of a message of that size may go out here? Sessions differ in their windows, which matter only
 * where a message is longer than one. 0: the plain one; else below NARU__WS_FROZEN_CLASSES. */
enum { NARU__WS_FROZEN_CLASSES = 8 };
unsigned naru__ws_frozen_class(const naru_ws *ws, size_t bytes, unsigned flags);

/* A compressed one went out: the peer's window holds bytes now that our compressor does not know of. */
static inline void naru__ws_frozen_sent(naru_ws *ws)
{
    if ((ws->flags & NARU__WS_OWN_FRESH) == 0) {
        ws->flags |= NARU__WS_OWN_STALE;
    }
}

#endif
