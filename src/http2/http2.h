/* One HTTP/2 connection for the rooms that know HTTP/1.1: each of its streams is a naru__stream on which a request and
 * its answer, or a WebSocket behind its 101, are read and written as ever.
 *
 * Not for: routes and answers (server/), URLs (client/). Source: RFC 9113, RFC 8441. */
#ifndef NARU_HTTP2_HTTP2_H
#define NARU_HTTP2_HTTP2_H

#include "io/stream.h"

typedef struct naru__http2 naru__http2;

typedef struct naru__http2_calls {
    /* A server's peer asks for something: give the stream an owner and a handler; its request's bytes follow. false: it
     * is refused. NULL: a client. */
    bool (*on_stream)(naru__http2 *http2, naru__stream *stream);
    /* The connection is gone, and all of its streams. The last thing that is heard of it. */
    void (*on_gone)(naru__http2 *http2);
} naru__http2_calls;

/* No default is filled in. */
typedef struct naru__http2_options {
    uint32_t streams_max;     /* of the peer, at a time */
    uint32_t head_bytes_max;  /* told to the peer; a head of four times as much is not kept */
    uint32_t head_timeout_ms; /* for the connection's beginning, and for each head */
    uint32_t idle_timeout_ms; /* without any stream; NARU_NEVER */
} naru__http2_options;

/* What a client sends first (9113 3.4). */
extern const char naru__http2_preface[];
enum { NARU__HTTP2_PREFACE_BYTES = 24 };

/* Speak HTTP/2 on a stream that is ready, whose handler and owner become ours. calls are borrowed.
 * errors    NULL: no memory; the stream is as it was. */
naru__http2 *naru__http2_serve(naru__stream *beneath, const naru__http2_options *options,
                               const naru__http2_calls *calls, void *user);
naru__http2 *naru__http2_join(naru__stream *beneath, const naru__http2_options *options, const naru__http2_calls *calls,
                              void *user);
/* A client's stream for one WebSocket: the owner sets handler and owner, waits for on_ready, writes the request of an
 * upgrade (RFC 6455 4.1), and reads a 101 or another answer. on_end with NARU_ERR_UNSUPPORTED: the server knows no
 * WebSockets over HTTP/2. The connection goes with its last stream.
 * errors    NULL: no memory. */
naru__stream *naru__http2_open(naru__http2 *http2);

void *naru__http2_user(const naru__http2 *http2);
naru__stream *naru__http2_beneath(const naru__http2 *http2);
/* Bytes that its stream's former owner had read already. From the loop; it may be gone when this returns. */
void naru__http2_receive(naru__http2 *http2, naru_span bytes);
/* Begin nothing more (GOAWAY), and end when the last stream has. Anywhere. */
void naru__http2_leave(naru__http2 *http2);
/* The end, here and now, or behind the callback that this is called in. on_gone comes. */
void naru__http2_destroy(naru__http2 *http2);
/* The same, and nothing is heard of it any more. NULL is fine. */
void naru__http2_abandon(naru__http2 *http2);

#endif
