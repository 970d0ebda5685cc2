/* Runs table.json with naru's client; README.md here says what the steps mean.
 *
 *   run_table SERVER TABLE [NAME...]     SERVER: the program of server.c; NAME: only these cases
 *
 * Not for: the meaning of a step in a browser, which the browser tests hold to the same table. */
#include "whatwg/socket.h"
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SOCKETS_MAX = 4, PROTOCOLS_MAX = 16, WAIT_MS = 10000 };

typedef struct run {
    naru_loop *loop;
    char host[64];
    char port[8];
    table_socket *sockets[SOCKETS_MAX]; /* of this case, the last is the one that steps mean */
    size_t sockets_count;
    char failure[512]; /* of this case; empty: none */
} run;

static void fail(run *self, const char *format, ...) NARU_PRINTF(2, 3);
static void fail(run *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (self->failure[0] == '\0') {
        vsnprintf(self->failure, sizeof self->failure, format, arguments);
    }
    va_end(arguments);
}

static table_socket *current(run *self)
{
    return self->sockets_count > 0 ? self->sockets[self->sockets_count - 1] : NULL;
}

/* ---- what a table's values mean ----------------------------------------------------------------------------- */

static void append(naru_buf *out, const void *bytes, size_t size)
{
    if (naru_buf_append(out, (naru_span){bytes, size})) {
        abort();
    }
}

/* {host} and {port} put in; the caller frees. */
static char *expand(const run *self, const char *text)
{
    naru_buf out = {0};
    while (*text) {
        const char *value = NULL;
        value = strncmp(text, "{host}", 6) == 0 ? self->host : value;
        value = strncmp(text, "{port}", 6) == 0 ? self->port : value;
        append(&out, value ? value : text, value ? strlen(value) : 1);
        text += value ? 6 : 1;
    }
    append(&out, "", 1);
    char *copy = strdup((const char *)naru_buf_span(&out).data);
    naru_buf_deinit(&out);
    return copy;
}

/* A string, or {"repeat": "string", "count": N}. */
static void append_text(naru_buf *out, const json_t *value)
{
    const json_t *unit = json_is_object(value) ? json_object_get(value, "repeat") : value;
    json_int_t count = json_is_object(value) ? json_integer_value(json_object_get(value, "count")) : 1;
    for (json_int_t i = 0; i < count; i++) {
        append(out, json_string_value(unit), json_string_length(unit));
    }
}

/* A list of bytes, or {"repeat": BYTE, "count": N}. */
static void append_binary(naru_buf *out, const json_t *value)
{
    if (json_is_object(value)) {
        size_t count = (size_t)json_integer_value(json_object_get(value, "count"));
        uint8_t *to = naru_buf_reserve(out, count + 1);
        if (!to) {
            abort();
        }
        memset(to, (int)json_integer_value(json_object_get(value, "repeat")), count);
        naru_buf_commit(out, count);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        uint8_t byte = (uint8_t)json_integer_value(json_array_get(value, i));
        append(out, &byte, 1);
    }
}

static naru_ws_kind read_payload(naru_buf *out, const json_t *payload)
{
    const json_t *text = json_object_get(payload, "text");
    if (text) {
        append_text(out, text);
        return NARU_WS_TEXT;
    }
    append_binary(out, json_object_get(payload, "binary"));
    return NARU_WS_BINARY;
}

/* A call that throws in a browser answers one status here. */
static void check_throws(run *self, const json_t *step, const char *call, naru_status status)
{
    const char *throws = json_string_value(json_object_get(step, "throws"));
    naru_status expected = NARU_ERR_ARGUMENT;
    if (throws && strcmp(throws, "InvalidStateError") == 0) {
        expected = NARU_ERR_STATE;
    }
    if (throws && status != expected) {
        fail(self, "%s answered %s, and should throw %s", call, naru_status_name(status), throws);
    } else if (!throws && status < 0) {
        fail(self, "%s answered %s", call, naru_status_name(status));
    }
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static bool wait_for(run *self, bool (*holds)(const table_socket *socket, uint64_t wanted), uint64_t wanted)
{
    uint64_t end_ms = naru_loop_now_ms(self->loop) + WAIT_MS;
    while (!holds(current(self), wanted)) {
        if (naru_loop_turn(self->loop, WAIT_MS) < 0 || naru_loop_now_ms(self->loop) >= end_ms) {
            return false;
        }
    }
    return true;
}

static bool is_open_or_closed(const table_socket *socket, uint64_t wanted)
{
    (void)wanted;
    return socket->opened || socket->closed;
}

static bool is_closed(const table_socket *socket, uint64_t wanted)
{
    (void)wanted;
    return socket->closed;
}

static bool has_message_or_closed(const table_socket *socket, uint64_t wanted)
{
    (void)wanted;
    return socket->messages_taken < socket->messages_count || socket->closed;
}

static bool has_buffered(const table_socket *socket, uint64_t wanted)
{
    return naru_client_buffered_bytes(socket->client) == wanted;
}

/* ---- the verbs ---------------------------------------------------------------------------------------------- */

static void do_construct(run *self, const json_t *step)
{
    const char *names[PROTOCOLS_MAX];
    naru_client_options options = {.protocols = names};
    const json_t *protocols = json_object_get(step, "protocols");
    if (json_is_string(protocols)) {
        names[options.protocols_count++] = json_string_value(protocols);
    }
    for (size_t i = 0; json_is_array(protocols) && i < json_array_size(protocols) && i < PROTOCOLS_MAX; i++) {
        names[options.protocols_count++] = json_string_value(json_array_get(protocols, i));
    }
    char *url = expand(self, json_string_value(json_object_get(step, "construct")));
    const json_t *base = json_object_get(step, "base");
    char *base_url = base ? expand(self, json_string_value(base)) : NULL;
    options.base_url = base_url;
    if (self->sockets_count == SOCKETS_MAX) {
        fail(self, "a case has at most %d sockets", SOCKETS_MAX);
    } else {
        table_socket *made = NULL;
        naru_status status = table_socket_open(self->loop, url, &options, &made);
        check_throws(self, step, "construct", status);
        if (made) {
            self->sockets[self->sockets_count++] = made;
        }
    }
    free(base_url);
    free(url);
}

static void do_send(run *self, const json_t *step)
{
    naru_buf payload = {0};
    naru_ws_kind kind = read_payload(&payload, json_object_get(step, "send"));
    check_throws(self, step, "send", naru_client_send(current(self)->client, kind, naru_buf_span(&payload), 0));
    naru_buf_deinit(&payload);
}

static void do_close(run *self, const json_t *step)
{
    const json_t *arguments = json_object_get(step, "close");
    const json_t *reason = json_object_get(arguments, "reason");
    naru_buf text = {0};
    if (reason) {
        append_text(&text, reason);
    }
    uint16_t code = (uint16_t)json_integer_value(json_object_get(arguments, "code"));
    check_throws(self, step, "close", naru_client_close(current(self)->client, code, naru_buf_span(&text)));
    naru_buf_deinit(&text);
}

static void do_wait(run *self, const json_t *step)
{
    (void)step;
    if (!wait_for(self, is_open_or_closed, 0)) {
        fail(self, "no open event in %d ms", WAIT_MS);
    } else if (!current(self)->opened) {
        fail(self, "closed instead of open: %s", current(self)->error_text);
    }
}

static void do_message(run *self, const json_t *step)
{
    table_socket *socket = current(self);
    if (!wait_for(self, has_message_or_closed, 0) || socket->messages_taken == socket->messages_count) {
        fail(self, "no message came");
        return;
    }
    const table_message *got = &socket->messages[socket->messages_taken++];
    naru_buf wanted = {0};
    naru_ws_kind kind = read_payload(&wanted, json_object_get(step, "message"));
    naru_span span = naru_buf_span(&got->data);
    if (kind != got->kind || !naru_span_equal(span, naru_buf_span(&wanted))) {
        fail(self, "another message came: kind %d, %zu bytes, \"%.*s\"", (int)got->kind, span.size,
             span.size < 80 ? (int)span.size : 80, span.size ? (const char *)span.data : "");
    }
    naru_buf_deinit(&wanted);
}

static void do_closed(run *self, const json_t *step)
{
    const table_socket *socket = current(self);
    const json_t *wanted = json_object_get(step, "closed");
    const json_t *code = json_object_get(wanted, "code");
    const json_t *reason = json_object_get(wanted, "reason");
    const json_t *clean = json_object_get(wanted, "clean");
    const json_t *error = json_object_get(wanted, "error");
    if (!wait_for(self, is_closed, 0)) {
        fail(self, "no close event in %d ms", WAIT_MS);
        return;
    }
    bool same = (!code || json_integer_value(code) == socket->code) &&
                (!reason || strcmp(json_string_value(reason), socket->reason) == 0) &&
                (!clean || json_is_true(clean) == socket->clean) && (!error || json_is_true(error) == socket->errored);
    if (!same) {
        fail(self, "closed with code %u, reason \"%s\", %s, %s %s", socket->code, socket->reason,
             socket->clean ? "clean" : "not clean", socket->errored ? "error:" : "no error", socket->error_text);
    }
}

static void do_state(run *self, const json_t *step)
{
    int state = (int)naru_client_state(current(self)->client);
    if (state != json_integer_value(json_object_get(step, "state"))) {
        fail(self, "the state is %d", state);
    }
}

static void do_buffered(run *self, const json_t *step)
{
    uint64_t bytes = naru_client_buffered_bytes(current(self)->client);
    if (bytes != (uint64_t)json_integer_value(json_object_get(step, "buffered"))) {
        fail(self, "%llu bytes are buffered", (unsigned long long)bytes);
    }
}

static void do_buffered_min(run *self, const json_t *step)
{
    uint64_t bytes = naru_client_buffered_bytes(current(self)->client);
    if (bytes < (uint64_t)json_integer_value(json_object_get(step, "buffered_min"))) {
        fail(self, "only %llu bytes are buffered", (unsigned long long)bytes);
    }
}

static void do_drained(run *self, const json_t *step)
{
    if (!wait_for(self, has_buffered, (uint64_t)json_integer_value(json_object_get(step, "drained")))) {
        fail(self, "%llu bytes stay buffered", (unsigned long long)naru_client_buffered_bytes(current(self)->client));
    }
}

static void do_events(run *self, const json_t *step)
{
    const json_t *wanted = json_object_get(step, "events");
    char text[sizeof current(self)->events] = "";
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", json_string_value(json_array_get(wanted, i)));
    }
    if (strcmp(text, current(self)->events) != 0) {
        fail(self, "the events so far are: %s", current(self)->events);
    }
}

static void check_attribute(run *self, const json_t *wanted, const char *name, naru_span actual)
{
    const json_t *value = json_object_get(wanted, name);
    if (!value) {
        return;
    }
    char *text = expand(self, json_string_value(value));
    if (!naru_span_equal(actual, naru_span_of(text))) {
        fail(self, "%s is \"%.*s\"", name, (int)actual.size, actual.size ? (const char *)actual.data : "");
    }
    free(text);
}

static void do_expect(run *self, const json_t *step)
{
    const json_t *wanted = json_object_get(step, "expect");
    const naru_client *client = current(self)->client;
    check_attribute(self, wanted, "url", naru_client_url(client));
    check_attribute(self, wanted, "protocol", naru_client_protocol(client));
    check_attribute(self, wanted, "extensions", naru_client_extensions(client));
}

typedef struct verb {
    const char *name;
    void (*run)(run *self, const json_t *step);
} verb;

static const verb verbs[] = {
    {"construct", do_construct},       {"send", do_send},       {"close", do_close},   {"wait", do_wait},
    {"message", do_message},           {"closed", do_closed},   {"state", do_state},   {"buffered", do_buffered},
    {"buffered_min", do_buffered_min}, {"drained", do_drained}, {"events", do_events}, {"expect", do_expect},
};

/* ---- cases -------------------------------------------------------------------------------------------------- */

static void run_step(run *self, const json_t *step)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!json_object_get(step, verbs[i].name)) {
            continue;
        }
        if (!current(self) && verbs[i].run != do_construct) {
            fail(self, "there is no socket");
            return;
        }
        verbs[i].run(self, step);
        return;
    }
    fail(self, "a step without a verb");
}

static void end_case(run *self)
{
    for (size_t i = 0; i < self->sockets_count; i++) {
        if (self->sockets[i]->broken[0] != '\0') {
            fail(self, "%s", self->sockets[i]->broken);
        }
        table_socket_free(self->sockets[i]);
    }
    self->sockets_count = 0;
}

static bool run_case(run *self, const json_t *one)
{
    const json_t *steps = json_object_get(one, "steps");
    self->failure[0] = '\0';
    size_t i = 0;
    while (i < json_array_size(steps) && self->failure[0] == '\0') {
        run_step(self, json_array_get(steps, i++));
    }
    end_case(self);
    if (self->failure[0] != '\0') {
        char *step = json_dumps(json_array_get(steps, i - 1), JSON_ENCODE_ANY);
        fprintf(stderr, "FAILED: %s\n  step %zu: %.200s\n  %s\n", json_string_value(json_object_get(one, "name")), i,
                step ? step : "", self->failure);
        free(step);
    }
    return self->failure[0] == '\0';
}

static bool is_wanted(const json_t *one, int argc, char **argv)
{
    const char *name = json_string_value(json_object_get(one, "name"));
    const char *only = json_string_value(json_object_get(one, "only"));
    bool wanted = argc <= 3;
    for (int i = 3; i < argc; i++) {
        wanted = wanted || strcmp(argv[i], name) == 0;
    }
    return wanted && (!only || strcmp(only, "naru") == 0);
}

static int run_all(run *self, const json_t *table, int argc, char **argv)
{
    size_t ran = 0;
    size_t failed = 0;
    for (size_t i = 0; i < json_array_size(table); i++) {
        const json_t *one = json_array_get(table, i);
        if (is_wanted(one, argc, argv)) {
            ran++;
            failed += !run_case(self, one);
        }
    }
    printf("%zu cases, %zu failed\n", ran, failed);
    return ran == 0 || failed > 0;
}

/* ---- the server --------------------------------------------------------------------------------------------- */

/* Start it; it ends with its standard input, so also when this program dies. */
static pid_t start_server(char *program, int *input_out, int *output_out)
{
    int input[2];
    int output[2];
    if (pipe(input) || pipe(output)) {
        return -1;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, input[1]);
    posix_spawn_file_actions_addclose(&actions, output[0]);
    pid_t pid = -1;
    char *arguments[] = {program, NULL};
    int error = posix_spawn(&pid, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    *input_out = input[1];
    *output_out = output[0];
    return error ? -1 : pid;
}

static bool read_address(run *self, int output)
{
    char line[128] = "";
    FILE *file = fdopen(output, "r");
    bool good = file && fgets(line, sizeof line, file) && sscanf(line, "listening on %63[^\n]", self->host) == 1;
    const char *colon = good ? strrchr(self->host, ':') : NULL;
    if (colon) {
        snprintf(self->port, sizeof self->port, "%s", colon + 1);
    }
    if (file) {
        fclose(file);
    }
    return colon != NULL;
}

static int end_server(pid_t pid, int input)
{
    int status = 0;
    close(input);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        fprintf(stderr, "the server ended with status %d\n", status);
    }
    return status != 0;
}

static int run_table(run *self, const json_t *table, int argc, char **argv)
{
    int input = -1;
    int output = -1;
    pid_t pid = start_server(argv[1], &input, &output);
    if (pid < 0 || !read_address(self, output)) {
        fprintf(stderr, "%s does not start\n", argv[1]);
        return 2;
    }
    int failed = run_all(self, table, argc, argv);
    return end_server(pid, input) || failed;
}

int main(int argc, char **argv)
{
    json_error_t error = {.text = "usage: run_table SERVER TABLE [NAME...]"};
    json_t *table = argc > 2 ? json_load_file(argv[2], JSON_ALLOW_NUL, &error) : NULL;
    run self = {.loop = naru_loop_new(NULL)};
    if (!table || !self.loop) {
        fprintf(stderr, "%s:%d: %s\n", argc > 2 ? argv[2] : "", error.line, error.text);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int status = run_table(&self, table, argc, argv);
    json_decref(table);
    naru_loop_free(self.loop);
    return status;
}
