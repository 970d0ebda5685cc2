/* The server that tests/whatwg/README.md describes: each path plays one peer. Public API only. */
#include <naru/naru.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDS_MAX = 64, VALUE_BYTES = 256 };

/* One connection, with what its path and query say. */
typedef struct peer {
    char id[32];
    char reason[VALUE_BYTES];
    char text[VALUE_BYTES];
    uint16_t code;
    uint64_t messages;
    uint64_t bytes;
} peer;

/* How connections with an id ended, until somebody asks; and who asked before. */
typedef struct record {
    char id[32];
    char text[VALUE_BYTES];
    naru_conn *waiting;
} record;

static record records[IDS_MAX];

/* ---- queries ------------------------------------------------------------------------------------------------ */

static void copy_text(char *to, size_t to_bytes, naru_span from)
{
    size_t size = from.size < to_bytes - 1 ? from.size : to_bytes - 1;
    if (size > 0) {
        memcpy(to, from.data, size);
    }
    to[size] = '\0';
}

/* The decoded value of `name` in the query, or "". */
static void query_value(naru_request *request, const char *name, char *out, size_t out_bytes)
{
    naru_span rest = naru_http_head_query(naru_request_head(request));
    size_t name_bytes = strlen(name);
    out[0] = '\0';
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '&', rest.size);
        naru_span pair = {rest.data, end ? (size_t)(end - rest.data) : rest.size};
        size_t used = pair.size + (end ? 1 : 0);
        rest = (naru_span){rest.data + used, rest.size - used};
        if (pair.size > name_bytes && memcmp(pair.data, name, name_bytes) == 0 && pair.data[name_bytes] == '=') {
            naru_buf decoded = {0};
            naru_span value = {pair.data + name_bytes + 1, pair.size - name_bytes - 1};
            if (naru_url_decode(value, &decoded) == NARU_OK) {
                copy_text(out, out_bytes, naru_buf_span(&decoded));
            }
            naru_buf_deinit(&decoded);
            return;
        }
    }
}

/* ---- reports ------------------------------------------------------------------------------------------------ */

/* The record of that id; else a free one, made its own. */
static record *record_of(const char *id)
{
    record *unused = &records[0];
    for (size_t i = 0; i < IDS_MAX; i++) {
        if (strcmp(records[i].id, id) == 0) {
            return &records[i];
        }
        unused = records[i].id[0] == '\0' ? &records[i] : unused;
    }
    *unused = (record){0};
    snprintf(unused->id, sizeof unused->id, "%s", id);
    return unused;
}

static void send_text(naru_conn *conn, const char *text)
{
    naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(text), 0);
}

static void report_if_ready(record *one)
{
    if (one->waiting && one->text[0] != '\0') {
        send_text(one->waiting, one->text);
        *one = (record){0};
    }
}

static void remember(const peer *self, const char *text)
{
    if (self->id[0] != '\0') {
        record *one = record_of(self->id);
        snprintf(one->text, sizeof one->text, "%s", text);
        report_if_ready(one);
    }
}

static void remember_end(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    char text[VALUE_BYTES];
    snprintf(text, sizeof text, "%u %.*s", info->code, (int)info->reason.size,
             info->reason.size ? (const char *)info->reason.data : "");
    remember(user, text);
    free(user);
}

static void remember_sum(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    const peer *self = user;
    char text[VALUE_BYTES];
    snprintf(text, sizeof text, "%llu messages, %llu bytes, %u", (unsigned long long)self->messages,
             (unsigned long long)self->bytes, info->code);
    remember(self, text);
    free(user);
}

static void report_open(naru_conn *conn, void *user)
{
    peer *self = user;
    record *one = record_of(self->id);
    one->waiting = conn;
    report_if_ready(one);
}

static void report_end(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)info;
    for (size_t i = 0; i < IDS_MAX; i++) {
        if (records[i].waiting == conn) {
            records[i].waiting = NULL;
        }
    }
    free(user);
}

/* ---- what the paths do -------------------------------------------------------------------------------------- */

static void free_peer(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    (void)info;
    free(user);
}

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static void count(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)conn;
    (void)kind;
    peer *self = user;
    self->messages++;
    self->bytes += data.size;
}

static void say_text(naru_conn *conn, void *user)
{
    peer *self = user;
    send_text(conn, self->text);
}

static void say_empty(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_send(conn, NARU_WS_TEXT, (naru_span){0}, 0);
    naru_conn_send(conn, NARU_WS_BINARY, (naru_span){0}, 0);
}

static void say_burst(naru_conn *conn, void *user)
{
    peer *self = user;
    long total = strtol(self->text, NULL, 10);
    for (long i = 0; i < total; i++) {
        char text[24];
        snprintf(text, sizeof text, "%ld", i);
        send_text(conn, text);
    }
    naru_conn_close(conn, 1000, (naru_span){0});
}

static void say_size(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    char text[48];
    snprintf(text, sizeof text, "%s %zu", kind == NARU_WS_TEXT ? "text" : "binary", data.size);
    send_text(conn, text);
}

static void ping(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_ping(conn, naru_span_of("are you there"));
}

static void say_pong(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user)
{
    (void)data;
    (void)rtt_ms;
    (void)user;
    send_text(conn, "pong");
}

static void close_now(naru_conn *conn, void *user)
{
    peer *self = user;
    naru_conn_close(conn, self->code, naru_span_of(self->reason));
}

static void close_on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind;
    (void)data;
    close_now(conn, user);
}

static void drop_now(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_abort(conn);
}

static void drop_on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind;
    (void)data;
    drop_now(conn, user);
}

static void never_read(naru_conn *conn, void *user)
{
    (void)user;
    naru_conn_pause(conn);
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

typedef enum choice { CHOOSE_NONE = 0, CHOOSE_FIRST, CHOOSE_NAMED } choice;

typedef struct path {
    const char *path;
    choice protocol;
    void (*prepare)(naru_request *request, peer *self); /* fills self->text */
    naru_conn_handler handler;
} path;

static void prepare_query(naru_request *request, peer *self)
{
    copy_text(self->text, sizeof self->text, naru_http_head_query(naru_request_head(request)));
}

static void prepare_count(naru_request *request, peer *self)
{
    query_value(request, "count", self->text, sizeof self->text);
}

static void prepare_header(naru_request *request, peer *self)
{
    char name[VALUE_BYTES];
    naru_span value = {0};
    query_value(request, "name", name, sizeof name);
    if (naru_http_head_find(naru_request_head(request), name, &value)) {
        copy_text(self->text, sizeof self->text, value);
    }
}

static void prepare_protocols(naru_request *request, peer *self)
{
    naru_span name;
    size_t used = 0;
    for (size_t i = 0; naru_request_protocol(request, i, &name) && used + name.size + 2 < sizeof self->text; i++) {
        used += (size_t)snprintf(self->text + used, sizeof self->text - used, "%s%.*s", i ? "," : "", (int)name.size,
                                 (const char *)name.data);
    }
}

static void prepare_hello(naru_request *request, peer *self)
{
    (void)request;
    snprintf(self->text, sizeof self->text, "hello");
}

static const path paths[] = {
    {"/echo", CHOOSE_NONE, NULL, {.on_message = echo, .on_close = remember_end}},
    {"/report", CHOOSE_NONE, NULL, {.on_open = report_open, .on_close = report_end}},
    {"/sink", CHOOSE_NONE, NULL, {.on_message = count, .on_close = remember_sum}},
    {"/hello", CHOOSE_NONE, prepare_hello, {.on_open = say_text, .on_message = echo, .on_close = free_peer}},
    {"/empty", CHOOSE_NONE, NULL, {.on_open = say_empty, .on_close = free_peer}},
    {"/burst", CHOOSE_NONE, prepare_count, {.on_open = say_burst, .on_close = free_peer}},
    {"/size", CHOOSE_NONE, NULL, {.on_message = say_size, .on_close = free_peer}},
    {"/ping", CHOOSE_NONE, NULL, {.on_open = ping, .on_pong = say_pong, .on_close = free_peer}},
    {"/query", CHOOSE_NONE, prepare_query, {.on_open = say_text, .on_close = free_peer}},
    {"/header", CHOOSE_NONE, prepare_header, {.on_open = say_text, .on_close = free_peer}},
    {"/protocol", CHOOSE_FIRST, NULL, {.on_message = echo, .on_close = free_peer}},
    {"/protocol/*", CHOOSE_NAMED, NULL, {.on_message = echo, .on_close = free_peer}},
    {"/protocol-none", CHOOSE_NONE, NULL, {.on_message = echo, .on_close = free_peer}},
    {"/protocols", CHOOSE_FIRST, prepare_protocols, {.on_open = say_text, .on_close = free_peer}},
    {"/close", CHOOSE_NONE, NULL, {.on_open = close_now, .on_close = free_peer}},
    {"/close-empty", CHOOSE_NONE, NULL, {.on_open = close_now, .on_close = free_peer}},
    {"/close-on-message", CHOOSE_NONE, NULL, {.on_message = close_on_message, .on_close = free_peer}},
    {"/drop", CHOOSE_NONE, NULL, {.on_open = drop_now, .on_close = free_peer}},
    {"/drop-on-message", CHOOSE_NONE, NULL, {.on_message = drop_on_message, .on_close = free_peer}},
    {"/slow", CHOOSE_NONE, NULL, {.on_open = never_read, .on_close = free_peer}},
};

static naru_span choose_protocol(naru_request *request, choice how)
{
    naru_span none = {0};
    naru_span name;
    naru_span wanted = naru_request_path(request);
    size_t prefix = strlen("/protocol/");
    for (size_t i = 0; how != CHOOSE_NONE && naru_request_protocol(request, i, &name); i++) {
        naru_span last = {wanted.data + prefix, wanted.size - prefix};
        if (how == CHOOSE_FIRST || naru_span_equal(name, last)) {
            return name;
        }
    }
    return none;
}

static void play(naru_request *request, void *user)
{
    const path *one = user;
    peer *self = calloc(1, sizeof *self);
    char code[16];
    if (!self) {
        naru_request_reject(request, 503);
        return;
    }
    query_value(request, "id", self->id, sizeof self->id);
    query_value(request, "reason", self->reason, sizeof self->reason);
    query_value(request, "code", code, sizeof code);
    self->code = (uint16_t)strtoul(code, NULL, 10);
    if (one->prepare) {
        one->prepare(request, self);
    }
    if (naru_request_accept(request, choose_protocol(request, one->protocol), &one->handler, self) < 0) {
        free(self);
        naru_request_reject(request, 500);
    }
}

static void refuse(naru_request *request, void *user)
{
    (void)user;
    char number[8];
    naru_span wanted = naru_request_path(request);
    size_t prefix = strlen("/refuse/");
    copy_text(number, sizeof number, (naru_span){wanted.data + prefix, wanted.size - prefix});
    long status = strtol(number, NULL, 10);
    if (naru_request_reject(request, (int)status) < 0) {
        naru_request_reject(request, 500);
    }
}

static void redirect(naru_request *request, void *user)
{
    (void)user;
    naru_request_add_field(request, "Location", naru_span_of("/echo"));
    naru_request_reject(request, 302);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static naru_status add_routes(naru_server *server)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        naru_ws_route route = {.on_request = play};
        void *user = (void *)(uintptr_t)&paths[i]; /* play only reads it */
        naru_status status = naru_server_route_ws(server, paths[i].path, &route, user);
        if (status) {
            return status;
        }
    }
    naru_ws_route refusing = {.on_request = refuse};
    naru_ws_route redirecting = {.on_request = redirect};
    naru_status status = naru_server_route_ws(server, "/refuse/*", &refusing, NULL);
    return status ? status : naru_server_route_ws(server, "/redirect", &redirecting, NULL);
}

static void stop_on_signal(void *user, int signal)
{
    (void)signal;
    naru_loop_stop(user);
}

/* Who started this program may hold a pipe to its standard input open; when that ends, nobody needs it any more. */
static bool input_is_pipe(void)
{
    struct stat status;
    return fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

static void stop_on_end(void *user, unsigned events)
{
    (void)events;
    char dropped[64];
    if (read(STDIN_FILENO, dropped, sizeof dropped) <= 0) {
        naru_loop_stop(user);
    }
}

static void log_line(void *user, naru_log_level level, const char *line)
{
    (void)user;
    if (level <= NARU_LOG_WARN) {
        fprintf(stderr, "%s\n", line);
    }
}

int main(int argc, char **argv)
{
    naru_server_options options = {.origin_policy = NARU_ORIGIN_ANY};
    options.conn.ws.message_bytes_max = 64 << 20;
    options.conn.queue_bytes_max = 128 << 20;
    naru_loop *loop = naru_loop_new(&(naru_loop_options){.log = log_line});
    naru_server *server = NULL;
    char bound[128];
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:0";
    if (!loop || naru_loop_signal(loop, SIGTERM, stop_on_signal, loop) || naru_server_new(loop, &options, &server) ||
        add_routes(server) || naru_server_listen(server, address, NULL, bound)) {
        fprintf(stderr, "cannot listen on %s\n", address);
        naru_server_free(server);
        naru_loop_free(loop);
        return 1;
    }
    naru_watch *input = input_is_pipe() ? naru_watch_new(loop, STDIN_FILENO, NARU_READABLE, stop_on_end, loop) : NULL;
    printf("listening on %s\n", bound);
    fflush(stdout);
    naru_status status = naru_loop_run(loop);
    naru_watch_free(input);
    naru_server_free(server);
    naru_loop_free(loop);
    return status < 0;
}
