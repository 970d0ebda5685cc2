/* How long a connection may stay: without a message either way, and at all. What it takes stands behind those
 * connections alone whose options ask for it; the deadlines ride on the connection's one timer.
 *
 * Not for: silence of the peer (ws/clock.c), which pings find out. Source: our own; the code is RFC 6455 7.4.1's. */
#include "conn/inside.h"

static uint64_t drawn(naru_loop *loop, uint32_t most)
{
    naru_entropy *entropy = naru__loop_entropy(loop);
    uint32_t number = 0;
    for (size_t i = 0; i < sizeof number && entropy->used < entropy->size; i++) {
        number = number << 8 | entropy->bytes[entropy->used++];
    }
    return (uint64_t)number * ((uint64_t)most + 1) >> 32;
}

void naru__conn_life_begin(naru_conn *conn)
{
    const naru_conn_options *options = naru__conn_options(conn);
    naru_loop *loop = conn->stream->loop;
    uint64_t now_ms = naru_loop_now_ms(loop);
    naru__conn_life *life = naru__conn_life_of(conn);
    life->message_ms = now_ms;
    life->end_ms = UINT64_MAX;
    if (options->age_max_ms > 0) {
        life->end_ms = now_ms + options->age_max_ms - drawn(loop, options->age_jitter_ms);
    }
}

static uint64_t idle_ms(const naru_conn *conn)
{
    uint32_t timeout_ms = naru__conn_options(conn)->idle_timeout_ms;
    /* Nobody hears of messages during a pause. */
    return timeout_ms > 0 && !conn->paused ? naru__conn_life_of(conn)->message_ms + timeout_ms : UINT64_MAX;
}

uint64_t naru__conn_life_deadline_ms(const naru_conn *conn)
{
    uint64_t at_ms = idle_ms(conn), end_ms = naru__conn_life_of(conn)->end_ms;
    return conn->ws.state != NARU_WS_OPEN ? UINT64_MAX : at_ms < end_ms ? at_ms : end_ms;
}

void naru__conn_life_tick(naru_conn *conn)
{
    uint64_t now_ms = naru_loop_now_ms(conn->stream->loop);
    if (naru__conn_life_deadline_ms(conn) > now_ms) {
        return;
    }
    bool old = naru__conn_life_of(conn)->end_ms <= now_ms;
    (void)naru_conn_close(conn, naru__conn_options(conn)->timeout_code,
                          naru_span_of(old ? "open too long" : "idle too long"));
}
