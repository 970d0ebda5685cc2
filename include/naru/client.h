/* <naru/client.h>: a WebSocket client with the shape and the exact rules of the WHATWG WebSocket, and what browsers
 * leave out: fields of one's own, TLS options, pings, back-pressure, and the reason why a connection failed.
 *
 * Source: WHATWG WebSockets 3 and 4, RFC 6455 4.1. */
#ifndef NARU_CLIENT_H
#define NARU_CLIENT_H

#include <naru/conn.h>
#include <naru/http.h>
#include <naru/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_client naru_client;

typedef enum naru_ready_state {
    NARU_CONNECTING = 0,
    NARU_OPEN = 1,
    NARU_CLOSING = 2,
    NARU_CLOSED = 3
} naru_ready_state;

/* How far a connection came before it failed. With a proxy, name and connect are the proxy's, and TLS may be: what
 * naru_client_failure.proxy says. */
typedef enum naru_client_phase {
    NARU_PHASE_URL = 0,
    NARU_PHASE_NAME,    /* resolving the host */
    NARU_PHASE_CONNECT, /* TCP */
    NARU_PHASE_PROXY,   /* the proxy, asked to reach the server */
    NARU_PHASE_TLS,
    NARU_PHASE_HANDSHAKE, /* the HTTP exchange */
    NARU_PHASE_OPEN
} naru_client_phase;

/* Why it failed, for people and for programs.
 * shapes    system_error: errno of the last attempt, 0 none. text: one sentence with the detail (the address, the
 *           certificate's fault, the rule that was broken). http_status, head, body: of an answer other than 101;
 *           body is its first 4 KiB at most; head NULL when none came. proxy: name, address, TLS and answer are the
 *           proxy's and not the server's. redirects: how many had been followed; naru_client_url tells where it was
 *           then.
 * lifetime  until the callback returns. */
typedef struct naru_client_failure {
    naru_client_phase phase;
    naru_status status;
    int system_error;
    int http_status;
    const char *text;
    const naru_http_head *head;
    naru_span body;
    naru_fault fault;
    bool proxy;
    uint32_t redirects;
} naru_client_failure;

/* A redirect that is about to be followed.
 * shapes    http_status: 301, 302, 303, 307 or 308. from, to: URLs, ws or wss; to has no user name and no password.
 *           number: 1 for the first. drops_credentials: to is another origin, so that authorization and cookies, the
 *           URL's and the options', are not sent there, nor to any URL behind it.
 * lifetime  until the callback returns. */
typedef struct naru_client_hop {
    int http_status;
    uint32_t number;
    naru_span from;
    naru_span to;
    bool drops_credentials;
} naru_client_hop;

/* The events of the WHATWG interface, in its order: open, messages, then error only if it failed, then close,
 * exactly once. None runs inside a call on the client. The client may be freed in any of them. Any may be NULL. */
typedef struct naru_client_handler {
    void (*on_open)(naru_client *client, void *user);
    void (*on_message)(naru_client *client, naru_ws_kind kind, naru_span data, void *user);
    void (*on_part)(naru_client *client, const naru_ws_event *part, void *user); /* NARU_WS_CHUNKS, NARU_WS_FRAMES */
    void (*on_ping)(naru_client *client, naru_span data, void *user);
    void (*on_pong)(naru_client *client, naru_span data, int32_t rtt_ms, void *user);
    void (*on_drain)(naru_client *client, void *user);
    void (*on_error)(naru_client *client, const naru_client_failure *failure, void *user);
    void (*on_close)(naru_client *client, const naru_close_info *info, void *user);
    /* Before each redirect is followed, if redirects_max allows any. false: do not, which fails the connection
     * (NARU_ERR_REFUSED). NULL: follow. */
    bool (*on_redirect)(naru_client *client, const naru_client_hop *hop, void *user);
    /* Looks on at every frame, as naru_conn_handler.on_frame, with its rules. */
    void (*on_frame)(naru_client *client, const naru_ws_frame *frame, void *user);
} naru_client_handler;

/* 0 and NULL mean the default that is named. Everything is copied or referenced before naru_client_open returns. */
typedef struct naru_client_options {
    naru_conn_options conn;       /* conn.ws.message_bytes_max is 64 MiB here, queue_bytes_max unlimited with
                                        NARU_QUEUE_REFUSE, as browsers buffer without bound */
    const char *base_url;         /* what a relative URL is resolved against; none: relative URLs fail */
    const char *const *protocols; /* offered, in this order */
    size_t protocols_count;
    const naru_http_field *fields; /* added to the request; not those that naru writes itself */
    size_t fields_count;
    const char *origin;            /* the Origin field; none */
    const char *address;           /* connect there instead of the URL's host: "unix:PATH" or "HOST:PORT" */
    naru_tls *tls;                 /* for wss; NULL: check against the system's authorities */
    uint32_t handshake_timeout_ms; /* names, TCP, proxy, TLS, HTTP, redirects together; 30000; NARU_NEVER */
    bool allow_bad_ports;          /* do not refuse the ports that browsers refuse */

    /* Credentials, for the URL's origin only (scheme, host and port). */
    const char *user;               /* Basic authorization (RFC 7617), before what the URL has; without `:`; none */
    const char *password;           /* of user; empty */
    const naru_http_field *cookies; /* name and value of each, sent as one Cookie field in this order */
    size_t cookies_count;

    /* The way there. A unix socket is never reached through a proxy. */

    /* http://[USER:PASSWORD@]HOST[:PORT], which is asked to CONNECT, for ws too (port 80); https://, the same by TLS to
     * the proxy itself (port 443), inside which a wss server's TLS runs; socks5h://, where the proxy resolves the
     * names, or socks5://, where we do and tell it up to 4 addresses in turn (port 1080). A scheme may be left out:
     * http. Others are refused. "": none, whatever the environment says. */
    const char *proxy;
    naru_tls *proxy_tls; /* for an https proxy; NULL: check against the system's authorities. tls is not asked there */
    /* Hosts reached without one, separated by commas or blanks: "example.com" with its subdomains (a leading dot
     * changes nothing), addresses, CIDR blocks, each with `:PORT` or for any port; "*": all. */
    const char *no_proxy;
    /* Without proxy: what http_proxy (for ws), https_proxy or HTTPS_PROXY (for wss), else all_proxy or ALL_PROXY name;
     * and, without no_proxy, no_proxy or NO_PROXY. Read during naru_client_open. */
    bool proxy_environment;
    /* Offer HTTP/2 for wss by ALPN, and open the WebSocket by extended CONNECT if the server chooses and allows it;
     * else over HTTP/1.1 as without, if need be by a second connection. Each client has a connection of its own.
     * source RFC 8441 */
    bool http2;
    uint32_t redirects_max; /* how many 301, 302, 303, 307 and 308 are followed; 0: none, each is a failure */
} naru_client_options;

/* new WebSocket(url, protocols): checks its arguments, then connects in the background.
 *
 * shapes    url: ws, wss, http or https; no fragment. A user name and password in it become Basic authorization.
 *           ws+unix:SOCKET:/PATH?QUERY is ws://localhost/PATH?QUERY over the unix socket SOCKET, an absolute path; a
 *           colon in it is written %3A.
 *           options NULL: the defaults. handler is copied.
 * errors    NARU_ERR_ARGUMENT, where the interface throws SyntaxError: bad URL, other scheme, a fragment, a protocol
 *           that is no token or is there twice (without case), an option that cannot be sent, a proxy that is none;
 *           reason_out (may be NULL) says which, static.
 *           NARU_ERR_MEMORY. A refused port or anything later is no error of this call but an on_error and
 *           on_close. */
NARU_API NARU_MUST_USE naru_status naru_client_open(naru_loop *loop, const char *url,
                                                    const naru_client_options *options,
                                                    const naru_client_handler *handler, void *user,
                                                    naru_client **client_out, const char **reason_out);
/* Aborts if it is not closed yet; no callback comes any more. NULL is fine; in any callback of its own too. */
NARU_API void naru_client_free(naru_client *client);

/* send(data). errors NARU_ERR_STATE: still connecting (InvalidStateError). NARU_END: closing or closed: nothing was
 * sent, and buffered bytes grow all the same, as the interface says. NARU_FULL, NARU_ERR_UTF8, NARU_ERR_TOO_BIG,
 * NARU_ERR_MEMORY as naru_conn_send. shapes flags as naru_ws_send. */
NARU_API naru_status naru_client_send(naru_client *client, naru_ws_kind kind, naru_span data, unsigned flags);
/* send() of a message that is made once for many; statuses as naru_client_send. */
NARU_API naru_status naru_client_send_prepared(naru_client *client, naru_prepared *prepared);
/* Messages of any size in bounded memory, as naru_conn_send_source and naru_conn_send_file, whose on_done gets the
 * client's inner connection, not to be kept. What is not queued yet is not counted as buffered.
 * errors    NARU_END: closing or closed, nothing is sent and on_done is not called; else as there. */
NARU_API naru_status naru_client_send_source(naru_client *client, naru_ws_kind kind, uint64_t bytes,
                                             const naru_source *source, void *user, unsigned flags);
NARU_API void naru_client_source_ready(naru_client *client);
NARU_API naru_status naru_client_send_file(naru_client *client, naru_ws_kind kind, int fd, int64_t offset,
                                           uint64_t bytes,
                                           void (*on_done)(naru_conn *conn, naru_status status, void *user),
                                           void *user);
NARU_API naru_status naru_client_send_part(naru_client *client, naru_ws_kind kind, naru_span data, bool last,
                                           unsigned flags);
/* A pong of one's own is for conn.ws.manual_pong. errors NARU_ERR_STATE: not open. NARU_ERR_ARGUMENT: more than 125
 * bytes. NARU_ERR_MEMORY. */
NARU_API naru_status naru_client_ping(naru_client *client, naru_span data);
NARU_API naru_status naru_client_pong(naru_client *client, naru_span data);
/* close(code, reason). shapes code: 1000, 3000 to 4999; 0: no code and no reason (the peer sees 1005). reason:
 * UTF-8, at most 123 bytes. errors NARU_ERR_ARGUMENT: the code (InvalidAccessError) or a longer reason
 * (SyntaxError), also when closed already; NARU_ERR_UTF8: the reason. While connecting: fails the connection. */
NARU_API naru_status naru_client_close(naru_client *client, uint16_t code, naru_span reason);
NARU_API void naru_client_abort(naru_client *client); /* end it now; on_error and on_close follow */
NARU_API void naru_client_pause(naru_client *client);
NARU_API void naru_client_resume(naru_client *client);

NARU_API naru_ready_state naru_client_state(const naru_client *client);
/* bufferedAmount: payload bytes queued and not yet given to the network, without framing; it is never reset. With
 * NARU_QUEUE_DROP_OLDEST it counts what was dropped until the queue is empty. */
NARU_API uint64_t naru_client_buffered_bytes(const naru_client *client);
NARU_API naru_span naru_client_url(const naru_client *client);        /* serialised, with ws or wss */
NARU_API bool naru_client_is_http2(const naru_client *client);        /* since open: is it over HTTP/2? */
NARU_API naru_span naru_client_protocol(const naru_client *client);   /* empty before open or when none was chosen */
NARU_API naru_span naru_client_extensions(const naru_client *client); /* as the server answered */
NARU_API const naru_http_head *naru_client_response(const naru_client *client); /* the 101; NULL before open */

#ifdef __cplusplus
}
#endif
#endif
