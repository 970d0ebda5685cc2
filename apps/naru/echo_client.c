/* naru echo --connect: sends each message of the server back until the server closes.
 *
 * Source: none. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <naru/client.h>

#include "echo.h"
#include "exit_status.h"
#include "say.h"
#include "url.h"

static const char who[] = "naru echo";

typedef struct echo_client {
    naru_loop *loop;
    naru_client *client;
    int status;
    bool failed;
    bool verbose;
} echo_client;

static void on_open(naru_client *client, void *user)
{
    echo_client *echo = user;
    naru_span url = naru_client_url(client);
    if (echo->verbose) {
        say(who, "connected to %.*s", (int)url.size, (const char *)url.data);
    }
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    /* Text was checked on its way in. */
    naru_status status = naru_client_send(client, kind, data, kind == NARU_WS_TEXT ? NARU_WS_VALID : 0);
    if (status == NARU_FULL) {
        naru_client_pause(client);
    } else if (status == NARU_ERR_MEMORY) {
        naru_client_abort(client);
    }
}

static void on_drain(naru_client *client, void *user)
{
    (void)user;
    naru_client_resume(client);
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    echo_client *echo = user;
    (void)client;
    echo->failed = true;
    echo->status = (int)exit_status_of_failure(failure);
    if (failure->http_status != 0 && failure->http_status != 101) {
        say(who, "refused: HTTP %d %s", failure->http_status, naru_http_reason(failure->http_status));
    } else {
        say(who, "%s", failure->text ? failure->text : naru_status_text(failure->status));
    }
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    echo_client *echo = user;
    (void)client;
    if (!echo->failed) {
        echo->status = (int)exit_status_of_close(info, 0);
    }
    if (!echo->failed && echo->status != EXIT_CLEAN) {
        say(who, "closed with code %d%s%.*s", info->code, info->reason.size > 0 ? ": " : "", (int)info->reason.size,
            info->reason.size > 0 ? (const char *)info->reason.data : "");
    }
    naru_loop_stop(echo->loop);
}

static void on_signal(void *user, int signal)
{
    echo_client *echo = user;
    (void)signal;
    (void)naru_client_close(echo->client, 1000, (naru_span){0});
}

static int open_client(echo_client *echo, const echo_settings *settings, const char *url, naru_tls *tls)
{
    static const naru_client_handler handler = {
        .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_error = on_error, .on_close = on_close};
    naru_server_options shared;
    listen_fill(&settings->listen, &shared);
    naru_client_options options = {
        .conn = shared.conn,
        .protocols = settings->protocols.items,
        .protocols_count = settings->protocols.count,
        .tls = tls,
        .allow_bad_ports = true,
    };
    const char *reason = NULL;
    naru_status status = naru_client_open(echo->loop, url, &options, &handler, echo, &echo->client, &reason);
    if (status == NARU_OK) {
        return OPTIONS_RUN;
    }
    say(who, "%s", reason ? reason : naru_status_text(status));
    return status == NARU_ERR_ARGUMENT ? EXIT_USAGE : EXIT_OWN;
}

static int run_client(echo_client *echo, const echo_settings *settings, const char *url, naru_tls *tls)
{
    echo->loop = naru_loop_new(NULL);
    if (!echo->loop) {
        return EXIT_OWN;
    }
    int status = open_client(echo, settings, url, tls);
    if (status == OPTIONS_RUN) {
        bool fine = naru_loop_signal(echo->loop, SIGTERM, on_signal, echo) == NARU_OK &&
                    naru_loop_signal(echo->loop, SIGINT, on_signal, echo) == NARU_OK &&
                    naru_loop_run(echo->loop) == NARU_OK;
        status = fine ? echo->status : EXIT_OWN;
    }
    naru_client_free(echo->client);
    naru_loop_free(echo->loop);
    return status;
}

static int open_tls(const echo_settings *settings, naru_tls **tls_out)
{
    if (!settings->ca_file && !settings->insecure) {
        return OPTIONS_RUN;
    }
    naru_tls_client_options options = {.ca_file = settings->ca_file, .insecure = settings->insecure};
    char reason[256] = "";
    if (naru_tls_client_new(&options, tls_out, reason, sizeof reason) == NARU_OK) {
        return OPTIONS_RUN;
    }
    say(who, "%s", reason[0] ? reason : "out of memory");
    return EXIT_USAGE;
}

int echo_connect(const cli_command *command, const echo_settings *settings)
{
    (void)command;
    naru_tls *tls = NULL;
    int status = open_tls(settings, &tls);
    naru_buf url;
    naru_buf_init(&url, NULL);
    if (status == OPTIONS_RUN && url_complete(&url, settings->connect_url) != NARU_OK) {
        status = EXIT_OWN;
    }
    if (status == OPTIONS_RUN) {
        echo_client echo = {.status = EXIT_OWN, .verbose = settings->listen.verbose};
        status = run_client(&echo, settings, (const char *)naru_buf_span(&url).data, tls);
    }
    naru_buf_deinit(&url);
    naru_tls_unref(tls);
    return status;
}
