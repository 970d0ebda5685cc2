/* One connection to the server: TCP or TLS, and WebSocket's opening handshake on it. */
#ifndef NARU_BENCH_WIRE_H
#define NARU_BENCH_WIRE_H

#include <sys/types.h>

#include "load.h"

typedef struct ssl_st wire_ssl;

typedef struct wire {
    int fd;
    wire_ssl *ssl; /* NULL: plain */
} wire;

/* What the server took of permessage-deflate. */
typedef struct wire_deflate {
    bool on, client_no_context, server_no_context;
    int client_window_bits;
} wire_deflate;

/* Connect, shake hands, then never block. deflate_out: may be NULL. A refusal ends the process. */
void wire_open(wire *w, const load_settings *set, wire_deflate *deflate_out);
/* Start to connect without waiting for it. */
void wire_start(wire *w, const load_settings *set);
void wire_close(wire *w); /* by a reset, so that no port is left waiting */

/* Bytes moved, 0 at the peer's end, -1 where it would block; a failure ends the process. */
ssize_t wire_send(wire *w, const void *bytes, size_t size);
ssize_t wire_recv(wire *w, void *bytes, size_t size);
ssize_t wire_skip(wire *w, size_t size); /* receive and throw away, without copying; plain only */
/* After a receive of `got` bytes of `asked`: may more be there? */
bool wire_may_have_more(const wire *w, ssize_t got, size_t asked);

int wire_request(char *text, size_t size, const load_settings *set);

#endif
