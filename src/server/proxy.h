/* The PROXY protocol, by which a proxy says first of all for whom it connects. Source: haproxy's proxy-protocol.txt,
 * versions 1 and 2. */
#ifndef NARU_SERVER_PROXY_H
#define NARU_SERVER_PROXY_H

#include "io/peer.h"
#include "server/server.h"

enum {
    NARU__PROXY_BYTES_MAX = 4096, /* of a whole header, with what follows its addresses */
    NARU__PROXY_LOOKED_AT = 52    /* of version 2: signature, lengths, and the longest pair that is of use */
};

/* How much of the header there is. */
typedef struct naru__proxy_need {
    size_t bytes; /* that certainly still belong to it; 0: up to the end of the line */
    size_t skip;  /* behind them, of no use */
} naru__proxy_need;

/* What has to be read behind `have`, so that never a byte too many is.
 * errors    NARU_MORE: need_out. NARU_OK: complete. NARU_ERR_PROTOCOL: not a header. */
NARU_MUST_USE naru_status naru__proxy_read(naru_span have, naru__proxy_need *need_out);
/* Whom a complete header names. Not known: LOCAL, UNKNOWN, or a family that says nothing here.
 * errors    NARU_ERR_PROTOCOL */
NARU_MUST_USE naru_status naru__proxy_peer(naru_span head, naru__peer *peer_out);

/* An accepted socket from which a header has to come before anything else, TLS included. It takes fd over.
 * errors    NARU_ERR_MEMORY: fd is still the caller's. */
NARU_MUST_USE naru_status naru__preface_open(naru__listening *listening, const naru__arrival *arrival);
void naru__prefaces_end(naru_server *server);

#endif
