/* The tree of the routes' patterns, and the one table that finds a node's literal child. Not for: the order in which
 * children are tried (route.c). */
#include "server/route_table.h"

#include "base/memory.h"

enum { BUCKETS_MIN = 16 };

static naru__route_node *node_new(naru_server *server, const naru__route_node *parent)
{
    naru__route_node *node = naru__alloc_zero(server->allocator, sizeof *node);
    if (node) {
        node->parent = parent;
        node->older = server->routes.nodes;
        server->routes.nodes = node;
    }
    return node;
}

naru__route_node *naru__route_table_root(naru_server *server)
{
    if (!server->routes.root) {
        server->routes.root = node_new(server, NULL);
    }
    return server->routes.root;
}

naru__route_node *naru__route_table_parameter(naru_server *server, naru__route_node *parent)
{
    if (!parent->parameter) {
        parent->parameter = node_new(server, parent);
    }
    return parent->parameter;
}

/* Parents differ in their addresses; what they add may be known, since the hash of the segment is keyed. */
static uint64_t hash_of(const naru__route_table *table, const naru__route_node *parent, naru_span segment)
{
    return naru__sip(&table->key, segment) ^ (uint64_t)(uintptr_t)parent * 0x9e3779b97f4a7c15u;
}

static naru__route_node **bucket_of(const naru__route_table *table, uint64_t hash)
{
    return &table->buckets[(hash ^ hash >> 32) & (table->buckets_count - 1)];
}

static naru__route_node *find(const naru__route_table *table, const naru__route_node *parent, naru_span segment,
                              uint64_t hash)
{
    naru__route_node *node = table->buckets_count > 0 ? *bucket_of(table, hash) : NULL;
    while (node && (node->hash != hash || node->parent != parent || !naru_span_equal(node->segment, segment))) {
        node = node->next;
    }
    return node;
}

const naru__route_node *naru__route_table_find(const naru__route_table *table, const naru__route_node *parent,
                                               naru_span segment)
{
    return find(table, parent, segment, hash_of(table, parent, segment));
}

/* Without memory for a larger table the old one goes on, with longer chains. */
static bool make_room(naru_server *server)
{
    naru__route_table *table = &server->routes;
    naru__route_table grown = *table;
    if (table->count < table->buckets_count) {
        return true;
    }
    grown.buckets_count = table->buckets_count > 0 ? table->buckets_count * 2 : (size_t)BUCKETS_MIN;
    grown.buckets = naru__alloc_zero(server->allocator, grown.buckets_count * sizeof(naru__route_node *));
    if (!grown.buckets) {
        return table->buckets_count > 0;
    }
    for (size_t i = 0; i < table->buckets_count; i++) {
        for (naru__route_node *node = table->buckets[i], *next = NULL; node; node = next) {
            naru__route_node **bucket = bucket_of(&grown, node->hash);
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    naru__free(server->allocator, table->buckets, table->buckets_count * sizeof(naru__route_node *));
    *table = grown;
    return true;
}

naru__route_node *naru__route_table_add(naru_server *server, naru__route_node *parent, naru_span segment)
{
    naru__route_table *table = &server->routes;
    uint64_t hash = hash_of(table, parent, segment);
    naru__route_node *node = find(table, parent, segment, hash);
    if (node || !make_room(server)) {
        return node;
    }
    node = node_new(server, parent);
    if (node) {
        naru__route_node **bucket = bucket_of(table, hash);
        node->segment = segment;
        node->hash = hash;
        node->next = *bucket;
        *bucket = node;
        table->count++;
    }
    return node;
}

void naru__routes_free(naru_server *server)
{
    naru__route_table *table = &server->routes;
    naru__free(server->allocator, table->buckets, table->buckets_count * sizeof(naru__route_node *));
    while (table->nodes) {
        naru__route_node *node = table->nodes;
        table->nodes = node->older;
        naru__free(server->allocator, node, sizeof *node);
    }
    while (table->all) {
        naru__route *route = table->all;
        table->all = route->next;
        naru__free(server->allocator, route, route->bytes);
    }
}
