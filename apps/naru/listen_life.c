/* A server process beside its connections: TLS, memory, and the line of processes it stands in.
 *
 * Not for: addresses and limits (listen.c). Source: none. */
#include "listen_life.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "exit_status.h"
#include "say.h"

enum { SERVICE_RESTART = 1012, SERVER_GOES = 1001, PATH_BYTES_MAX = 107 };

/* ---- opening ------------------------------------------------------------------------------------------------- */

static int join_line(listen_life *life, const cli_command *command)
{
    char address[PATH_BYTES_MAX + 6];
    char reason[256] = "";
    const char *path = life->settings->hand_over;
    if (!path) {
        return OPTIONS_RUN;
    }
    if (strlen(path) > PATH_BYTES_MAX || path[0] == '\0') {
        return options_complain(command, "--hand-over: a socket's path has 1 to %d bytes", PATH_BYTES_MAX);
    }
    snprintf(address, sizeof address, "unix:%s", path);
    naru_status status = naru_succession_join(address, 0, &life->succession, reason, sizeof reason);
    if (status != NARU_OK) {
        say(life->who, "cannot take over at %s: %s", path, reason[0] ? reason : naru_status_text(status));
        return EXIT_OWN;
    }
    return OPTIONS_RUN;
}

static int make_budget(listen_life *life)
{
    naru_budget_options options = {.bytes_max = life->settings->memory_bytes_max};
    if (options.bytes_max > 0 && naru_budget_new(&options, &life->budget) != NARU_OK) {
        say(life->who, "out of memory");
        return EXIT_OWN;
    }
    return OPTIONS_RUN;
}

int listen_life_open(listen_life *life, const cli_command *command, const listen_settings *settings, const char *who)
{
    *life = (listen_life){.settings = settings, .who = who};
    int status = listen_tls(command, settings, &life->tls);
    if (status == OPTIONS_RUN) {
        status = make_budget(life);
    }
    return status == OPTIONS_RUN ? join_line(life, command) : status;
}

void listen_life_fill(const listen_life *life, naru_loop_options *loop, naru_server_options *server,
                      naru_listen_options *listen)
{
    server->budget = life->budget;
    loop->allocator = life->budget ? naru_budget_allocator(life->budget) : NULL;
    *listen = (naru_listen_options){
        .tls = life->tls,
        .proxy_protocol = life->settings->proxy_protocol,
        .succession = life->succession,
        .http2 = life->settings->http2,
    };
}

/* ---- living -------------------------------------------------------------------------------------------------- */

static void on_hangup(void *user, int signal)
{
    listen_life *life = user;
    char reason[256] = "";
    (void)signal;
    if (naru_tls_reload(life->tls, NULL, reason, sizeof reason) == NARU_OK) {
        say(life->who, "the certificate was read again");
    } else {
        say(life->who, "the certificate stays as it was: %s", reason[0] ? reason : "out of memory");
    }
}

/* Without a certificate of somebody's, SIGHUP ends the process, as it does when a terminal goes away. */
static naru_status hear_hangup(listen_life *life, naru_loop *loop)
{
    return life->settings->tls_certificate ? naru_loop_signal(loop, SIGHUP, on_hangup, life) : NARU_OK;
}

naru_status listen_life_begin(listen_life *life, naru_loop *loop, void (*on_succeeded)(void *user), void *user)
{
    naru_status status = hear_hangup(life, loop);
    if (status != NARU_OK || !life->succession) {
        return status;
    }
    bool follows = naru_succession_has_predecessor(life->succession);
    status = naru_succession_begin(life->succession, loop, on_succeeded, user);
    if (status != NARU_OK) {
        say(life->who, "%s: %s", follows ? "the one before is gone, or nobody can follow" : "nobody can follow",
            naru_status_text(status));
    }
    return NARU_OK;
}

naru_stop_options listen_life_stop(const listen_life *life, uint32_t deadline_ms, bool succeeded)
{
    return (naru_stop_options){
        .spread_ms = life->settings->stop_spread_ms,
        .deadline_ms = deadline_ms,
        .close_code = succeeded ? SERVICE_RESTART : SERVER_GOES,
        .finish_requests = succeeded,
    };
}

void listen_life_leave(listen_life *life)
{
    naru_succession_free(life->succession);
    life->succession = NULL;
}

void listen_life_close(listen_life *life)
{
    listen_life_leave(life);
    naru_tls_unref(life->tls);
    naru_budget_unref(life->budget);
    *life = (listen_life){0};
}
