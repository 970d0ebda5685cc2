/* <naru/engineio_server.h>: Engine.IO served: sessions of messages over WebSocket, and over HTTP long polling where
 * WebSocket does not get through. Speaks revision 4 (engine.io 4 to 6) and, where allowed, revision 3.
 *
 * A naru_eio is one session, which may change its transport while it lives. A handle is good from on_connection until
 * on_close returns; on_close comes exactly once after on_connection. Callbacks run on the server's loop and never
 * inside a call on the same session. Not for: namespaces, events, acks: see <naru/socketio_server.h>.
 * Source: the Engine.IO protocol, revisions 3 and 4; the behaviour of the engine.io package, version 6. */
#ifndef NARU_ENGINEIO_SERVER_H
#define NARU_ENGINEIO_SERVER_H

#include <naru/server.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_eio_server naru_eio_server;
typedef struct naru_eio naru_eio;

/* Bits of naru_eio_options.transports, and what naru_eio_transport answers. */
typedef enum naru_eio_transport_kind { NARU_EIO_POLLING = 1, NARU_EIO_WEBSOCKET = 2 } naru_eio_transport_kind;

/* Why a session ended. naru_eio_close_text gives the engine.io package's name for it. */
typedef enum naru_eio_close_reason {
    NARU_EIO_TRANSPORT_CLOSE = 0, /* "transport close": the client said so, or its connection ended */
    NARU_EIO_TRANSPORT_ERROR,     /* "transport error": a request broke off, or broke a rule of its transport */
    NARU_EIO_PING_TIMEOUT,        /* "ping timeout" */
    NARU_EIO_PARSE_ERROR,         /* "parse error": not a packet */
    NARU_EIO_FORCED_CLOSE,        /* "forced close": naru_eio_close */
    NARU_EIO_SERVER_SHUTDOWN      /* "server shutting down" */
} naru_eio_close_reason;

/* The codes of a refused request, as in its body {"code":3,"message":"Bad request"}. */
typedef enum naru_eio_error {
    NARU_EIO_UNKNOWN_TRANSPORT = 0,
    NARU_EIO_UNKNOWN_SID,
    NARU_EIO_BAD_HANDSHAKE_METHOD,
    NARU_EIO_BAD_REQUEST,
    NARU_EIO_FORBIDDEN,
    NARU_EIO_UNSUPPORTED_PROTOCOL_VERSION
} naru_eio_error;

/* Which pages may read the answers (the Fetch standard's CORS), as the npm package `cors` does it. Strings are borrowed
 * for the server's life. NULL and 0 mean the default that is named. */
typedef struct naru_eio_cors {
    /* Origins allowed, compared whole without case; the one entry "*": every origin, with credentials by its own name.
     * WebSockets of these origins are accepted too, beside those that naru_server_options.origin_policy lets in.
     * NULL: none, and no CORS field is sent. */
    const char *const *origins;
    size_t origins_count;
    /* Asked in addition. NULL: nobody. */
    bool (*allow_origin)(naru_span origin, void *user);
    const char *methods;         /* "GET,HEAD,PUT,PATCH,POST,DELETE" */
    const char *allowed_headers; /* NULL: those that a preflight asks for */
    const char *exposed_headers; /* none */
    bool credentials;
    uint32_t max_age_s; /* 0: not sent */
} naru_eio_cors;

typedef enum naru_eio_same_site {
    NARU_EIO_SAME_SITE_LAX = 0,
    NARU_EIO_SAME_SITE_STRICT,
    NARU_EIO_SAME_SITE_NONE,
    NARU_EIO_SAME_SITE_UNSAID
} naru_eio_same_site;

/* The cookie with the session's id that a polling handshake sets, for proxies that keep a client at one server. */
typedef struct naru_eio_cookie {
    const char *name;     /* NULL: no cookie; engine.io's is "io" */
    const char *path;     /* NULL: "/" */
    const char *domain;   /* NULL: none */
    uint32_t max_age_s;   /* 0: of the browser's session */
    bool script_may_read; /* true: without HttpOnly */
    bool secure;
    naru_eio_same_site same_site;
} naru_eio_cookie;

/* A refused request or a failed handshake. context: engine.io's name of the cause, such as "TRANSPORT_MISMATCH", or
 * NULL. Strings are static but for message, which is good until the call returns. */
typedef struct naru_eio_connection_error {
    naru_eio_error code;
    const char *message;
    const char *context;
} naru_eio_connection_error;

/* 0 and NULL mean the default that is named. Strings, lists and what they point at are borrowed for the server's
 * life. */
typedef struct naru_eio_options {
    const char *path;              /* "/engine.io": this, "/engine.io/" and all below it */
    uint32_t ping_interval_ms;     /* 25000 */
    uint32_t ping_timeout_ms;      /* 20000 */
    uint32_t upgrade_timeout_ms;   /* 10000 */
    uint32_t open_delay_ms;        /* from a WebSocket's 101 to the open packet, for clients that hear nothing before
                                      they have dealt with their own open event; less than
                                      ping_interval_ms; 0: both in one segment */
    uint64_t payload_bytes_max;    /* maxHttpBufferSize: of one POST and one WebSocket message; 1000000 */
    unsigned transports;           /* an or of naru_eio_transport_kind; both */
    bool forbid_upgrades;          /* allowUpgrades: false */
    bool allow_eio3;               /* clients of revision 3; false */
    uint64_t queue_bytes_max;      /* waiting in one session; 1 MiB; passed: a send is refused */
    uint64_t queue_high_bytes;     /* above it a send answers NARU_FULL; 64 KiB */
    uint64_t queue_low_bytes;      /* once below it again, on_drain; 16 KiB */
    uint32_t sessions_max;         /* all; 10000; passed: 503 */
    uint32_t address_sessions_max; /* of one address (IPv6: /64), loopback and Unix sockets excepted; 256; passed: 429;
                                      UINT32_MAX: no limit */
    uint32_t address_polling_max;  /* of these, on polling; 64; passed: 429; UINT32_MAX: no limit */
    bool address_limits_loopback;

    naru_eio_cors cors;
    naru_eio_cookie cookie;
    uint32_t http_compression_threshold_bytes; /* gzip or deflate for answers of this size; 1024; NARU_NEVER: off */
    naru_ws_deflate_options ws_deflate;        /* perMessageDeflate, off; its threshold 0 is 1024 here */

    /* Sent right behind the open packet. NULL data: none. */
    naru_ws_kind initial_packet_kind;
    naru_span initial_packet;

    /* Fields of the handshake's request that naru_eio_header still knows after on_connection; {"*"}: all of them. They
     * cost memory for as long as the session lives. */
    const char *const *keep_headers;
    size_t keep_headers_count;

    void *user; /* what the callbacks below get */
    /* Every request that comes to `path`, preflights included, but for POSTs that no session may send. false: it has
     * been answered, or will be, or is gone on with later by naru_eio_server_handle. */
    bool (*use)(naru_request *request, void *user);
    /* A handshake: call naru_eio_allow or naru_eio_deny, now or later. */
    void (*allow_request)(naru_request *request, void *user);
    /* Write an id of at most out_bytes - 1 characters of A-Z a-z 0-9 - _, ended by NUL. false: the handshake fails.
     * NULL: 20 characters as engine.io makes them, of 11 random bytes and a counter. */
    bool (*generate_id)(naru_request *request, char *out, size_t out_bytes, void *user);
    /* An answer is about to be written, a 101 included: naru_request_add_field. session is NULL before there is one. */
    void (*headers)(naru_eio *session, naru_request *request, void *user);
    void (*initial_headers)(naru_eio *session, naru_request *request, void *user); /* of a handshake, before headers */
    void (*connection_error)(naru_request *request, const naru_eio_connection_error *error, void *user);
} naru_eio_options;

/* Any may be NULL. user: what naru_eio_set_user last set. */
typedef struct naru_eio_handler {
    /* The session is open and may be sent to. user: what naru_eio_allow was given; without allow_request that of
     * naru_eio_server_new. */
    void (*on_connection)(naru_eio *session, void *user);
    void (*on_message)(naru_eio *session, naru_ws_kind kind, naru_span data, void *user); /* data until it returns */
    void (*on_upgrade)(naru_eio *session, void *user);                                    /* WebSocket from here on */
    void (*on_drain)(naru_eio *session, void *user); /* once, when the queue has fallen below its low mark */
    /* description: more about it, or empty; until it returns. */
    void (*on_close)(naru_eio *session, naru_eio_close_reason reason, const char *description, void *user);
} naru_eio_handler;

/* Put Engine.IO on its path of a server.
 *
 * shapes    options NULL: the defaults. handler: borrowed for the server's life.
 * lifetime  free it before the naru_server; the path then answers 404.
 * errors    NARU_ERR_ARGUMENT: an option out of range. NARU_ERR_MEMORY. thread the loop's */
NARU_API NARU_MUST_USE naru_status naru_eio_server_new(naru_server *server, const naru_eio_options *options,
                                                       const naru_eio_handler *handler, void *user,
                                                       naru_eio_server **eio_out);
/* Ends every session at once (on_close, NARU_EIO_SERVER_SHUTDOWN), then frees. NULL is fine. Not from a callback of its
 * sessions. */
NARU_API void naru_eio_server_free(naru_eio_server *eio);
/* Refuse handshakes from here on with 503 and close every session (NARU_EIO_SERVER_SHUTDOWN). For a graceful stop call
 * it before naru_server_stop. */
NARU_API void naru_eio_server_close(naru_eio_server *eio);
/* Have it answer a request that `use` held back. */
NARU_API void naru_eio_server_handle(naru_eio_server *eio, naru_request *request);
/* Go on with a handshake that allow_request was asked about. session_user: what the session's callbacks get at first.
 * errors    NARU_ERR_STATE: it has been answered. */
NARU_API naru_status naru_eio_allow(naru_eio_server *eio, naru_request *request, void *session_user);
/* Refuse it: 403 with code 4. message NULL: "Forbidden". */
NARU_API naru_status naru_eio_deny(naru_eio_server *eio, naru_request *request, const char *message);

NARU_API size_t naru_eio_server_sessions(const naru_eio_server *eio); /* engine.clientsCount */
/* Call each for every open session; it may send to or close any of them. */
NARU_API void naru_eio_server_each(naru_eio_server *eio, void (*each)(naru_eio *session, void *user), void *user);
NARU_API naru_eio *naru_eio_server_find(const naru_eio_server *eio, naru_span id); /* NULL: none */

/* ---- a session ---------------------------------------------------------------------------------------------- */

/* Queue one message. On WebSocket it leaves at the end of the turn, on polling with the next answer.
 *
 * shapes    kind: NARU_WS_TEXT (UTF-8) or NARU_WS_BINARY. flags: as of naru_ws_send, for the WebSocket.
 * errors    NARU_FULL: taken, and the queue is above its high mark. NARU_ERR_TOO_BIG: refused, it would pass
 *           queue_bytes_max; wait for on_drain. NARU_ERR_UTF8. NARU_ERR_STATE: closed. NARU_ERR_MEMORY. */
NARU_API naru_status naru_eio_send(naru_eio *session, naru_ws_kind kind, naru_span data, unsigned flags);
/* End it (NARU_EIO_FORCED_CLOSE) behind what is queued; on_close comes from the loop. Again is harmless. */
NARU_API void naru_eio_close(naru_eio *session);
/* End it at once, dropping what is queued. */
NARU_API void naru_eio_abort(naru_eio *session);

NARU_API naru_span naru_eio_id(const naru_eio *session);
NARU_API naru_eio_transport_kind naru_eio_transport(const naru_eio *session);
NARU_API const char *naru_eio_transport_name(const naru_eio *session); /* "polling", "websocket" */
NARU_API int naru_eio_revision(const naru_eio *session);               /* 3 or 4 */
NARU_API bool naru_eio_is_upgrading(const naru_eio *session);
NARU_API bool naru_eio_is_open(const naru_eio *session);
/* Would a message leave at once? A polling session whose request has been answered is not writable. */
NARU_API bool naru_eio_writable(const naru_eio *session);
NARU_API uint64_t naru_eio_queued_bytes(const naru_eio *session);
/* Of the handshake: the query as it was sent; the peer as naru_conn_peer writes it; was it asked by TLS; when, in
 * milliseconds of naru_loop_now_ms. */
NARU_API naru_span naru_eio_query(const naru_eio *session);
NARU_API naru_span naru_eio_address(const naru_eio *session);
NARU_API bool naru_eio_is_tls(const naru_eio *session);
NARU_API uint64_t naru_eio_since_ms(const naru_eio *session);
/* The handshake's request head. NULL once on_connection has returned. */
NARU_API const naru_http_head *naru_eio_head(const naru_eio *session);
/* A field of it: in on_connection any, later one that keep_headers names. false: there is none. */
NARU_API bool naru_eio_header(const naru_eio *session, const char *name, naru_span *value_out);
/* Call field for each of these. */
NARU_API void naru_eio_headers(const naru_eio *session, void (*field)(naru_span name, naru_span value, void *user),
                               void *user);
/* The value of the query's first parameter `name`, decoded into out with a NUL.
 * errors    NARU_ERR_REFUSED: it has none. NARU_ERR_TOO_BIG: it does not fit. NARU_ERR_PROTOCOL: a bad escape. */
NARU_API naru_status naru_eio_query_value(const naru_eio *session, const char *name, char *out, size_t out_bytes);
NARU_API naru_eio_server *naru_eio_get_server(const naru_eio *session);
NARU_API naru_loop *naru_eio_loop(const naru_eio *session);
NARU_API void naru_eio_set_user(naru_eio *session, void *user);
NARU_API void *naru_eio_user(const naru_eio *session);
NARU_API const char *naru_eio_close_text(naru_eio_close_reason reason); /* static */

#ifdef __cplusplus
}
#endif
#endif
