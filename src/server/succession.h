/* The inside of a succession.
 *
 * What is said: packets over a Unix socket. The predecessor, as soon as somebody comes: "naru1 TOTAL", NUL, and the
 * names of the descriptors that come along, each with its NUL; as many such packets as it takes. The first descriptor
 * is the socket that both have met at. The successor, when it has begun: "taken ", and for each of them in their
 * order `1` or `0`. */
#ifndef NARU_SERVER_SUCCESSION_H
#define NARU_SERVER_SUCCESSION_H

#include "io/loop.h"
#include <naru/succession.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    NARU__SUCCESSION_NAME_BYTES = 128,
    NARU__SUCCESSION_SOCKETS_MAX = 1024 /* so that an answer is one packet */
};

/* A listening socket under the address that it was asked for by. */
typedef struct naru__heirloom {
    int fd;
    bool taken; /* got: listened on here. Kept: the successor listens on it */
    bool got;   /* kept: from the predecessor */
    char name[NARU__SUCCESSION_NAME_BYTES];
} naru__heirloom;

typedef struct naru__heirlooms {
    naru__heirloom *all;
    size_t count, capacity;
} naru__heirlooms;

struct naru_succession {
    int meeting;     /* where successors come to; -1: it has gone over to one */
    int predecessor; /* -1: none, or told */
    bool theirs;     /* what we got is still the predecessor's, who does not know that we have begun */
    struct sockaddr_un file;
    struct stat file_then;
    naru__heirlooms got;  /* from the predecessor; the first is `meeting` and counts as taken */
    pthread_mutex_t lock; /* of what follows: servers of several threads listen */
    uint32_t references;  /* the application's, and one for each that is listened on */
    naru__heirlooms kept; /* listened on here, and handed on; the listeners' own */
    /* From the beginning on; see succession_hand.c. */
    naru_loop *loop;
    naru_watch *meeting_watch;
    int successor; /* -1: nobody has come, or it has begun */
    size_t offered;
    naru_watch *successor_watch;
    naru__loop_timer patience;
    void (*on_succeeded)(void *user);
    void *user;
};

/* errors NARU_ERR_MEMORY, NARU_ERR_TOO_MANY */
NARU_MUST_USE naru_status naru__heirlooms_add(naru__heirlooms *heirlooms, const char *name, int fd);
void naru__heirlooms_free(naru__heirlooms *heirlooms);

/* ---- for listen.c; any thread ---- */

/* The predecessor's socket of this address that is not taken yet. -1: none. */
int naru__succession_find(naru_succession *succession, const char *address);
/* It is listened on: hand it on one day. errors NARU_ERR_MEMORY, NARU_ERR_TOO_MANY */
NARU_MUST_USE naru_status naru__succession_keep(naru_succession *succession, const char *address, int fd);
/* It will be closed. true: a successor listens on it too. */
bool naru__succession_forget(naru_succession *succession, int fd);

/* ---- the two sides ---- */

/* succession_meet.c: what naru_succession_join says. */
NARU_MUST_USE naru_status naru__succession_meet(naru_succession *succession, uint32_t timeout_ms, char *reason,
                                                size_t reason_bytes);
/* Say that we have begun, and close what we do not want. errors NARU_ERR_CLOSED */
NARU_MUST_USE naru_status naru__succession_relieve(naru_succession *succession);

/* succession_hand.c: wait for a successor. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status naru__succession_wait(naru_succession *succession);
void naru__succession_wait_end(naru_succession *succession);

#endif
