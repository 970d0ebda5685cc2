/* naru connect: the request, the signals, and the loop around one session.
 *
 * Source: none. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connect_session.h"
#include "exit_status.h"
#include "headers.h"

/* ---- signals
 * --------------------------------------------------------------------------------------------------- */

static void on_signal(void *user, int signal)
{
    connect_session *session = user;
    if (session->open && !session->closing) {
        connect_close_as_told(session);
        return;
    }
    connect_decide(session, EXIT_SIGNAL + signal);
    naru_client *client = naru_reconnector_client(session->retry.reconnector);
    session->closing = true;
    if (session->over) {
        naru_loop_stop(session->loop);
    } else if (connect_retry_waits(session) || !client) {
        (void)naru_reconnector_close(session->retry.reconnector, 1000, (naru_span){0});
    } else {
        naru_client_abort(client);
    }
}

static void on_resize(void *user, int signal)
{
    connect_session *session = user;
    (void)signal;
    if (session->editor) {
        editor_resize(session->editor);
    }
}

/* The shell that we were stopped in has used the terminal meanwhile. */
static void on_continue(void *user, int signal)
{
    connect_session *session = user;
    (void)signal;
    if (session->editor) {
        editor_continue(session->editor);
    }
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------- */

enum { FIELDS_MAX = OPTION_LIST_MAX, REDIRECTS_MAX = 10 };

static size_t read_cookies(const option_list *cookies, naru_http_field *fields)
{
    for (size_t i = 0; i < cookies->count; i++) {
        const char *equals = strchr(cookies->items[i], '=');
        size_t name_bytes = equals ? (size_t)(equals - cookies->items[i]) : 0;
        fields[i].name = (naru_span){(const uint8_t *)cookies->items[i], name_bytes};
        fields[i].value = naru_span_of(equals ? equals + 1 : "");
    }
    return cookies->count;
}

/* Split at the first colon; `buffer` keeps the user. */
static void read_auth(const char *auth, char *buffer, naru_client_options *options)
{
    if (auth) {
        const char *colon = strchr(auth, ':');
        snprintf(buffer, CONNECT_AUTH_BYTES_MAX + 1, "%.*s", (int)(colon ? (size_t)(colon - auth) : strlen(auth)),
                 auth);
        options->user = buffer;
        options->password = colon ? colon + 1 : "";
    }
}

static void read_way(const connect_settings *settings, naru_client_options *options)
{
    options->proxy_environment = settings->proxy && strcmp(settings->proxy, "env") == 0;
    options->proxy = options->proxy_environment ? NULL : settings->proxy;
    options->no_proxy = settings->no_proxy;
    if (settings->location) {
        options->redirects_max = settings->redirects_max > 0 ? (uint32_t)settings->redirects_max : REDIRECTS_MAX;
    }
}

/* What the connections are made with, and what that points to. */
typedef struct connect_target {
    naru_reconnect_target made;
    naru_http_field fields[FIELDS_MAX];
    naru_http_field cookies[FIELDS_MAX];
    char user[CONNECT_AUTH_BYTES_MAX + 1];
    char address[256];
} connect_target;

static void make_target(const connect_session *session, connect_target *self)
{
    const connect_settings *settings = session->settings;
    if (settings->unix_path) {
        snprintf(self->address, sizeof self->address, "unix:%s", settings->unix_path);
    }
    self->made.url = session->url;
    self->made.options = (naru_client_options){
        .conn.ws.message_bytes_max = settings->message_bytes_max,
        .conn.ws.ping_interval_ms = settings->ping_interval_ms == 0 ? NARU_NEVER : settings->ping_interval_ms,
        .conn.ws.deflate.enabled = settings->deflate,
        .protocols = settings->protocols.items,
        .protocols_count = settings->protocols.count,
        .fields = self->fields,
        .fields_count = headers_read(&settings->headers, self->fields),
        .origin = settings->origin,
        .address = settings->unix_path ? self->address : NULL,
        .tls = session->trust->server,
        .proxy_tls = session->trust->proxy,
        .handshake_timeout_ms = settings->timeout_ms,
        .allow_bad_ports = true,
        .http2 = settings->http2,
        .cookies = self->cookies,
        .cookies_count = read_cookies(&settings->cookies, self->cookies),
    };
    read_auth(settings->auth, self->user, &self->made.options);
    read_way(settings, &self->made.options);
}

static bool open_connection(connect_session *session, const connect_target *target)
{
    naru_client_handler handler = connect_handler;
    handler.on_frame = session->settings->trace ? connect_trace : NULL;
    return connect_retry_open(session, &target->made, &handler) == NARU_OK;
}

static bool hear_signals(connect_session *session)
{
    return naru_loop_signal(session->loop, SIGINT, on_signal, session) == NARU_OK &&
           naru_loop_signal(session->loop, SIGTERM, on_signal, session) == NARU_OK &&
           naru_loop_signal(session->loop, SIGWINCH, on_resize, session) == NARU_OK &&
           naru_loop_signal(session->loop, SIGCONT, on_continue, session) == NARU_OK;
}

static bool open_parts(connect_session *session)
{
    const char *pattern = session->settings->pattern;
    session->has_pattern = pattern && regcomp(&session->pattern, pattern, REG_EXTENDED) == 0;
    return (!pattern || session->has_pattern) && connect_pings_open(session) == NARU_OK;
}

static void close_parts(connect_session *session)
{
    if (session->has_pattern) {
        regfree(&session->pattern);
    }
    naru_timer_free(session->pings.timer);
    connect_replay_free(session);
    (void)connect_record_end(session);
}

static int run(connect_session *session)
{
    connect_target target = {.made.url = NULL};
    make_target(session, &target);
    session->finish = naru_timer_new(session->loop, connect_on_finish, session);
    if (!session->finish || output_open(&session->out, session->loop, connect_on_output, session) != NARU_OK ||
        !hear_signals(session) || !open_parts(session) || !open_connection(session, &target)) {
        connect_notice(session, "cannot start: out of memory or of descriptors");
        return EXIT_OWN;
    }
    if (!connect_record_open(session) || !connect_replay_open(session)) {
        return EXIT_OWN;
    }
    int status = naru_loop_run(session->loop) == NARU_OK && session->status >= 0 ? session->status : EXIT_OWN;
    return connect_record_end(session) ? status : EXIT_OWN;
}

static bool wants_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return !(no_color && no_color[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

int connect_run(const connect_settings *settings, const char *url, const connect_trust *trust)
{
    connect_session session = {
        .settings = settings, .status = -1, .retry.failure_status = -1, .url = url, .trust = trust};
    session.terminal = isatty(STDOUT_FILENO) == 1;
    session.person = session.terminal && isatty(STDIN_FILENO) == 1;
    session.colours = session.terminal && wants_colours();
    session.loop = naru_loop_new(NULL);
    if (!session.loop) {
        return EXIT_OWN;
    }
    int status = run(&session);
    connect_input_stop(&session);
    naru_reconnector_free(session.retry.reconnector);
    naru_timer_free(session.finish);
    close_parts(&session);
    output_close(&session.out);
    naru_loop_free(session.loop);
    return status;
}
