/* The server's inside: what its files share about the whole. One connection's HTTP is in exchange.h. */
#ifndef NARU_SERVER_SERVER_H
#define NARU_SERVER_SERVER_H

#include "conn/conn.h"
#include "io/stream.h"
#include "server/date.h"
#include "base/sip.h"
#include "server/succession.h"
#include <naru/server.h>

typedef struct naru__exchange naru__exchange;
typedef struct naru__route naru__route;
typedef struct naru__route_node naru__route_node;
typedef struct naru__preface naru__preface;
typedef struct naru__guest naru__guest;
typedef struct naru__guest_address naru__guest_address;
typedef struct naru__network naru__network;
typedef struct naru__served naru__served;
typedef struct naru__deal naru__deal;
typedef struct naru__hand naru__hand;
typedef struct naru__budget_member naru__budget_member;

/* The addresses that peers come from; see guest.h. */
typedef struct naru__guests {
    naru__guest_address **buckets;          /* NULL: none was counted yet */
    naru__guest_address *oldest, *youngest; /* of those without connections */
    size_t idle;
} naru__guests;

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
    naru_tls *tls;                  /* NULL: plain */
    bool proxy;                     /* a PROXY header comes first */
    bool http2;                     /* it may begin with HTTP/2's preface */
    naru_succession *succession;    /* that hands it on; NULL: none */
    struct naru__listening **dealt; /* for whom it accepts; see deal.h; NULL: for its own server */
    uint32_t dealt_count;
} naru__listening;

/* A socket that is to become a connection. */
typedef struct naru__arrival {
    int fd;
    naru_tls *tls;               /* NULL: plain */
    naru__peer peer;             /* the socket's, or whom a proxy speaks for */
    bool told;                   /* a proxy told the peer */
    uint64_t until_ms;           /* the deadline of its first request */
    naru_span bytes;             /* that were read of it already; not with TLS, unless it comes in a parcel */
    naru__stream_parcel *parcel; /* from another loop; NULL: fd is a socket's */
    bool http2;                  /* it may begin with HTTP/2's preface */
    naru__stream *over;          /* a stream of HTTP/2 instead of fd; NULL: a socket */
} naru__arrival;

/* The Closes of a stop; see spread.c. */
typedef struct naru__spread {
    naru__loop_timer timer; /* without fire: not begun */
    naru_conn *next;        /* from here on nobody was told */
    uint64_t begin_ms, end_ms;
    size_t total, told;
    uint16_t code;
} naru__spread;

struct naru_server {
    naru_loop *loop;
    const naru_allocator *allocator;
    naru_server_options options; /* filled */
    char *name;                  /* options.server_name's copy */
    naru__listening *listenings;
    naru__hand *hand;            /* in a crew; NULL: alone */
    naru__budget_member *budget; /* NULL: none */
    naru__route_table routes;
    naru__conn_terms conn_terms; /* of its WebSockets, but for those of routes with terms of their own */
    naru__conn_counts conn_counts;
    naru_server_counts counts; /* without what conn_counts has */
    naru__guests guests;
    naru__network *trusted;
    size_t trusted_count;
    naru__preface *prefaces;   /* connections of which a PROXY header is still awaited */
    naru__served *served;      /* connections that speak HTTP/2; their streams are in the other lists */
    naru__exchange *exchanges; /* connections that speak HTTP */
    naru_conn *conns;          /* those that are WebSockets */
    size_t connections;        /* both kinds */
    bool full;                 /* the listeners are paused: connections_max */
    bool deal_full;            /* those that deal out are: every server has as many */
    bool held;                 /* all are: memory is spent */
    bool stopping;
    bool finishing; /* a stop that still serves who was accepted before it */
    bool freeing;
    naru__spread spread;
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

/* A socket that was accepted by way of this listening, on its server's thread. NULL: it is turned away. */
void naru__server_accept(naru_server *server, naru__listening *listening, int fd, const naru__peer *peer);
void naru__server_listen_pause(naru_server *server, bool pause); /* the listeners that deal out */
void naru__server_listen_hold(naru_server *server, bool hold);   /* all of them */

/* Begin a connection that naru__server_took has counted. errors NARU_ERR_TOO_BIG, NARU_ERR_MEMORY, NARU_ERR_SYSTEM:
 * logged; fd is still the caller's. */
NARU_MUST_USE naru_status naru__server_receive(naru_server *server, const naru__arrival *arrival);

/* Is nobody to be served any more? */
static inline bool naru__server_refuses(const naru_server *server)
{
    return server->stopping && !server->finishing;
}

/* spread.c: begin, or end earlier; one that was accepted meanwhile; one that is gone. */
void naru__spread_start(naru_server *server, uint32_t spread_ms, uint16_t code);
void naru__spread_late(naru_server *server, naru_conn *conn);
void naru__spread_gone(naru_server *server, const naru_conn *conn);
void naru__spread_end(naru_server *server);

/* The pieces of a stop. */
void naru__server_stop_init(naru_server *server);
void naru__server_stop_deinit(naru_server *server);
void naru__server_check_stopped(naru_server *server); /* perhaps that was the last connection */
void naru__server_end_all(naru_server *server);       /* at once */

void naru__server_listen_end(naru_server *server); /* close every listener */
/* The same, after having taken whoever waits for one of them. What belongs to them stays for those who came by them. */
void naru__server_listen_finish(naru_server *server);
void naru__server_adopt(naru_server *server, naru_conn *conn);
void naru__server_count_init(naru_server *server);

/* The Date field's value of this second. */
naru_span naru__server_date(naru_server *server);

#endif
