/* <naru/socketio_server.h>: a Socket.IO server: namespaces, rooms, events, acknowledgements, recovery, on the routes
 * of a naru_server. It speaks to the official clients (protocol 5, and 4 where allowed) as the `socket.io` package
 * does.
 *
 *   naru_sio_new(server, NULL, &io);
 *   naru_sio_namespace *chat = naru_sio_of(io, "/");
 *   naru_sio_on(chat, "chat message", on_message, NULL);      and in on_message:
 *   naru_sio_emit_to(naru_sio_all(chat), "chat message", naru_sio_event_args(event), NULL);
 *
 * Everything lives on the server's loop and is called on its thread; naru_sio_group_new makes one server of several
 * loops. A socket is good from its first callback until its
 * disconnect callback returns, and longer while naru_sio_socket_ref holds it. Listeners may emit, join, leave,
 * disconnect and take listeners off, also their own. A `const char *` name is a NUL-terminated UTF-8 string, and is
 * copied. Source: Socket.IO protocol 5 and 4. */
#ifndef NARU_SOCKETIO_SERVER_H
#define NARU_SOCKETIO_SERVER_H

#include <naru/engineio_server.h>
#include <naru/json.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct naru_sio naru_sio;
typedef struct naru_sio_namespace naru_sio_namespace;
typedef struct naru_sio_socket naru_sio_socket;

/* A socket's id, and the private id of its session, are this long: brokers of Socket.IO tell them from rooms by it. */
#define NARU_SIO_ID_SIZE 20

/* ---- values: what is emitted ---------------------------------------------------------------------------------- */

typedef enum naru_sio_kind {
    NARU_SIO_NULL = 0,
    NARU_SIO_BOOL,
    NARU_SIO_INT,
    NARU_SIO_NUMBER,
    NARU_SIO_TEXT,
    NARU_SIO_BYTES, /* travels as an attachment; a Buffer, ArrayBuffer or Blob over there */
    NARU_SIO_JSON,  /* any JSON text, with bytes in it by placeholders */
    NARU_SIO_SPREAD /* the members of a JSON array, each an argument */
} naru_sio_kind;

/* One argument. Make it with the functions below. Its bytes are read during the call that it is handed to. */
typedef struct naru_sio_value {
    naru_sio_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
    } as;
    naru_span text;               /* of TEXT, BYTES, JSON and SPREAD */
    const naru_span *attachments; /* of JSON and SPREAD: what {"_placeholder":true,"num":i} in it stands for */
    size_t attachments_count;
} naru_sio_value;

/* The arguments of an event or of an answer. */
typedef struct naru_sio_args {
    const naru_sio_value *values;
    size_t count;
} naru_sio_args;

NARU_API naru_sio_value naru_sio_null(void);
NARU_API naru_sio_value naru_sio_bool(bool boolean);
NARU_API naru_sio_value naru_sio_int(int64_t integer);
NARU_API naru_sio_value naru_sio_number(double number); /* not finite: null, as in JSON.stringify */
/* UTF-8; anything else is refused by the call that it is handed to. */
NARU_API naru_sio_value naru_sio_text(naru_span text);
NARU_API naru_sio_value naru_sio_string(const char *text);
NARU_API naru_sio_value naru_sio_bytes(naru_span bytes);
/* One JSON text, checked by the call that it is handed to. With attachments (NULL and 0: none) bytes may stand anywhere
 * in it. */
NARU_API naru_sio_value naru_sio_json(const char *json);
NARU_API naru_sio_value naru_sio_json_with(naru_span json, const naru_span *attachments, size_t count);

/* NARU_SIO_ARGS(naru_sio_string("hi"), naru_sio_int(5)): good until the end of the block that it stands in.
 * NARU_SIO_NONE: no arguments. C++ has no such literals: fill a naru_sio_args there. */
#define NARU_SIO_ARGS(...)                                                                                             \
    ((naru_sio_args){(const naru_sio_value[]){__VA_ARGS__},                                                            \
                     sizeof((const naru_sio_value[]){__VA_ARGS__}) / sizeof(naru_sio_value)})
#define NARU_SIO_NONE ((naru_sio_args){0, 0})

/* ---- events: what is heard ------------------------------------------------------------------------------------ */

/* An event, or an answer to one of ours, good until the callback that it was handed to returns. Bytes that came as
 * attachments stand in its JSON as {"_placeholder":true,"num":i}. What came as MessagePack reads the same. */
typedef struct naru_sio_event naru_sio_event;

NARU_API naru_span naru_sio_event_name(const naru_sio_event *event); /* UTF-8, without escapes; of an answer: empty */
NARU_API naru_span
naru_sio_event_json(const naru_sio_event *event);                  /* the arguments, as members of an array: `1,"a"` */
NARU_API size_t naru_sio_event_count(const naru_sio_event *event); /* of arguments, without the name */
NARU_API naru_span naru_sio_event_arg(const naru_sio_event *event, size_t index); /* its JSON; empty: there is none */
/* The index-th argument, if it is of that kind. false: it is not there or of another kind; value_out is unchanged. */
NARU_API bool naru_sio_event_text(const naru_sio_event *event, size_t index, naru_span *value_out);
NARU_API bool naru_sio_event_number(const naru_sio_event *event, size_t index, double *value_out);
NARU_API bool naru_sio_event_int(const naru_sio_event *event, size_t index, int64_t *value_out);
NARU_API bool naru_sio_event_bool(const naru_sio_event *event, size_t index, bool *value_out);
NARU_API bool naru_sio_event_bytes(const naru_sio_event *event, size_t index, naru_span *value_out);
NARU_API size_t naru_sio_event_attachments(const naru_sio_event *event);
NARU_API naru_span naru_sio_event_attachment(const naru_sio_event *event, size_t num); /* empty: there is none */
/* The same arguments, bytes included, to emit or to answer with. Good as long as the event. */
NARU_API naru_sio_args naru_sio_event_args(const naru_sio_event *event);

/* Does the other side wait for an answer? Answering once is enough; again: NARU_ERR_STATE. */
NARU_API bool naru_sio_event_wants_answer(const naru_sio_event *event);
NARU_API naru_status naru_sio_answer(const naru_sio_event *event, naru_sio_args args);
/* To answer later: naru_sio_ack_send or naru_sio_ack_drop ends the handle, also when the socket has gone meanwhile.
 * NULL: nobody waits, it is answered, or there is no memory. */
typedef struct naru_sio_ack naru_sio_ack;
NARU_API naru_sio_ack *naru_sio_event_take_ack(const naru_sio_event *event);
NARU_API naru_status naru_sio_ack_send(naru_sio_ack *ack, naru_sio_args args); /* NULL: NARU_ERR_STATE */
NARU_API void naru_sio_ack_drop(naru_sio_ack *ack);                            /* NULL is fine */

/* ---- the server ------------------------------------------------------------------------------------------------ */

/* What happens to an event for a socket whose session has the engine's queue_bytes_max waiting; one event of
 * any size fits an empty queue. */
typedef enum naru_sio_queue_policy {
    NARU_SIO_QUEUE_CLOSE = 0, /* the session is closed: its peer reads too slowly */
    NARU_SIO_QUEUE_REFUSE     /* the event is not taken: NARU_ERR_TOO_BIG */
} naru_sio_queue_policy;

/* What happens to a session that sends more than it may. */
typedef enum naru_sio_flood_policy {
    NARU_SIO_FLOOD_CLOSE = 0, /* it is closed */
    NARU_SIO_FLOOD_DROP       /* events are dropped, unanswered, until there is room again */
} naru_sio_flood_policy;

/* Connection state recovery: a socket whose session broke may come back within a time as who it was, with its rooms,
 * its data and every event that it has missed, or as somebody new; never with a part. */
typedef struct naru_sio_recovery_options {
    bool enabled;
    uint32_t disconnection_max_ms; /* how long a session is kept; 120000 */
    bool skip_middleware;          /* do not ask the namespace's middleware again: the private id is trusted alone */
    uint32_t packets_max;          /* kept, of a namespace; 10000 */
    uint64_t bytes_max;            /* kept, of a namespace; 64 MiB */
    uint32_t sessions_max;         /* kept, of a namespace; 10000 */
} naru_sio_recovery_options;

/* Servers of one process, each on a loop and thread of its own, that are one to their clients: see naru_sio_group_new.
 */
typedef struct naru_sio_group naru_sio_group;

/* 0 and NULL mean the default that is named; UINT32_MAX and UINT64_MAX: no limit. */
typedef struct naru_sio_options {
    naru_eio_options engine; /* path, heartbeat, transports, limits, CORS, cookie, Engine.IO 3; path: "/socket.io" */
    uint32_t connect_timeout_ms;         /* from the session's start to its first namespace; 45000 */
    bool no_serve_client;                /* do not serve socket.io.js and its kin */
    bool cleanup_empty_child_namespaces; /* forget a child namespace with its last socket */
    naru_sio_recovery_options recovery;
    uint32_t attachments_max;           /* of a packet, both ways; 10, which is what clients take */
    uint64_t attachment_bytes_max;      /* of a packet's attachments together; 16 times the engine's max payload */
    uint32_t namespaces_max;            /* children of patterns, all together; 10000; passed: "Invalid namespace" */
    uint32_t namespaces_per_client_max; /* joined or asked for at once; 64; passed: the session is closed */
    uint32_t rooms_per_socket_max;      /* 1024 */
    uint32_t acks_per_socket_max;       /* answers of a socket that we wait for; 10000 */
    uint32_t held_events_max; /* of a socket, behind a packet middleware; 100; passed: the session is closed */
    uint64_t held_bytes_max;  /* of these; 1 MiB; the same */
    naru_sio_queue_policy queue_policy;
    uint32_t events_per_second;         /* of a session, packets of all kinds; twice as many after a rest; no limit */
    uint64_t bytes_per_second;          /* of a session's packets; no limit */
    uint32_t address_events_per_second; /* of all sessions of one address (IPv6: of one /64); no limit */
    naru_sio_flood_policy flood_policy;
    naru_sio_group *group; /* that it is in, for its life; NULL: it is alone */
} naru_sio_options;

/* Put a Socket.IO server on server's routes.
 * shapes    options NULL: the defaults. io_out: free it before the server, not from a
 *           callback of its sockets.
 * errors    NARU_ERR_ARGUMENT: an option out of range. NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_sio_new(naru_server *server, const naru_sio_options *options,
                                                naru_sio **io_out);
/* End every session at once, reason "server shutting down", then free all. NULL is fine. Before naru_server_free.
 * Handles that are still held (sockets, acks, gates) stay good until they are given back, which must be before the loop
 * goes. */
NARU_API void naru_sio_free(naru_sio *io);
/* Take no new sessions and end all: clients see "transport close" and try
 * again elsewhere, or here after a restart. */
NARU_API void naru_sio_close(naru_sio *io);
NARU_API naru_eio_server *naru_sio_engine(naru_sio *io); /* to watch sessions below; of io's life */
NARU_API naru_loop *naru_sio_loop(naru_sio *io);
NARU_API size_t naru_sio_clients(const naru_sio *io); /* sessions */

/* ---- several loops ----------------------------------------------------------------------------------------------- */

/* Make a group, and name it in the options of each thread's server, as in the set_up of a naru_crew: at most 256, with
 * the same namespaces, listeners and options. A socket lives on the loop that its session began on, and its callbacks
 * are called there, with that server's listeners. Sessions are found from every loop: a request or a WebSocket for one
 * of another loop goes there with its connection.
 *
 * What is emitted to many, sockets_join, sockets_leave and disconnect_sockets mean the sockets of all loops, unless
 * the target is local, and all of them see these in one order; an outcome counts those of this loop. Limits count for
 * each loop. What a loop has not read yet of the others is bounded: above 64 MiB such calls answer NARU_ERR_TOO_MANY.
 *
 * Not in a group: recovery, and loops on io_uring (naru_sio_new: NARU_ERR_ARGUMENT).
 * lifetime  until all of its servers are freed, each on its own thread or with no thread running, and no loop of
 *           theirs will run any more. errors NULL: no memory. */
NARU_API NARU_MUST_USE naru_sio_group *naru_sio_group_new(void);
NARU_API void naru_sio_group_free(naru_sio_group *group);            /* NULL is fine */
NARU_API size_t naru_sio_group_clients(const naru_sio_group *group); /* sessions on all loops. thread: any */

/* ---- namespaces ------------------------------------------------------------------------------------------------ */

/* The namespace of that name, made at the first call; a leading slash is added. Of io's life. NULL: no memory. */
NARU_API naru_sio_namespace *naru_sio_of(naru_sio *io, const char *name);
/* A parent: a client that asks for a name that fits gets a child of that name, made at need. What is registered at the
 * parent, before or after, counts for each child; what is emitted to it goes to all children. In a pattern a `*` stands
 * for any characters, "/tenant-*"; a predicate answers for itself, auth being the client's JSON object or empty.
 * Static names come first, then parents in the order they were made. NULL: no memory. */
NARU_API naru_sio_namespace *naru_sio_of_pattern(naru_sio *io, const char *pattern);
typedef bool naru_sio_predicate(naru_span name, naru_span auth, void *user);
NARU_API naru_sio_namespace *naru_sio_of_matching(naru_sio *io, naru_sio_predicate *predicate, void *user);
/* The same with one that may take its time: it calls naru_sio_decided exactly once, at once or later, also when the
 * client has gone meanwhile; the handle is gone after it. name and auth are good until decide returns. */
typedef struct naru_sio_decision naru_sio_decision;
typedef void naru_sio_decide(naru_sio_decision *decision, naru_span name, naru_span auth, void *user);
NARU_API naru_sio_namespace *naru_sio_of_deciding(naru_sio *io, naru_sio_decide *decide, void *user);
NARU_API void naru_sio_decided(naru_sio_decision *decision, bool fits);
NARU_API naru_span naru_sio_namespace_name(const naru_sio_namespace *nsp); /* of a parent: empty */
NARU_API naru_sio *naru_sio_namespace_server(const naru_sio_namespace *nsp);
NARU_API size_t naru_sio_namespace_sockets(const naru_sio_namespace *nsp); /* connected ones */
/* A child was made. */
NARU_API void naru_sio_on_new_namespace(naru_sio *io, void (*made)(naru_sio_namespace *nsp, void *user), void *user);

/* ---- middleware ------------------------------------------------------------------------------------------------- */

/* Asked before "connection", one after the other, in the order they were added. Each calls exactly one of naru_sio_next
 * and naru_sio_refuse, at once or later; the handle is gone after it. The socket is not connected yet: what is emitted
 * to it is refused; joins hold. One that comes back is who it was already: its id, rooms and data,
 * naru_sio_socket_recovered. Both calls are fine when the client has gone meanwhile. For HTTP requests see
 * naru_eio_options. errors NARU_ERR_MEMORY. */
typedef struct naru_sio_gate naru_sio_gate;
typedef void naru_sio_middleware(naru_sio_socket *socket, naru_sio_gate *gate, void *user);
NARU_API naru_status naru_sio_use(naru_sio_namespace *nsp, naru_sio_middleware *middleware, void *user);
NARU_API void naru_sio_next(naru_sio_gate *gate);
/* The client hears connect_error with this message, and with data (NULL: none) as err.data. */
NARU_API void naru_sio_refuse(naru_sio_gate *gate, const char *message, const naru_sio_value *data);

/* Asked before the listeners of each event: anything but NARU_OK drops it, and on_error hears of it. Acknowledgements
 * do not pass here. */
typedef naru_status naru_sio_packet_middleware(naru_sio_socket *socket, const naru_sio_event *event, void *user);
NARU_API naru_status naru_sio_use_packet(naru_sio_namespace *nsp, naru_sio_packet_middleware *middleware, void *user);
/* To decide later: a packet middleware takes the event's handle and answers NARU_MORE, and naru_sio_hold_end gives it
 * back with the verdict, exactly once, also when the socket has gone meanwhile. Until then the socket's further events
 * wait in order, within held_events_max and held_bytes_max; its answers to our questions do not wait. What is held when
 * it disconnects is dropped. hold: NULL outside of a packet middleware, when it is taken, and without memory.
 * naru_sio_hold_event: the event, good until the handle is given back; it may be answered. */
typedef struct naru_sio_hold naru_sio_hold;
NARU_API naru_sio_hold *naru_sio_event_hold(const naru_sio_event *event);
NARU_API const naru_sio_event *naru_sio_hold_event(const naru_sio_hold *hold);
NARU_API void naru_sio_hold_end(naru_sio_hold *hold, naru_status verdict);

/* ---- listeners --------------------------------------------------------------------------------------------------- */

/* Why a socket disconnected. naru_sio_reason_text gives the word that the `socket.io` package has for it. */
typedef enum naru_sio_reason {
    NARU_SIO_TRANSPORT_ERROR = 0,         /* "transport error" */
    NARU_SIO_TRANSPORT_CLOSE,             /* "transport close" */
    NARU_SIO_FORCED_CLOSE,                /* "forced close" */
    NARU_SIO_PING_TIMEOUT,                /* "ping timeout" */
    NARU_SIO_PARSE_ERROR,                 /* "parse error" */
    NARU_SIO_SERVER_SHUTTING_DOWN,        /* "server shutting down" */
    NARU_SIO_FORCED_SERVER_CLOSE,         /* "forced server close" */
    NARU_SIO_CLIENT_NAMESPACE_DISCONNECT, /* "client namespace disconnect" */
    NARU_SIO_SERVER_NAMESPACE_DISCONNECT  /* "server namespace disconnect" */
} naru_sio_reason;
NARU_API const char *naru_sio_reason_text(naru_sio_reason reason);

typedef void naru_sio_on_socket(naru_sio_socket *socket, void *user);
typedef void naru_sio_on_left(naru_sio_socket *socket, naru_sio_reason reason, void *user);
typedef void naru_sio_listener(naru_sio_socket *socket, const naru_sio_event *event, void *user);

/* A namespace's listeners hear every socket of it, and cost nothing per socket. Several may listen to one event; they
 * are called in the order they were added. errors NARU_ERR_MEMORY. NARU_ERR_ARGUMENT: a name that Socket.IO reserves
 * (connect, connect_error, disconnect, disconnecting, newListener, removeListener). */
NARU_API naru_status naru_sio_on_connection(naru_sio_namespace *nsp, naru_sio_on_socket *fn, void *user);
NARU_API naru_status naru_sio_on_disconnecting(naru_sio_namespace *nsp, naru_sio_on_left *fn,
                                               void *user); /* rooms stand */
NARU_API naru_status naru_sio_on_disconnect(naru_sio_namespace *nsp, naru_sio_on_left *fn,
                                            void *user); /* and now not */
NARU_API naru_status naru_sio_on(naru_sio_namespace *nsp, const char *event, naru_sio_listener *fn, void *user);
NARU_API void naru_sio_off(naru_sio_namespace *nsp, const char *event,
                           naru_sio_listener *fn); /* fn NULL: all of them */
/* Catch-all, called before the others, not for acknowledgements; prepend: first of them. */
NARU_API naru_status naru_sio_on_any(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user);
NARU_API naru_status naru_sio_prepend_any(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user);
NARU_API void naru_sio_off_any(naru_sio_namespace *nsp, naru_sio_listener *fn);
/* What goes out, once for each socket it goes to. The event's name and arguments can be read; it cannot be answered. */
NARU_API naru_status naru_sio_on_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user);
NARU_API naru_status naru_sio_prepend_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn, void *user);
NARU_API void naru_sio_off_any_outgoing(naru_sio_namespace *nsp, naru_sio_listener *fn);

/* The same for one socket alone; they go with it. They are called after the namespace's. */
NARU_API naru_status naru_sio_socket_on(naru_sio_socket *socket, const char *event, naru_sio_listener *fn, void *user);
NARU_API naru_status naru_sio_socket_once(naru_sio_socket *socket, const char *event, naru_sio_listener *fn,
                                          void *user);
NARU_API void naru_sio_socket_off(naru_sio_socket *socket, const char *event, naru_sio_listener *fn);
NARU_API naru_status naru_sio_socket_on_any(naru_sio_socket *socket, naru_sio_listener *fn, void *user);
NARU_API void naru_sio_socket_off_any(naru_sio_socket *socket, naru_sio_listener *fn);

/* Rooms come and go, and sockets in them; the room that every socket is in under its own id is not told of. socket is
 * NULL for the first two. */
typedef enum naru_sio_room_change {
    NARU_SIO_CREATE_ROOM = 0,
    NARU_SIO_DELETE_ROOM,
    NARU_SIO_JOIN_ROOM,
    NARU_SIO_LEAVE_ROOM
} naru_sio_room_change;
typedef void naru_sio_on_room(naru_sio_namespace *nsp, naru_sio_room_change change, naru_span room,
                              naru_sio_socket *socket, void *user);
NARU_API naru_status naru_sio_on_rooms(naru_sio_namespace *nsp, naru_sio_on_room *fn, void *user);

/* An emit to this socket, or to another of its session, answered NARU_FULL or was refused, and now there is room. */
NARU_API naru_status naru_sio_on_drain(naru_sio_namespace *nsp, naru_sio_on_socket *fn, void *user);
/* A packet middleware dropped an event. */
NARU_API naru_status naru_sio_on_error(naru_sio_namespace *nsp,
                                       void (*fn)(naru_sio_socket *socket, naru_status status, void *user), void *user);
/* A session that was kept for recovery will not come back: time or a bound passed. id: of the socket that it was. data:
 * naru_sio_socket_data's. */
NARU_API naru_status naru_sio_on_expired(naru_sio_namespace *nsp, void (*fn)(naru_span id, naru_span data, void *user),
                                         void *user);

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

NARU_API naru_span naru_sio_socket_id(const naru_sio_socket *socket);
NARU_API naru_sio_namespace *naru_sio_socket_namespace(const naru_sio_socket *socket);
NARU_API naru_eio *naru_sio_socket_session(const naru_sio_socket *socket); /* NULL once it is gone */
NARU_API bool naru_sio_socket_connected(const naru_sio_socket *socket);
NARU_API bool naru_sio_socket_recovered(const naru_sio_socket *socket);
NARU_API uint64_t naru_sio_socket_queued_bytes(const naru_sio_socket *socket); /* in its session, framed */
/* The socket connected under that id, or NULL. */
NARU_API naru_sio_socket *naru_sio_socket_by_id(naru_sio_namespace *nsp, naru_span id);
/* Hold the handle beyond its life; calls on a socket that has gone answer NARU_ERR_STATE. */
NARU_API naru_sio_socket *naru_sio_socket_ref(naru_sio_socket *socket);
NARU_API void naru_sio_socket_unref(naru_sio_socket *socket); /* NULL is fine */
NARU_API void naru_sio_socket_set_user(naru_sio_socket *socket, void *user);
NARU_API void *naru_sio_socket_user(const naru_sio_socket *socket);
/* The application's data of a socket, one JSON value: kept over a recovery, shown by the Admin UI. At first `{}`.
 * errors set: NARU_ERR_ARGUMENT: not JSON. NARU_ERR_MEMORY. */
NARU_API naru_status naru_sio_socket_set_data(naru_sio_socket *socket, naru_span json);
NARU_API naru_span naru_sio_socket_data(const naru_sio_socket *socket);

/* What the client said when it came. Spans are good as long as its session. */
typedef struct naru_sio_handshake {
    naru_span auth;     /* the JSON object of CONNECT; empty: it sent none */
    naru_span query;    /* of the session's first request, as it was sent */
    naru_span address;  /* the peer's without its port, or whom a trusted proxy names */
    uint64_t issued_ms; /* since 1970, in UTC */
    bool secure;        /* TLS */
    bool xdomain;       /* it named an Origin, and engine.keep_headers has that */
} naru_sio_handshake;
NARU_API void naru_sio_socket_handshake(const naru_sio_socket *socket, naru_sio_handshake *handshake_out);
/* A field of the session's first request that engine.keep_headers names; name without case. false: it had none. */
NARU_API bool naru_sio_socket_header(const naru_sio_socket *socket, const char *name, naru_span *value_out);
/* A parameter of its query, decoded, with a NUL. errors as naru_eio_query_value; NARU_ERR_STATE: the session is gone.
 * */
NARU_API naru_status naru_sio_socket_query(const naru_sio_socket *socket, const char *name, char *out,
                                           size_t out_bytes);
/* The whole as the JSON object that JavaScript calls socket.handshake, appended to out. errors NARU_ERR_MEMORY. */
NARU_API naru_status naru_sio_socket_handshake_json(const naru_sio_socket *socket, naru_buf *out);

/* Rooms. A socket is always in the room of its own id. Joining twice is joining once.
 * errors    NARU_ERR_STATE: it has gone. NARU_ERR_TOO_MANY: rooms_per_socket_max. NARU_ERR_MEMORY. */
NARU_API naru_status naru_sio_join(naru_sio_socket *socket, naru_span room);
NARU_API void naru_sio_leave(naru_sio_socket *socket, naru_span room);
NARU_API bool naru_sio_in_room(const naru_sio_socket *socket, naru_span room);
/* Each room of a socket, its own id first; each may leave that room, and no other. */
NARU_API void naru_sio_each_room(naru_sio_socket *socket, void (*each)(naru_span room, void *user), void *user);

/* Disconnect this socket; close: its session too, with all its namespaces. It is not connected from here on; the
 * callbacks come from the loop. Again is harmless. */
NARU_API void naru_sio_disconnect(naru_sio_socket *socket, bool close);

/* ---- emit -------------------------------------------------------------------------------------------------------- */

/* Send an event to one socket.
 * errors    NARU_FULL: taken, and its queue is above its high mark. NARU_ERR_TOO_BIG: refused, its queue is full (or
 *           the session is being closed for it). NARU_ERR_STATE: not connected. NARU_ERR_TOO_MANY: more than
 *           attachments_max. NARU_ERR_ARGUMENT: a reserved name, or JSON that is none. NARU_ERR_UTF8. NARU_ERR_MEMORY.
 *           */
NARU_API naru_status naru_sio_emit(naru_sio_socket *socket, const char *event, naru_sio_args args);

/* The answer to our event. status NARU_OK: answer has its arguments. NARU_ERR_TIMEOUT: none came in time ("operation
 * has timed out"). NARU_ERR_CLOSED: the socket disconnected first. answer is NULL then. */
typedef void naru_sio_on_answer(naru_sio_socket *socket, naru_status status, const naru_sio_event *answer, void *user);
/* Send an event that wants an answer; on NARU_OK and NARU_FULL on_answer is called exactly once.
 * shapes    timeout_ms: 0: until the socket goes. errors as naru_sio_emit; NARU_ERR_TOO_MANY also:
 * acks_per_socket_max. */
NARU_API naru_status naru_sio_emit_ack(naru_sio_socket *socket, uint32_t timeout_ms, const char *event,
                                       naru_sio_args args, naru_sio_on_answer *on_answer, void *user);

/* ---- targets: to whom -------------------------------------------------------------------------------------------- */

enum { NARU_SIO_TARGET_ROOMS = 8 };

/* Whom an operation is for. A value: each of the functions below answers a new one. It borrows the rooms' names, and
 * holds at most NARU_SIO_TARGET_ROOMS of each list; for more point rooms_more at them. Rooms are a union, each socket
 * counts once; no rooms: the whole namespace. */
typedef struct naru_sio_target {
    naru_sio_namespace *nsp;
    const naru_sio_socket *only;   /* this one alone */
    const naru_sio_socket *sender; /* all but this one */
    naru_span rooms[NARU_SIO_TARGET_ROOMS];
    naru_span except[NARU_SIO_TARGET_ROOMS];
    const naru_span *rooms_more, *except_more;
    size_t rooms_more_count, except_more_count;
    uint32_t timeout_ms; /* for answers */
    uint8_t rooms_count, except_count;
    bool is_volatile; /* dropped for those that cannot take it at once; not kept for recovery */
    bool is_local;    /* this loop's only */
    bool no_compress;
    bool overflow; /* more rooms than there is place for: every call with it answers NARU_ERR_ARGUMENT */
} naru_sio_target;

NARU_API naru_sio_target naru_sio_all(naru_sio_namespace *nsp);                             /* io.emit */
NARU_API naru_sio_target naru_sio_to(naru_sio_namespace *nsp, naru_span room);              /* io.to(room) */
NARU_API naru_sio_target naru_sio_broadcast(const naru_sio_socket *socket);                 /* socket.broadcast */
NARU_API naru_sio_target naru_sio_socket_to(const naru_sio_socket *socket, naru_span room); /* socket.to(room) */
NARU_API naru_sio_target naru_sio_only(const naru_sio_socket *socket);         /* for socket.volatile and its kin */
NARU_API naru_sio_target naru_sio_and(naru_sio_target target, naru_span room); /* .to again */
NARU_API naru_sio_target naru_sio_except(naru_sio_target target, naru_span room);
NARU_API naru_sio_target naru_sio_volatile(naru_sio_target target);
NARU_API naru_sio_target naru_sio_local(naru_sio_target target);
NARU_API naru_sio_target naru_sio_compress(naru_sio_target target, bool compress);
NARU_API naru_sio_target naru_sio_timeout(naru_sio_target target, uint32_t timeout_ms);

/* What became of a broadcast. */
typedef struct naru_sio_outcome {
    size_t sockets; /* that it was sent to, of this loop; 0 if it is called from a naru_sio_each_room, and sent later */
    size_t full;    /* of them now above their high mark */
    size_t refused; /* not sent to: queue full, or volatile and not writable */
} naru_sio_outcome;

/* Send an event to all of them. It is encoded once for each kind of connection, and not at all when nobody is there.
 * shapes    outcome_out may be NULL. errors as naru_sio_emit, but what one socket refuses is only counted. */
NARU_API naru_status naru_sio_emit_to(naru_sio_target target, const char *event, naru_sio_args args,
                                      naru_sio_outcome *outcome_out);

/* One socket's answer to a broadcast. of the callback's life. */
typedef struct naru_sio_response {
    naru_span id; /* whose */
    const naru_sio_event *answer;
} naru_sio_response;
/* NARU_OK: everybody answered. NARU_ERR_TIMEOUT: those that did in time. expected: how many were asked. */
typedef void naru_sio_on_responses(naru_status status, const naru_sio_response *responses, size_t count,
                                   size_t expected, void *user);
/* Ask all of them. on_responses is called once, from the loop, also when nobody is there. A timeout is required.
 * errors    NARU_ERR_ARGUMENT: target has no timeout. As naru_sio_emit_to. on_responses is not called then. */
NARU_API naru_status naru_sio_emit_to_ack(naru_sio_target target, const char *event, naru_sio_args args,
                                          naru_sio_on_responses *on_responses, void *user);

/* Each of those on this loop, as they were at the call; each may disconnect any. */
NARU_API naru_status naru_sio_each_socket(naru_sio_target target, naru_sio_on_socket *each, void *user);
NARU_API naru_status naru_sio_sockets_join(naru_sio_target target, naru_span room);
NARU_API naru_status naru_sio_sockets_leave(naru_sio_target target, naru_span room);
NARU_API naru_status naru_sio_disconnect_sockets(naru_sio_target target, bool close);

/* fetchSockets: a socket of this loop or another, as it was when that was asked. To do something with it use its id as
 * a room: naru_sio_to(nsp, found.id). Spans are of the callback's life. */
typedef struct naru_sio_found {
    naru_span id;
    naru_span handshake; /* as naru_sio_socket_handshake_json */
    naru_span rooms;     /* JSON array, its own id first */
    naru_span data;      /* naru_sio_socket_data */
} naru_sio_found;
/* NARU_OK: all that there are. NARU_ERR_TIMEOUT: some loop has not answered in time. */
typedef void naru_sio_on_sockets(naru_status status, const naru_sio_found *sockets, size_t count, void *user);
/* Ask all loops for the sockets of target; on_sockets is called once, from the loop. Its timeout is the target's; 0:
 * 5000. Of a parent: those of all its children. errors as naru_sio_emit_to; on_sockets is not called then. */
NARU_API naru_status naru_sio_fetch_sockets(naru_sio_target target, naru_sio_on_sockets *on_sockets, void *user);

/* serverSideEmit: tell the servers of the group's other loops, who listen with naru_sio_on_server_side; there socket is
 * NULL. on_responses (NULL: no answers are wanted) is called once, from the loop, with what they answer within 5 s;
 * alone, with none.
 * errors    NARU_ERR_ARGUMENT: connect, connection and new_namespace are reserved; a parent. As naru_sio_emit_to. */
NARU_API naru_status naru_sio_server_side_emit(naru_sio_namespace *nsp, const char *event, naru_sio_args args,
                                               naru_sio_on_responses *on_responses, void *user);
NARU_API naru_status naru_sio_on_server_side(naru_sio_namespace *nsp, const char *event, naru_sio_listener *fn,
                                             void *user);

/* ---- the Admin UI ------------------------------------------------------------------------------------------------ */

typedef struct naru_sio_admin_options {
    const char *namespace_name; /* "/admin" */
    const char *username; /* NULL: no authentication, which is for loopback alone; then password_hash is NULL too */
    const char *password_hash; /* bcrypt: "$2b$10$..." (also $2a$, $2y$) */
    bool development;          /* every socket, room and event is told, not only sums */
    bool readonly;             /* the page may not emit, join, leave or disconnect */
    const char *server_id;     /* the machine's name and the process's id */
} naru_sio_admin_options;
/* Serve the Admin UI (https://admin.socket.io, or the npm package's page) in a namespace of its own. Who has shown the
 * password may come back without it for twelve hours. After ten wrong ones in a minute an address is refused unchecked
 * (loopback excepted, unless engine.address_limits_loopback). In a group each server is given the same options; its
 * server_id gets "#" and a number behind it, and the page sees all loops.
 * errors    NARU_ERR_ARGUMENT: a name without a hash, or a hash that is none. NARU_ERR_STATE: it is on.
 * NARU_ERR_MEMORY. */
NARU_API NARU_MUST_USE naru_status naru_sio_admin(naru_sio *io, const naru_sio_admin_options *options);

#ifdef __cplusplus
}
#endif
#endif
