/* An internet address in few bytes: who is at the other end, or whom a proxy says it speaks for. */
#ifndef NARU_IO_PEER_H
#define NARU_IO_PEER_H

#include "io/address.h"

typedef struct naru__peer {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2) */
    uint16_t port;  /* 0: not told */
    bool known;     /* false: a Unix socket, or nobody said */
} naru__peer;

naru__peer naru__peer_of(const naru__address *address);
/* Of a connected socket. */
naru__peer naru__peer_of_socket(int fd);
void naru__peer_address(const naru__peer *peer, naru__address *address_out);
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". false: nothing of the kind. */
bool naru__peer_read(naru_span text, naru__peer *peer_out);
bool naru__peer_is_ipv4(const naru__peer *peer);
bool naru__peer_is_loopback(const naru__peer *peer);

#endif
