/* Who a connection counts for: the address it comes from, or that a trusted proxy names, and what that address may
 * still do. */
#ifndef NARU_SERVER_GUEST_H
#define NARU_SERVER_GUEST_H

#include "io/peer.h"
#include "server/server.h"

/* One address: of IPv6 its first 64 bits, which one customer has all to itself. */
typedef struct naru__guest_address {
    struct naru__guest_address *next;            /* of the same bucket */
    struct naru__guest_address *older, *younger; /* of those without connections */
    uint8_t ip[16];
    uint32_t connections;
    uint64_t handshakes; /* see naru__pace_take */
} naru__guest_address;

/* How fast one connection's messages may come. */
typedef struct naru__meter {
    naru__loop_timer timer; /* the end of a pause */
    naru_conn *conn;
    uint64_t messages, bytes; /* see naru__pace_take */
    bool told;                /* the log */
} naru__meter;

/* What a connection holds of it. The peer is what its stream tells. */
typedef struct naru__guest {
    naru__peer peer;
    naru__guest_address *address; /* NULL: not counted */
    naru__meter *meter;           /* NULL: its messages are not limited */
} naru__guest;

/* errors NULL: no memory. */
naru__guest *naru__guest_new(naru_server *server, const naru__peer *peer);
void naru__guest_free(naru_server *server, naru__guest *guest); /* NULL is fine */
/* Count the connection for its address, once. It is counted also on NARU_FULL: the address has as many as it may, and
 * this one is to be told so. errors NARU_ERR_TOO_BIG: it has twice as many; not counted. NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__guest_enter(naru_server *server, naru__guest *guest);
/* Spend one handshake. Answers 0, or in how many milliseconds there is one again. */
uint64_t naru__guest_handshake(naru_server *server, naru__guest *guest);
void naru__guests_free(naru_server *server);

/* Are the limits of addresses meant for this one? */
bool naru__guest_is_limited(const naru_server *server, const naru__peer *peer);

/* ---- meter.c ---- */

NARU_MUST_USE naru_status naru__meter_add(naru_server *server, naru__guest *guest); /* errors NARU_ERR_MEMORY */
void naru__meter_free(naru_server *server, naru__meter *meter);                     /* NULL is fine */
void naru__meter_received(naru_conn *conn, size_t bytes, bool whole);               /* naru__conn_owner.on_received */

/* ---- trusted proxies ------------------------------------------------------------------------------------------ */

/* A network of addresses. bits 0 with local: Unix sockets. */
typedef struct naru__network {
    uint8_t ip[16];
    uint8_t bits;
    bool local;
} naru__network;

/* "10.0.0.0/8", "::1", "unix". false: none of these, or bits set behind the prefix. */
bool naru__network_read(const char *text, naru__network *network_out);
bool naru__trusts(const naru_server *server, const naru__peer *peer); /* not known: a Unix socket */
/* Whom a trusted proxy speaks for, by the X-Forwarded-For fields: the last hop that is no trusted proxy
 * itself. Not known: nobody is named. */
naru__peer naru__forwarded_for(const naru_server *server, const naru_http_head *head);
/* Does it say that it was asked by TLS? */
bool naru__forwarded_tls(const naru_http_head *head);

/* ---- pace ----------------------------------------------------------------------------------------------------- */

/* A token bucket as one number: the time, in microseconds, at which it will be full again.
 *
 * shapes    burst: units that may be taken at once; debt: take them also when they are not there.
 * Answers 0, or after how many milliseconds the bucket would have had them (with debt: is no longer in debt). */
uint64_t naru__pace_take(uint64_t *full_us, uint64_t now_ms, uint64_t units, uint64_t per_second, uint64_t burst,
                         bool debt);

#endif
