/* What shards say to each other. A letter travels one link, in the order of that link, and is answered by being turned
 * round, so that an answer needs no memory. Source: none. */
#ifndef NARU_HUB_LETTER_H
#define NARU_HUB_LETTER_H

#include "hub.h"

typedef enum naru__letter_kind {
    /* to a channel's home */
    NARU__LETTER_LISTEN,   /* publication: the JOIN of who is present from now on, or NULL */
    NARU__LETTER_UNLISTEN, /* publication: the same, to say who leaves */
    NARU__LETTER_PUBLISH,
    NARU__LETTER_HISTORY,
    NARU__LETTER_PRESENCE,
    NARU__LETTER_COUNTS,
    /* to a shard */
    NARU__LETTER_DELIVER,   /* publication: to the subscribers of its channel */
    NARU__LETTER_BROADCAST, /* publication, audience */
    NARU__LETTER_ANSWER
} naru__letter_kind;

/* An audience that owns its names. */
typedef struct naru__envelope {
    naru_audience audience; /* first */
    size_t bytes;
    _Atomic(size_t) references;
} naru__envelope;

typedef struct naru__letter {
    struct naru__letter *next; /* of a link's, or of the spares */
    naru__letter_kind kind;
    uint32_t from, to;
    size_t bytes;
    uint64_t ticket;               /* 0: no answer is wanted */
    naru_publication *publication; /* a reference */
    naru__envelope *envelope;      /* a reference */
    struct naru__letter *spares;   /* of PUBLISH: one for each other shard, so that distributing needs no memory */
    naru_history_range range;      /* of HISTORY; limit of PRESENCE */
    naru_position position;        /* of LISTEN: since; of ANSWER: the publication's, the head */
    naru_status status;            /* of ANSWER */
    bool resume, recovered;        /* of LISTEN and its answer */
    naru_publication **items;      /* of ANSWER; references */
    size_t items_count, items_room;
    uint64_t subscribers, clients, users; /* of ANSWER to COUNTS and PRESENCE */
    uint32_t channel_bytes;
    uint8_t channel[]; /* then, of DELIVER, a naru__job at the next place where it may stand */
} naru__letter;

/* All letters and what they carry come from the default allocator, since any thread may free them. errors NULL */
naru__letter *naru__letter_new(naru__letter_kind kind, naru_span channel);
void naru__letter_free(naru__letter *letter); /* and what it carries */
/* Room for `count` items. false: no memory. */
bool naru__letter_make_room(naru__letter *letter, size_t count);
static inline naru_span naru__letter_channel(const naru__letter *letter)
{
    return (naru_span){letter->channel, letter->channel_bytes};
}
/* A DELIVER's own job; its release frees the letter. */
naru__job *naru__letter_job(naru__letter *letter);
void naru__letter_release_job(naru__job *job);

naru__envelope *naru__envelope_new(const naru_audience *audience); /* NULL: no memory */
naru__envelope *naru__envelope_ref(naru__envelope *envelope);
void naru__envelope_unref(naru__envelope *envelope);

#endif
