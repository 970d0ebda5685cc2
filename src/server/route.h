/* Which path goes where. */
#ifndef NARU_SERVER_ROUTE_H
#define NARU_SERVER_ROUTE_H

#include "server/server.h"

/* What a path does. It lives as long as the server, also when another took its place: connections borrow its handler.
 */
struct naru__route {
    naru__route *next;   /* of all that were ever added */
    naru__route *beside; /* of the same pattern and kind: those for certain subprotocols, in their order, then the one
                            for all */
    size_t bytes;        /* of this block */
    bool upgrades;       /* for WebSocket; false: for plain requests */
    bool prefix;
    bool folder; /* "/app/" and a star is also found by "/app" */
    void (*on_request)(naru_request *request, void *user);
    void *user;
    naru_ws_route ws;
    uint64_t body_bytes_max; /* 0: the server's */
    /* Asked before the body is read; it may answer, or set an on_cancel that also tells of a body broken off. NULL: not
     * asked. */
    void (*on_head)(naru_request *request, void *user);
    const naru__conn_terms *conn; /* of its WebSockets; borrowed for the server's life. NULL: the server's */
    bool own_origin;              /* on_request looks at Origin itself */
    naru_span path;               /* without the star */
    naru_span text;               /* files: the directory; memory: the content type; NUL-terminated */
    naru_span body;               /* memory */
    char etag[20];                /* memory: quoted */
};

/* A route for `path` with a copy of `text`, found from now on instead of an older one of the same path and kind.
 * ws NULL: for plain requests.
 * errors    NARU_ERR_ARGUMENT: not a path that naru_server_route_ws allows. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__route_add(naru_server *server, const char *path, const char *text,
                                          const naru_ws_route *ws, naru__route **route_out);

/* What is looked for. */
typedef struct naru__route_question {
    naru_span path;
    bool upgrades;
    const naru_http_head *head; /* for the subprotocols it asks for; NULL: whichever */
} naru__route_question;

/* The first match in the order that <naru/server.h> tells. NULL: none. */
const naru__route *naru__route_find(const naru_server *server, const naru__route_question *question);
void naru__routes_free(naru_server *server);

/* ---- patterns, for this room's route files ------------------------------------------------------------------- */

/* Cut the next segment off the front of `rest`, which begins with a slash. false: nothing is left. */
bool naru__path_segment(naru_span *rest, naru_span *segment_out);
/* Is it a pattern that naru_server_route_ws allows? */
bool naru__route_pattern_valid(naru_span path);
/* The parameter's name of a segment "{name}". false: it is literal. */
bool naru__route_parameter(naru_span segment, naru_span *name_out);

#endif
