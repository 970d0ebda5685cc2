/* See hooks.h. A list that is walked is never moved together: what is taken off leaves a hole until the last walk
 * ends. */
#include "hooks.h"

#include "base/memory.h"
#include <string.h>

enum { FIRST_CAPACITY = 2 };

void naru__sio_hooks_init(naru__sio_hooks *hooks, const naru_allocator *allocator, const naru__sip_key *sip)
{
    *hooks = (naru__sio_hooks){.allocator = allocator};
    naru__sio_map_init(&hooks->events, allocator, sip);
}

static void list_deinit(naru__sio_hooks *hooks, naru__sio_hook_list *list)
{
    naru__free(hooks->allocator, list->hooks, list->capacity * sizeof *list->hooks);
}

void naru__sio_hooks_deinit(naru__sio_hooks *hooks)
{
    for (int kind = 0; kind < NARU__SIO_HOOK_KINDS; kind++) {
        list_deinit(hooks, &hooks->lists[kind]);
    }
    for (size_t i = 0; i < hooks->events.capacity; i++) {
        naru__sio_named_hooks *named = hooks->events.entries[i].value;
        if (named) {
            list_deinit(hooks, &named->list);
            naru__free(hooks->allocator, named, sizeof *named + named->name_bytes);
        }
    }
    naru__sio_map_deinit(&hooks->events);
}

static naru_status list_reserve(naru__sio_hooks *hooks, naru__sio_hook_list *list)
{
    if (list->count < list->capacity) {
        return NARU_OK;
    }
    uint32_t capacity = list->capacity ? list->capacity * 2 : FIRST_CAPACITY;
    void *moved = hooks->allocator->resize(hooks->allocator->user, list->hooks, list->capacity * sizeof *list->hooks,
                                           capacity * sizeof *list->hooks);
    if (!moved) {
        return NARU_ERR_MEMORY;
    }
    list->hooks = moved;
    list->capacity = capacity;
    return NARU_OK;
}

static naru_status list_add(naru__sio_hooks *hooks, naru__sio_hook_list *list, naru__sio_hook hook, bool front)
{
    if (list_reserve(hooks, list)) {
        return NARU_ERR_MEMORY;
    }
    if (front) {
        memmove(&list->hooks[1], &list->hooks[0], list->count * sizeof hook);
    }
    list->hooks[front ? 0 : list->count] = hook;
    list->count++;
    return NARU_OK;
}

static void close_holes(naru__sio_hook_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->hooks[i].fn) {
            list->hooks[kept++] = list->hooks[i];
        }
    }
    list->count = kept;
    list->holes = false;
}

static void list_remove(naru__sio_hook_list *list, naru__sio_hook_fn *fn)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!fn || list->hooks[i].fn == fn) {
            list->hooks[i].fn = NULL;
            list->holes = true;
        }
    }
    if (list->walks == 0 && list->holes) {
        close_holes(list);
    }
}

naru_status naru__sio_hooks_add(naru__sio_hooks *hooks, naru__sio_hook_kind kind, naru__sio_hook_fn *fn, void *user,
                                bool front)
{
    naru__sio_hook_list *list = &hooks->lists[kind];
    /* A walk counts places: one put in front waits behind, like those that come by the ordinary way. */
    return list_add(hooks, list, (naru__sio_hook){.fn = fn, .user = user}, front && list->walks == 0);
}

static naru__sio_named_hooks *named_new(naru__sio_hooks *hooks, naru_span event)
{
    naru__sio_named_hooks *named = naru__alloc_zero(hooks->allocator, sizeof *named + event.size);
    if (!named) {
        return NULL;
    }
    named->name_bytes = event.size;
    if (event.size > 0) {
        memcpy(named->name, event.data, event.size);
    }
    if (naru__sio_map_put(&hooks->events, (naru_span){named->name, event.size}, named)) {
        naru__free(hooks->allocator, named, sizeof *named + event.size);
        return NULL;
    }
    return named;
}

naru_status naru__sio_hooks_add_event(naru__sio_hooks *hooks, naru_span event, naru__sio_hook_fn *fn, void *user,
                                      bool once)
{
    naru__sio_named_hooks *named = naru__sio_map_get(&hooks->events, event);
    if (!named && (named = named_new(hooks, event)) == NULL) {
        return NARU_ERR_MEMORY;
    }
    return list_add(hooks, &named->list, (naru__sio_hook){.fn = fn, .user = user, .once = once}, false);
}

void naru__sio_hooks_remove(naru__sio_hooks *hooks, naru__sio_hook_kind kind, naru__sio_hook_fn *fn)
{
    list_remove(&hooks->lists[kind], fn);
}

void naru__sio_hooks_remove_event(naru__sio_hooks *hooks, naru_span event, naru__sio_hook_fn *fn)
{
    naru__sio_hook_list *list = naru__sio_hooks_event(hooks, event);
    if (list) {
        list_remove(list, fn);
    }
}

static bool has_name(const naru__sio_named_hooks *named, naru_span event)
{
    return named->name_bytes == event.size && (event.size == 0 || memcmp(named->name, event.data, event.size) == 0);
}

naru__sio_hook_list *naru__sio_hooks_event(naru__sio_hooks *hooks, naru_span event)
{
    if (!hooks->recent || !has_name(hooks->recent, event)) {
        naru__sio_named_hooks *named = naru__sio_map_get(&hooks->events, event);
        if (!named) {
            return NULL;
        }
        hooks->recent = named;
    }
    return &hooks->recent->list;
}

/* ---- walks ----------------------------------------------------------------------------------------------------- */

naru__sio_hook_walk naru__sio_walk_begin(naru__sio_hook_list *list)
{
    if (list) {
        list->walks++;
    }
    return (naru__sio_hook_walk){.list = list, .end = list ? list->count : 0};
}

bool naru__sio_walk_next(naru__sio_hook_walk *walk, naru__sio_hook *hook_out)
{
    while (walk->at < walk->end) {
        naru__sio_hook *hook = &walk->list->hooks[walk->at++];
        if (!hook->fn) {
            continue;
        }
        *hook_out = *hook;
        if (hook->once) {
            hook->fn = NULL;
            walk->list->holes = true;
        }
        return true;
    }
    return false;
}

void naru__sio_walk_end(naru__sio_hook_walk *walk)
{
    if (walk->list && --walk->list->walks == 0 && walk->list->holes) {
        close_holes(walk->list);
    }
}
