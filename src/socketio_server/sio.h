/* The Socket.IO server's inside: what its files share.
 *
 *  naru_eio (a session) --on_message--> client.c --packet--> connect.c, dispatch.c --> the application
 *  the application --emit--> args.c (JSON) --> outgoing.c (each kind of connection once) --> naru_eio
 *
 * naru__sio_client is what a session is to Socket.IO; it stands in the session's own block. A naru_sio_socket is one
 * client in one namespace. */
#ifndef NARU_SOCKETIO_SERVER_SIO_H
#define NARU_SOCKETIO_SERVER_SIO_H

#include "hooks.h"
#include "io/loop.h"
#include "socketio/binary.h"
#include "socketio/recovery.h"
#include <naru/hub.h>
#include <naru/socketio_server.h>

typedef struct naru__sio_client naru__sio_client;
typedef struct naru__sio_wait naru__sio_wait;
typedef struct naru__sio_awaited naru__sio_awaited;
typedef struct naru__sio_poll naru__sio_poll;
typedef struct naru__sio_guest naru__sio_guest;
typedef struct naru__sio_admin naru__sio_admin;

/* ---- the server ------------------------------------------------------------------------------------------------ */

/* Who of the library itself watches what happens, beside the application: the Admin UI. Any may be NULL. */
typedef struct naru__sio_watch {
    void (*session)(naru_sio *io, const char *close_reason); /* NULL: it has opened */
    void (*traffic)(naru_sio *io, bool out, size_t bytes);
    void (*connected)(naru_sio_socket *socket);
    void (*disconnected)(naru_sio_socket *socket, naru_sio_reason reason);
    void (*upgraded)(naru_sio_socket *socket);
    void (*changed)(naru_sio_socket *socket); /* its data */
    void (*room)(naru_sio_socket *socket, naru_span room, bool joined);
    void (*event)(naru_sio_socket *socket, const naru_sio_event *event, bool out);
} naru__sio_watch;

struct naru_sio {
    naru_loop *loop;
    const naru_allocator *allocator;
    naru_server *server;
    naru_eio_server *engine;
    naru_sio_options options; /* filled */
    uint64_t queue_bytes_max, queue_high_bytes;
    naru__sip_key sip;
    naru__sio_limits limits;        /* of packets that come in */
    naru__sio_map names;            /* of static namespaces and children */
    naru_sio_namespace *namespaces; /* all that have a name; parents are in `parents`, in their order */
    naru_sio_namespace *parents;
    uint32_t children;                     /* of all parents */
    naru__sio_client *clients;             /* all of them */
    naru__sio_intake intake;               /* for packets that come whole, of whichever client */
    naru_buf text;                         /* the packet that is being written */
    naru_sio_socket *ending, **ending_end; /* disconnected, and the application is not told yet */
    naru__deferred end;
    naru__sio_poll *polls; /* broadcasts whose answers are collected */
    uint64_t polls_made;
    struct naru__sio_member *member; /* of a group; NULL: alone */
    void (*on_new_namespace)(naru_sio_namespace *nsp, void *user);
    void *new_namespace_user;
    naru__sio_map guests;         /* addresses, where they are limited */
    const naru__sio_watch *watch; /* NULL: nobody */
    naru__sio_admin *admin;
    struct naru__sio_served *served; /* the client scripts; NULL: none */
    size_t namespaces_count;         /* their structs; the server's own stays for them */
    bool freed;
};

/* ---- namespaces ------------------------------------------------------------------------------------------------ */

typedef enum naru__sio_namespace_kind {
    NARU__SIO_STATIC = 0,
    NARU__SIO_CHILD,
    NARU__SIO_PARENT
} naru__sio_namespace_kind;

/* Answers that are awaited, by ack id and socket; see ack.h. */
typedef struct naru__sio_acks {
    naru__sio_awaited **buckets;
    size_t buckets_count; /* a power of two, or 0 */
    size_t count;
    uint64_t next_id;
} naru__sio_acks;

struct naru_sio_namespace {
    naru_sio *io;
    naru_sio_namespace *next, **link;
    naru_sio_namespace *parent; /* of a child */
    naru__sio_namespace_kind kind;
    naru_sio_predicate *predicate; /* of a parent; NULL: `name` is its pattern */
    naru_sio_decide *decide;       /* instead of these */
    void *predicate_user;
    naru__sio_hooks hooks;
    naru__sio_hooks *server_side;           /* for events of other loops; NULL: none */
    naru_sio_socket *sockets, *last_socket; /* connected, in the order they came */
    size_t sockets_count;
    size_t users;      /* sockets that are not gone: a child with any is not forgotten */
    size_t references; /* socket handles: the struct stays for them */
    bool dropped;      /* only the handles hold it */
    naru__sio_map ids; /* of connected sockets */
    naru_hub *rooms;   /* NULL: no room was joined yet */
    naru__sio_acks acks;
    naru__sio_recovery *recovery; /* NULL: off, or nothing yet */
    naru__loop_timer expiry;
    char *name;
    size_t name_bytes;
};

static inline naru_span naru__sio_name(const naru_sio_namespace *nsp)
{
    return (naru_span){(const uint8_t *)nsp->name, nsp->name_bytes};
}
naru_sio_namespace *naru__sio_namespace_find(const naru_sio *io, naru_span name);      /* NULL: it is not there */
naru_sio_namespace *naru__sio_child_new(naru_sio_namespace *parent, naru_span name);   /* NULL: too many, no memory */
bool naru__sio_fits(const naru_sio_namespace *parent, naru_span name, naru_span auth); /* of one that needs no time */
/* A socket of it has gone: is it a child that nobody is in? */
void naru__sio_namespace_over(naru_sio_namespace *nsp); /* nobody is in it: a child may go */
void naru__sio_namespace_left(naru_sio_namespace *nsp);
void naru__sio_namespace_release(naru_sio_namespace *nsp); /* a handle has gone */
void naru__sio_namespaces_drop(naru_sio *io);              /* all of them */
void naru__sio_release(naru_sio *io);                      /* a namespace has gone */

/* ---- clients --------------------------------------------------------------------------------------------------- */

struct naru__sio_client {
    naru_sio *io;
    naru_eio *session;
    naru__sio_client *next, **link;
    naru_sio_socket *sockets;     /* of all its namespaces, also those that are not connected yet */
    naru__sio_wait *wait;         /* until it has joined a namespace */
    naru__sio_intake *intake;     /* while attachments are awaited */
    uint64_t *left;               /* hashes of the namespaces it was sent out of; NULL: none */
    naru_sio_decision *decisions; /* namespaces that it asked for, of which is not known yet whether there are any */
    struct naru__sio_flow *flow;  /* how fast it may; NULL: as it likes */
    naru__sio_guest *guest;       /* its address, where those are limited */
    uint16_t sockets_count;
    uint8_t encoding; /* naru__sio_encoding */
    uint8_t left_count;
    bool ending;     /* nothing that comes is heard any more */
    bool has_reason; /* reason is what sockets are told, whatever the engine says */
    uint8_t reason;
};

extern const naru_eio_handler naru__sio_engine_handler;

/* End the session for a rule that the peer broke, or because it was told to. */
void naru__sio_client_close(naru__sio_client *client, naru_sio_reason reason);
void naru__sio_client_joined(naru__sio_client *client); /* a namespace: the connect timeout is over */
naru_sio_socket *naru__sio_client_socket(const naru__sio_client *client, naru_span nsp); /* NULL: none */
/* Packets for this namespace that are on their way are no offence from here on. */
void naru__sio_client_note_left(naru__sio_client *client, naru_span nsp);
/* ---- sockets --------------------------------------------------------------------------------------------------- */

typedef enum naru__sio_state {
    NARU__SIO_ASKING = 0, /* middleware has not let it in yet */
    NARU__SIO_CONNECTED,
    NARU__SIO_ENDING, /* the application is not told yet */
    NARU__SIO_GONE
} naru__sio_state;

struct naru_sio_socket {
    naru_sio_namespace *nsp;
    naru__sio_client *client;         /* NULL once it is gone */
    naru_sio_socket *next, *previous; /* of the namespace's; next also of io->ending */
    naru_sio_socket *next_of_client;
    naru_subscriber *subscriber;           /* NULL: in no room but its own */
    naru__sio_awaited *awaited;            /* answers of it that we wait for, latest first */
    naru__sio_hooks *hooks;                /* of this socket alone; NULL: none */
    struct naru__sio_holds *holds;         /* NULL: no event waits */
    struct naru__sio_returning *returning; /* restored, and not let in yet; NULL: not */
    void *user;
    char *auth;        /* JSON; NULL: none came */
    naru_buf *data;    /* NULL: {} */
    uint64_t position; /* of the recovery's log when it came */
    uint32_t references;
    uint32_t came_ms; /* the turn that it was let in, of naru_loop_now_ms */
    uint32_t auth_bytes;
    uint32_t rooms, awaited_count;
    uint16_t id_bytes; /* of Engine.IO 3: its namespace's name and more */
    uint8_t pid_bytes; /* 0: no recovery */
    uint8_t state;
    uint8_t reason;
    bool recovered;
    bool announced; /* on_connection was called */
    char ids[];     /* the id, then room for the private id */
};

/* In the list of its client, which has its one reference, and asking. errors NULL: no memory. */
naru_sio_socket *naru__sio_socket_new(naru__sio_client *client, naru_sio_namespace *nsp, naru_span auth);
void naru__sio_draw_id(naru_sio *io, char out[NARU_SIO_ID_SIZE]);
static inline naru_span naru__sio_id(const naru_sio_socket *socket)
{
    return (naru_span){(const uint8_t *)socket->ids, socket->id_bytes};
}
static inline naru_span naru__sio_pid(const naru_sio_socket *socket)
{
    return (naru_span){(const uint8_t *)socket->ids + socket->id_bytes, socket->pid_bytes};
}

/* decide.c: find the namespace that a client asks for, a child made at need; naru__sio_connect_to is called with it, or
 * with NULL, at once or later. */
void naru__sio_seek(naru__sio_client *client, naru_span name, naru_span auth);
bool naru__sio_seeks(const naru__sio_client *client, naru_span name);
size_t naru__sio_seeks_count(const naru__sio_client *client);
void naru__sio_seeks_drop(naru__sio_client *client); /* it goes */
/* connect.c: nsp NULL: there is none of that name. */
void naru__sio_connect_to(naru__sio_client *client, naru_sio_namespace *nsp, naru_span name, naru_span auth);
/* A client asks for a namespace. */
void naru__sio_connect(naru__sio_client *client, naru_span name, naru_span query, naru_json auth);
/* Refuse it with CONNECT_ERROR, data being a JSON text. */
void naru__sio_connect_error(naru__sio_client *client, naru_span name, naru_span data);

/* rooms.c */
void naru__sio_rooms_leave_all(naru_sio_socket *socket);
void naru__sio_rooms_free(naru_sio_namespace *nsp);

/* leave.c: it is connected no more; its rooms stand until the application has been told, which is soon, or here. */
void naru__sio_socket_end(naru_sio_socket *socket, naru_sio_reason reason);
void naru__sio_end_tell(naru_sio *io); /* all of them, here */
void naru__sio_end_init(naru_sio *io);

/* handshake.c: a query `a=1&b=2` as the JSON object of its parameters, appended. */
NARU_MUST_USE naru_status naru__sio_query_json(naru_span query, naru_buf *json);

/* The handshake as a JSON object; secret: with auth. */
void naru__sio_handshake_write(const naru_sio_socket *socket, naru_json_writer *json, bool secret);

/* ---- recovery -------------------------------------------------------------------------------------------------- */

bool naru__sio_recovers(const naru_sio_namespace *nsp);
/* Does the client ask to be who it was, and can it? true: the socket has the id, the private id, the rooms and the
 * data of the session. */
bool naru__sio_restore(naru_sio_socket *socket);
/* It is let in: send what it has missed. */
void naru__sio_replay(naru_sio_socket *socket);
/* It is not: the session may be come back to. */
void naru__sio_restore_undo(naru_sio_socket *socket);
/* A socket that is new: gives it a private id. false: no memory. */
bool naru__sio_recovery_begin(naru_sio_socket *socket);
/* It has gone: keep its session, or not. */
void naru__sio_recovery_left(naru_sio_socket *socket, naru_sio_reason reason);
void naru__sio_recovery_deinit(naru_sio_namespace *nsp);

/* ---- events ---------------------------------------------------------------------------------------------------- */

/* A piece of text that was unescaped for an event. */
typedef struct naru__sio_scrap {
    struct naru__sio_scrap *next;
    size_t bytes;
    uint8_t text[];
} naru__sio_scrap;

/* What changes while an event is read. */
typedef struct naru__sio_event_state {
    naru__sio_scrap *scraps;
    naru_sio_hold *hold; /* that was taken of it; NULL: none */
    bool answered;
    bool asking; /* a packet middleware is being asked about it */
} naru__sio_event_state;

struct naru_sio_event {
    naru_sio_socket *socket; /* NULL: nobody to answer to */
    naru_sio *server_side;   /* it is of another loop's server, member `from`; NULL: it is not */
    uint32_t from;
    naru_span name;  /* without escapes; empty: an answer */
    naru_json array; /* as it came, the name first; of an answer without */
    naru_span json;  /* the arguments, as members */
    const naru_span *attachments;
    uint32_t attachments_count;
    bool is_answer;
    bool wants_answer;
    uint64_t id;
    naru_sio_value spread;
    naru__sio_event_state *state;
    const naru_allocator *allocator;
};

/* Make an event to be read from a packet's data. End it with naru__sio_event_deinit. */
void naru__sio_event_init(naru_sio_event *event, naru__sio_event_state *state, naru_sio *io,
                          const naru__sio_packet *packet, const naru_span *attachments, bool is_answer);
void naru__sio_event_deinit(naru_sio_event *event);
/* The same over a copy of its bytes, which are written to `space`, aligned for spans. */
size_t naru__sio_event_bytes(const naru_sio_event *event);
void naru__sio_event_copy(naru_sio_event *copy, naru__sio_event_state *state, naru_sio *io, const naru_sio_event *event,
                          void *space);

/* dispatch.c: to the listeners; an answer to who waits for it. */
void naru__sio_hear_event(naru_sio_socket *socket, const naru__sio_message *message);
void naru__sio_hear_answer(naru_sio_socket *socket, const naru__sio_message *message);
/* The catch-all listeners, the middleware from *at on, the listeners. false: a middleware has taken the hold, and is
 * waited for. */
bool naru__sio_dispatch(naru_sio_socket *socket, const naru_sio_event *event, uint32_t *at);
bool naru__sio_dispatch_on(naru_sio_socket *socket, const naru_sio_event *event, uint32_t *at, naru_status verdict);
void naru__sio_call_any(naru_sio_socket *socket, const naru_sio_event *event, bool outgoing);
/* hold.c: events that wait for a packet middleware, or behind one that does. */
bool naru__sio_hold_behind(naru_sio_socket *socket, const naru_sio_event *event); /* false: nothing is in front of it */
/* What a middleware has said: the hold's word, where it took the hold; NARU_MORE: not yet. */
naru_status naru__sio_hold_verdict(const naru_sio_event *event, naru_status answered);
bool naru__sio_hold_taken(const naru_sio_event *event);
/* The event that it was taken of has been dispatched so far; over: all of it. */
void naru__sio_hold_called(naru_sio_hold *hold, uint32_t at, bool over);
void naru__sio_holds_drop(naru_sio_socket *socket); /* it has disconnected */
/* The namespace's hooks and its parent's, the parent's first. Start with NULL; NULL: no more. */
naru__sio_hooks *naru__sio_hooks_next(naru_sio_namespace *nsp, const naru__sio_hooks *last);

/* server_side.c */
naru_status naru__sio_answer_server(naru_sio *io, uint32_t to, uint64_t question, naru_sio_args args);

/* Is it limited how fast this client may send, and was that too fast? true: drop the packet. */
bool naru__sio_flood(naru__sio_client *client, size_t bytes, bool event);
NARU_MUST_USE naru_status naru__sio_flood_begin(naru__sio_client *client);
void naru__sio_flood_end(naru__sio_client *client);

/* ---- serving the client's script -------------------------------------------------------------------------------- */

NARU_MUST_USE naru_status naru__sio_serve_client(naru_sio *io);
void naru__sio_serve_client_free(naru_sio *io);

void naru__sio_admin_free(naru_sio *io);

#endif
