/* The server's inside: what its files share about the whole. One connection's HTTP is in exchange.h. */
#ifndef NARU_SERVER_SERVER_H
#define NARU_SERVER_SERVER_H

#include "conn/conn.h"
#include "io/stream.h"
#include "server/date.h"
#include "server/sip.h"
#include <naru/server.h>

typedef struct naru__exchange naru__exchange;
typedef struct naru__route naru__route;
typedef struct naru__route_node naru__route_node;

/* The routes and the tree of their patterns; see route_table.h. */
typedef struct naru__route_table {
    naru__route *all;
    naru__route *any[2]; /* of "*"; plain, WebSocket */
    naru__route_node *root, *nodes;
    naru__route_node **buckets;
    size_t buckets_count; /* a power of two, or 0 */
    size_t count;
    naru__sip_key key; /* drawn by the server */
} naru__route_table;

/* One address that is listened to. */
typedef struct naru__listening {
    struct naru__listening *next;
    naru_server *server;
    naru__listener *listener;
    naru_tls *tls; /* NULL: plain */
} naru__listening;

struct naru_server {
    naru_loop *loop;
    const naru_allocator *allocator;
    naru_server_options options; /* filled */
    char *name;                  /* options.server_name's copy */
    naru__listening *listenings;
    naru__route_table routes;
    naru__exchange *exchanges; /* connections that speak HTTP */
    naru_conn *conns;          /* those that are WebSockets */
    size_t connections;        /* both kinds */
    bool full;                 /* the listeners are paused: connections_max */
    bool stopping;
    bool freeing;
    uint64_t stop_at_ms;
    naru__loop_timer stop_timer;
    naru__deferred stopped;
    void (*on_stopped)(void *user);
    void *stopped_user;
    naru__date date;
};

/* One socket more, one less: pauses and resumes the listeners, and ends a stop. */
void naru__server_took(naru_server *server);
void naru__server_released(naru_server *server);

/* The pieces of a stop. */
void naru__server_stop_init(naru_server *server);
void naru__server_stop_deinit(naru_server *server);
void naru__server_check_stopped(naru_server *server); /* perhaps that was the last connection */
void naru__server_end_all(naru_server *server);       /* at once */

void naru__server_listen_end(naru_server *server); /* close every listener */
void naru__server_adopt(naru_server *server, naru_conn *conn);
extern const naru__conn_owner naru__server_conn_owner;

/* The Date field's value of this second. */
naru_span naru__server_date(naru_server *server);

#endif
