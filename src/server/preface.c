/* Accepted sockets from which a PROXY header has to come first. It is read to its last byte and not further, so that
 * the stream which follows, TLS or not, begins where it should. Source: haproxy's proxy-protocol.txt. */
#include "server/exchange.h"
#include "server/proxy.h"

#include "base/memory.h"
#include "server/guest.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HELD_BYTES = 108 }; /* the longest line, and more than version 2 wants kept */

struct naru__preface {
    naru__preface *next, **link;
    naru__listening *listening;
    naru_watch *watch;
    naru__loop_timer timer;
    naru__arrival arrival;
    size_t skip; /* bytes still to be thrown away */
    size_t size;
    uint8_t bytes[HELD_BYTES];
};

/* Take it off the list; the descriptor is the caller's. */
static void release(naru__preface *preface)
{
    naru_loop *loop = preface->listening->server->loop;
    naru_watch_free(preface->watch);
    naru__loop_timer_stop(loop, &preface->timer);
    *preface->link = preface->next;
    if (preface->next) {
        preface->next->link = preface->link;
    }
    naru__loop_free_later(loop, preface, sizeof *preface);
}

static void drop(naru__preface *preface, const char *why)
{
    naru_server *server = preface->listening->server;
    int fd = preface->arrival.fd;
    naru__log(server->loop, NARU_LOG_INFO, "connection ended: %s", why);
    release(preface);
    close(fd);
    naru__server_released(server);
}

static void late(naru__loop_timer *timer)
{
    drop((naru__preface *)(void *)((char *)timer - offsetof(naru__preface, timer)), "no PROXY header came in time");
}

/* The header is complete: from here on it is a connection like any other. */
static void complete(naru__preface *preface)
{
    naru__listening *listening = preface->listening;
    naru_server *server = listening->server;
    naru__arrival arrival = preface->arrival;
    naru_span head = {preface->bytes, preface->size};
    naru__peer peer;
    if (naru__proxy_peer(head, &peer) < 0) {
        drop(preface, "a bad PROXY header");
        return;
    }
    if (peer.known) {
        arrival.peer = peer;
        arrival.told = true;
    }
    release(preface);
    if (naru__server_receive(server, &arrival) < 0) {
        close(arrival.fd);
        naru__server_released(server);
    }
}

/* One step. NARU_MORE: nothing more has come. */
static naru_status step(naru__preface *preface, naru__proxy_need *need)
{
    uint8_t thrown[512];
    uint8_t *to = preface->skip > 0 ? thrown : preface->bytes + preface->size;
    bool line = preface->skip == 0 && need->bytes == 0;
    size_t room = line ? sizeof preface->bytes - preface->size : need->bytes;
    if (preface->skip > 0) {
        room = preface->skip < sizeof thrown ? preface->skip : sizeof thrown;
    }
    ssize_t got = recv(preface->arrival.fd, to, room, line ? MSG_PEEK : 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? NARU_MORE : NARU_ERR_CLOSED;
    }
    for (ssize_t i = 0; line && i < got; i++) {
        if (to[i] == '\n') {
            got = i + 1;
        }
    }
    if (line && got > 0) {
        got = recv(preface->arrival.fd, to, (size_t)got, 0);
    }
    if (got <= 0) {
        return NARU_ERR_CLOSED;
    }
    if (preface->skip > 0) {
        preface->skip -= (size_t)got;
    } else {
        preface->size += (size_t)got;
    }
    return NARU_OK;
}

static void ready(void *user, unsigned events)
{
    naru__preface *preface = user;
    naru_status status = NARU_OK;
    (void)events;
    while (status == NARU_OK) {
        naru__proxy_need need = {0};
        naru_span have = {preface->bytes, preface->size};
        naru_status known = preface->skip > 0 ? NARU_MORE : naru__proxy_read(have, &need);
        if (known < 0) {
            drop(preface, "a bad PROXY header");
            return;
        }
        if (known == NARU_OK) {
            complete(preface);
            return;
        }
        status = step(preface, &need);
        if (status == NARU_OK && need.skip > 0 && preface->size - have.size == need.bytes) {
            preface->skip = need.skip;
        }
    }
    if (status < 0) {
        drop(preface, "it ended before its PROXY header");
    }
}

naru_status naru__preface_open(naru__listening *listening, const naru__arrival *arrival)
{
    naru_server *server = listening->server;
    naru__preface *preface = naru__alloc_zero(server->allocator, sizeof *preface);
    if (!preface) {
        return NARU_ERR_MEMORY;
    }
    preface->watch = naru_watch_new(server->loop, arrival->fd, NARU_READABLE, ready, preface);
    if (!preface->watch) {
        naru__free(server->allocator, preface, sizeof *preface);
        return NARU_ERR_MEMORY;
    }
    preface->listening = listening;
    preface->arrival = *arrival;
    preface->timer.fire = late;
    preface->next = server->prefaces;
    preface->link = &server->prefaces;
    if (preface->next) {
        preface->next->link = &preface->next;
    }
    server->prefaces = preface;
    naru__loop_timer_start(server->loop, &preface->timer, arrival->until_ms);
    return NARU_OK;
}

void naru__prefaces_end(naru_server *server)
{
    while (server->prefaces) {
        drop(server->prefaces, "the server is going away");
    }
}
