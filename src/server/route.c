/* Which path goes where: a tree with a node for each segment of a pattern. A node's literal children are found in one
 * table for the whole tree; a request visits a node at most once, and none that its own path does not lead to.
 *
 * Not for: what a pattern may look like (route_pattern.c), what a route then does. */
#include "server/route.h"

#include "base/memory.h"
#include "server/route_table.h"
#include <string.h>

/* ---- adding -------------------------------------------------------------------------------------------------- */

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

static bool same_protocols(const naru__route *a, const naru__route *b)
{
    const char *const *x = a->ws.protocols, *const *y = b->ws.protocols;
    if (a->ws.protocols_required != b->ws.protocols_required || !a->ws.protocols_required) {
        return a->ws.protocols_required == b->ws.protocols_required;
    }
    for (; *x && *y && strcmp(*x, *y) == 0; x++, y++) {
    }
    return !*x && !*y;
}

/* In the place of the one it replaces; else behind those for certain subprotocols, before the one for all. */
static void put(naru__route **link, naru__route *route)
{
    for (naru__route **at = link; *at; at = &(*at)->beside) {
        if (same_protocols(*at, route)) {
            route->beside = (*at)->beside;
            *at = route;
            return;
        }
    }
    while (*link && (*link)->ws.protocols_required) {
        link = &(*link)->beside;
    }
    route->beside = *link;
    *link = route;
}

/* Where the route belongs. NULL: no memory. */
static naru__route **place(naru_server *server, const naru__route *route)
{
    naru__route_table *table = &server->routes;
    naru__route_node *node = naru__route_table_root(server);
    naru_span rest = route->path, segment, name;
    if (node && rest.size == 0) {
        return &table->any[route->upgrades];
    }
    if (route->prefix && rest.size > 0) {
        rest.size--;
    }
    while (node && naru__path_segment(&rest, &segment)) {
        bool parameter = naru__route_parameter(segment, &name);
        node = parameter ? naru__route_table_parameter(server, node) : naru__route_table_add(server, node, segment);
    }
    if (!node) {
        return NULL;
    }
    return route->prefix ? &node->below[route->upgrades] : &node->here[route->upgrades];
}

naru_status naru__route_add(naru_server *server, const char *path, const char *text, const naru_ws_route *ws,
                            naru__route **route_out)
{
    naru_span span = naru_span_of(path);
    if (!naru__route_pattern_valid(span)) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = route_new(server, span, naru_span_of(text));
    if (!route) {
        return NARU_ERR_MEMORY;
    }
    route->upgrades = ws != NULL;
    if (ws) {
        route->ws = *ws;
    }
    /* From here on it belongs to the server, since nodes that were made for it point into its path. */
    route->next = server->routes.all;
    server->routes.all = route;
    naru__route **link = place(server, route);
    if (!link) {
        return NARU_ERR_MEMORY;
    }
    put(link, route);
    *route_out = route;
    return NARU_OK;
}

/* ---- finding ------------------------------------------------------------------------------------------------- */

static bool asks_for(const naru_http_head *head, naru_span protocol)
{
    for (size_t i = 0; i < naru_http_head_count(head); i++) {
        naru_http_field field = naru_http_head_at(head, i);
        naru_span rest = field.value, member;
        if (!naru_span_equal_nocase(field.name, naru_span_of("Sec-WebSocket-Protocol"))) {
            continue;
        }
        while (naru_http_list_next(&rest, &member)) {
            if (naru_span_equal(member, protocol)) {
                return true;
            }
        }
    }
    return false;
}

static bool takes(const naru__route *route, const naru_http_head *head)
{
    if (!route->ws.protocols_required || !head) {
        return true;
    }
    for (const char *const *at = route->ws.protocols; *at; at++) {
        if (asks_for(head, naru_span_of(*at))) {
            return true;
        }
    }
    return false;
}

static const naru__route *pick(const naru__route *route, const naru__route_question *question)
{
    while (route && !takes(route, question->head)) {
        route = route->beside;
    }
    return route;
}

/* As deep as the longest pattern. The tree has one way to each node, so that none is tried twice. */
static const naru__route *descend(const naru_server *server, const naru__route_node *node, naru_span rest,
                                  const naru__route_question *question)
{
    naru_span segment;
    const naru__route *route = NULL;
    const naru__route *below = node->below[question->upgrades];
    if (!naru__path_segment(&rest, &segment)) {
        route = pick(node->here[question->upgrades], question);
        return route || !below || !below->folder ? route : below;
    }
    const naru__route_node *child = naru__route_table_find(&server->routes, node, segment);
    if (child) {
        route = descend(server, child, rest, question);
    }
    if (!route && node->parameter && segment.size > 0) {
        route = descend(server, node->parameter, rest, question);
    }
    return route ? route : pick(below, question);
}

const naru__route *naru__route_find(const naru_server *server, const naru__route_question *question)
{
    const naru__route_node *root = server->routes.root;
    const naru__route *route = root ? descend(server, root, question->path, question) : NULL;
    return route ? route : pick(server->routes.any[question->upgrades], question);
}

/* ---- the application's face ---------------------------------------------------------------------------------- */

naru_status naru_server_route_ws(naru_server *server, const char *path, const naru_ws_route *ws, void *user)
{
    if (!ws || (ws->protocols_required && (!ws->protocols || !ws->protocols[0]))) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = NULL;
    naru_status status = naru__route_add(server, path, NULL, ws, &route);
    if (status == NARU_OK) {
        route->on_request = ws->on_request;
        route->user = user;
    }
    return status;
}

naru_status naru_server_route_http_with(naru_server *server, const char *path, const naru_http_route *http, void *user)
{
    if (!http || !http->on_request) {
        return NARU_ERR_ARGUMENT;
    }
    naru__route *route = NULL;
    naru_status status = naru__route_add(server, path, NULL, NULL, &route);
    if (status == NARU_OK) {
        route->on_request = http->on_request;
        route->body_bytes_max = http->body_bytes_max;
        route->user = user;
    }
    return status;
}

naru_status naru_server_route_http(naru_server *server, const char *path,
                                   void (*on_request)(naru_request *request, void *user), void *user)
{
    naru_http_route route = {.on_request = on_request};
    return naru_server_route_http_with(server, path, &route, user);
}
