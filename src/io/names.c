/* Names by c-ares, each question on a channel of its own: it reads the system's configuration as it is
 * now, and is cancelled by closing the channel.
 *
 * Not for: trying the addresses (dial.c). Source: RFC 6761 6.3, c-ares' manual pages. */
#include "names.h"

#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/memory.h"
#include "core.h"

enum { SOCKETS_MAX = ARES_GETSOCK_MAXNUM };

typedef struct lookup_socket {
    naru__source source;
    naru__lookup *lookup;
    int fd; /* -1: unused */
} lookup_socket;

struct naru__lookup {
    void *user; /* these two first: what a burial without a note may overwrite */
    naru__lookup_fn *done;
    naru_loop *loop;
    ares_channel channel; /* NULL: nobody needs to be asked */
    naru__loop_timer timeout;
    naru__deferred deliver;
    lookup_socket sockets[SOCKETS_MAX];
    bool cancelled;
    bool answered;
    naru__lookup_answer answer;
    uint16_t port;
};

/* ---- c-ares on our loop -------------------------------------------------------------------------------- */

static void plan_timeout(naru__lookup *lookup)
{
    struct timeval room;
    struct timeval *wait = lookup->answered ? NULL : ares_timeout(lookup->channel, NULL, &room);
    if (!wait) {
        naru__loop_timer_stop(lookup->loop, &lookup->timeout);
        return;
    }
    uint64_t wait_ms = (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1;
    naru__loop_timer_start(lookup->loop, &lookup->timeout, naru_loop_now_ms(lookup->loop) + wait_ms);
}

static void socket_ready(naru__source *source, unsigned events)
{
    lookup_socket *self = NARU__OWNER(source, lookup_socket, source);
    naru__lookup *lookup = self->lookup;
    bool ended = events & (NARU__READY_BROKEN | NARU__READY_HANGUP);
    int fd = self->fd;
    ares_process_fd(lookup->channel, events & NARU__READY_IN || ended ? fd : ARES_SOCKET_BAD,
                    events & NARU__READY_OUT || ended ? fd : ARES_SOCKET_BAD);
    plan_timeout(lookup);
}

static void timed_out(naru__loop_timer *timer)
{
    naru__lookup *lookup = NARU__OWNER(timer, naru__lookup, timeout);
    ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    plan_timeout(lookup);
}

static lookup_socket *socket_of(naru__lookup *lookup, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (lookup->sockets[i].fd == fd) {
            return &lookup->sockets[i];
        }
    }
    return NULL;
}

/* A socket for which there is no room is left to c-ares' timeouts. */
static void socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    naru__lookup *lookup = user;
    unsigned events = (readable ? (unsigned)NARU__READY_IN : 0) | (writable ? (unsigned)NARU__READY_OUT : 0);
    lookup_socket *known = socket_of(lookup, fd);
    if (known && events) {
        naru__backend_set(lookup->loop, &known->source, fd, events);
    } else if (known) {
        naru__backend_remove(lookup->loop, &known->source, fd);
        known->fd = -1;
    } else if (events && (known = socket_of(lookup, -1)) != NULL) {
        known->source.ready = socket_ready;
        known->fd = naru__backend_add(lookup->loop, &known->source, fd, events) ? fd : -1;
    }
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void answer(naru__lookup *lookup, naru_status status, const char *error)
{
    lookup->answered = true;
    lookup->answer.status = status;
    lookup->answer.error = error;
    naru__loop_defer(lookup->loop, &lookup->deliver);
}

static void add(naru__lookup_answer *answer, const struct sockaddr *address, socklen_t size)
{
    if (answer->count < NARU__ADDRESSES_MAX && size <= sizeof answer->addresses[0].storage) {
        naru__address *slot = &answer->addresses[answer->count++];
        memcpy(&slot->storage, address, size);
        slot->size = size;
    }
}

static const struct ares_addrinfo_node *next_of(const struct ares_addrinfo_node *node, bool of_family, int family)
{
    while (node && (node->ai_family == family) != of_family) {
        node = node->ai_next;
    }
    return node;
}

/* 8305 4: the family that the system prefers begins, then they take turns. */
static void interleave(naru__lookup_answer *answer, const struct ares_addrinfo_node *nodes)
{
    int family = nodes->ai_family;
    const struct ares_addrinfo_node *first = nodes;
    const struct ares_addrinfo_node *second = next_of(nodes, false, family);
    while (first || second) {
        if (first) {
            add(answer, first->ai_addr, (socklen_t)first->ai_addrlen);
            first = next_of(first->ai_next, true, family);
        }
        if (second) {
            add(answer, second->ai_addr, (socklen_t)second->ai_addrlen);
            second = next_of(second->ai_next, false, family);
        }
    }
}

static void resolved(void *user, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)timeouts;
    naru__lookup *lookup = user;
    if (!lookup->cancelled) {
        if (status == ARES_SUCCESS && found && found->nodes) {
            interleave(&lookup->answer, found->nodes);
            answer(lookup, NARU_OK, NULL);
        } else {
            answer(lookup, status == ARES_ENOMEM ? NARU_ERR_MEMORY : NARU_ERR_NAME,
                   ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status));
        }
    }
    if (found) {
        ares_freeaddrinfo(found);
    }
}

static void release(naru__lookup *lookup)
{
    lookup->cancelled = true;
    naru__loop_defer_cancel(lookup->loop, &lookup->deliver);
    naru__loop_timer_stop(lookup->loop, &lookup->timeout);
    if (lookup->channel) {
        ares_destroy(lookup->channel); /* closes its sockets, each by way of socket_state */
    }
    naru__loop_free_later(lookup->loop, lookup, sizeof *lookup);
}

static void deliver(naru__deferred *deferred)
{
    naru__lookup *lookup = NARU__OWNER(deferred, naru__lookup, deliver);
    lookup->done(lookup->user, &lookup->answer);
    release(lookup);
}

void naru__lookup_cancel(naru__lookup *lookup)
{
    if (lookup) {
        release(lookup);
    }
}

/* ---- questions ----------------------------------------------------------------------------------------- */

/* 6761 6.3: "localhost." and what lies below it are the loopback, and nobody is asked. */
static bool is_localhost(naru_span host)
{
    if (host.size > 0 && host.data[host.size - 1] == '.') {
        host.size--;
    }
    naru_span name = naru_span_of("localhost");
    if (host.size < name.size) {
        return false;
    }
    size_t before = host.size - name.size;
    naru_span tail = {host.data + before, name.size};
    return naru_span_equal_nocase(tail, name) && (before == 0 || host.data[before - 1] == '.');
}

static bool answer_without_asking(naru__lookup *lookup, const char *host)
{
    naru__lookup_answer *found = &lookup->answer;
    if (naru__address_numeric(host, lookup->port, &found->addresses[0])) {
        found->count = 1;
    } else if (is_localhost(naru_span_of(host))) {
        naru__address_loopback(AF_INET6, lookup->port, &found->addresses[0]);
        naru__address_loopback(AF_INET, lookup->port, &found->addresses[1]);
        found->count = 2;
    }
    if (found->count > 0) {
        answer(lookup, NARU_OK, NULL);
    }
    return found->count > 0;
}

static pthread_once_t ares_ready = PTHREAD_ONCE_INIT;
static void prepare_ares(void)
{
    ares_library_init(ARES_LIB_INIT_ALL);
}

static void ask(naru__lookup *lookup, const char *host)
{
    struct ares_options options = {.sock_state_cb = socket_state, .sock_state_cb_data = lookup};
    pthread_once(&ares_ready, prepare_ares);
    int status = ares_init_options(&lookup->channel, &options, ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        lookup->channel = NULL;
        answer(lookup, status == ARES_ENOMEM ? NARU_ERR_MEMORY : NARU_ERR_NAME, ares_strerror(status));
        return;
    }
    char service[8];
    snprintf(service, sizeof service, "%u", lookup->port);
    struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NUMERICSERV,
    };
    ares_getaddrinfo(lookup->channel, host, service, &hints, resolved, lookup);
    plan_timeout(lookup);
}

naru__lookup *naru__lookup_start(naru_loop *loop, const char *host, uint16_t port, naru__lookup_fn *done, void *user)
{
    naru__lookup *lookup = naru__alloc_zero(&loop->cache.allocator, sizeof *lookup);
    if (!lookup) {
        return NULL;
    }
    lookup->user = user;
    lookup->done = done;
    lookup->loop = loop;
    lookup->port = port;
    lookup->timeout.fire = timed_out;
    lookup->deliver.run = deliver;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        lookup->sockets[i].lookup = lookup;
        lookup->sockets[i].fd = -1;
    }
    if (!answer_without_asking(lookup, host)) {
        ask(lookup, host);
    }
    return lookup;
}
