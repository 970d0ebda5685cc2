/* Which path goes where. */
#ifndef NARU_SERVER_ROUTE_H
#define NARU_SERVER_ROUTE_H

#include "server/server.h"

/* What a path does. It lives as long as the server, also when another took its place: connections borrow its handler.
 */
struct naru__route {
    naru__route *next;
    size_t bytes; /* of this block */
    bool replaced;
    bool upgrades; /* for WebSocket; false: for plain requests */
    bool prefix;
    bool folder; /* "/app/" and a star is also found by "/app" */
    void (*on_request)(naru_request *request, void *user);
    void *user;
    naru_ws_route ws;
    naru_span path; /* without the star */
    naru_span text; /* files: the directory; memory: the content type; NUL-terminated */
    naru_span body; /* memory */
    char etag[20];  /* memory: quoted */
};

/* A route for `path` with a copy of `text`, found from now on instead of an older one of the same path and kind.
 * errors    NARU_ERR_ARGUMENT: not a path that naru_server_route_ws allows. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__route_add(naru_server *server, const char *path, const char *text, bool upgrades,
                                          naru__route **route_out);
/* The longest match, exact before prefix. NULL: none. */
const naru__route *naru__route_find(const naru_server *server, naru_span path, bool upgrades);
void naru__routes_free(naru_server *server);

#endif
