/* The Closes of a stop, spread over a time: whoever is told comes back at once, and thousands who come back together
 * are a burden that none of them is alone.
 *
 * Not for: the rest of a stop (stop.c). Source: RFC 6455 7.2.3, which asks the same of clients. */
#include "server/server.h"

enum { STEP_MS_MIN = 10 };

static void tell(naru_conn *conn, void *user)
{
    const naru_server *server = user;
    (void)naru_conn_close(conn, server->spread.code, naru_span_of("going away"));
}

/* How many are to be told by now. */
static size_t due(const naru__spread *spread, uint64_t now_ms)
{
    return (size_t)(spread->total * (now_ms - spread->begin_ms) / (spread->end_ms - spread->begin_ms));
}

static void go_on(naru_server *server)
{
    naru__spread *spread = &server->spread;
    uint64_t now_ms = naru_loop_now_ms(server->loop);
    if (now_ms >= spread->end_ms) {
        spread->next = NULL;
        naru_server_each(server, tell, server);
        return;
    }
    size_t most = due(spread, now_ms);
    for (; spread->next && spread->told < most; spread->told++) {
        naru_conn *conn = spread->next;
        spread->next = conn->next;
        if (naru_conn_state(conn) == NARU_WS_OPEN) {
            tell(conn, server);
        }
    }
    uint64_t step_ms = (spread->end_ms - spread->begin_ms) / (spread->total + 1);
    uint64_t at_ms = now_ms + (step_ms > STEP_MS_MIN ? step_ms : STEP_MS_MIN);
    naru__loop_timer_start(server->loop, &spread->timer,
                           spread->next && at_ms < spread->end_ms ? at_ms : spread->end_ms);
}

static void on_timer(naru__loop_timer *timer)
{
    go_on((naru_server *)(void *)((char *)timer - offsetof(naru_server, spread.timer)));
}

void naru__spread_start(naru_server *server, uint32_t spread_ms, uint16_t code)
{
    naru__spread *spread = &server->spread;
    bool begun = spread->timer.fire != NULL;
    uint64_t now_ms = naru_loop_now_ms(server->loop);
    if (begun && spread->end_ms <= now_ms + spread_ms) {
        return;
    }
    spread->timer.fire = on_timer;
    spread->next = begun ? spread->next : server->conns;
    spread->begin_ms = now_ms;
    spread->end_ms = now_ms + spread_ms;
    spread->total = (size_t)server->counts.websockets - (begun ? spread->told : 0);
    spread->told = 0;
    spread->code = code;
    go_on(server);
}

/* It was accepted after the walk had begun, and stands before where that is. */
void naru__spread_late(naru_server *server, naru_conn *conn)
{
    if (naru_loop_now_ms(server->loop) >= server->spread.end_ms) {
        tell(conn, server);
    }
}

void naru__spread_gone(naru_server *server, const naru_conn *conn)
{
    if (server->spread.next == conn) {
        server->spread.next = conn->next;
    }
}

void naru__spread_end(naru_server *server)
{
    naru__loop_timer_stop(server->loop, &server->spread.timer);
}
