/* All connections of a run, watched by one epoll, by edges. */
#include "crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

enum { STUCK_SECONDS = 10 };

static void watch(const crowd *c, member *m)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = m};
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, m->wire.fd, &event) != 0) {
        load_die("epoll_ctl");
    }
}

/* What a Socket.IO server puts around each text: an acknowledgement, or the event that it publishes. */
static const char *before_text(const load_settings *set)
{
    if (!set->socketio) {
        return "";
    }
    return set->mode == LOAD_PUBLISH ? "42[\"msg\",\"" : "430[\"";
}

static void set_up_answers(crowd *c)
{
    const load_settings *set = c->set;
    size_t raw = set->raw_answer > 0 ? set->raw_answer : c->script.starts[1];
    for (unsigned i = 0; i < c->count; i++) {
        c->members[i].answers.raw_bytes = set->raw ? raw : 0;
    }
    if (!set->raw) {
        c->members[0].answers.check =
            answers_check_new(&c->script, &c->deflate, before_text(set), set->socketio ? "\"]" : "");
    }
}

void crowd_open(crowd *c, const load_settings *set, unsigned count)
{
    *c = (crowd){.set = set, .count = count, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    c->members = calloc(count, sizeof *c->members);
    c->block = malloc(CROWD_BLOCK_BYTES);
    if (!c->members || !c->block || c->epoll < 0) {
        load_die("start");
    }
    for (unsigned i = 0; i < count; i++) {
        wire_open(&c->members[i].wire, set, i == 0 ? &c->deflate : NULL);
        watch(c, &c->members[i]);
    }
    if (set->deflate && !c->deflate.on) {
        load_refuse("permessage-deflate", "the server did not take it");
    }
    c->script = script_make(set, &c->deflate);
    set_up_answers(c);
}

uint64_t crowd_receive(crowd *c, member *m)
{
    uint64_t whole = 0;
    for (;;) {
        size_t skip = m->wire.ssl ? 0 : answers_skippable(&m->answers);
        size_t asked = skip > 0 ? skip : CROWD_BLOCK_BYTES;
        ssize_t got = skip > 0 ? wire_skip(&m->wire, skip) : wire_recv(&m->wire, c->block, asked);
        if (got == 0) {
            load_refuse("the server", "closed a connection");
        }
        if (got < 0) {
            return whole;
        }
        whole += skip > 0 ? answers_skip(&m->answers, (size_t)got) : answers_feed(&m->answers, c->block, (size_t)got);
        if (!wire_may_have_more(&m->wire, got, asked)) {
            return whole;
        }
    }
}

int crowd_wait(const crowd *c, struct epoll_event *events, uint64_t timeout_ns)
{
    uint64_t most = (uint64_t)STUCK_SECONDS * 1000000000U;
    uint64_t ns = timeout_ns < most ? timeout_ns : most;
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U)};
    int ready = epoll_pwait2(c->epoll, events, CROWD_EVENTS, &timeout, NULL);
    if (ready < 0 && errno != EINTR) {
        load_die("epoll_pwait2");
    }
    if (ready == 0 && ns == most) {
        load_refuse("the server", "has stopped answering");
    }
    return ready < 0 ? 0 : ready;
}
