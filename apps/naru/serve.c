/* naru serve: a chat page or a directory, and WebSocket endpoints to try.
 *
 * Source: none. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broadcast.h"
#include "chat.h"
#include "commands.h"
#include "echo_route.h"
#include "exit_status.h"
#include "listen.h"
#include "page.h"
#include "say.h"

static const char who[] = "naru serve";
static const char default_address[] = "127.0.0.1:8080";
static const char spare_address[] = "127.0.0.1:0";

enum { STOP_MS = 1000 };

typedef struct serve_state {
    naru_loop *loop;
    naru_server *server;
    naru_tls *tls;
    listen_log log;
    chat_room chat;
    broadcast_circle circle;
} serve_state;

#define AT(field) offsetof(listen_settings, field)

static const option options[] = {
    {.help = "Options:"},
    {OPTION_LIST, 'l', "listen", "ADDRESS",
     "HOST:PORT or unix:PATH, may be repeated; 127.0.0.1:8080,\nor a free port if "
     "that one is taken",
     AT(addresses), 0, 0},
    {OPTION_TEXT, 0, "tls-cert", "FILE", "serve TLS with this certificate chain (PEM)", AT(tls_certificate), 0, 0},
    {OPTION_TEXT, 0, "tls-key", "FILE", "its key (PEM), if it is not in the same file", AT(tls_key), 0, 0},
    {OPTION_LIST, 0, "allow-origin", "ORIGIN",
     "let pages of this origin connect, `any`: all, may be\nrepeated; pages of "
     "the same host only",
     AT(origins), 0, 0},
    {OPTION_BYTES, 0, "max-message", "BYTES", "largest message that is taken (K, M, G); 1M", AT(message_bytes_max), 1,
     UINT32_MAX},
    {OPTION_ON, 0, "deflate", NULL, "take permessage-deflate when it is offered", AT(deflate), 0, 0},
    {OPTION_ON, 'v', "verbose", NULL, "say on stderr what happens", AT(verbose), 0, 0},
};

static void on_stopped(void *user)
{
    serve_state *state = user;
    naru_loop_stop(state->loop);
}

static void on_signal(void *user, int signal)
{
    serve_state *state = user;
    (void)signal;
    naru_server_stop(state->server, STOP_MS, on_stopped, state);
}

static naru_status add_routes(serve_state *state, const char *directory)
{
    naru_status status = naru_server_route_ws(state->server, "/echo", &echo_route, NULL);
    if (status == NARU_OK) {
        status = naru_server_route_ws(state->server, "/broadcast", &broadcast_route, &state->circle);
    }
    if (status == NARU_OK) {
        status = naru_server_route_ws(state->server, "/chat", &chat_route, &state->chat);
    }
    if (status == NARU_OK) {
        status = directory ? naru_server_route_files(state->server, "/*", directory) : page_route(state->server);
    }
    return status;
}

static void announce(const serve_state *state, const char *bound)
{
    static const char *const endpoints[] = {"/chat", "/echo", "/broadcast"};
    if (strncmp(bound, "unix:", 5) == 0) {
        printf("%s: listening on %s\n", who, bound);
    } else {
        printf("%s: open http%s://%s/\n", who, state->tls ? "s" : "", bound);
        for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
            printf("%s: ws%s://%s%s\n", who, state->tls ? "s" : "", bound, endpoints[i]);
        }
    }
    fflush(stdout);
}

static naru_status listen_at(serve_state *state, const char *address)
{
    naru_listen_options options_here = {.tls = state->tls};
    char bound[BOUND_BYTES];
    naru_status status = naru_server_listen(state->server, address, &options_here, bound);
    if (status == NARU_OK) {
        announce(state, bound);
    } else if (!state->log.quiet) {
        say(who, "cannot listen on %s: %s", address, naru_status_text(status));
    }
    return status;
}

static naru_status listen_anywhere(serve_state *state)
{
    state->log.quiet = true;
    naru_status status = listen_at(state, default_address);
    state->log.quiet = false;
    return status == NARU_ERR_SYSTEM ? listen_at(state, spare_address) : status;
}

static naru_status listen_all(serve_state *state, const option_list *addresses)
{
    if (addresses->count == 0) {
        return listen_anywhere(state);
    }
    naru_status status = NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < addresses->count; i++) {
        status = listen_at(state, addresses->items[i]);
    }
    return status;
}

static naru_status start(serve_state *state, const listen_settings *settings, const char *directory)
{
    naru_server_options server_options;
    listen_fill(settings, &server_options);
    naru_loop_options loop_options = {.log = listen_log_line, .log_user = &state->log};
    state->loop = naru_loop_new(&loop_options);
    naru_status status = state->loop ? naru_server_new(state->loop, &server_options, &state->server) : NARU_ERR_MEMORY;
    if (status == NARU_OK) {
        status = naru_loop_signal(state->loop, SIGINT, on_signal, state);
    }
    if (status == NARU_OK) {
        status = naru_loop_signal(state->loop, SIGTERM, on_signal, state);
    }
    if (status == NARU_OK) {
        status = add_routes(state, directory);
    }
    if (status != NARU_OK) {
        say(who, "cannot start: %s", naru_status_text(status));
        return status;
    }
    return listen_all(state, &settings->addresses);
}

static int check_directory(const cli_command *command, const char *directory)
{
    struct stat info;
    if (directory && (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))) {
        return options_complain(command, "'%s' is not a directory", directory);
    }
    return OPTIONS_RUN;
}

static int run(const cli_command *command, int argc, char **argv)
{
    listen_settings settings = {.message_bytes_max = 1024 * 1024, .fragments_max = 100000};
    option_list operands = {.count = 0};
    serve_state state = {.log = {.who = who}};
    int status = options_parse(command, argc, argv, &settings, &operands);
    const char *directory = operands.count > 0 ? operands.items[0] : NULL;
    if (status == OPTIONS_RUN) {
        state.log.verbose = settings.verbose;
        status = check_directory(command, directory);
    }
    if (status == OPTIONS_RUN) {
        status = listen_tls(command, &settings, &state.tls);
    }
    if (status != OPTIONS_RUN) {
        return status;
    }
    status = EXIT_OWN;
    if (start(&state, &settings, directory) == NARU_OK && naru_loop_run(state.loop) == NARU_OK) {
        status = EXIT_CLEAN;
    }
    naru_server_free(state.server);
    naru_loop_free(state.loop);
    naru_tls_unref(state.tls);
    return status;
}

const cli_command serve_command = {
    .name = "serve",
    .summary = "a chat page or a directory, with WebSocket endpoints to try",
    .synopsis = "serve [OPTION]... [DIR]\n",
    .about = "Without DIR, a chat page is served at /; with it, the files below DIR. In both cases there are:\n"
             "  /chat        what the chat page talks to\n"
             "  /echo        each message back to its sender\n"
             "  /broadcast   each message to everyone there, its sender too\n"
             "SIGINT and SIGTERM close every connection with code 1001, and end it.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 1,
    .examples = "naru serve\n"
                "naru serve --listen 0.0.0.0:8080 ./public\n"
                "naru serve --listen :8443 --tls-cert cert.pem --tls-key key.pem\n",
    .run = run,
};
