/* One raw connection to the server under test: bytes and frames exactly as they are asked for, right or wrong. */
#ifndef NARU_APP_PROBE_PEER_H
#define NARU_APP_PROBE_PEER_H

#include <naru/ws.h>

#include "options.h"

/* Where to, and how patiently. */
typedef struct probe_target {
    naru_url url;
    char host[256]; /* to resolve: without brackets */
    char port[8];
    char authority[300]; /* for Host */
    const option_list *headers;
    uint32_t timeout_ms;
    uint64_t message_bytes_max; /* the largest that is tried */
    bool echoes;                /* it sends messages back, as was seen before the checks */
    struct ssl_ctx_st *secure;  /* NULL: ws */
    bool insecure;
    char secure_failure[200]; /* of the last handshake of TLS that failed, else empty */
} probe_target;

typedef struct probe_peer {
    probe_target *target;
    int fd;
    struct ssl_st *secure; /* NULL: plain */
    bool notified;         /* the server has sent close_notify */
    bool ended;            /* the server has closed its side, or reset */
    bool broken;           /* nothing more can be sent */
    naru_buf in;
    naru_http_head *head;
    char key[25];
} probe_peer;

typedef enum probe_event {
    PROBE_FRAME = 0,
    PROBE_ENDED,  /* end of stream, or a reset */
    PROBE_SILENCE /* nothing in time */
} probe_event;

typedef struct probe_frame {
    uint8_t first; /* FIN, RSV, opcode */
    bool masked;
    naru_span data; /* until the next call on the peer */
} probe_frame;

enum {
    FRAME_FIN = 0x80,
    FRAME_RSV1 = 0x40,
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

/* A connection, with TLS if the target has it. false: none; the peer is to be closed all the same. */
bool probe_peer_dial(probe_peer *peer, probe_target *target);
bool probe_peer_dial_tcp(probe_peer *peer, probe_target *target);
/* When the server's time is over that begins now. */
uint64_t probe_peer_deadline(const probe_peer *peer);
/* Wait for poll's events. Answers those that are there; 0: none until the deadline. */
short probe_peer_wait(const probe_peer *peer, short events, uint64_t deadline_ms);
void probe_peer_close(probe_peer *peer);
/* Send while taking in what comes. false: the server takes no more. */
bool probe_peer_send(probe_peer *peer, naru_span bytes);
/* Append a frame with a mask, which is not random and need not be. Answers false when there is no memory. */
bool probe_frame_write(naru_buf *out, uint8_t first, naru_span data);
bool probe_peer_send_frame(probe_peer *peer, uint8_t first, naru_span data);
/* The request of a good handshake, which a check may change before it is sent: the line and fields without the empty
 * line. fields: more of them, each with its CRLF. */
bool probe_request_write(probe_peer *peer, naru_buf *out, const char *fields);
/* Read the answer's head: its status, 0 when none came. */
int probe_peer_answer(probe_peer *peer);
/* A whole good handshake: its status. */
int probe_peer_open(probe_peer *peer, probe_target *target, const char *fields);
/* The next frame. A frame that is larger than 128 MiB counts as the end. */
probe_event probe_peer_read(probe_peer *peer, probe_frame *frame_out);

#endif
