/* From an accepted socket to a connection: who it is, whether that one may come, and what it counts for.
 *
 * Not for: listening (listen.c), the header of a proxy (preface.c), requests (intake.c). */
#include "server/exchange.h"

#include "server/deal.h"
#include "server/guest.h"
#include <fcntl.h>
#include <netinet/tcp.h>

/* errors NARU_ERR_TOO_BIG: too many of this address. NARU_ERR_MEMORY. */
static naru_status admit(naru_server *server, const naru__arrival *arrival, naru__guest **guest_out, bool *crowded_out)
{
    bool limited = naru__guest_is_limited(server, &arrival->peer);
    if (!limited && !arrival->told) {
        return NARU_OK;
    }
    naru__guest *guest = naru__guest_new(server, &arrival->peer);
    naru_status status = guest ? NARU_OK : NARU_ERR_MEMORY;
    if (guest && limited) {
        status = naru__guest_enter(server, guest);
    }
    if (status < 0) {
        naru__guest_free(server, guest);
        return status;
    }
    *guest_out = guest;
    *crowded_out = status == NARU_FULL;
    return NARU_OK;
}

static void log_refusal(naru_server *server, naru_status status)
{
    server->counts.limited += status == NARU_ERR_TOO_BIG;
    naru__log(server->loop, NARU_LOG_WARN, "connection refused: %s",
              status == NARU_ERR_TOO_BIG ? "too many of its address" : "no room for it");
}

naru_status naru__server_receive(naru_server *server, const naru__arrival *arrival)
{
    bool crowded = false;
    naru__guest *guest = NULL;
    naru__exchange *exchange = NULL;
    naru_status status = admit(server, arrival, &guest, &crowded);
    if (status == NARU_OK) {
        status = naru__exchange_open(server, arrival, &exchange);
    }
    if (status < 0) {
        naru__guest_free(server, guest);
        log_refusal(server, status);
        return status;
    }
    exchange->guest = guest;
    if (guest && naru__stream_tell(exchange->stream, &guest->peer) != NARU_OK) {
        naru__exchange_drop(exchange);
        return NARU_OK;
    }
    exchange->crowded = crowded;
    exchange->trusted = naru__trusts(server, &arrival->peer);
    if (arrival->bytes.size > 0) {
        /* They are gone through like those that waited behind a request. */
        exchange->phase = NARU__EXCHANGE_HEAD;
        naru__loop_defer(server->loop, &exchange->work);
    }
    return NARU_OK;
}

/* ---- those that others have accepted ------------------------------------------------------------------------- */

static bool is_connected_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    naru__address peer = {.size = sizeof peer.storage};
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getpeername(fd, &peer.any, &peer.size) == 0;
}

static bool prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    int one = 1; /* fails on a Unix socket, which does without */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

naru_status naru_server_adopt(naru_server *server, int fd, naru_span bytes, const naru_listen_options *options)
{
    naru__arrival arrival = {.fd = fd, .tls = options ? options->tls : NULL, .bytes = bytes};
    arrival.http2 = options && options->http2 && !options->tls;
    if (bytes.size > NARU__HELD_BYTES_MAX || (arrival.tls && bytes.size > 0) || !is_connected_stream(fd)) {
        return NARU_ERR_ARGUMENT;
    }
    if (server->stopping || server->full) {
        return NARU_ERR_STATE;
    }
    if (!prepare(fd)) {
        return NARU_ERR_SYSTEM;
    }
    arrival.peer = naru__peer_of_socket(fd);
    arrival.until_ms = naru_loop_now_ms(server->loop) + server->options.handshake_timeout_ms;
    naru__hand_takes(server->hand);
    naru__server_took(server);
    naru_status status = naru__server_receive(server, &arrival);
    if (status < 0) {
        naru__server_released(server);
    }
    return status;
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

/* Each request of a kept-alive connection may come from somebody else. */
naru_status naru__exchange_identify(naru__exchange *exchange)
{
    naru_server *server = exchange->server;
    naru_request *request = &exchange->request;
    if (!exchange->trusted) {
        return NARU_OK;
    }
    naru__peer peer = naru__forwarded_for(server, request->head);
    request->forwarded_tls = naru__forwarded_tls(request->head);
    if (!peer.known) {
        return NARU_OK;
    }
    request->guest = naru__guest_new(server, &peer);
    if (!request->guest) {
        return NARU_ERR_MEMORY;
    }
    return naru__stream_tell(exchange->stream, &request->guest->peer);
}

/* The one that the connection will count for as long as it lives. */
static naru_status enter(naru__exchange *exchange, naru__guest *guest)
{
    naru_server *server = exchange->server;
    if (guest->address || !naru__guest_is_limited(server, &guest->peer)) {
        return NARU_OK;
    }
    naru_status status = naru__guest_enter(server, guest);
    return status == NARU_FULL ? NARU_ERR_TOO_BIG : status;
}

/* A connection whose messages are counted has a guest to keep the count, also where it is not limited otherwise. */
static naru_status meter(naru__exchange *exchange, naru__guest **guest)
{
    naru_server *server = exchange->server;
    if (!*guest) {
        exchange->guest = naru__guest_new(server, &exchange->peer);
        *guest = exchange->guest;
    }
    if (!*guest) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru__stream_tell(exchange->stream, &(*guest)->peer);
    return status == NARU_OK ? naru__meter_add(server, *guest) : status;
}

bool naru__exchange_admit(naru__exchange *exchange)
{
    naru_request *request = &exchange->request;
    naru__guest *guest = request->guest ? request->guest : exchange->guest;
    uint64_t wait_ms = 0;
    naru_status status = NARU_OK;
    if (exchange->server->conn_terms.on_received) {
        status = meter(exchange, &guest);
    }
    if (guest && status == NARU_OK) {
        status = enter(exchange, guest);
        wait_ms = status == NARU_OK ? naru__guest_handshake(exchange->server, guest) : 0;
    }
    if (status == NARU_ERR_MEMORY) {
        naru__exchange_drop(exchange);
        return false;
    }
    if (status == NARU_OK && wait_ms == 0) {
        return true;
    }
    request->retry_after_s = wait_ms > 0 ? (uint32_t)((wait_ms + 999) / 1000) : NARU__CROWDED_RETRY_S;
    naru__exchange_refuse(exchange, 429,
                          wait_ms > 0 ? "too many handshakes of this address" : "too many connections of this address",
                          true);
    return false;
}

naru__guest *naru__exchange_take_guest(naru__exchange *exchange)
{
    naru__guest *guest = exchange->request.guest;
    naru__guest *beneath = exchange->guest;
    exchange->request.guest = NULL;
    exchange->guest = NULL;
    if (!guest) {
        return beneath;
    }
    naru__guest_free(exchange->server, beneath);
    return guest;
}
