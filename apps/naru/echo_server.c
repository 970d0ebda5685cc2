/* naru echo --listen: one server a thread, all on the same port.
 *
 * Not for: what an echo is (echo_route.c). Source: none. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo.h"
#include "echo_route.h"
#include "exit_status.h"
#include "say.h"

enum { STOP_MS = 2000, PARTS_FROM_BYTES = 256 << 10, RECEIVE_BYTES = 256 << 10 };

/* One loop with its server. The first lane runs on the main thread and hears the signals. */
typedef struct echo_lane {
    naru_loop *loop;
    naru_server *server;
    pthread_t thread;
    bool runs;
} echo_lane;

typedef struct echo_server {
    echo_lane *lanes;
    size_t count;
    bool stopping;
    listen_log log;
    naru_backend backend;
    uint32_t busy_poll_us;
    naru_tls *tls;
    char bound[OPTION_LIST_MAX][BOUND_BYTES];
} echo_server;

static void on_stopped(void *user)
{
    echo_lane *lane = user;
    naru_loop_stop(lane->loop);
}

static void stop_lane(void *user)
{
    echo_lane *lane = user;
    naru_server_stop(lane->server, STOP_MS, on_stopped, lane);
}

static void on_signal(void *user, int signal)
{
    echo_server *echo = user;
    (void)signal;
    if (echo->stopping) {
        return;
    }
    echo->stopping = true;
    for (size_t i = 1; i < echo->count; i++) {
        if (naru_loop_post(echo->lanes[i].loop, stop_lane, &echo->lanes[i]) != NARU_OK) {
            /* Without memory for a farewell, leave without one. */
            _Exit(EXIT_OWN);
        }
    }
    stop_lane(&echo->lanes[0]);
}

static const char *const backend_names[] = {
    [NARU_BACKEND_AUTO] = "auto", [NARU_BACKEND_EPOLL] = "epoll", [NARU_BACKEND_IO_URING] = "io_uring"};
enum { BACKENDS = sizeof backend_names / sizeof backend_names[0] };

/* BACKENDS: no such one. */
static unsigned backend_of(const char *name)
{
    unsigned backend = 0;
    while (name && backend < BACKENDS && strcmp(name, backend_names[backend]) != 0) {
        backend++;
    }
    return backend;
}

static naru_status open_lane(echo_server *echo, echo_lane *lane, const naru_server_options *options)
{
    naru_loop_options loop_options = {.log = listen_log_line,
                                      .log_user = &echo->log,
                                      .backend = echo->backend,
                                      .busy_poll_us = echo->busy_poll_us,
                                      .receive_bytes = RECEIVE_BYTES};
    lane->loop = naru_loop_new(&loop_options);
    if (!lane->loop) {
        /* One that was asked for by name and is not to be had: the log has said why. */
        return echo->backend == NARU_BACKEND_IO_URING ? NARU_ERR_SYSTEM : NARU_ERR_MEMORY;
    }
    naru_status status = naru_server_new(lane->loop, options, &lane->server);
    if (status == NARU_OK) {
        status = naru_server_route_ws(lane->server, "*", &echo_route, NULL);
    }
    return status;
}

/* The first lane's addresses are the given ones; the others follow it to the ports that it got. */
static naru_status listen_lane(echo_server *echo, echo_lane *lane, const option_list *addresses)
{
    naru_listen_options options = {.tls = echo->tls, .reuse_port = echo->count > 1};
    bool first = lane == echo->lanes;
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < addresses->count; i++) {
        const char *address = first ? addresses->items[i] : echo->bound[i];
        status = naru_server_listen(lane->server, address, &options, first ? echo->bound[i] : NULL);
        if (status != NARU_OK) {
            say(echo->log.who, "cannot listen on %s: %s", address, naru_status_text(status));
        }
    }
    return status;
}

static naru_status open_lanes(echo_server *echo, const echo_settings *settings)
{
    naru_server_options options;
    listen_fill(&settings->listen, &options);
    options.conn.ws.parts_from_bytes = PARTS_FROM_BYTES;
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < echo->count; i++) {
        status = open_lane(echo, &echo->lanes[i], &options);
        if (status != NARU_OK) {
            say(echo->log.who, "cannot start: %s", naru_status_text(status));
            return status;
        }
        status = listen_lane(echo, &echo->lanes[i], &settings->listen.addresses);
    }
    /* Before other threads start, so that they inherit the blocked signals. */
    if (status == NARU_OK) {
        status = naru_loop_signal(echo->lanes[0].loop, SIGTERM, on_signal, echo);
    }
    if (status == NARU_OK) {
        status = naru_loop_signal(echo->lanes[0].loop, SIGINT, on_signal, echo);
    }
    return status;
}

/* What is on a loop is freed by the thread that ran it. */
static void close_lane(echo_lane *lane)
{
    naru_server_free(lane->server);
    naru_loop_free(lane->loop);
    lane->server = NULL;
    lane->loop = NULL;
}

static void *run_lane(void *user)
{
    echo_lane *lane = user;
    if (naru_loop_run(lane->loop) != NARU_OK) {
        /* The others would go on to share a port with a listener that nobody serves. */
        _Exit(EXIT_OWN);
    }
    close_lane(lane);
    return NULL;
}

static int start_threads(echo_server *echo)
{
    for (size_t i = 1; i < echo->count; i++) {
        int error = pthread_create(&echo->lanes[i].thread, NULL, run_lane, &echo->lanes[i]);
        if (error != 0) {
            say(echo->log.who, "cannot start a thread: %s", strerror(error));
            return EXIT_OWN;
        }
        echo->lanes[i].runs = true;
    }
    return OPTIONS_RUN;
}

static void announce(const echo_server *echo, size_t addresses_count)
{
    for (size_t i = 0; i < addresses_count; i++) {
        printf("listening on %s\n", echo->bound[i]);
    }
    fflush(stdout);
}

static int run_lanes(echo_server *echo, const echo_settings *settings)
{
    if (open_lanes(echo, settings) != NARU_OK) {
        return EXIT_OWN;
    }
    if (start_threads(echo) != OPTIONS_RUN) {
        /* Threads that run already own their loops: the process's end is theirs. */
        _Exit(EXIT_OWN);
    }
    announce(echo, settings->listen.addresses.count);
    return naru_loop_run(echo->lanes[0].loop) == NARU_OK ? EXIT_CLEAN : EXIT_OWN;
}

static void close_lanes(echo_server *echo)
{
    for (size_t i = echo->count; i-- > 0;) {
        echo_lane *lane = &echo->lanes[i];
        if (lane->runs) {
            pthread_join(lane->thread, NULL);
        }
        close_lane(lane);
    }
    naru_tls_unref(echo->tls);
    free(echo->lanes);
}

int echo_serve(const cli_command *command, const echo_settings *settings)
{
    const option_list *addresses = &settings->listen.addresses;
    for (size_t i = 0; settings->threads > 1 && i < addresses->count; i++) {
        if (strncmp(addresses->items[i], "unix:", 5) == 0) {
            return options_complain(command, "--threads needs HOST:PORT: a unix socket has one listener");
        }
    }
    unsigned backend = backend_of(settings->backend);
    if (backend == BACKENDS) {
        return options_complain(command, "--backend is auto, epoll or io_uring");
    }
    echo_server echo = {.count = (size_t)settings->threads,
                        .backend = (naru_backend)backend,
                        .busy_poll_us = (uint32_t)settings->busy_poll_us,
                        .log = {.who = "naru echo", .verbose = settings->listen.verbose}};
    int status = listen_tls(command, &settings->listen, &echo.tls);
    if (status != OPTIONS_RUN) {
        return status;
    }
    echo.lanes = calloc(echo.count, sizeof echo.lanes[0]);
    if (!echo.lanes) {
        naru_tls_unref(echo.tls);
        say(echo.log.who, "out of memory");
        return EXIT_OWN;
    }
    status = run_lanes(&echo, settings);
    close_lanes(&echo);
    return status;
}
