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
#include "exec.h"
#include "exit_status.h"
#include "listen_life.h"
#include "page.h"
#include "say.h"

static const char who[] = "naru serve";
static const char default_address[] = "127.0.0.1:8080";
static const char spare_address[] = "127.0.0.1:0";

enum { STOP_MS = 1000 };

typedef struct serve_settings {
    listen_settings listen;
    option_list paths;
    const char *command;
    bool binary;
    bool broadcast;
} serve_settings;

typedef struct serve_state {
    naru_loop *loop;
    naru_server *server;
    listen_life life;
    naru_listen_options listen;
    listen_log log;
    chat_room chat;
    broadcast_circle circle;
    exec_pool pool;
    const serve_settings *settings;
    const char *directory;
} serve_state;

#define AT(field) offsetof(serve_settings, field)

static const option options[] = {
    {.help = "Options:"},
    {OPTION_LIST, 'l', "listen", "ADDRESS",
     "HOST:PORT or unix:PATH, may be repeated; 127.0.0.1:8080,\nor a free port if "
     "that one is taken",
     AT(listen.addresses), 0, 0},
    {OPTION_TEXT, 0, "tls-cert", "FILE", "serve TLS with this certificate chain (PEM)", AT(listen.tls_certificate), 0,
     0},
    {OPTION_TEXT, 0, "tls-key", "FILE", "its key (PEM), if it is not in the same file", AT(listen.tls_key), 0, 0},
    {OPTION_ON, 0, "tls-self", NULL, "serve TLS with a certificate made now, for work on this machine",
     AT(listen.tls_self), 0, 0},
    LISTEN_OPTIONS_HTTP2,
    {OPTION_TEXT, 0, "exec", "COMMAND",
     "start COMMAND by the shell for each connection to /exec: a\nmessage is a line of its stdin, "
     "and a line of its stdout a message",
     AT(command), 0, 0},
    {OPTION_ON, 0, "exec-binary", NULL, "bytes instead of lines: what is read at once is a binary message", AT(binary),
     0, 0},
    {OPTION_LIST, 'p', "path", "PATH",
     "take WebSockets only at PATH, or below it with /* at its end;\nmay be repeated. "
     "They are for --exec or --broadcast, else echoes",
     AT(paths), 0, 0},
    {OPTION_ON, 0, "broadcast", NULL, "each message to everyone at the paths of --path", AT(broadcast), 0, 0},
    {OPTION_NUMBER, 0, "max-connections", "N", "so many at a time, others wait; 10000", AT(listen.connections_max), 1,
     1000000},
    {OPTION_LIST, 0, "allow-origin", "ORIGIN",
     "let pages of this origin connect, `any`: all, may be\nrepeated; pages of "
     "the same host only",
     AT(listen.origins), 0, 0},
    {OPTION_BYTES, 0, "max-message", "BYTES", "largest message that is taken (K, M, G); 1M",
     AT(listen.message_bytes_max), 1, UINT32_MAX},
    {OPTION_ON, 0, "deflate", NULL, "take permessage-deflate when it is offered", AT(listen.deflate), 0, 0},
    {.help = "Behind a proxy:"},
    LISTEN_OPTIONS_PROXY,
    {.help = "A long life:"},
    LISTEN_OPTIONS_LIFE,
    {OPTION_ON, 'v', "verbose", NULL, "say on stderr what happens", AT(listen.verbose), 0, 0},
};

static void on_all_ended(void *user)
{
    serve_state *state = user;
    naru_loop_stop(state->loop);
}

static void on_stopped(void *user)
{
    serve_state *state = user;
    exec_pool_end(&state->pool, on_all_ended, state);
}

static void on_signal(void *user, int signal)
{
    serve_state *state = user;
    (void)signal;
    naru_stop_options how = listen_life_stop(&state->life, STOP_MS, false);
    naru_server_stop_with(state->server, &how, on_stopped, state);
}

static void on_succeeded(void *user)
{
    serve_state *state = user;
    naru_stop_options how = listen_life_stop(&state->life, STOP_MS, true);
    naru_server_stop_with(state->server, &how, on_stopped, state);
}

static naru_status add_own_route(serve_state *state, const char *path)
{
    if (state->settings->command) {
        return naru_server_route_ws(state->server, path, &exec_route, &state->pool);
    }
    return state->settings->broadcast ? naru_server_route_ws(state->server, path, &broadcast_route, &state->circle)
                                      : naru_server_route_ws(state->server, path, &echo_route, NULL);
}

static naru_status add_usual_routes(serve_state *state)
{
    naru_status status = naru_server_route_ws(state->server, "/echo", &echo_route, NULL);
    if (status == NARU_OK) {
        status = naru_server_route_ws(state->server, "/broadcast", &broadcast_route, &state->circle);
    }
    if (status == NARU_OK) {
        status = naru_server_route_ws(state->server, "/chat", &chat_route, &state->chat);
    }
    if (status == NARU_OK && state->settings->command) {
        status = add_own_route(state, "/exec");
    }
    return status == NARU_OK && !state->directory ? page_route(state->server) : status;
}

static naru_status add_routes(serve_state *state)
{
    const option_list *paths = &state->settings->paths;
    naru_status status = paths->count == 0 ? add_usual_routes(state) : NARU_OK;
    for (size_t i = 0; status == NARU_OK && i < paths->count; i++) {
        status = add_own_route(state, paths->items[i]);
    }
    if (status == NARU_OK && state->directory) {
        status = naru_server_route_files(state->server, "/*", state->directory);
    }
    return status;
}

static void announce_endpoints(const serve_state *state, const char *bound)
{
    static const char *const usual[] = {"/chat", "/echo", "/broadcast", "/exec"};
    size_t usual_count = state->settings->command ? 4 : 3;
    const option_list *paths = &state->settings->paths;
    const char *const *list = paths->count > 0 ? paths->items : usual;
    size_t count = paths->count > 0 ? paths->count : usual_count;
    for (size_t i = 0; i < count; i++) {
        printf("%s: ws%s://%s%s%s\n", who, state->life.tls ? "s" : "", bound, list[i][0] == '*' ? "/" : "", list[i]);
    }
}

static void announce(const serve_state *state, const char *bound)
{
    bool pages = state->settings->paths.count == 0 || state->directory;
    if (strncmp(bound, "unix:", 5) == 0) {
        printf("%s: listening on %s\n", who, bound);
    } else {
        if (pages) {
            printf("%s: open http%s://%s/\n", who, state->life.tls ? "s" : "", bound);
        }
        announce_endpoints(state, bound);
    }
    fflush(stdout);
}

static naru_status listen_at(serve_state *state, const char *address)
{
    char bound[BOUND_BYTES];
    naru_status status = naru_server_listen(state->server, address, &state->listen, bound);
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

static void fill_pool(serve_state *state)
{
    const serve_settings *settings = state->settings;
    state->pool = (exec_pool){
        .loop = state->loop,
        .command = settings->command,
        .binary = settings->binary,
        .line_bytes_max = settings->listen.message_bytes_max,
        .who = who,
    };
}

static naru_status start(serve_state *state)
{
    const listen_settings *settings = &state->settings->listen;
    naru_server_options server_options;
    naru_loop_options loop_options = {.log = listen_log_line, .log_user = &state->log};
    listen_fill(settings, &server_options);
    listen_life_fill(&state->life, &loop_options, &server_options, &state->listen);
    state->loop = naru_loop_new(&loop_options);
    fill_pool(state);
    naru_status status = state->loop ? naru_server_new(state->loop, &server_options, &state->server) : NARU_ERR_MEMORY;
    if (status == NARU_OK) {
        status = naru_loop_signal(state->loop, SIGINT, on_signal, state);
    }
    if (status == NARU_OK) {
        status = naru_loop_signal(state->loop, SIGTERM, on_signal, state);
    }
    if (status == NARU_OK) {
        status = add_routes(state);
    }
    if (status != NARU_OK) {
        say(who, "cannot start: %s", naru_status_text(status));
        return status;
    }
    status = listen_all(state, &settings->addresses);
    return status == NARU_OK ? listen_life_begin(&state->life, state->loop, on_succeeded, state) : status;
}

static int check_directory(const cli_command *command, const char *directory)
{
    struct stat info;
    if (directory && (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))) {
        return options_complain(command, "'%s' is not a directory", directory);
    }
    return OPTIONS_RUN;
}

static int check_paths(const cli_command *command, const serve_settings *settings)
{
    for (size_t i = 0; i < settings->paths.count; i++) {
        const char *path = settings->paths.items[i];
        if (path[0] != '/' && strcmp(path, "*") != 0) {
            return options_complain(command, "--path wants a path that begins with /, or *, not '%s'", path);
        }
    }
    if (settings->binary && !settings->command) {
        return options_complain(command, "--exec-binary goes with --exec");
    }
    if (settings->broadcast && (settings->command || settings->paths.count == 0)) {
        return options_complain(command, "--broadcast goes with --path, and not with --exec");
    }
    return OPTIONS_RUN;
}

static int serve(serve_state *state)
{
    int status = EXIT_OWN;
    if (start(state) == NARU_OK && naru_loop_run(state->loop) == NARU_OK) {
        status = EXIT_CLEAN;
    }
    naru_server_free(state->server);
    exec_pool_free(&state->pool);
    listen_life_leave(&state->life);
    naru_loop_free(state->loop);
    return status;
}

static int run(const cli_command *command, int argc, char **argv)
{
    serve_settings settings = {.listen = {.message_bytes_max = 1024 * 1024, .fragments_max = 100000}};
    option_list operands = {.count = 0};
    serve_state state = {.log = {.who = who}, .settings = &settings};
    int status = options_parse(command, argc, argv, &settings, &operands);
    if (status == OPTIONS_RUN) {
        state.directory = operands.count > 0 ? operands.items[0] : NULL;
        state.log.verbose = settings.listen.verbose;
        status = check_directory(command, state.directory);
    }
    if (status == OPTIONS_RUN) {
        status = check_paths(command, &settings);
    }
    if (status != OPTIONS_RUN) {
        return status;
    }
    status = listen_life_open(&state.life, command, &settings.listen, who);
    if (status == OPTIONS_RUN) {
        status = serve(&state);
    }
    listen_life_close(&state.life);
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
             "With --path, there are only the WebSockets that it names, and the files below DIR. A process of --exec "
             "has\n"
             "NARU_PATH, NARU_QUERY, NARU_PEER, NARU_PROTOCOL, NARU_ORIGIN, NARU_HOST and NARU_HTTP (1.1 or 2) in its\n"
             "environment.\n"
             "SIGINT and SIGTERM close every connection with code 1001, and end it. SIGHUP reads the files of "
             "--tls-cert\nand --tls-key again.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 1,
    .examples = "naru serve\n"
                "naru serve --listen 0.0.0.0:8080 ./public\n"
                "naru serve --path /time --exec 'while date; do sleep 1; done'\n"
                "naru serve --tls-self\n"
                "naru serve --listen :8443 --tls-cert cert.pem --tls-key key.pem\n",
    .run = run,
};
