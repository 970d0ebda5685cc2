/* What the files of http2/ share. A connection has lanes: HTTP/2 streams, each of which is somebody's naru__stream.
 *
 * nghttp2 must not be called from its own callbacks but to submit things. So `busy` says that one is under way, and
 * what a lane has to do waits in the list of those that were touched, which naru__http2_settle goes through. */
#ifndef NARU_HTTP2_INSIDE_H
#define NARU_HTTP2_INSIDE_H

#include <nghttp2/nghttp2.h>

#include "http2/http2.h"
#include "io/stream_over.h"
#include <naru/http.h>
#include <naru/ws.h>

enum {
    NARU__HTTP2_OUT_HIGH_BYTES = 256 << 10, /* in the connection's queue, before nghttp2 is asked for more */
    NARU__HTTP2_OUT_LOW_BYTES = 64 << 10,
    NARU__HTTP2_WINDOW_BYTES = 256 << 10, /* of a stream */
    NARU__HTTP2_CONNECTION_WINDOW_BYTES = 1 << 20,
    NARU__HTTP2_HELD_BYTES_MAX = 4 << 20, /* of paused streams, for which the connection's window is given back */
    NARU__HTTP2_CONTINUATIONS_MAX = 8,
    NARU__HTTP2_LINGER_MS = 2000,
    NARU__HTTP2_LINGER_BYTES_MAX = 1 << 20,
    NARU__HTTP2_FIELDS_MAX = 100,
    NARU__HTTP2_ACCEPT_BYTES = 32
};

typedef enum naru__http2_phase {
    NARU__HTTP2_OPEN = 0,
    NARU__HTTP2_LEAVING, /* GOAWAY: it ends with its last lane */
    NARU__HTTP2_FAILED,  /* GOAWAY with an error: it ends once that is out */
    NARU__HTTP2_LINGER,  /* our side is shut: what comes is dropped until the peer's end */
    NARU__HTTP2_GONE
} naru__http2_phase;

/* What a lane's owner writes. */
typedef enum naru__lane_out {
    NARU__LANE_OUT_HEAD = 0,
    NARU__LANE_OUT_BODY,
    NARU__LANE_OUT_TUNNEL,
    NARU__LANE_OUT_ENDED /* END_STREAM is sent, or stands in line */
} naru__lane_out;

/* What the peer sends. */
typedef enum naru__lane_in {
    NARU__LANE_IN_HEAD = 0,
    NARU__LANE_IN_PLAIN, /* bytes as they are */
    NARU__LANE_IN_CHUNKS,
    NARU__LANE_IN_ENDED
} naru__lane_in;

typedef struct naru__http2_lane {
    naru__http2 *http2;   /* NULL: gone */
    naru__stream *stream; /* NULL: its owner has let go */
    struct naru__http2_lane *next, **link;
    struct naru__http2_lane *touched_next;
    naru_http_head *head; /* being written by the owner; NULL: through */
    naru_http_body body;  /* the same */
    size_t held_bytes;    /* of DATA, that wait for the end of a pause */
    size_t owed_bytes;    /* of these, what the connection's window was not given back for */
    uint32_t error;       /* of RST_STREAM, or NO_ERROR */
    int32_t id;           /* 0: none yet */
    uint8_t out, in;
    bool touched;
    bool closed; /* for nghttp2 it is over */
    bool gone;   /* freed at the end of the turn */
    bool websocket;
    bool no_body;                          /* the request was a HEAD */
    bool sent;                             /* our END_STREAM is */
    bool told;                             /* the peer's end was */
    bool keyed;                            /* a server's: the peer sent a key, and wants its Accept */
    bool end_due;                          /* the peer has ended its side: to be told once what was written is taken */
    bool last;                             /* the owner let go in order: END_STREAM, and no reset */
    bool turned_down;                      /* its owner's answer is not sent */
    char accept[NARU__HTTP2_ACCEPT_BYTES]; /* a client's: the Sec-WebSocket-Accept that its key wants */
} naru__http2_lane;

/* A bucket of tokens as one number: when it will be full again. */
typedef struct naru__http2_meter {
    uint64_t full_us;
} naru__http2_meter;
/* false: that is too often. */
bool naru__http2_meter_take(naru__http2_meter *meter, uint64_t now_ms, uint32_t per_second, uint32_t burst);

/* nghttp2's blocks. After one could not be had its session is not to be deleted but dropped: not everything in it is
 * then in order. */
typedef struct naru__http2_memory {
    const naru_allocator *allocator;
    nghttp2_mem calls;
    struct naru__http2_block *blocks;
    bool failed;
} naru__http2_memory;

/* A block of fields on its way in: one at a time for each connection (9113 4.3). */
enum { NARU__PSEUDO_METHOD, NARU__PSEUDO_AUTHORITY, NARU__PSEUDO_PATH, NARU__PSEUDO_PROTOCOL, NARU__PSEUDO_STATUS };
enum { NARU__PSEUDO_COUNT = 5 };
typedef struct naru__http2_intake {
    naru_buf pseudo[NARU__PSEUDO_COUNT];
    naru_buf fields; /* as HTTP/1.1 writes them */
    naru_buf cookie, host;
    naru_status status; /* of what was taken so far */
    int32_t id;         /* whose; 0: none is on its way */
    uint64_t since_ms;
    bool has_length, has_key;
} naru__http2_intake;

struct naru__http2 {
    naru__stream *beneath;
    nghttp2_session *session;
    naru_loop *loop;
    const naru_allocator *allocator;
    naru__http2_memory memory;
    const naru__http2_calls *calls;
    void *user;
    naru__http2_options options;
    naru__http2_lane *lanes;
    size_t lanes_count;
    naru__http2_lane *touched;
    naru__http2_intake intake;
    naru__loop_timer timer;
    naru__deferred work;
    naru__http2_meter resets, oddities;
    size_t held_bytes;
    size_t drained_bytes;
    size_t ends_due; /* lanes with end_due */
    uint64_t idle_since_ms;
    uint32_t continuations;
    const char *complaint; /* what the peer overdoes; NULL: nothing */
    naru_status failed;    /* of ours: NARU_ERR_MEMORY */
    uint8_t phase;
    bool server;
    bool busy;
    bool settled; /* the peer's first SETTINGS have come */
    bool draining;
};

/* ---- connection.c -------------------------------------------------------------------------------------------- */

/* Go through what was touched, send what there is, and see whether that was the end. From the loop only; the connection
 * may be gone after it. */
void naru__http2_settle(naru__http2 *http2);
void naru__http2_settle_later(naru__http2 *http2); /* anywhere */
/* A lane more, a lane less. */
void naru__http2_add(naru__http2 *http2, naru__http2_lane *lane);
void naru__http2_remove(naru__http2_lane *lane);

/* ---- callbacks.c --------------------------------------------------------------------------------------------- */

NARU_MUST_USE bool naru__http2_make_session(naru__http2 *http2);

/* ---- lane.c -------------------------------------------------------------------------------------------------- */

/* errors NULL: no memory. */
naru__http2_lane *naru__lane_new(naru__http2 *http2, int32_t id);
void naru__lane_touch(naru__http2_lane *lane);
/* Do what it was touched for. It may be gone after it. */
void naru__lane_work(naru__http2_lane *lane);
/* The peer's head as text; its DATA; its END_STREAM. */
void naru__lane_receive_head(naru__http2_lane *lane, naru_span text);
void naru__lane_receive(naru__http2_lane *lane, naru_span data);
void naru__lane_ended(naru__http2_lane *lane);
void naru__lane_tell_end(naru__http2_lane *lane); /* that is due */
void naru__lane_reset(naru__http2_lane *lane, uint32_t error);
/* The connection goes: tell the owner. */
void naru__lane_fail(naru__http2_lane *lane, naru_status why, int system_error, const char *text);
/* nghttp2's question for DATA. */
ssize_t naru__lane_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t bytes, uint32_t *flags,
                        nghttp2_data_source *source, void *user);

/* ---- head_in.c ----------------------------------------------------------------------------------------------- */

void naru__intake_init(naru__http2 *http2);
void naru__intake_begin(naru__http2 *http2, int32_t id);
void naru__intake_forget(naru__http2 *http2);
void naru__intake_take(naru__http2 *http2, naru_span name, naru_span value);
/* The block is complete: what the lane's owner reads of it. ended: nothing follows. *text_out is empty on failure.
 * errors    NARU_ERR_PROTOCOL: it is malformed. NARU_ERR_UNSUPPORTED: a protocol that is not websocket.
 *           NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__intake_request(naru__http2_lane *lane, bool ended, naru_buf *text_out);
NARU_MUST_USE naru_status naru__intake_response(naru__http2_lane *lane, naru_buf *text_out);

/* ---- head_out.c ---------------------------------------------------------------------------------------------- */

/* The head that the lane's owner wrote is complete: send it. errors NARU_ERR_PROTOCOL: it is none that can be sent.
 * NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__lane_send_response(naru__http2_lane *lane);
NARU_MUST_USE naru_status naru__lane_send_request(naru__http2_lane *lane);

/* ---- memory.c ------------------------------------------------------------------------------------------------ */

void naru__http2_memory_init(naru__http2_memory *memory, const naru_allocator *allocator);
void naru__http2_memory_drop(naru__http2_memory *memory); /* all blocks */

#endif
