/* What connections at rest cost the server in time: N of them, which say nothing but answer its pings. */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "crowd.h"
#include "process.h"

enum { PING = 0x89, PONG = 0x8a, MASKED = 0x80, CONTROL_BYTES_MAX = 125, FRAME_HEAD = 2, MASK_BYTES = 4 };

/* With a mask of zeros the payload goes back as it came. */
static void answer(member *m, const uint8_t *payload, uint8_t size)
{
    uint8_t pong[FRAME_HEAD + MASK_BYTES + CONTROL_BYTES_MAX] = {PONG, (uint8_t)(MASKED | size)};
    for (uint8_t i = 0; i < size; i++) {
        pong[FRAME_HEAD + MASK_BYTES + i] = payload[i];
    }
    if (wire_send(&m->wire, pong, FRAME_HEAD + MASK_BYTES + (size_t)size) <= 0) {
        load_refuse("a pong", "could not be sent at once");
    }
}

/* A ping is a few bytes and comes whole. */
static uint64_t hear(crowd *c, member *m)
{
    uint64_t pings = 0;
    ssize_t got;
    while ((got = wire_recv(&m->wire, c->block, CROWD_BLOCK_BYTES)) > 0) {
        for (ssize_t at = 0; at < got; at += FRAME_HEAD + c->block[at + 1], pings++) {
            if (got - at < FRAME_HEAD || c->block[at] != PING || FRAME_HEAD + c->block[at + 1] > got - at) {
                load_refuse("the server", "sent something that is no whole ping");
            }
            answer(m, c->block + at + FRAME_HEAD, c->block[at + 1]);
        }
    }
    if (got == 0) {
        load_refuse("the server", "closed a connection");
    }
    return pings;
}

uint64_t crowd_rest(crowd *c, uint64_t until_ns)
{
    struct epoll_event events[CROWD_EVENTS];
    uint64_t pings = 0;
    for (uint64_t now_ns; (now_ns = process_now_ns()) < until_ns;) {
        int ready = epoll_wait(c->epoll, events, CROWD_EVENTS, (int)((until_ns - now_ns) / 1000000 + 1));
        for (int i = 0; i < ready; i++) {
            pings += hear(c, events[i].data.ptr);
        }
    }
    return pings;
}

int load_rest(const load_settings *set)
{
    static crowd all;
    crowd_open(&all, set, set->connections);
    crowd_rest(&all, process_now_ns() + (uint64_t)(set->warmup_seconds * 1e9));
    uint64_t cpu_ns = process_cpu_ns(set->pid);
    uint64_t start_ns = process_now_ns();
    uint64_t pings = crowd_rest(&all, start_ns + (uint64_t)(set->seconds * 1e9));
    double passed_ns = (double)(process_now_ns() - start_ns);
    printf("{\"pings\":%" PRIu64 ",\"server_core\":%.5f}\n", pings,
           (double)(process_cpu_ns(set->pid) - cpu_ns) / passed_ns);
    return 0;
}
