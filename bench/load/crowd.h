/* All connections of a run, watched by one epoll: what every mode with standing connections starts with. */
#ifndef NARU_BENCH_CROWD_H
#define NARU_BENCH_CROWD_H

#include <sys/epoll.h>

#include "answers.h"

typedef struct member {
    wire wire;
    answers answers;
    script_place place;
    uint64_t asked, answered; /* messages, from the start */
    uint64_t *sent_ns;        /* a ring of depth times; NULL in the open loop */
} member;

typedef struct crowd {
    const load_settings *set;
    member *members;
    unsigned count;
    int epoll;
    wire_deflate deflate; /* as the first connection agreed on */
    script script;
    uint8_t *block;
} crowd;

enum { CROWD_BLOCK_BYTES = 1 << 20, CROWD_EVENTS = 256 };

void crowd_open(crowd *c, const load_settings *set, unsigned count);
/* Read until the wire would block; the messages that became complete. */
uint64_t crowd_receive(crowd *c, member *m);
/* Wait for events at most this long, 0: not at all. Answers how many. */
int crowd_wait(const crowd *c, struct epoll_event *events, uint64_t timeout_ns);
/* Answer the server's pings until then, and hear of nothing else. How many there were. rest.c */
uint64_t crowd_rest(crowd *c, uint64_t until_ns);

#endif
