/* Namespaces: those with a name, parents, and the children that parents get when a client asks for one.
 *
 * A struct stays while a handle of one of its sockets does. Not for: who comes in (connect.c). Source: socket.io's
 * Namespace and ParentNamespace. */
#include "ack.h"
#include "base/memory.h"
#include <string.h>

/* ---- making and freeing ----------------------------------------------------------------------------------------- */

static naru_sio_namespace *namespace_new(naru_sio *io, naru_span name, naru__sio_namespace_kind kind)
{
    naru_sio_namespace *nsp = naru__alloc_zero(io->allocator, sizeof *nsp);
    char *copy = nsp ? naru__alloc(io->allocator, name.size + 1) : NULL;
    if (!copy) {
        naru__free(io->allocator, nsp, sizeof *nsp);
        return NULL;
    }
    if (name.size > 0) {
        memcpy(copy, name.data, name.size);
    }
    copy[name.size] = '\0';
    nsp->io = io;
    nsp->kind = kind;
    nsp->name = copy;
    nsp->name_bytes = name.size;
    naru__sio_hooks_init(&nsp->hooks, io->allocator, &io->sip);
    naru__sio_map_init(&nsp->ids, io->allocator, &io->sip);
    io->namespaces_count++;
    return nsp;
}

static void namespace_free(naru_sio_namespace *nsp)
{
    naru_sio *io = nsp->io;
    naru__sio_recovery_deinit(nsp);
    naru__sio_acks_deinit(nsp);
    naru__sio_rooms_free(nsp);
    naru__sio_map_deinit(&nsp->ids);
    naru__sio_hooks_deinit(&nsp->hooks);
    if (nsp->server_side) {
        naru__sio_hooks_deinit(nsp->server_side);
        naru__free(io->allocator, nsp->server_side, sizeof *nsp->server_side);
    }
    naru__free(io->allocator, nsp->name, nsp->name_bytes + 1);
    naru__free(io->allocator, nsp, sizeof *nsp);
    io->namespaces_count--;
    naru__sio_release(io);
}

static void link_in(naru_sio_namespace *nsp, naru_sio_namespace **list)
{
    nsp->next = *list;
    nsp->link = list;
    if (nsp->next) {
        nsp->next->link = &nsp->next;
    }
    *list = nsp;
}

static naru_sio_namespace *named_new(naru_sio *io, naru_span name, naru__sio_namespace_kind kind)
{
    naru_sio_namespace *nsp = namespace_new(io, name, kind);
    if (!nsp) {
        return NULL;
    }
    if (naru__sio_map_put(&io->names, naru__sio_name(nsp), nsp)) {
        namespace_free(nsp);
        return NULL;
    }
    link_in(nsp, &io->namespaces);
    return nsp;
}

static void drop(naru_sio_namespace *nsp)
{
    naru_sio *io = nsp->io;
    if (nsp->kind != NARU__SIO_PARENT) {
        naru__sio_map_remove(&io->names, naru__sio_name(nsp));
    }
    io->children -= nsp->kind == NARU__SIO_CHILD;
    *nsp->link = nsp->next;
    if (nsp->next) {
        nsp->next->link = nsp->link;
    }
    naru__loop_timer_stop(io->loop, &nsp->expiry);
    nsp->dropped = true;
    if (nsp->references == 0) {
        namespace_free(nsp);
    }
}

void naru__sio_namespaces_drop(naru_sio *io)
{
    while (io->namespaces) {
        drop(io->namespaces);
    }
    while (io->parents) {
        drop(io->parents);
    }
}

void naru__sio_namespace_release(naru_sio_namespace *nsp)
{
    if (--nsp->references == 0 && nsp->dropped) {
        namespace_free(nsp);
    }
}

void naru__sio_namespace_over(naru_sio_namespace *nsp)
{
    if (nsp->kind == NARU__SIO_CHILD && nsp->io->options.cleanup_empty_child_namespaces && !nsp->dropped) {
        drop(nsp);
    }
}

void naru__sio_namespace_left(naru_sio_namespace *nsp)
{
    nsp->users--;
    /* Sessions that may come back want their child to be there; once they have expired it goes. */
    if (nsp->users == 0 && !nsp->recovery) {
        naru__sio_namespace_over(nsp);
    }
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

/* `*` stands for any characters. One step back to the last star is enough, so the time is bounded by the product. */
static bool fits(naru_span pattern, naru_span name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, resumed = 0;
    while (n < name.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            resumed = n;
        } else if (p < pattern.size && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++resumed;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

bool naru__sio_fits(const naru_sio_namespace *parent, naru_span name, naru_span auth)
{
    if (parent->predicate) {
        return parent->predicate(name, auth, parent->predicate_user);
    }
    return fits(naru__sio_name(parent), name);
}

naru_sio_namespace *naru__sio_child_new(naru_sio_namespace *parent, naru_span name)
{
    naru_sio *io = parent->io;
    naru_sio_namespace *child = io->children < io->options.namespaces_max ? named_new(io, name, NARU__SIO_CHILD) : NULL;
    if (!child) {
        return NULL;
    }
    child->parent = parent;
    io->children++;
    if (io->on_new_namespace) {
        io->on_new_namespace(child, io->new_namespace_user);
    }
    return child;
}

naru_sio_namespace *naru__sio_namespace_find(const naru_sio *io, naru_span name)
{
    return naru__sio_map_get(&io->names, name);
}

/* ---- the application's way -------------------------------------------------------------------------------------- */

naru_sio_namespace *naru_sio_of(naru_sio *io, const char *name)
{
    naru_buf full;
    naru_buf_init(&full, io->allocator);
    if ((name[0] != '/' && naru_buf_append(&full, naru_span_of("/"))) || naru_buf_append(&full, naru_span_of(name))) {
        naru_buf_deinit(&full);
        return NULL;
    }
    naru_sio_namespace *nsp = naru__sio_map_get(&io->names, naru_buf_span(&full));
    if (!nsp) {
        nsp = named_new(io, naru_buf_span(&full), NARU__SIO_STATIC);
    } else if (nsp->kind == NARU__SIO_CHILD) {
        /* The application holds on to it from here on: it stays. */
        nsp->kind = NARU__SIO_STATIC;
        io->children--;
    }
    naru_buf_deinit(&full);
    return nsp;
}

static naru_sio_namespace *parent_new(naru_sio *io, naru_span pattern)
{
    naru_sio_namespace *parent = namespace_new(io, pattern, NARU__SIO_PARENT);
    naru_sio_namespace **last = &io->parents;
    while (*last) {
        last = &(*last)->next;
    }
    if (parent) {
        parent->link = last;
        *last = parent;
    }
    return parent;
}

naru_sio_namespace *naru_sio_of_pattern(naru_sio *io, const char *pattern)
{
    return parent_new(io, naru_span_of(pattern));
}

naru_sio_namespace *naru_sio_of_matching(naru_sio *io, naru_sio_predicate *predicate, void *user)
{
    naru_sio_namespace *parent = parent_new(io, (naru_span){0});
    if (parent) {
        parent->predicate = predicate;
        parent->predicate_user = user;
    }
    return parent;
}

naru_sio_namespace *naru_sio_of_deciding(naru_sio *io, naru_sio_decide *decide, void *user)
{
    naru_sio_namespace *parent = parent_new(io, (naru_span){0});
    if (parent) {
        parent->decide = decide;
        parent->predicate_user = user;
    }
    return parent;
}

naru_span naru_sio_namespace_name(const naru_sio_namespace *nsp)
{
    naru_span name = naru__sio_name(nsp);
    name.size = nsp->kind == NARU__SIO_PARENT ? 0 : name.size;
    return name;
}

naru_sio *naru_sio_namespace_server(const naru_sio_namespace *nsp)
{
    return nsp->io;
}

size_t naru_sio_namespace_sockets(const naru_sio_namespace *nsp)
{
    return nsp->sockets_count;
}

void naru_sio_on_new_namespace(naru_sio *io, void (*made)(naru_sio_namespace *nsp, void *user), void *user)
{
    io->on_new_namespace = made;
    io->new_namespace_user = user;
}
