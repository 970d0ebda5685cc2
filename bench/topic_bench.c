/* One topic, to measure fan-out: topic_bench --listen HOST:PORT [--deflate]. The text message `S` subscribes its sender
 * and is answered `S`; every other message is published to the subscribers, the sender included if it is one.
 *
 * Written with the public API only. */
#include <naru/naru.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    naru_conn *conn;
    size_t place; /* among the subscribers, from 1; 0: does not subscribe */
} member;

typedef struct topic {
    naru_loop *loop;
    naru_server *server;
    member **subscribers;
    size_t count, room;
} topic;

static topic the;

static bool make_room(void)
{
    if (the.count < the.room) {
        return true;
    }
    size_t room = the.room == 0 ? 64 : the.room * 2;
    member **more = realloc(the.subscribers, room * sizeof(member *));
    if (!more) {
        return false;
    }
    the.subscribers = more;
    the.room = room;
    return true;
}

static void subscribe(member *m)
{
    if (m->place > 0) {
        return;
    }
    if (!make_room()) {
        (void)naru_conn_close(m->conn, 1013, naru_span_of("no memory for one more"));
        return;
    }
    the.subscribers[the.count++] = m;
    m->place = the.count;
}

static void unsubscribe(const member *m)
{
    if (m->place > 0) {
        member *last = the.subscribers[--the.count];
        the.subscribers[m->place - 1] = last;
        last->place = m->place;
    }
}

static void publish(naru_ws_kind kind, naru_span data)
{
    naru_prepared *prepared;
    if (naru_prepared_new(kind, data, NARU_WS_VALID, &prepared) != NARU_OK) {
        return;
    }
    for (size_t i = 0; i < the.count; i++) {
        (void)naru_conn_send_prepared(the.subscribers[i]->conn, prepared);
    }
    naru_prepared_unref(prepared);
}

static void on_open(naru_conn *conn, void *user)
{
    (void)user;
    member *m = calloc(1, sizeof *m);
    naru_conn_set_user(conn, m);
    if (!m) {
        (void)naru_conn_close(conn, 1013, naru_span_of("no memory for one more"));
        return;
    }
    m->conn = conn;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    if (!user) {
        return;
    }
    if (kind == NARU_WS_TEXT && data.size == 1 && data.data[0] == 'S') {
        subscribe(user);
        (void)naru_conn_send(conn, kind, data, NARU_WS_VALID);
        return;
    }
    publish(kind, data);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn;
    (void)info;
    if (user) {
        unsubscribe(user);
        free(user);
    }
}

static void stopped(void *loop)
{
    naru_loop_stop(loop);
}

static void stop(void *user, int signal)
{
    (void)signal;
    (void)user;
    naru_server_stop(the.server, 2000, stopped, the.loop);
}

static naru_status start(const char *address, const naru_server_options *options, char *bound)
{
    static const naru_ws_route route = {
        .handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close}};
    naru_status status = naru_server_new(the.loop, options, &the.server);
    if (status == NARU_OK) {
        status = naru_server_route_ws(the.server, "*", &route, NULL);
    }
    if (status == NARU_OK) {
        status = naru_server_listen(the.server, address, NULL, bound);
    }
    if (status == NARU_OK) {
        status = naru_loop_signal(the.loop, SIGTERM, stop, NULL);
    }
    return status;
}

int main(int argc, char **argv)
{
    char bound[128];
    const char *address = NULL;
    naru_server_options options = {.connections_max = 100000, .conn.queue_bytes_max = UINT64_C(16) << 20};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--deflate") == 0) {
            options.conn.ws.deflate.enabled = true;
        } else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
            address = argv[++i];
        } else {
            fprintf(stderr, "topic_bench: not understood: %s\n", argv[i]);
            return 2;
        }
    }
    the.loop = naru_loop_new(NULL);
    if (!address || !the.loop || start(address, &options, bound) != NARU_OK) {
        fprintf(stderr, "topic_bench: cannot listen\n");
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    naru_status status = naru_loop_run(the.loop);
    naru_server_free(the.server);
    naru_loop_free(the.loop);
    free(the.subscribers);
    return status != NARU_OK;
}
