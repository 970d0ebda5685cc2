/* The tree of the routes' patterns. */
#ifndef NARU_SERVER_ROUTE_TABLE_H
#define NARU_SERVER_ROUTE_TABLE_H

#include "server/route.h"

/* What the segments up to here lead to. In each pair: plain requests, upgrades. */
struct naru__route_node {
    naru__route_node *next; /* of the same bucket */
    naru__route_node *older;
    const naru__route_node *parent;
    naru__route_node *parameter; /* the child that any segment leads to */
    naru__route *here[2];        /* the path ends here */
    naru__route *below[2];       /* a star stands behind it */
    naru_span segment;           /* borrowed from a route */
    uint64_t hash;
};

/* Each answers a child that may be new. NULL: no memory. */
naru__route_node *naru__route_table_root(naru_server *server);
naru__route_node *naru__route_table_parameter(naru_server *server, naru__route_node *parent);
naru__route_node *naru__route_table_add(naru_server *server, naru__route_node *parent, naru_span segment);

const naru__route_node *naru__route_table_find(const naru__route_table *table, const naru__route_node *parent,
                                               naru_span segment);

#endif
