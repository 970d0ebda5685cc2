/* A connection on its way from one loop to another: the descriptor, the TLS session, and what was not sent yet. What
 * the peer has sent stays in the kernel, or with the session.
 *
 * Memory of the cache of one loop may be given back to that of another, since both hold single blocks of what is below
 * them: that must be the same. Not for: io_uring, of which nobody knows what it has received. Source: none. */
#include "stream_core.h"

#include "base/buf.h"
#include "base/memory.h"
#include "tls_session.h"
#include <unistd.h>

static void give_session(naru__tls_session *session, const naru_allocator *allocator)
{
    session->held.allocator = allocator;
    session->out.allocator = allocator;
}

naru_status naru__stream_pack(naru__stream *stream, naru__stream_parcel *parcel_out)
{
    bool ready = stream->phase == NARU__STREAM_READY && stream->fd >= 0 &&
                 !naru__stream_has(stream, NARU__CLOSED | NARU__DEAD);
    if (!ready || stream->has_shots || naru_loop_backend(stream->loop) == NARU_BACKEND_IO_URING) {
        return NARU_ERR_STATE;
    }
    naru__stream_parcel parcel = {.fd = stream->fd, .tls = stream->tls, .below = stream->loop->below};
    naru_buf_init(&parcel.plain, naru_allocator_default());
    if (naru_buf_append(&parcel.plain, naru__stream_out_span(stream)) < 0) {
        return NARU_ERR_MEMORY;
    }
    if (parcel.tls) {
        give_session(parcel.tls, parcel.below);
        stream->tls = NULL;
    }
    naru__stream_unwatch(stream);
    stream->fd = -1;
    naru__stream_close(stream);
    *parcel_out = parcel;
    return NARU_OK;
}

static bool take_session(naru__stream *stream, naru__tls_session *session)
{
    naru_loop *loop = stream->loop;
    if (!loop->decrypted) {
        loop->decrypted = naru__alloc(loop->below, loop->receive_bytes);
    }
    if (!loop->decrypted) {
        return false;
    }
    give_session(session, &loop->cache.allocator);
    stream->tls = session;
    naru__stream_mark(stream, NARU__RESUMED); /* what it held back is read */
    return true;
}

naru__stream *naru__stream_unpack(naru_loop *loop, naru__stream_parcel *parcel, const naru__stream_handler *handler,
                                  void *owner)
{
    bool fits = parcel->below == loop->below && naru_loop_backend(loop) != NARU_BACKEND_IO_URING;
    naru__stream *stream = fits ? naru__stream_accept(loop, parcel->fd, NULL, handler, owner) : NULL;
    if (!stream) {
        return NULL;
    }
    bool good = naru__buf_size(&parcel->plain) == 0 ||
                naru_buf_append(naru__stream_out(stream), naru_buf_span(&parcel->plain)) == NARU_OK;
    good = good && (!parcel->tls || take_session(stream, parcel->tls));
    if (good) {
        parcel->tls = NULL;
        naru_buf_deinit(&parcel->plain);
    } else {
        naru__stream_unwatch(stream);
        stream->fd = -1; /* the parcel's */
        naru__stream_close(stream);
        stream = NULL;
    }
    return stream;
}

void naru__stream_parcel_drop(naru__stream_parcel *parcel)
{
    naru__tls_session_free(parcel->tls, parcel->below);
    naru_buf_deinit(&parcel->plain);
    close(parcel->fd);
}
