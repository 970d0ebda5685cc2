/* The end of a server: the graceful one that waits for peers within a deadline, and the sudden one. */
#include "server/server.h"

#include "server/exchange.h"
#include "server/http2.h"
#include "server/proxy.h"

enum { DEADLINE_MS = 10000 };

/* The last thing done with the server in this call: the application may free it in here. */
static void on_stopped(naru__deferred *deferred)
{
    naru_server *server = (naru_server *)((char *)deferred - offsetof(naru_server, stopped));
    void (*call)(void *) = server->on_stopped;
    server->on_stopped = NULL;
    naru__loop_timer_stop(server->loop, &server->stop_timer);
    naru__spread_end(server);
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
    naru__served_end_all(server);
}

static void on_deadline(naru__loop_timer *timer)
{
    naru_server *server = (naru_server *)((char *)timer - offsetof(naru_server, stop_timer));
    naru__log(server->loop, NARU_LOG_WARN, "stop: %zu connections are left at the deadline, ended",
              server->connections);
    naru__prefaces_end(server);
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
    naru__spread_end(server);
    naru__loop_defer_cancel(server->loop, &server->stopped);
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

static uint64_t after_ms(const naru_server *server, uint64_t wait_ms, uint32_t deadline_ms)
{
    return deadline_ms == NARU_NEVER ? UINT64_MAX : naru_loop_now_ms(server->loop) + wait_ms + deadline_ms;
}

static void set_deadline(naru_server *server, uint64_t at_ms)
{
    if (!server->stopping || at_ms < server->stop_at_ms) {
        server->stop_at_ms = at_ms;
    }
    if (server->stop_at_ms != UINT64_MAX) {
        naru__loop_timer_start(server->loop, &server->stop_timer, server->stop_at_ms);
    }
}

static void stop(naru_server *server, const naru_stop_options *options, void (*stopped)(void *user), void *user)
{
    if (stopped) {
        server->on_stopped = stopped;
        server->stopped_user = user;
    }
    set_deadline(server, after_ms(server, options->spread_ms, options->deadline_ms));
    if (!server->stopping) {
        server->finishing = options->finish_requests;
        if (server->finishing) {
            naru__server_listen_finish(server);
        }
        server->stopping = true;
        if (!server->finishing) {
            naru__server_listen_end(server);
        }
        stop_exchanges(server);
        naru__served_leave_all(server);
    }
    naru__spread_start(server, options->spread_ms, options->close_code ? options->close_code : 1001);
    naru__server_check_stopped(server);
}

void naru_server_stop(naru_server *server, uint32_t deadline_ms, void (*stopped)(void *user), void *user)
{
    naru_stop_options options = {.deadline_ms = deadline_ms};
    stop(server, &options, stopped, user);
}

void naru_server_stop_with(naru_server *server, const naru_stop_options *options, void (*stopped)(void *user),
                           void *user)
{
    naru_stop_options chosen = options ? *options : (naru_stop_options){0};
    chosen.deadline_ms = chosen.deadline_ms ? chosen.deadline_ms : DEADLINE_MS;
    stop(server, &chosen, stopped, user);
}
