/* Which path goes where: a list that is walked for the longest match. What a route then does is its own business. */
#include "server/route.h"

#include "base/memory.h"
#include <string.h>

static bool path_valid(naru_span path)
{
    if (path.size == 0 || memchr(path.data, 0, path.size)) {
        return false;
    }
    if (path.size == 1 && path.data[0] == '*') {
        return true;
    }
    bool starred = path.data[path.size - 1] == '*';
    return path.data[0] == '/' && (!starred || path.data[path.size - 2] == '/');
}

static naru__route *route_new(naru_server *server, naru_span path, naru_span text)
{
    size_t bytes = sizeof(naru__route) + path.size + text.size + 1;
    naru__route *route = naru__alloc_zero(server->allocator, bytes);
    if (!route) {
        return NULL;
    }
    uint8_t *tail = (uint8_t *)(route + 1);
    memcpy(tail, path.data, path.size);
    if (text.size > 0) {
        memcpy(tail + path.size, text.data, text.size);
    }
    route->bytes = bytes;
    route->prefix = path.data[path.size - 1] == '*';
    route->path = (naru_span){tail, path.size - route->prefix};
    route->text = (naru_span){tail + path.size, text.size};
    return route;
}

naru_status naru__route_add(naru_server *server, const char *path, const char *text, bool upgrades,
                            naru__route **route_out)
{
    naru_span span = naru_span_of(path);
    if (!path_valid(span)) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = route_new(server, span, naru_span_of(text));
    if (!route) {
        return NARU_ERR_MEMORY;
    }
    for (naru__route *old = server->routes; old; old = old->next) {
        bool same =
            old->upgrades == upgrades && old->prefix == route->prefix && naru_span_equal(old->path, route->path);
        old->replaced = old->replaced || same;
    }
    route->upgrades = upgrades;
    route->next = server->routes;
    server->routes = route;
    *route_out = route;
    return NARU_OK;
}

static bool starts_with(naru_span text, naru_span start)
{
    return text.size >= start.size && (start.size == 0 || memcmp(text.data, start.data, start.size) == 0);
}

static bool matches(const naru__route *route, naru_span path)
{
    if (!route->prefix) {
        return naru_span_equal(route->path, path);
    }
    bool bare = route->folder && path.size + 1 == route->path.size && starts_with(route->path, path);
    return bare || starts_with(path, route->path);
}

const naru__route *naru__route_find(const naru_server *server, naru_span path, bool upgrades)
{
    const naru__route *best = NULL;
    for (const naru__route *route = server->routes; route; route = route->next) {
        if (route->replaced || route->upgrades != upgrades || !matches(route, path)) {
            continue;
        }
        if (!route->prefix) {
            return route;
        }
        if (!best || route->path.size > best->path.size) {
            best = route;
        }
    }
    return best;
}

void naru__routes_free(naru_server *server)
{
    while (server->routes) {
        naru__route *route = server->routes;
        server->routes = route->next;
        naru__free(server->allocator, route, route->bytes);
    }
}

naru_status naru_server_route_ws(naru_server *server, const char *path, const naru_ws_route *ws, void *user)
{
    if (!ws) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = NULL;
    naru_status status = naru__route_add(server, path, NULL, true, &route);
    if (status == NARU_OK) {
        route->ws = *ws;
        route->on_request = ws->on_request;
        route->user = user;
    }
    return status;
}

naru_status naru_server_route_http(naru_server *server, const char *path,
                                   void (*on_request)(naru_request *request, void *user), void *user)
{
    if (!on_request) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = NULL;
    naru_status status = naru__route_add(server, path, NULL, false, &route);
    if (status == NARU_OK) {
        route->on_request = on_request;
        route->user = user;
    }
    return status;
}
