/* Sessions by their id: chains in a table that doubles. The key keeps anybody from choosing ids that collide.
 * Source: none. */
#include "engine_inside.h"

#include "base/memory.h"
#include "base/sip.h"

enum { FIRST_BUCKETS = 64 };

static naru_eio **bucket(const naru_eio_server *eio, naru_span id)
{
    return &eio->buckets[naru__sip(&eio->key, id) & (eio->buckets_count - 1)];
}

/* Without memory for a larger table the chains grow longer, and that is all. */
static void grow(naru_eio_server *eio)
{
    naru_eio **old = eio->buckets;
    size_t old_count = eio->buckets_count;
    size_t count = old_count > 0 ? old_count * 2 : FIRST_BUCKETS;
    naru_eio **buckets = naru__alloc_zero(eio->allocator, count * sizeof(naru_eio *));
    if (!buckets) {
        return;
    }
    eio->buckets = buckets;
    eio->buckets_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (naru_eio *session = old[i], *next = NULL; session; session = next) {
            next = session->beside;
            naru_eio **link = bucket(eio, naru_eio_id(session));
            session->beside = *link;
            *link = session;
        }
    }
    naru__free(eio->allocator, old, old_count * sizeof(naru_eio *));
}

naru_status naru__eio_table_add(naru_eio_server *eio, naru_eio *session)
{
    if (eio->buckets_used >= eio->buckets_count) {
        grow(eio);
    }
    if (!eio->buckets) {
        return NARU_ERR_MEMORY;
    }
    naru_eio **link = bucket(eio, naru_eio_id(session));
    session->beside = *link;
    *link = session;
    eio->buckets_used++;
    return NARU_OK;
}

void naru__eio_table_remove(naru_eio_server *eio, naru_eio *session)
{
    naru_eio **link = bucket(eio, naru_eio_id(session));
    while (*link && *link != session) {
        link = &(*link)->beside;
    }
    if (*link) {
        *link = session->beside;
        eio->buckets_used--;
    }
}

/* One that waits for the end of the turn to answer its handshake is known to nobody yet. */
naru_eio *naru__eio_table_find(const naru_eio_server *eio, naru_span id)
{
    if (!eio->buckets || id.size == 0) {
        return NULL;
    }
    naru_eio *session = *bucket(eio, id);
    while (session && !naru_span_equal(naru_eio_id(session), id)) {
        session = session->beside;
    }
    return session;
}
