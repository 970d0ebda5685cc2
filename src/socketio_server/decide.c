/* Which namespace a client means: one that there is, or a child of the first parent that wants it. A parent may take
 * its time to say so; the client waits meanwhile, and may go.
 *
 * Not for: what becomes of the client then (connect.c). Source: socket.io's Server._checkNamespace. */
#include "base/memory.h"
#include "sio.h"
#include <string.h>

struct naru_sio_decision {
    naru_sio *io;
    naru__sio_client *client;        /* NULL: it has gone */
    naru_sio_decision *next, **link; /* of the client's */
    naru_sio_namespace *parent;      /* that is asked */
    bool calling, decided, fits;
    naru__deferred go_on;
    size_t name_bytes, auth_bytes;
    uint8_t texts[];
};

static naru_span name_of(const naru_sio_decision *decision)
{
    return (naru_span){decision->texts, decision->name_bytes};
}

static naru_span auth_of(const naru_sio_decision *decision)
{
    return (naru_span){decision->texts + decision->name_bytes, decision->auth_bytes};
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void go_on(naru__deferred *deferred);

static naru_sio_decision *decision_new(naru__sio_client *client, naru_span name, naru_span auth)
{
    naru_sio *io = client->io;
    naru_sio_decision *decision = naru__alloc_zero(io->allocator, sizeof *decision + name.size + auth.size);
    if (!decision) {
        return NULL;
    }
    decision->io = io;
    decision->client = client;
    decision->go_on.run = go_on;
    decision->name_bytes = name.size;
    decision->auth_bytes = auth.size;
    memcpy(decision->texts, name.data, name.size);
    if (auth.size > 0) {
        memcpy(decision->texts + name.size, auth.data, auth.size);
    }
    decision->next = client->decisions;
    decision->link = &client->decisions;
    if (decision->next) {
        decision->next->link = &decision->next;
    }
    client->decisions = decision;
    io->namespaces_count++; /* the server's own struct stays for it, as for a namespace */
    return decision;
}

static void leave_client(naru_sio_decision *decision)
{
    if (decision->client) {
        *decision->link = decision->next;
        if (decision->next) {
            decision->next->link = decision->link;
        }
        decision->client = NULL;
    }
}

static void decision_free(naru_sio_decision *decision)
{
    naru_sio *io = decision->io;
    leave_client(decision);
    naru__free(io->allocator, decision, sizeof *decision + decision->name_bytes + decision->auth_bytes);
    io->namespaces_count--;
    naru__sio_release(io);
}

/* What has been decided and waits for the loop is the library's; else the application has it. */
void naru__sio_seeks_drop(naru__sio_client *client)
{
    while (client->decisions) {
        naru_sio_decision *decision = client->decisions;
        leave_client(decision);
        if (decision->decided && !decision->calling) {
            naru__loop_defer_cancel(decision->io->loop, &decision->go_on);
            decision_free(decision);
        }
    }
}

bool naru__sio_seeks(const naru__sio_client *client, naru_span name)
{
    const naru_sio_decision *decision = client->decisions;
    while (decision && !naru_span_equal(name_of(decision), name)) {
        decision = decision->next;
    }
    return decision != NULL;
}

size_t naru__sio_seeks_count(const naru__sio_client *client)
{
    size_t count = 0;
    for (const naru_sio_decision *decision = client->decisions; decision; decision = decision->next) {
        count++;
    }
    return count;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

/* The first parent from there on that wants it, or has to be asked; NULL: none. */
static naru_sio_namespace *candidate(naru_sio_namespace *parent, naru_span name, naru_span auth)
{
    while (parent && !parent->decide && !naru__sio_fits(parent, name, auth)) {
        parent = parent->next;
    }
    return parent;
}

/* false: it will be known later. */
static bool ask(naru_sio_decision *decision)
{
    naru_sio_namespace *parent = decision->parent;
    decision->decided = decision->fits = false;
    decision->calling = true;
    parent->decide(decision, name_of(decision), auth_of(decision), parent->predicate_user);
    decision->calling = false;
    return decision->decided;
}

/* One parent after the other; the name may have been taken meanwhile. */
static void advance(naru_sio_decision *decision)
{
    naru__sio_client *client = decision->client;
    naru_sio_namespace *nsp = naru__sio_namespace_find(decision->io, name_of(decision));
    while (!nsp && decision->parent && !decision->fits) {
        decision->parent = candidate(decision->parent, name_of(decision), auth_of(decision));
        if (!decision->parent) {
            break;
        }
        if (!decision->parent->decide) {
            decision->fits = true;
        } else if (!ask(decision)) {
            return;
        } else if (!decision->fits) {
            decision->parent = decision->parent->next;
        }
    }
    if (!nsp && decision->fits) {
        nsp = naru__sio_child_new(decision->parent, name_of(decision));
    }
    leave_client(decision);
    naru__sio_connect_to(client, nsp, name_of(decision), auth_of(decision));
    decision_free(decision);
}

static void go_on(naru__deferred *deferred)
{
    naru_sio_decision *decision = (naru_sio_decision *)((char *)deferred - offsetof(naru_sio_decision, go_on));
    if (!decision->fits) {
        decision->parent = decision->parent->next;
    }
    advance(decision);
}

void naru__sio_seek(naru__sio_client *client, naru_span name, naru_span auth)
{
    naru_sio_namespace *nsp = naru__sio_namespace_find(client->io, name);
    naru_sio_namespace *parent = nsp ? NULL : candidate(client->io->parents, name, auth);
    if (!parent || !parent->decide) {
        naru__sio_connect_to(client, nsp || !parent ? nsp : naru__sio_child_new(parent, name), name, auth);
        return;
    }
    naru_sio_decision *decision = decision_new(client, name, auth);
    if (!decision) {
        naru__sio_client_close(client, NARU_SIO_FORCED_SERVER_CLOSE);
        return;
    }
    decision->parent = parent;
    advance(decision);
}

void naru_sio_decided(naru_sio_decision *decision, bool fits)
{
    decision->decided = true;
    decision->fits = fits;
    if (decision->calling) {
        return;
    }
    if (decision->client) {
        naru__loop_defer(decision->io->loop, &decision->go_on);
    } else {
        decision_free(decision);
    }
}
