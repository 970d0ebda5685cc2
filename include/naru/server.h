/* <naru/server.h>: listen, accept, route: WebSocket endpoints beside plain HTTP answers and static files.
 *
 * A server lives on one loop. For more threads, make one server a loop, each listening with reuse_port.
 * Source: RFC 6455 4.2, RFC 9110, RFC 9112. */
#ifndef NARU_SERVER_H
#define NARU_SERVER_H

#include <naru/budget.h>
#include <naru/conn.h>
#include <naru/http.h>
#include <naru/succession.h>
#include <naru/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_server naru_server;
typedef struct naru_bad_request naru_bad_request;

/* Which pages may connect. A request without Origin comes from a program, not a page, and is let through: add your own
 * check of credentials. source RFC 6455 10.2 */
typedef enum naru_origin_policy {
    NARU_ORIGIN_SAME_HOST = 0, /* Origin's host and port are those of Host, any of http and https; others get 403 */
    NARU_ORIGIN_LIST,          /* one of origins, compared whole without case: "https://example.com" */
    NARU_ORIGIN_ANY
} naru_origin_policy;

/* What happens to a connection whose messages come faster than they may. */
typedef enum naru_rate_policy {
    NARU_RATE_PAUSE = 0, /* it is not read until it has waited long enough (TCP pushes back) */
    NARU_RATE_CLOSE      /* it is closed with 1008 */
} naru_rate_policy;

/* 0 and NULL mean the default that is named. */
typedef struct naru_server_options {
    naru_conn_options conn;
    naru_http_limits http;
    naru_origin_policy origin_policy;
    const char *const *origins; /* for NARU_ORIGIN_LIST; borrowed */
    size_t origins_count;
    /* of a plain request's body; 1 MiB; passed: 413, after which the connection lives on if no more than 64 KiB had to
     * be read in vain */
    uint64_t body_bytes_max;
    /* from accept to the request's answer, TLS included, not moved by bytes; 10000; 408 */
    uint32_t handshake_timeout_ms;
    uint32_t idle_timeout_ms; /* a kept-alive HTTP connection between two requests; 30000 */
    uint32_t connections_max; /* all kinds; 10000; more wait in the kernel's queue */
    const char *server_name;  /* the Server field; NULL: none is sent */

    /* Proxies whose word counts: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "unix"; at most 1024; copied. From them,
     * X-Forwarded-For names the peer (its last hop that is no trusted proxy itself) and X-Forwarded-Proto says whether
     * it came by TLS; from others both are ignored. */
    const char *const *trusted_proxies;
    size_t trusted_proxies_count;

    /* What one address may do: of IPv6 one /64, behind a trusted proxy the client's. Trusted proxies and Unix sockets
     * are not limited by their own, nor is loopback. A proxy that trusted_proxies does not name is one address like any
     * other. UINT32_MAX: no limit. */
    uint32_t address_connections_max;       /* 256; passed: 429 with Retry-After; twice as many: closed unheard */
    uint32_t address_handshakes_per_second; /* of WebSockets; 50, twice as many at once; passed: 429 with Retry-After */
    bool address_limits_loopback;           /* loopback too: where something on this machine forwards for others */
    /* What one WebSocket may send in a second, and at once after a rest; 0: no limit. */
    uint32_t messages_per_second;
    uint64_t message_bytes_per_second; /* payload, inflated */
    naru_rate_policy rate_policy;

    /* Be asked about each request that the library itself refuses with 4xx or 5xx, before it is answered: a handshake
     * that breaks a rule, a head that is none, a path that nothing is at, a limit, a deadline. See naru_bad_request.
     * It must not free the server. NULL: nobody is asked */
    void (*on_bad_request)(naru_bad_request *bad, void *user);
    void *on_bad_request_user;

    naru_budget *budget; /* of memory, shared with others: see <naru/budget.h>. A reference is taken; NULL: none */
    /* Of one HTTP/2 connection at a time; 100; more are refused (REFUSED_STREAM). Each counts like a connection, for
     * connections_max and for its address. */
    uint32_t http2_streams_max;
} naru_server_options;

/* options NULL: the defaults. errors NARU_ERR_ARGUMENT: an option out of range. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_server_new(naru_loop *loop, const naru_server_options *options,
                                                   naru_server **server_out);
/* Ends every connection at once (on_close with 1006), then frees. NULL is fine. Not from a callback of its
 * connections. */
NARU_API void naru_server_free(naru_server *server);

typedef struct naru_listen_options {
    naru_tls *tls;   /* NULL: plain. A reference is taken */
    bool reuse_port; /* SO_REUSEPORT: several loops, one port */
    int backlog;     /* 0: 4096 */
    /* Each connection begins with a PROXY header, version 1 or 2 (before TLS), and its peer is whom that names; without
     * a header, or with a bad one, it is closed. With trusted_proxies only those may connect; without, whoever can
     * reach the address can claim to be anybody. */
    bool proxy_protocol;
    /* Take the predecessor's socket of this very address, if it has one that is not taken yet, and hand it on to a
     * successor; a reference is taken. Of a socket that is taken backlog and reuse_port are its own. NULL:
     * none */
    naru_succession *succession;
    /* Without TLS: take HTTP/2 from whoever begins with its preface (prior knowledge), as proxies can, and HTTP/1.1
     * from everybody else. With TLS, naru_tls_server_options.http2 decides, and not this. source RFC 9113 3.3 */
    bool http2;
} naru_listen_options;

/* Accept connections at an address. A server may have several.
 *
 * shapes    address: "HOST:PORT" with a numeric IPv4, a bracketed IPv6 or "localhost", port 0 for any free one;
 *           ":PORT" for all addresses; "unix:PATH" (an existing socket file that nobody listens on is replaced;
 *           removed at the end); "fd:N" for a socket that listens already, which is taken over; "systemd:" for the
 *           first one that systemd handed over and nobody has taken yet, "systemd:NAME" for the first of that
 *           FileDescriptorName (backlog and reuse_port are then its own). options NULL: plain. bound_out (may be NULL,
 *           128 bytes): the address with the real port.
 * errors    NARU_ERR_ARGUMENT: not an address. NARU_ERR_STATE: it is stopping. NARU_ERR_SYSTEM: the log says why.
 *           NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_server_listen(naru_server *server, const char *address,
                                                      const naru_listen_options *options, char *bound_out);

/* Take over a connected socket that somebody else has accepted, and perhaps read from.
 *
 * shapes    fd: a stream socket; it becomes non-blocking and close-on-exec. bytes: what was read from it, from its
 *           first byte on, at most 64 KiB, copied; empty with TLS. options NULL: plain; of them only tls and http2
 *           count.
 * errors    NARU_ERR_ARGUMENT: not a connected stream socket, or too many bytes. NARU_ERR_STATE: it is stopping, or has
 *           connections_max. NARU_ERR_TOO_BIG: too many of this address. NARU_ERR_SYSTEM, NARU_ERR_MEMORY. On any of
 *           them fd is still the caller's. */
NARU_API NARU_MUST_USE naru_status naru_server_adopt(naru_server *server, int fd, naru_span bytes,
                                                     const naru_listen_options *options);

/* ---- requests ----------------------------------------------------------------------------------------------- */

/* A request that waits for its answer. Exactly one of accept, reject, respond and respond_file answers it, in the
 * callback or later; bytes that the peer sends meanwhile wait, within limits. A request that is not answered within
 * handshake_timeout_ms gets 503, and the handle is gone: on_cancel tells. */
typedef struct naru_request naru_request;

NARU_API const naru_http_head *naru_request_head(const naru_request *request);
NARU_API naru_span naru_request_path(const naru_request *request); /* decoded, without dot segments: what routes
compare */
NARU_API naru_span naru_request_body(const naru_request *request); /* complete; empty for an upgrade */
NARU_API bool naru_request_is_upgrade(const naru_request *request);
NARU_API bool naru_request_is_tls(const naru_request *request); /* or a trusted proxy says that it was asked so */
/* Did it come over HTTP/2? Its head is told as HTTP/1.1 would have brought it; source RFC 8441, RFC 9113. */
NARU_API bool naru_request_is_http2(const naru_request *request);
NARU_API void naru_request_peer(const naru_request *request, char *out, size_t out_bytes); /* as naru_conn_peer */
/* The subject of the client's certificate (naru_tls_server_options.client_ca_file), verified, as RFC 4514 writes it:
 * "CN=ann,O=Example"; cut to fit, with its NUL. false: it has shown none; out is empty. */
NARU_API bool naru_request_client_subject(const naru_request *request, char *out, size_t out_bytes);
/* What a parameter of the route's path stands for: one decoded segment, never empty; "*": what the star stands for.
 * lifetime  of the request. errors false: the route has no such parameter, value_out is unchanged. */
NARU_API bool naru_request_param(const naru_request *request, const char *name, naru_span *value_out);
/* The index-th subprotocol that was asked for. false: there are not so many. */
NARU_API bool naru_request_protocol(const naru_request *request, size_t index, naru_span *protocol_out);
/* Be told if the request goes away before it is answered (the peer left, time is up). The handle is gone after it. A
 * peer that only ended its own side may still read the answer to a plain request: that is no leaving. */
NARU_API void naru_request_on_cancel(naru_request *request, void (*on_cancel)(void *user), void *user);

/* How long the answer may take from now on, instead of what is left of handshake_timeout_ms: for long polling. Then
 * 503, as before. NARU_NEVER: as long as the peer stays; one that vanishes without a word stays for ever, so prefer a
 * number. A peer that ends its own side meanwhile is most likely gone, and gets handshake_timeout_ms from then. May
 * be called again. errors NARU_ERR_STATE: answered. */
NARU_API naru_status naru_request_set_timeout(naru_request *request, uint32_t timeout_ms);

/* Add a field to the answer, whichever it becomes. errors NARU_ERR_ARGUMENT: a bad name or value, or a field that naru
 * itself writes (Content-Length, Content-Type, Transfer-Encoding, Connection, Keep-Alive, Upgrade, Sec-WebSocket-*,
 * Date). NARU_ERR_STATE: answered. NARU_ERR_MEMORY. */
NARU_API naru_status naru_request_add_field(naru_request *request, const char *name, naru_span value);

/* Accept the upgrade. shapes protocol: one that was asked for, or empty. handler: borrowed for the connection's life;
 * NULL: the route's. user: what callbacks get. errors NARU_ERR_STATE: not an upgrade, or answered.
 * NARU_ERR_ARGUMENT: the protocol was not asked for. The handle is gone after NARU_OK. */
NARU_API naru_status naru_request_accept(naru_request *request, naru_span protocol, const naru_conn_handler *handler,
                                         void *user);
/* Answer with a status from 200 to 599, a content type (NULL: text/plain; charset=utf-8) and a body, which is
 * copied. */
NARU_API naru_status naru_request_respond(naru_request *request, int status, const char *content_type, naru_span body);
/* Shorthand: the status with its phrase as the body. */
NARU_API naru_status naru_request_reject(naru_request *request, int status);
/* Answer GET or HEAD with a regular file: type by its ending, ETag, Last-Modified, ranges, If-None-Match.
 * path is the file's own; the caller has seen to it that it may be given. 404 if there is none. */
NARU_API naru_status naru_request_respond_file(naru_request *request, const char *path);

/* ---- refusals ----------------------------------------------------------------------------------------------- */

/* A request that is about to be refused: on_bad_request may look at it, and answer in its own words. The status, and
 * that the connection ends where it does, stay as they are. lifetime of all: until on_bad_request returns. */
NARU_API int naru_bad_request_status(const naru_bad_request *bad); /* that it gets: 400 to 599 */
/* Why, in a sentence, which is the body unless it is changed. */
NARU_API const char *naru_bad_request_text(const naru_bad_request *bad);
/* Where the rule is written that it broke ("6455 4.2.1"). NULL: it broke none, or no particular one. */
NARU_API const char *naru_bad_request_rule(const naru_bad_request *bad);
NARU_API const naru_http_head *naru_bad_request_head(const naru_bad_request *bad); /* NULL: it never came whole */
/* The first bytes, at most 256, of what came last of its head, as the peer sent them; perhaps no HTTP at all. Empty:
 * they are gone by now. */
NARU_API naru_span naru_bad_request_start(const naru_bad_request *bad);
NARU_API void naru_bad_request_peer(const naru_bad_request *bad, char *out, size_t out_bytes); /* as naru_conn_peer */
/* As naru_request_add_field. errors NARU_ERR_ARGUMENT, NARU_ERR_MEMORY. */
NARU_API naru_status naru_bad_request_add_field(naru_bad_request *bad, const char *name, naru_span value);
/* Another body, of at most 64 KiB, copied; content_type (NULL: text/plain; charset=utf-8) of at most 127 bytes. Again:
 * the last one counts. errors NARU_ERR_ARGUMENT: too long, or no content type. NARU_ERR_MEMORY. */
NARU_API naru_status naru_bad_request_set_body(naru_bad_request *bad, const char *content_type, naru_span body);

/* ---- routes ------------------------------------------------------------------------------------------------- */

/* What a path does with an upgrade. A plain request for it gets 426, unless a plain route matches too; an upgrade that
 * only a plain route matches is answered plainly, and the connection ends. on_request NULL: accept, with the first
 * subprotocol that is in `protocols` (a NULL-terminated list, borrowed; NULL: none is chosen). */
typedef struct naru_ws_route {
    void (*on_request)(naru_request *request, void *user);
    const char *const *protocols;
    naru_conn_handler handler;
    /* Only for requests that ask for one of `protocols`; for others the route is as if it were not there, and if no
     * other matches they get 400. Several such routes may share a path: the first that was added and fits. */
    bool protocols_required;
} naru_ws_route;

/* shapes    path: segments behind slashes, each of them literal or a parameter ("/rooms/{id}": any one segment that is
 *           not empty; a name is letters, digits and `_`); a prefix when it ends in `/` followed by `*` ("/app/" and a
 *           star: "/app/" and all below); or "*" for any. At most 64 segments. route is copied.
 * order     Whatever the order in which they were added: segment by segment from the left, a literal comes before a
 *           parameter, and both before a star; so the longest match wins, exact before prefix. Of the same path, routes
 *           with protocols_required in the order they were added, then the one without. A later route replaces an
 *           earlier one of the same path, parameters by whatever name, and the same required protocols.
 * errors    NARU_ERR_ARGUMENT, NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_server_route_ws(naru_server *server, const char *path,
                                                        const naru_ws_route *route, void *user);
/* on_request answers plain requests of any method. */
NARU_API NARU_MUST_USE naru_status naru_server_route_http(naru_server *server, const char *path,
                                                          void (*on_request)(naru_request *request, void *user),
                                                          void *user);
/* What a path does with a plain request of any method. 0: the default that is named. */
typedef struct naru_http_route {
    void (*on_request)(naru_request *request, void *user);
    uint64_t body_bytes_max; /* of a request's body; the server's */
} naru_http_route;
/* The same with more to say; route is copied. errors NARU_ERR_ARGUMENT, NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_server_route_http_with(naru_server *server, const char *path,
                                                               const naru_http_route *route, void *user);
/* Serve the files below directory for GET and HEAD: index.html for a folder, no dot files, nothing outside of it
 * (also not through symbolic links). path is a prefix route without
 * parameters. errors NARU_ERR_SYSTEM: no such folder, logged. */
NARU_API NARU_MUST_USE naru_status naru_server_route_files(naru_server *server, const char *path,
                                                           const char *directory);
/* Serve one thing from memory for GET and HEAD, with ranges and an ETag made of its bytes. body is borrowed for the
 * server's life; content_type NULL: application/octet-stream. */
NARU_API NARU_MUST_USE naru_status naru_server_route_memory(naru_server *server, const char *path,
                                                            const char *content_type, naru_span body);

/* ---- the whole ---------------------------------------------------------------------------------------------- */

/* Stop gracefully: accept no more, answer what is half asked with 503, close every WebSocket with code 1001, end the
 * rest after deadline_ms (NARU_NEVER: wait for ever); then on_stopped(user), once, from the loop; it may free the
 * server. A plain request that the application has in hand may still be answered until then. Again: a shorter deadline
 * takes over, and so does an on_stopped that is not NULL. */
NARU_API void naru_server_stop(naru_server *server, uint32_t deadline_ms, void (*on_stopped)(void *user), void *user);

/* 0: the default that is named. */
typedef struct naru_stop_options {
    /* The Closes are spread evenly over this time, so that not all peers come back in the same moment; 0: at once */
    uint32_t spread_ms;
    uint32_t deadline_ms; /* after the spread the rest is ended; 10000; NARU_NEVER: waited for */
    uint16_t close_code;  /* 1001; 1012 says that the service is restarted */
    /* Whoever was accepted before, or waits in the kernel's queue, may still ask once and is served, with a WebSocket
     * too, instead of 503. For a stop that nobody should notice: behind a proxy, or with a successor. */
    bool finish_requests;
} naru_stop_options;
/* naru_server_stop with more to say; options NULL: the defaults. Until a peer is told, its connection works as
 * always. */
NARU_API void naru_server_stop_with(naru_server *server, const naru_stop_options *options,
                                    void (*on_stopped)(void *user), void *user);

/* What a server has counted since it was made, but for `connections` and `websockets`, which are those of now. */
typedef struct naru_server_counts {
    uint64_t connections, websockets;
    uint64_t accepted;                      /* connections, adopted ones included */
    uint64_t requests;                      /* heads that came whole */
    uint64_t websockets_opened;             /* upgrades that were accepted */
    uint64_t refused;                       /* requests that the library itself answered with 4xx or 5xx */
    uint64_t limited;                       /* what an address's limits kept out: 429, and connections closed unheard */
    uint64_t throttled;                     /* times that a connection's messages came too fast */
    uint64_t messages_in, message_bytes_in; /* payload, inflated */
    uint64_t messages_out, message_bytes_out;
    uint64_t pings_in, pongs_in;
    uint64_t dropped; /* messages, by NARU_QUEUE_DROP_OLDEST, of connections that are gone */
    uint64_t http2_connections, http2_streams; /* that there have been; streams count as connections too */
} naru_server_counts;
/* Thread: the loop's; numbers of several servers may be added up. */
NARU_API void naru_server_counters(const naru_server *server, naru_server_counts *counts_out);

NARU_API size_t naru_server_connections(const naru_server *server); /* sockets, of all kinds */
/* Call each(conn, user) for every open WebSocket; it may send to, close or abort any of them. */
NARU_API void naru_server_each(naru_server *server, void (*each)(naru_conn *conn, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
