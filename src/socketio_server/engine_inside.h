/* What the Engine.IO files of this room share: the server, a session, and the walk of a request:
 *
 *  engine_routes --> engine_verify --> engine_handshake              a new session
 *                                  --> engine_polling                GET and POST of one there is
 *                                  --> engine_websocket              a WebSocket for one there is
 *
 * Each of them tells the dry session (socketio/engine_session.h) what came, and naru__eio_settle does what it answers.
 * Callbacks of the application come from there and from where messages arrive, never from inside its own calls. */
#ifndef NARU_SOCKETIO_SERVER_ENGINE_INSIDE_H
#define NARU_SOCKETIO_SERVER_ENGINE_INSIDE_H

#include "conn/conn.h"
#include "io/loop.h"
#include "server/exchange.h"
#include "base/sip.h"
#include "socketio/engine_session.h"
#include "socketio_server/engine.h"

enum { NARU__EIO_ID_BYTES_MAX = 63, NARU__EIO_ADDRESS_BUCKETS = 256, NARU__EIO_ROUTES = 4 };

/* What is counted for one address: of IPv6 its first 64 bits. */
typedef struct naru__eio_address {
    struct naru__eio_address *next;
    uint8_t ip[16];
    uint32_t sessions, polling;
} naru__eio_address;

struct naru_eio_server {
    naru_server *server;
    naru_loop *loop;
    const naru_allocator *allocator;
    naru_eio_options options;    /* filled */
    naru__engine_options engine; /* what its sessions look at */
    naru__conn_terms conn;       /* of its WebSockets */
    const naru_eio_handler *handler;
    void *user;
    void *owner;        /* of the layer above */
    size_t extra_bytes; /* behind each session */
    naru__route *routes[NARU__EIO_ROUTES];
    naru_eio **buckets; /* by id */
    size_t buckets_count, buckets_used;
    naru_eio *sessions; /* all, closing ones too */
    size_t open;
    naru__eio_address *addresses[NARU__EIO_ADDRESS_BUCKETS];
    naru__sip_key key;
    naru_buf frame;                 /* where a message gets its type in front */
    uint32_t ids;                   /* made so far */
    naru__eio_elsewhere *elsewhere; /* NULL: all sessions are its own */
    uint32_t index;
    bool closing;
};

struct naru_eio {
    naru__engine_session core;
    naru_eio_server *server;
    void *user;
    naru_conn *conn;  /* the transport; NULL while polling */
    naru_conn *probe; /* a WebSocket that is not it yet */
    naru_request *get, *post;
    naru_eio *next, **link; /* all sessions */
    naru_eio *beside;       /* of the same bucket */
    naru__eio_address *address;
    naru_http_head *head; /* of the handshake, until on_connection has returned */
    uint64_t since_ms;
    naru__loop_timer timer;
    naru__deferred work;
    size_t bytes; /* of the block: this, the caller's extra, then the texts */
    uint32_t headers_bytes;
    uint16_t query_bytes;
    uint8_t id_bytes, address_bytes;
    bool tls : 1;
    bool begun : 1;       /* on_connection has been called */
    bool settling : 1;    /* further up the stack */
    bool gone : 1;        /* freed at the end of the turn */
    bool begins : 1;      /* get is its handshake, still to be answered */
    bool opens_later : 1; /* its open packet waits for open_delay_ms */
    bool aborts : 1;      /* its WebSocket is not to be closed but ended */
};

/* ---- queries -------------------------------------------------------------------------------------------------- */

/* What a request's query says. */
typedef struct naru__eio_question {
    naru_span raw;
    naru_eio_transport_kind transport; /* 0: none that is known */
    int revision;                      /* 4 or 3; 0: neither */
    bool has_sid;
    bool base64;
    bool jsonp;
    char sid[NARU__EIO_ID_BYTES_MAX + 1]; /* empty: none that could be one */
    char index[16];                       /* of jsonp */
} naru__eio_question;
void naru__eio_question_read(naru__eio_question *question, const naru_http_head *head);
/* As naru_eio_query_value. */
naru_status naru__eio_query_find(naru_span query, const char *name, char *out, size_t out_bytes);

/* ---- answers -------------------------------------------------------------------------------------------------- */

/* Answer with the fields that every answer has. session NULL: there is none. type NULL: plain text. */
void naru__eio_respond(naru_eio_server *eio, naru_eio *session, naru_request *request, int status, const char *type,
                       naru_span body);
/* Add these fields alone, for an answer of another kind. */
void naru__eio_fields(naru_eio_server *eio, naru_eio *session, naru_request *request);
/* Refuse with a code of the protocol. message NULL: the code's own. */
void naru__eio_refuse(naru_eio_server *eio, naru_request *request, naru_eio_error code, const char *message,
                      const char *context);
/* 204 to a preflight. false: it is none. */
bool naru__eio_preflight(naru_eio_server *eio, naru_request *request);
void naru__eio_cors_fields(naru_eio_server *eio, naru_request *request);
bool naru__eio_cors_allows(const naru_eio_server *eio, naru_span origin);
/* Compress body as the client likes it. false: it stays as it is. out is empty then. */
bool naru__eio_encode(naru_eio_server *eio, naru_request *request, naru_span body, naru_buf *out);

/* ---- requests ------------------------------------------------------------------------------------------------- */

/* Errors of engine.io's table; NARU_OK: go on, with the session when the request names one.
 * errors    NARU_ERR_REFUSED: it has been answered. */
NARU_MUST_USE naru_status naru__eio_verify(naru_eio_server *eio, naru_request *request,
                                           const naru__eio_question *question, naru_eio **session_out);
void naru__eio_handle(naru_eio_server *eio, naru_request *request);
void naru__eio_on_head(naru_request *request, void *eio);
NARU_MUST_USE naru_status naru__eio_routes_add(naru_eio_server *eio);
void naru__eio_routes_end(naru_eio_server *eio);

/* Is it for a session of another server? Then it has left for it. */
bool naru__eio_leaves(naru_eio_server *eio, naru_request *request, const naru__eio_question *question);
/* Say in an id whose it is; id_bytes of it are there, out of NARU__EIO_ID_BYTES_MAX. */
void naru__eio_mark_id(const naru_eio_server *eio, char *id);
enum { NARU__EIO_MARK_BYTES = 2 };

/* A handshake that may be. later: not from here, but from the loop. */
void naru__eio_handshake(naru_eio_server *eio, naru_request *request, void *user, bool later);
/* Write the open packet's JSON. Answers its size. */
size_t naru__eio_open_json(const naru_eio *session, char *out, size_t out_bytes);
/* Call on_connection, once. */
void naru__eio_begin(naru_eio *session);

void naru__eio_get(naru_eio *session, naru_request *request);
void naru__eio_post_begin(naru_eio *session, naru_request *request);
void naru__eio_post(naru_eio *session, naru_request *request, const naru__eio_question *question);
/* Answer the polling handshake in session->get. */
void naru__eio_answer_open(naru_eio *session);
void naru__eio_answer_get(naru_eio *session);
/* Let go of the requests: nothing of them is heard any more. */
void naru__eio_drop_requests(naru_eio *session);

/* ---- WebSockets ----------------------------------------------------------------------------------------------- */

extern const naru_conn_handler naru__eio_conn_handler;
/* Accept the upgrade. errors as naru_request_accept. */
/* The open packet, and on_connection. */
void naru__eio_open_websocket(naru_eio *session);
NARU_MUST_USE naru_status naru__eio_accept(naru_eio_server *eio, naru_eio *session, naru_request *request,
                                           naru_conn **conn_out);
void naru__eio_probe(naru_eio *session, naru_request *request);
void naru__eio_let_go(naru_conn **conn, bool abort); /* close it and hear no more of it; *conn NULL is fine */

/* Send on the session's WebSocket. errors as naru_conn_send. */
naru_status naru__eio_conn_send(naru_eio *session, naru__engine_message *message);

/* ---- sessions ------------------------------------------------------------------------------------------------- */

/* errors NULL: no memory. */
NARU_MUST_USE naru_eio *naru__eio_new(naru_eio_server *eio, naru_request *request, const naru__eio_question *question,
                                      const char *id, void *user);
/* Do what the dry session asks for. The session may be gone when it returns. */
void naru__eio_settle(naru_eio *session);
/* The same at the end of the turn, from inside a call of the application. */
void naru__eio_settle_later(naru_eio *session);
/* Free it without a word. */
void naru__eio_discard(naru_eio *session);

NARU_MUST_USE naru_status naru__eio_table_add(naru_eio_server *eio, naru_eio *session); /* errors NARU_ERR_MEMORY */
void naru__eio_table_remove(naru_eio_server *eio, naru_eio *session);
naru_eio *naru__eio_table_find(const naru_eio_server *eio, naru_span id); /* closing ones too */

/* Count a session for its request's address. errors NARU_ERR_TOO_MANY, NARU_ERR_MEMORY. address_out NULL: it is not
 * counted. */
NARU_MUST_USE naru_status naru__eio_address_enter(naru_eio_server *eio, const naru_request *request, bool polling,
                                                  naru__eio_address **address_out);
void naru__eio_address_leave(naru_eio_server *eio, naru__eio_address *address, bool polling); /* NULL is fine */

NARU_MUST_USE naru_status naru__eio_options_fill(naru_eio_server *eio);

static inline uint64_t naru__eio_now(const naru_eio *session)
{
    return naru_loop_now_ms(session->server->loop);
}

#endif
