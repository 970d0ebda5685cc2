/* What an idle connection costs the server in memory: the growth of its resident set with N more connections, then
 * again after each of them has echoed one message. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "crowd.h"
#include "process.h"

/* Opened a thousand at a time, so that the first ones' pings are answered while the last ones come. */
enum { FIRST = 64, AT_ONCE = 1000, LOOK_NS = 1000000 };

typedef struct idlers {
    const load_settings *set;
    crowd *crowds;
    unsigned count;
} idlers;

static void sleep_for(double seconds)
{
    time_t whole = (time_t)seconds;
    struct timespec pause = {.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    nanosleep(&pause, NULL);
}

/* Say nothing but answers to the server's pings. */
static void attend(const idlers *all, double seconds)
{
    if (all->set->raw || all->set->socketio) {
        sleep_for(seconds);
        return;
    }
    uint64_t until_ns = process_now_ns() + (uint64_t)(seconds * 1e9);
    do {
        for (unsigned i = 0; i < all->count; i++) {
            crowd_rest(&all->crowds[i], process_now_ns() + LOOK_NS);
        }
    } while (process_now_ns() < until_ns);
}

static void open_more(idlers *all, unsigned connections)
{
    for (unsigned left = connections; left > 0; left -= all->crowds[all->count - 1].count) {
        crowd_open(&all->crowds[all->count++], all->set, left < AT_ONCE ? left : AT_ONCE);
        attend(all, 0);
    }
}

static void ask(crowd *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        c->members[i].place.owed = 1;
        script_send(&c->script, &c->members[i].place, &c->members[i].wire);
    }
}

static void hear(crowd *c)
{
    struct epoll_event events[CROWD_EVENTS];
    for (uint64_t answered = 0; answered < c->count;) {
        int ready = crowd_wait(c, events, UINT64_MAX);
        for (int i = 0; i < ready; i++) {
            member *m = events[i].data.ptr;
            answered += crowd_receive(c, m);
            script_send(&c->script, &m->place, &m->wire);
        }
    }
}

static void echo_once(const idlers *all, unsigned from)
{
    for (unsigned i = from; i < all->count; i++) {
        ask(&all->crowds[i]);
    }
    for (unsigned i = from; i < all->count; i++) {
        hear(&all->crowds[i]);
    }
}

/* A few connections first: what the server allocates once must not be counted for the others. */
int load_idle(const load_settings *set)
{
    idlers all = {.set = set, .crowds = calloc(set->connections / AT_ONCE + 2, sizeof *all.crowds)};
    if (!all.crowds) {
        load_die("start");
    }
    open_more(&all, FIRST);
    echo_once(&all, 0);
    attend(&all, set->settle_seconds);
    uint64_t before = process_rss_bytes(set->pid);
    open_more(&all, set->connections);
    attend(&all, set->settle_seconds);
    uint64_t idle = process_rss_bytes(set->pid);
    echo_once(&all, 1);
    attend(&all, set->settle_seconds);
    uint64_t touched = process_rss_bytes(set->pid);
    double count = (double)set->connections;
    printf("{\"start_bytes\":%.0f,\"idle_bytes\":%.0f,\"touched_bytes\":%.0f}\n", (double)before,
           ((double)idle - (double)before) / count, ((double)touched - (double)before) / count);
    free(all.crowds);
    return 0;
}
