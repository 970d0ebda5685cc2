/* The client's inside: one struct for its whole life, one more for as long as it is being opened.
 *
 *  open.c --request.c, url.c--> stream --handshake.c--> established.c: a naru_conn and the application's events
 *                                  \-- whatever fails --> fail.c: on_error, on_close
 *
 * The application may free the client in any callback: `calling` counts the callbacks that are under way, and
 * the client goes when the outermost has returned and its connection is gone. */
#ifndef NARU_CLIENT_CLIENT_H
#define NARU_CLIENT_CLIENT_H

#include "conn/conn.h"
#include "io/stream.h"
#include <naru/client.h>

enum {
    NARU__CLIENT_BODY_BYTES_MAX = 4096, /* of a refusal's body */
    NARU__CLIENT_INTERIM_MAX = 16,      /* 1xx answers before the final one */
    NARU__CLIENT_TEXT_BYTES = 320       /* of a failure's sentence */
};

typedef struct naru__client_opening {
    naru_client *client;
    naru_tls *tls; /* a reference; NULL: plain */
    naru_buf request;
    naru_ws_offer offer;
    naru_buf names;       /* the protocols' texts */
    naru_span *protocols; /* into names; what the offer borrows */
    size_t protocols_count;
    naru__deferred arm; /* starts the timer, by the clock of a turn and not of whenever the loop was made */
    naru__loop_timer timer;
    uint32_t timeout_ms;
    unsigned interim;
    bool refused; /* an answer other than 101 is in, its body is being read */
    bool failed;
    naru_http_body framing;
    naru_buf body;
    naru_client_failure failure;
    char text[NARU__CLIENT_TEXT_BYTES];
} naru__client_opening;

struct naru_client {
    naru_loop *loop;
    naru_client_handler handler;
    void *user;
    naru_conn_options options; /* filled; the connection borrows it */
    naru_url url;
    naru_http_head *head;          /* the answer */
    naru_span protocol;            /* into head */
    naru__client_opening *opening; /* NULL once it is open, or has failed and told so */
    naru__stream *stream;          /* until the connection takes it over */
    naru_conn *conn;
    naru__deferred finish; /* tells of a failed opening */
    naru_buf marks;        /* see buffered.c */
    uint64_t marked_bytes;
    uint64_t unsent_bytes;
    uint8_t state; /* naru_ready_state; see naru_client_state for what the connection adds */
    uint8_t calling;
    bool was_open;
    bool freed;
    bool aborted;
    bool paused;
};

/* ---- url.c -------------------------------------------------------------------------------------------------- */

/* The URL that a browser's constructor would make of text and base (NULL: none): absolute, ws or wss, no fragment.
 * errors    as naru_client_open; url is empty then. source WHATWG WebSockets 3.1, WHATWG URL 4.4 */
NARU_MUST_USE naru_status naru__client_url_parse(naru_url *url, const char *text, const char *base,
                                                 const naru_allocator *allocator, const char **reason_out);

/* ---- request.c ---------------------------------------------------------------------------------------------- */

/* Write the whole request into opening->request. errors as naru_client_open. */
NARU_MUST_USE naru_status naru__client_request_make(naru_client *client, const naru_client_options *options,
                                                    const char **reason_out);

/* ---- trust.c ------------------------------------------------------------------------------------------------ */

/* A reference to the process's default context: the system's authorities, the URL's host. Any thread.
 * errors    as naru_tls_client_new. */
NARU_MUST_USE naru_status naru__client_default_tls(naru_tls **tls_out, char *reason, size_t reason_bytes);

/* ---- handshake.c -------------------------------------------------------------------------------------------- */

extern const naru__stream_handler naru__client_handshake;

/* ---- established.c ------------------------------------------------------------------------------------------ */

/* The server's 101 is good: make the connection and hand it the bytes behind the head. The client may be gone
 * after it. */
void naru__client_establish(naru_client *client, naru_span protocol, const naru_ws_deflate *deflate, naru_input rest);

/* ---- buffered.c --------------------------------------------------------------------------------------------- */

/* Around a send of payload_bytes: make room for a mark; then, if it was queued, set it. */
NARU_MUST_USE naru_status naru__client_mark_reserve(naru_client *client);
void naru__client_mark(naru_client *client, uint64_t queued_before, uint64_t payload_bytes);
/* Where the connection's queue ends in its stream; what was queued since lies behind it. */
uint64_t naru__client_queue_end(const naru_client *client);
/* The connection is going: what it has not sent stays unsent. clean: the closing handshake went both ways. */
void naru__client_marks_settle(naru_client *client, bool clean);

/* ---- fail.c, client.c --------------------------------------------------------------------------------------- */

/* How far the opening has come. */
naru_client_phase naru__client_get_phase(const naru_client *client);
/* The opening failed: let go of the stream; on_error and on_close follow at the end of the turn. Only the
 * first call counts.
 * failure   phase, status, system_error, http_status and fault count; the sentence is made of format. */
void naru__client_fail(naru_client *client, const naru_client_failure *failure, const char *format, ...)
    NARU_PRINTF(3, 4);
/* Ends an opening that has failed. */
void naru__client_finish(naru__deferred *deferred);

void naru__client_opening_free(naru_client *client);
void naru__client_stop(naru_client *client); /* stream, timer and what is deferred */
/* Around every callback of the application. After leave the client may be gone, unless it has a connection. */
void naru__client_enter(naru_client *client);
void naru__client_leave(naru_client *client);

#endif
