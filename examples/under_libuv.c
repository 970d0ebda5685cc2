/* A server and a client on libuv's loop, beside whatever else runs there (here a timer of libuv's own). */
#include <naru/adapters/uv.h>
#include <naru/naru.h>
#include <stdio.h>

static naru_server *server;

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind, (void)user;
    printf("%.*s\n", (int)data.size, (const char *)data.data);
    naru_client_close(client, 1000, naru_span_of(""));
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    (void)info, (void)user;
    naru_client_free(client);
    naru_server_free(server); /* nothing is left on the loop, so uv_run ends */
}

/* libuv's callback: what it has naru send leaves before libuv waits again. */
static void on_timer(uv_timer_t *timer)
{
    naru_client_send(timer->data, NARU_WS_TEXT, naru_span_of("hello under libuv"), 0);
    uv_close((uv_handle_t *)timer, NULL);
}

static void on_open(naru_client *client, void *user)
{
    uv_timer_t *timer = user;
    timer->data = client;
    uv_timer_start(timer, on_timer, 10, 0);
}

int main(void)
{
    const naru_client_handler handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close};
    const naru_ws_route route = {.handler = {.on_message = echo}};
    naru_loop *loop = naru_loop_new(NULL);
    naru_client *client;
    naru_uv adapter;
    uv_timer_t timer;
    char bound[128], url[160];
    uv_timer_init(uv_default_loop(), &timer);
    if (!loop || naru_uv_start(&adapter, uv_default_loop(), loop) != 0 || naru_server_new(loop, NULL, &server) ||
        naru_server_route_ws(server, "/", &route, NULL) || naru_server_listen(server, "127.0.0.1:0", NULL, bound) ||
        snprintf(url, sizeof url, "ws://%s/", bound) < 0 ||
        naru_client_open(loop, url, NULL, &handler, &timer, &client, NULL)) {
        return 1;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    naru_uv_close(&adapter, NULL);
    naru_loop_free(loop);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) + uv_loop_close(uv_default_loop());
}
