/* How fast one connection's messages may come: token buckets of one second's worth. What is over is taken all the same,
 * since it is here, and then the connection is not read until the debt is paid, or it is closed.
 *
 * Not for: the limits of an address (guest.c). */
#include "server/guest.h"

#include "base/memory.h"

static void go_on(naru__loop_timer *timer)
{
    naru__meter *meter = (naru__meter *)(void *)((char *)timer - offsetof(naru__meter, timer));
    naru__conn_throttle(meter->conn, false);
}

naru_status naru__meter_add(naru_server *server, naru__guest *guest)
{
    if (guest->meter) {
        return NARU_OK;
    }
    guest->meter = naru__alloc_zero(server->allocator, sizeof *guest->meter);
    if (!guest->meter) {
        return NARU_ERR_MEMORY;
    }
    guest->meter->timer.fire = go_on;
    return NARU_OK;
}

void naru__meter_free(naru_server *server, naru__meter *meter)
{
    if (meter) {
        naru__loop_timer_stop(server->loop, &meter->timer);
        naru__free(server->allocator, meter, sizeof *meter);
    }
}

static uint64_t take(uint64_t *bucket, uint64_t now_ms, uint64_t units, uint64_t per_second)
{
    return per_second > 0 && units > 0 ? naru__pace_take(bucket, now_ms, units, per_second, per_second, true) : 0;
}

static void log_once(naru_server *server, naru_conn *conn, naru__meter *meter, const char *what)
{
    char peer[128];
    if (!meter->told) {
        meter->told = true;
        naru_conn_peer(conn, peer, sizeof peer);
        naru__log(server->loop, NARU_LOG_INFO, "%s sends faster than it may: %s", peer, what);
    }
}

void naru__meter_received(naru_conn *conn, size_t bytes, bool whole)
{
    naru_server *server = naru__conn_terms_of(conn)->owner;
    const naru_server_options *options = &server->options;
    const naru__guest *guest = (const naru__guest *)naru__stream_told(conn->stream);
    naru__meter *meter = guest ? guest->meter : NULL;
    uint64_t now_ms = naru_loop_now_ms(server->loop);
    if (!meter || naru_conn_state(conn) != NARU_WS_OPEN) {
        return;
    }
    uint64_t messages_ms = take(&meter->messages, now_ms, whole, options->messages_per_second);
    uint64_t bytes_ms = take(&meter->bytes, now_ms, bytes, options->message_bytes_per_second);
    uint64_t wait_ms = messages_ms > bytes_ms ? messages_ms : bytes_ms;
    if (wait_ms == 0) {
        return;
    }
    server->counts.throttled++;
    if (options->rate_policy == NARU_RATE_CLOSE) {
        log_once(server, conn, meter, "closed");
        (void)naru_conn_close(conn, 1008, naru_span_of("too many messages"));
        return;
    }
    log_once(server, conn, meter, "it has to wait");
    naru__conn_throttle(conn, true);
    naru__loop_timer_start(server->loop, &meter->timer, now_ms + wait_ms);
}
