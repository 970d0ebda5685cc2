/* What an idle connection costs the server in memory: the growth of its resident set with N more connections, then
 * again after each of them has echoed one message. */
#include "load.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "crowd.h"
#include "process.h"

enum { FIRST = 64 };

static void settle(const load_settings *set)
{
    time_t whole = (time_t)set->settle_seconds;
    struct timespec pause = {.tv_sec = whole, .tv_nsec = (long)((set->settle_seconds - (double)whole) * 1e9)};
    nanosleep(&pause, NULL);
}

static void echo_once(crowd *c)
{
    struct epoll_event events[CROWD_EVENTS];
    for (unsigned i = 0; i < c->count; i++) {
        c->members[i].place.owed = 1;
        script_send(&c->script, &c->members[i].place, &c->members[i].wire);
    }
    for (uint64_t answered = 0; answered < c->count;) {
        int ready = crowd_wait(c, events, UINT64_MAX);
        for (int i = 0; i < ready; i++) {
            member *m = events[i].data.ptr;
            answered += crowd_receive(c, m);
            script_send(&c->script, &m->place, &m->wire);
        }
    }
}

/* A few connections first: what the server allocates once must not be counted for the others. */
int load_idle(const load_settings *set)
{
    static crowd first, rest;
    crowd_open(&first, set, FIRST);
    echo_once(&first);
    settle(set);
    uint64_t before = process_rss_bytes(set->pid);
    crowd_open(&rest, set, set->connections);
    settle(set);
    uint64_t idle = process_rss_bytes(set->pid);
    echo_once(&rest);
    settle(set);
    uint64_t touched = process_rss_bytes(set->pid);
    double count = (double)set->connections;
    printf("{\"start_bytes\":%.0f,\"idle_bytes\":%.0f,\"touched_bytes\":%.0f}\n", (double)before,
           ((double)idle - (double)before) / count, ((double)touched - (double)before) / count);
    return 0;
}
