/* Addresses that are listened to, and how many connections they may bring. */
#include "server/server.h"

#include "base/memory.h"
#include "server/deal.h"
#include "server/guest.h"
#include "server/proxy.h"
#include <unistd.h>

enum { BACKLOG_DEFAULT = 4096 };

static void refuse(naru_server *server, int fd)
{
    close(fd);
    naru__server_released(server);
}

void naru__server_accept(naru_server *server, naru__listening *listening, int fd, const naru__peer *peer)
{
    naru__server_took(server);
    if (!listening) {
        refuse(server, fd);
        return;
    }
    naru__arrival arrival = {.fd = fd, .tls = listening->tls, .peer = *peer, .http2 = listening->http2};
    arrival.until_ms = naru_loop_now_ms(server->loop) + server->options.handshake_timeout_ms;
    if (listening->proxy && server->trusted_count > 0 && !naru__trusts(server, peer)) {
        refuse(server, fd);
        return;
    }
    naru_status status =
        listening->proxy ? naru__preface_open(listening, &arrival) : naru__server_receive(server, &arrival);
    if (status < 0) {
        refuse(server, fd);
    }
}

static void accepted(naru__listener *listener, int fd, void *user)
{
    naru__listening *listening = user;
    naru__peer peer = naru__peer_of(naru__listener_peer(listener));
    if (listening->dealt) {
        naru__deal_out(listening, fd, &peer);
    } else {
        naru__hand_takes(listening->server->hand);
        naru__server_accept(listening->server, listening, fd, &peer);
    }
}

/* Those that deal out have their own reasons to pause. */
static size_t for_listeners(naru_server *server, bool dealt, void (*act)(naru__listener *listener))
{
    size_t count = 0;
    for (naru__listening *listening = server->listenings; listening; listening = listening->next) {
        if (listening->listener && (listening->dealt != NULL) == dealt) {
            act(listening->listener);
            count++;
        }
    }
    return count;
}

/* Each has its own reasons to wait, and one that all share. */
static size_t update(naru_server *server, bool dealt)
{
    bool waits = server->held || (dealt ? server->deal_full : server->full);
    return for_listeners(server, dealt, waits ? naru__listener_pause : naru__listener_resume);
}

void naru__server_listen_pause(naru_server *server, bool pause)
{
    server->deal_full = pause;
    (void)update(server, true);
}

void naru__server_listen_hold(naru_server *server, bool hold)
{
    if (server->held != hold) {
        server->held = hold;
        (void)update(server, true);
        (void)update(server, false);
    }
}

void naru__server_took(naru_server *server)
{
    server->connections++;
    server->counts.accepted++;
    if (!server->full && server->connections >= server->options.connections_max) {
        server->full = true;
        if (update(server, false) > 0) {
            naru__log(server->loop, NARU_LOG_WARN, "%zu connections: accepting waits", server->connections);
        }
    }
}

void naru__server_released(naru_server *server)
{
    server->connections--;
    if (server->hand) {
        naru__deal_released(server->hand);
    }
    if (server->full && server->connections < server->options.connections_max) {
        server->full = false;
        (void)update(server, false);
    }
    naru__server_check_stopped(server);
}

/* A socket that somebody hands on to us, or one of our own. */
static naru_status open_listener(naru_server *server, const char *address, const naru_listen_options *options,
                                 naru__listening *listening, char *bound_out)
{
    naru_succession *succession = options->succession;
    int fd = succession ? naru__succession_find(succession, address) : -1;
    naru_status status =
        fd >= 0 ? naru__listener_take(server->loop, address, fd, accepted, listening, &listening->listener, bound_out)
                : naru__listener_open(server->loop, address, options->reuse_port,
                                      options->backlog ? options->backlog : BACKLOG_DEFAULT, accepted, listening,
                                      &listening->listener, bound_out);
    if (status < 0 || !succession) {
        return status;
    }
    status = naru__succession_keep(succession, address, naru__listener_fd(listening->listener));
    if (status < 0) {
        naru__listener_close(listening->listener);
    }
    return status;
}

naru_status naru_server_listen(naru_server *server, const char *address, const naru_listen_options *options,
                               char *bound_out)
{
    naru_listen_options chosen = options ? *options : (naru_listen_options){0};
    if (!address || chosen.backlog < 0 || server->stopping) {
        return server->stopping ? NARU_ERR_STATE : NARU_ERR_ARGUMENT;
    }
    naru__listening *listening = naru__alloc_zero(server->allocator, sizeof *listening);
    if (!listening) {
        return NARU_ERR_MEMORY;
    }
    listening->server = server;
    naru_status status = open_listener(server, address, &chosen, listening, bound_out);
    if (status < 0) {
        naru__free(server->allocator, listening, sizeof *listening);
        return status;
    }
    listening->proxy = chosen.proxy_protocol;
    listening->http2 = chosen.http2 && !chosen.tls;
    listening->succession = chosen.succession;
    listening->tls = chosen.tls ? naru_tls_ref(chosen.tls) : NULL;
    listening->next = server->listenings;
    server->listenings = listening;
    if (server->full || server->held) {
        naru__listener_pause(listening->listener);
    }
    return NARU_OK;
}

/* true: a successor listens on it, and whoever waits for it is served there. */
static bool leave_to_successor(naru__listening *listening)
{
    naru__listener *listener = listening->listener;
    if (!listener || !listening->succession ||
        !naru__succession_forget(listening->succession, naru__listener_fd(listener))) {
        return false;
    }
    naru__listener_leave(listener);
    return true;
}

/* A close would reset those that wait, for the kernel has told them that they are connected. */
void naru__server_listen_finish(naru_server *server)
{
    for (naru__listening *listening = server->listenings; listening; listening = listening->next) {
        if (leave_to_successor(listening)) {
            naru__listener_close(listening->listener);
        } else {
            naru__listener_finish(listening->listener);
        }
        listening->listener = NULL;
    }
}

void naru__server_listen_end(naru_server *server)
{
    naru__prefaces_end(server);
    while (server->listenings) {
        naru__listening *listening = server->listenings;
        server->listenings = listening->next;
        (void)leave_to_successor(listening);
        naru__listener_close(listening->listener);
        naru_tls_unref(listening->tls);
        naru__free(server->allocator, listening->dealt, listening->dealt_count * sizeof(naru__listening *));
        naru__free(server->allocator, listening, sizeof *listening);
    }
}
