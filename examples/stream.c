/* The face of WebSocketStream: one write and one read at a time, each told when it is through. */
#include <naru/naru.h>
#include <stdio.h>

static int rounds;

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static void on_ball(naru_stream *stream, naru_status status, naru_ws_kind kind, naru_span data, void *user);
static void on_thrown(naru_stream *stream, naru_status status, void *user)
{
    if (status == NARU_OK) {
        naru_stream_read(stream, on_ball, user);
    }
}

static void on_ball(naru_stream *stream, naru_status status, naru_ws_kind kind, naru_span data, void *user)
{
    if (status == NARU_OK && ++rounds < 3) {
        printf("%.*s %d\n", (int)data.size, (const char *)data.data, rounds);
        naru_stream_write(stream, kind, data, 0, on_thrown, user);
    } else if (status == NARU_OK) {
        naru_stream_close(stream, 1000, naru_span_of("that is all"));
    }
}

static void on_opened(naru_stream *stream, naru_span protocol, naru_span extensions, void *user)
{
    (void)protocol, (void)extensions;
    naru_stream_write(stream, NARU_WS_TEXT, naru_span_of("ball"), 0, on_thrown, user);
}

static void on_closed(naru_stream *stream, const naru_close_info *info, const naru_client_failure *failure, void *user)
{
    printf("closed with %d: %s\n", info->code, failure ? failure->text : "in order");
    naru_stream_free(stream);
    naru_server_free(user);
}

int main(void)
{
    const naru_stream_handler handler = {.on_opened = on_opened, .on_closed = on_closed};
    const naru_ws_route route = {.handler = {.on_message = echo}};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server;
    naru_stream *stream;
    char at[128], url[160];
    bool up = loop && !naru_server_new(loop, NULL, &server) && !naru_server_route_ws(server, "/", &route, NULL) &&
              !naru_server_listen(server, "127.0.0.1:0", NULL, at) && snprintf(url, sizeof url, "ws://%s/", at) > 0;
    if (!up || naru_stream_open(loop, url, NULL, &handler, server, &stream, NULL)) {
        return 1;
    }
    naru_loop_run(loop); /* until nothing is left */
    naru_loop_free(loop);
    return rounds != 3;
}
