/* The Admin UI: a namespace in which its page watches the server and gives orders. What these files share.
 *
 *  admin.c           on and off, who may come in
 *  admin_guard.c     who has guessed too often
 *  admin_password.c  bcrypt, beside the loop
 *  admin_stats.c     sums, every two seconds
 *  admin_events.c    each socket, room and event (development)
 *  admin_orders.c    emit, join, leave, disconnect
 *  admin_group.c     several loops
 *
 * Source: the protocol that @socket.io/admin-ui 0.5 speaks. */
#ifndef NARU_SOCKETIO_SERVER_ADMIN_H
#define NARU_SOCKETIO_SERVER_ADMIN_H

#include "sio.h"

enum {
    NARU__ADMIN_SESSION_BYTES = 16,
    NARU__ADMIN_SESSIONS = 64,
    NARU__ADMIN_SESSION_MS = 12 * 3600 * 1000,
    NARU__ADMIN_ORIGINS = 64,
    NARU__ADMIN_SUMS = 128
};

/* Who has shown the password once. */
typedef struct naru__admin_session {
    char id[NARU__ADMIN_SESSION_BYTES];
    uint64_t until_ms;
} naru__admin_session;

/* Passwords that came from one address since until_ms was set. */
typedef struct naru__admin_guesses {
    uint8_t from[16];
    uint32_t count;
    uint64_t until_ms; /* then they are forgotten */
} naru__admin_guesses;

/* Something that happened so often in one second. */
typedef struct naru__admin_sum {
    uint64_t second_ms;
    const char *type;
    const char *sub_type; /* NULL: none */
    uint64_t count;
} naru__admin_sum;

typedef struct naru__admin_check naru__admin_check;

struct naru__sio_admin {
    naru_sio *io;
    naru_sio_namespace *nsp;
    char *username, *password_hash, *server_id; /* username NULL: everybody */
    bool development, readonly;
    naru__admin_session sessions[NARU__ADMIN_SESSIONS]; /* the latest ones */
    size_t sessions_count;
    naru__admin_guesses guesses[NARU__ADMIN_ORIGINS];
    naru__admin_check *checks, *running;
    size_t checks_count;
    naru__admin_sum sums[NARU__ADMIN_SUMS];
    size_t sums_count;
    naru__loop_timer timer;
    uint64_t began_ms;
};

/* Is anybody watching, on whichever loop? */
bool naru__admin_watched(const naru__sio_admin *admin);

/* Arguments of an event on their way: write with the writer, then send to everybody, or to one. */
typedef struct naru__admin_event {
    naru_buf text;
    naru_json_writer json;
} naru__admin_event;
void naru__admin_event_begin(naru__admin_event *event, naru__sio_admin *admin);
/* socket NULL: to everybody. attachments are those of all placeholders in it. */
void naru__admin_event_send(naru__admin_event *event, naru__sio_admin *admin, naru_sio_socket *socket, const char *name,
                            const naru_span *attachments, size_t attachments_count);
void naru__admin_key(naru_json_writer *json, const char *key);
void naru__admin_string(naru_json_writer *json, const char *text);
void naru__admin_date(naru_json_writer *json); /* now */
uint64_t naru__admin_wall_ms(void);

/* May a password from this socket's address be looked at? It counts as a wrong one until it has been right. */
bool naru__admin_may_guess(naru__sio_admin *admin, const naru_sio_socket *socket);
void naru__admin_guessed_right(naru__sio_admin *admin, const naru_sio_socket *socket);
/* Is the password the one of the hash, and the name known? The gate goes on when that is clear. */
void naru__admin_check_password(naru__sio_admin *admin, naru_sio_gate *gate, naru_span password, bool known);
void naru__admin_checks_end(naru__sio_admin *admin);
void naru__admin_session_remember(naru__sio_admin *admin, naru_sio_socket *socket);

void naru__admin_stats_begin(naru__sio_admin *admin);
void naru__admin_stats_send(naru__sio_admin *admin, naru_sio_socket *socket);
extern const naru__sio_watch naru__admin_watch_sums, naru__admin_watch_all;
void naru__admin_count_session(naru_sio *io, const char *close_reason);
void naru__admin_count_traffic(naru_sio *io, bool out, size_t bytes);
/* Those of this loop, appended as a JSON array. */
NARU_MUST_USE naru_status naru__admin_write_sockets(naru__sio_admin *admin, naru_buf *json);
/* admin_group.c: the same of all loops, and the sessions that each of them knows. */
NARU_MUST_USE naru_status naru__admin_group_begin(naru__sio_admin *admin);
void naru__admin_gather_sockets(naru__sio_admin *admin, naru_sio_socket *to);
void naru__admin_session_tell(naru__sio_admin *admin, const char *id);
void naru__admin_session_add(naru__sio_admin *admin, const char *id);
naru_status naru__admin_orders_begin(naru__sio_admin *admin);

#endif
