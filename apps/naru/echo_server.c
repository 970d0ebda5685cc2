/* naru echo --listen: one server, over as many threads as are asked for.
 *
 * Not for: what an echo is (echo_route.c). Source: none. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <naru/crew.h>

#include "echo.h"
#include "echo_route.h"
#include "exit_status.h"
#include "listen_life.h"
#include "say.h"

/* A block holds half a megabyte and some heads, so that a megabyte is not two blocks and a rest of a few bytes, which
 * would cost two system calls more. A ring shares a megabyte among its blocks, and goes on where a block ends. */
enum { STOP_MS = 2000, PARTS_FROM_BYTES = 256 << 10, RECEIVE_BYTES = (512 + 4) << 10, RING_BYTES = 256 << 10 };

typedef struct echo_server {
    naru_crew *crew;
    bool stopping;
    listen_log log;
    listen_life life;
    naru_listen_options listen;
    size_t bound_count;
    char bound[OPTION_LIST_MAX][BOUND_BYTES];
} echo_server;

static void stop(echo_server *echo, bool succeeded)
{
    naru_stop_options options = listen_life_stop(&echo->life, STOP_MS, succeeded);
    if (naru_crew_stop(echo->crew, &options) != NARU_OK) {
        /* Without memory for a farewell, leave without one. */
        _Exit(EXIT_OWN);
    }
}

static void on_signal(void *user, int signal)
{
    echo_server *echo = user;
    (void)signal;
    if (!echo->stopping) {
        echo->stopping = true;
        stop(echo, false);
    }
}

static void on_succeeded(void *user)
{
    echo_server *echo = user;
    if (!echo->stopping) {
        stop(echo, true);
    }
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

static naru_status set_up(naru_server *server, uint32_t thread, void *user, void **thread_user)
{
    (void)thread;
    (void)user;
    (void)thread_user;
    return naru_server_route_ws(server, "*", &echo_route, NULL);
}

static naru_status open_crew(echo_server *echo, const echo_settings *settings, naru_backend backend)
{
    naru_server_options server;
    naru_loop_options loop = {.log = listen_log_line,
                              .log_user = &echo->log,
                              .backend = backend,
                              .busy_poll_us = (uint32_t)settings->busy_poll_us,
                              .receive_bytes = backend == NARU_BACKEND_IO_URING ? RING_BYTES : RECEIVE_BYTES};
    naru_crew_options options = {
        .threads = (uint32_t)settings->threads, .loop = &loop, .server = &server, .set_up = set_up};
    listen_fill(&settings->listen, &server);
    listen_life_fill(&echo->life, &loop, &server, &echo->listen);
    server.conn.ws.parts_from_bytes = PARTS_FROM_BYTES;
    naru_status status = naru_crew_new(&options, &echo->crew);
    if (status != NARU_OK) {
        say(echo->log.who, "cannot start: %s", naru_status_text(status));
        return status;
    }
    naru_loop *first = naru_crew_loop(echo->crew, 0);
    status = naru_loop_signal(first, SIGTERM, on_signal, echo);
    return status == NARU_OK ? naru_loop_signal(first, SIGINT, on_signal, echo) : status;
}

static naru_status listen_all(echo_server *echo, const option_list *addresses)
{
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < addresses->count; i++) {
        status = naru_crew_listen(echo->crew, addresses->items[i], &echo->listen, echo->bound[i]);
        if (status != NARU_OK) {
            say(echo->log.who, "cannot listen on %s: %s", addresses->items[i], naru_status_text(status));
        }
    }
    return status;
}

/* Called by the loop, when every thread is there. */
static void announce(void *user)
{
    const echo_server *echo = user;
    for (size_t i = 0; i < echo->bound_count; i++) {
        printf("listening on %s\n", echo->bound[i]);
    }
    fflush(stdout);
}

static int run(echo_server *echo, const echo_settings *settings, naru_backend backend)
{
    const option_list *addresses = &settings->listen.addresses;
    if (open_crew(echo, settings, backend) != NARU_OK || listen_all(echo, addresses) != NARU_OK) {
        return EXIT_OWN;
    }
    if (listen_life_begin(&echo->life, naru_crew_loop(echo->crew, 0), on_succeeded, echo) != NARU_OK) {
        return EXIT_OWN;
    }
    echo->bound_count = addresses->count;
    if (naru_loop_post(naru_crew_loop(echo->crew, 0), announce, echo) != NARU_OK) {
        announce(echo);
    }
    naru_status status = naru_crew_run(echo->crew);
    listen_life_leave(&echo->life); /* the servers are gone, the loops are not */
    return status == NARU_OK ? EXIT_CLEAN : EXIT_OWN;
}

int echo_serve(const cli_command *command, const echo_settings *settings)
{
    unsigned backend = backend_of(settings->backend);
    if (backend == BACKENDS) {
        return options_complain(command, "--backend is auto, epoll or io_uring");
    }
    echo_server echo = {.log = {.who = "naru echo", .verbose = settings->listen.verbose}};
    int status = listen_life_open(&echo.life, command, &settings->listen, echo.log.who);
    if (status == OPTIONS_RUN) {
        status = run(&echo, settings, (naru_backend)backend);
    }
    naru_crew_free(echo.crew);
    listen_life_close(&echo.life);
    return status;
}
