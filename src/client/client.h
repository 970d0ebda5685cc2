/* The client's inside: one struct for its whole life, one more for as long as it is being opened.
 *
 *  open.c --url.c, request.c--> route.c --[proxy_*.c]--[TLS]--> handshake.c --> established.c: a naru_conn
 *                                  ^-------- redirect.c ------------/
 *  whatever fails --> fail.c: on_error, on_close
 *
 * The application may free the client in any callback: `calling` counts the callbacks that are under way, and
 * the client goes when the outermost has returned and its connection is gone. */
#ifndef NARU_CLIENT_CLIENT_H
#define NARU_CLIENT_CLIENT_H

#include "client/proxy.h"
#include "conn/conn.h"
#include "http2/http2.h"
#include "io/names.h"
#include "io/stream.h"
#include <naru/client.h>

enum {
    NARU__CLIENT_BODY_BYTES_MAX = 4096, /* of a refusal's body */
    NARU__CLIENT_INTERIM_MAX = 16,      /* 1xx answers before the final one */
    NARU__CLIENT_ADDRESSES_MAX = 4,     /* of a name, asked of a SOCKS5 proxy */
    NARU__CLIENT_TEXT_BYTES = 320       /* of a failure's sentence */
};

/* The way to the server: dial, then TLS to the proxy and the proxy if there is one, then TLS if the URL says so. */
typedef struct naru__route {
    naru_buf address; /* instead of the URL's host */
    bool has_address;
    naru__proxies proxies;
    naru_tls *given_tls;       /* a reference; NULL: the default one is used */
    naru_tls *tls;             /* a reference; NULL: plain */
    naru_tls *given_proxy_tls; /* the same two of the way to the proxy */
    naru_tls *proxy_tls;
    uint16_t port;
    char host[NARU__HOST_BYTES_MAX];     /* who is meant, by the address or the URL */
    char tls_name[NARU__HOST_BYTES_MAX]; /* always the URL's */
    naru__proxy proxy;
    naru__lookup *lookup; /* of the host, for a proxy that is told addresses; NULL: none under way */
    naru__address addresses[NARU__CLIENT_ADDRESSES_MAX]; /* which it is told, one after the other */
    uint8_t addresses_count, addresses_told;
    naru__socks5 socks5;
    bool in_proxy; /* what happens is the proxy's doing */
} naru__route;

typedef struct naru__client_opening {
    naru_client *client;
    naru__route route;
    naru_buf request;
    naru_buf fields;      /* of every request */
    naru_buf credentials; /* of those to the first origin */
    uint32_t redirects;
    uint32_t redirects_max;
    bool allow_bad_ports;
    naru_ws_offer offer;
    naru_buf names;       /* the protocols' texts */
    naru_span *protocols; /* into names; what the offer borrows */
    size_t protocols_count;
    naru__deferred arm; /* starts the timer, by the clock of a turn and not of whenever the loop was made */
    naru__loop_timer timer;
    uint32_t timeout_ms;
    unsigned interim;
    bool http2;   /* to be offered */
    bool refused; /* an answer other than the one wanted is in, its body is being read */
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
    naru__conn_terms terms; /* the connection's; its options filled from the beginning */
    naru_url url;
    naru_http_head *head;          /* the answer */
    naru_span protocol;            /* into head */
    naru__client_opening *opening; /* NULL once it is open, or has failed and told so */
    naru__stream *stream;          /* until the connection takes it over */
    naru__http2 *http2;            /* that the stream is one of; NULL: HTTP/1.1 */
    naru_conn *conn;
    naru__deferred finish; /* tells of a failed opening */
    naru_buf marks;        /* see buffered.c */
    uint64_t marked_bytes;
    uint64_t unsent_bytes;
    uint8_t state; /* naru_ready_state; see naru_client_state for what the connection adds */
    uint8_t calling;
    bool was_open;
    bool multiplexed; /* over HTTP/2 */
    bool freed;
    bool aborted;
    bool paused;
};

/* ---- url.c -------------------------------------------------------------------------------------------------- */

/* The URL that a browser's constructor would make of text and base (NULL: none): absolute, ws or wss, no fragment.
 * errors    as naru_client_open; url is empty then. source WHATWG WebSockets 3.1, WHATWG URL 4.4 */
NARU_MUST_USE naru_status naru__client_url_parse(naru_url *url, const char *text, const char *base,
                                                 const naru_allocator *allocator, const char **reason_out);

/* The same for what naru_client_open is given, which may be ws+unix too: address is then told (unix_url.c). */
NARU_MUST_USE naru_status naru__client_unix_url_parse(naru_url *url, const char *text, naru_buf *address,
                                                      const naru_allocator *allocator, const char **reason_out);
bool naru__client_is_unix_url(const char *text);

/* ---- request.c ---------------------------------------------------------------------------------------------- */

/* Copy and check what every request is made of. errors as naru_client_open. */
NARU_MUST_USE naru_status naru__client_request_prepare(naru_client *client, const naru_client_options *options,
                                                       const char **reason_out);
/* Write the whole request for the client's URL into opening->request. errors NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__client_request_make(naru_client *client);

/* ---- route.c ------------------------------------------------------------------------------------------------ */

NARU_MUST_USE naru_status naru__route_init(naru__route *route, const naru_client_options *options,
                                           const naru_allocator *allocator);
void naru__route_deinit(naru__route *route);
void naru__route_stop(naru__route *route); /* ask no more names */
/* Set out for the client's URL. What fails later goes to naru__client_fail.
 * errors    NARU_ERR_ARGUMENT: an address or a proxy that is none, *reason_out says which; NARU_ERR_MEMORY. */
NARU_MUST_USE naru_status naru__client_set_out(naru_client *client, const char **reason_out);

/* ---- answer.c, refusal.c ------------------------------------------------------------------------------------ */

/* Read on to the end of a final head, past interim ones.
 * errors    NARU_OK: client->head is it. NARU_MORE. Anything else: the client has failed. */
NARU_MUST_USE naru_status naru__client_read_answer(naru_client *client, naru_input *in);
/* A fresh head for the next answer. errors NARU_ERR_MEMORY: the client has failed. */
NARU_MUST_USE naru_status naru__client_next_answer(naru_client *client);
/* The peer's answer breaks a rule; fault says which. */
void naru__client_fail_answer(naru_client *client, naru_status status, const naru_fault *fault);

/* The answer says no: read the first of its body, then fail the client with it. */
void naru__client_refusal_start(naru_client *client, naru_input *in);
void naru__client_refusal_data(naru_client *client, naru_input *in);
void naru__client_refused(naru_client *client); /* nothing more of the body comes */

/* ---- redirect.c --------------------------------------------------------------------------------------------- */

bool naru__client_is_redirect(const naru_client *client); /* one that is to be followed */
void naru__client_redirect(naru_client *client);          /* the client may be gone after it */

/* ---- trust.c ------------------------------------------------------------------------------------------------ */

/* A reference to the process's default context: the system's authorities, the URL's host. Any thread.
 * errors    as naru_tls_client_new. */
NARU_MUST_USE naru_status naru__client_default_tls(naru_tls **tls_out, char *reason, size_t reason_bytes);

/* ---- handshake.c -------------------------------------------------------------------------------------------- */

/* multiplex.c: the server chose HTTP/2. And: it knows no WebSockets over it, so ask it again without. */
void naru__client_multiplex(naru_client *client);
void naru__client_set_out_plainly(naru_client *client);

extern const naru__stream_handler naru__client_handshake;
void naru__client_send_request(naru_client *client); /* its on_ready */
/* The stream ended before an answer was whole: fail. */
void naru__client_stream_ended(naru_client *client, naru_status why);

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
