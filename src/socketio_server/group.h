/* Servers of one process, each on its own loop, that are one to their clients: what they say to each other.
 *
 * There is one order of letters for all: who publishes one puts it, under the group's lock, into the inbox of each
 * other member, takes what lies in its own, reads that, and then does here what the letter says. So what every loop
 * does is in the order of the lock, and nothing that a loop sends to one of its sockets overtakes what it sent to many
 * before.
 *
 *  group.c       members, inboxes, waking
 *  letter.c      what a letter holds
 *  group_read.c  a letter that has come
 *  fetch.c       questions to all: sockets; server_side.c: events between servers
 *
 * Not for: single connections that belong to another member (server/handover.c). Source: none; what is said is what the
 * adapters of socket.io say. */
#ifndef NARU_SOCKETIO_SERVER_GROUP_H
#define NARU_SOCKETIO_SERVER_GROUP_H

#include "ack.h"
#include "server/exchange.h"
#include "target.h"
#include <pthread.h>
#include <stdatomic.h>

enum { NARU__SIO_MEMBERS_MAX = 256, NARU__SIO_INBOX_BYTES_MAX = 64 << 20 };

typedef enum naru__sio_letter_kind {
    NARU__SIO_LETTER_EVENT = 0, /* to whom the target means; with a question: and tell what they answer */
    NARU__SIO_LETTER_JOIN,
    NARU__SIO_LETTER_LEAVE,
    NARU__SIO_LETTER_DISCONNECT,
    NARU__SIO_LETTER_FETCH,
    NARU__SIO_LETTER_SERVER_SIDE,
    NARU__SIO_LETTER_COUNT, /* so many were asked */
    NARU__SIO_LETTER_ANSWER
} naru__sio_letter_kind;

typedef struct naru__sio_letter naru__sio_letter;

/* A letter in one inbox. */
typedef struct naru__sio_copy {
    struct naru__sio_copy *next;
    naru__sio_letter *letter;
} naru__sio_copy;

/* One block: spans point into it. Frozen once it is published. */
struct naru__sio_letter {
    atomic_uint references;
    naru__sio_letter_kind kind;
    uint32_t from;   /* the member's number */
    uint32_t parent; /* the number of a parent, from 1; 0: nsp is the name */
    size_t bytes;
    naru_span nsp;
    naru_span data; /* JSON array: an event with its name, the arguments of an answer */
    naru_span id;   /* whose answer it is; the room of JOIN and LEAVE */
    const naru_span *attachments, *rooms, *except;
    uint32_t attachments_count, rooms_count, except_count;
    uint64_t question; /* of who asks; 0: no answer is wanted */
    uint32_t timeout_ms;
    uint32_t count;
    bool is_volatile, no_compress, close;
    naru__sio_copy *copies;
    uint32_t copies_count;
};

/* A connection on its way to a member. */
typedef struct naru__sio_arriving {
    struct naru__sio_arriving *next;
    naru__luggage *luggage;
} naru__sio_arriving;

typedef struct naru__sio_member {
    naru_sio_group *group;
    naru_loop *loop;
    uint32_t index;
    atomic_size_t clients;
    atomic_bool has_mail;    /* something lies in the inbox */
    naru__handover handover; /* of connections to it */
    /* Under the group's lock: */
    naru_sio *io; /* NULL: it has left */
    naru__sio_copy *inbox, **inbox_end;
    naru__sio_arriving *arriving;
    size_t inbox_bytes;
    bool told; /* it has been posted to */
    bool owed; /* there was no memory for that */
    /* Of its own thread: */
    naru__sio_copy *read, **read_end;   /* taken out, to be read */
    naru__sio_copy *calls, **calls_end; /* that call the application: from the loop alone */
    bool reading;
    uint32_t walking; /* up the stack the application walks over something that letters may change */
    uint64_t questions;
    naru__deferred call;
    naru__loop_timer retry;
} naru__sio_member;

struct naru_sio_group {
    pthread_mutex_t lock;
    naru__sio_member *members[NARU__SIO_MEMBERS_MAX];
    atomic_uint count;    /* grows under the lock */
    atomic_uint watchers; /* pages of the Admin UI, on all loops */
};

/* A client says something: it may know of what others have heard already, so that is read first. */
void naru__sio_group_look(naru_sio *io);
NARU_MUST_USE naru_status naru__sio_group_join(naru_sio_group *group, naru_sio *io);
void naru__sio_group_leave(naru_sio *io); /* not being in one is fine */
/* Are there others, for whom target may mean somebody too? */
bool naru__sio_goes_round(const naru_sio_target *target);
static inline uint32_t naru__sio_others(const naru_sio *io)
{
    return io->member ? atomic_load_explicit(&io->member->group->count, memory_order_relaxed) - 1 : 0;
}

/* A copy of draft with all its texts, with one reference. errors NULL: no memory. */
NARU_MUST_USE naru__sio_letter *naru__sio_letter_new(naru_sio *io, const naru__sio_letter *draft);
void naru__sio_letter_unref(naru__sio_letter *letter);
/* target's namespace, rooms and exceptions, for a letter. names: where they are listed, to be freed when the letter is
 * made. errors NARU_ERR_MEMORY. */
typedef struct naru__sio_names {
    naru_span *names;
    size_t bytes;
} naru__sio_names;
NARU_MUST_USE naru_status naru__sio_letter_address(naru__sio_letter *draft, const naru_sio_target *target,
                                                   naru__sio_names *names);
void naru__sio_names_free(naru__sio_names *names);

/* To all others; the reference is taken over. sent_out (may be NULL): how many will read it.
 * errors    NARU_OK: what came before has been read, and it is this loop's turn. NARU_MORE: this loop will read it too,
 *           in its place. NARU_ERR_TOO_MANY: one of them has too much to read; nobody gets it. */
NARU_MUST_USE naru_status naru__sio_publish(naru_sio *io, naru__sio_letter *letter, uint32_t *sent_out);
/* The same without this loop. errors NARU_ERR_TOO_MANY. */
NARU_MUST_USE naru_status naru__sio_publish_to_others(naru_sio *io, naru__sio_letter *letter, uint32_t *sent_out);
/* To one, which may have left. The reference is taken over. */
void naru__sio_send_to(naru_sio *io, uint32_t to, naru__sio_letter *letter);
/* What it says for target, everywhere. NARU_OK: do it here now; NARU_MORE: it will be done. */
NARU_MUST_USE naru_status naru__sio_publish_order(const naru_sio_target *target, naru__sio_letter_kind kind,
                                                  naru_span room, bool close);

void naru__sio_letter_read(naru_sio *io, const naru__sio_letter *letter);
void naru__sio_letter_call(naru_sio *io, const naru__sio_letter *letter); /* server_side.c */
/* emit.c: the event, to sockets of this loop. */
void naru__sio_emit_letter(const naru_sio_target *target, const naru__sio_letter *letter, naru__sio_poll *poll);
/* fetch.c: those of this loop, as a JSON array. */
NARU_MUST_USE naru_status naru__sio_found_write(const naru_sio_target *target, naru_buf *json);
/* Answer a question of member `to`. */
void naru__sio_answer_letter(naru_sio *io, uint32_t to, uint64_t question, naru_span id, naru_span data,
                             const naru_span *attachments, uint32_t attachments_count);

#endif
