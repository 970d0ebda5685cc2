/* The end of a server: the graceful one that waits for peers within a deadline, and the sudden one. */
#include "server/server.h"

#include "server/exchange.h"

/* The last thing done with the server in this call: the application may free it in here. */
static void on_stopped(naru__deferred *deferred)
{
    naru_server *server = (naru_server *)((char *)deferred - offsetof(naru_server, stopped));
    void (*call)(void *) = server->on_stopped;
    server->on_stopped = NULL;
    naru__loop_timer_stop(server->loop, &server->stop_timer);
    if (call) {
        call(server->stopped_user);
    }
}

void naru__server_check_stopped(naru_server *server)
{
    if (server->stopping && !server->freeing && server->connections == 0) {
        naru__loop_defer(server->loop, &server->stopped);
    }
}

/* An accepted WebSocket that is not started yet owes its application on_open and on_close. */
static void end_exchange(naru__exchange *exchange)
{
    if (exchange->phase == NARU__EXCHANGE_ACCEPTED) {
        naru__upgrade_start(exchange, NULL, 0);
    } else {
        naru__exchange_drop(exchange);
    }
}

void naru__server_end_all(naru_server *server)
{
    while (server->exchanges) {
        end_exchange(server->exchanges);
    }
    while (server->conns) {
        naru__conn_destroy(server->conns);
    }
}

static void on_deadline(naru__loop_timer *timer)
{
    naru_server *server = (naru_server *)((char *)timer - offsetof(naru_server, stop_timer));
    naru__log(server->loop, NARU_LOG_WARN, "stop: %zu connections are left at the deadline, ended",
              server->connections);
    naru__server_end_all(server);
}

void naru__server_stop_init(naru_server *server)
{
    server->stop_timer.fire = on_deadline;
    server->stopped.run = on_stopped;
}

void naru__server_stop_deinit(naru_server *server)
{
    naru__loop_timer_stop(server->loop, &server->stop_timer);
    naru__loop_defer_cancel(server->loop, &server->stopped);
}

static void close_conn(naru_conn *conn, void *user)
{
    (void)user;
    (void)naru_conn_close(conn, 1001, naru_span_of("going away"));
}

/* Whatever stopping one of them calls, the next one is known before. */
static void stop_exchanges(naru_server *server)
{
    naru__exchange *next = NULL;
    for (naru__exchange *exchange = server->exchanges; exchange; exchange = next) {
        next = exchange->next;
        naru__exchange_stop(exchange);
    }
}

void naru_server_stop(naru_server *server, uint32_t deadline_ms, void (*stopped)(void *user), void *user)
{
    uint64_t at_ms = deadline_ms == NARU_NEVER ? UINT64_MAX : naru_loop_now_ms(server->loop) + deadline_ms;
    if (stopped) {
        server->on_stopped = stopped;
        server->stopped_user = user;
    }
    if (!server->stopping || at_ms < server->stop_at_ms) {
        server->stop_at_ms = at_ms;
    }
    if (server->stop_at_ms != UINT64_MAX) {
        naru__loop_timer_start(server->loop, &server->stop_timer, server->stop_at_ms);
    }
    if (!server->stopping) {
        server->stopping = true;
        naru__server_listen_end(server);
        stop_exchanges(server);
        naru_server_each(server, close_conn, NULL);
    }
    naru__server_check_stopped(server);
}
