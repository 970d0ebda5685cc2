/* A server and a client on libevent's base, beside whatever else runs there (here a timer of libevent's own). */
#include <naru/adapters/event.h>
#include <naru/naru.h>
#include <stdio.h>

static struct event_base *base;
static naru_event adapter;
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
    naru_server_free(server); /* nothing is left on the loop, so the dispatch ends */
}

/* libevent's callback: having called naru, it pokes the adapter. */
static void on_timer(evutil_socket_t fd, short what, void *client)
{
    (void)fd, (void)what;
    naru_client_send(client, NARU_WS_TEXT, naru_span_of("hello under libevent"), 0);
    naru_event_poke(&adapter);
}

static void on_open(naru_client *client, void *user)
{
    struct timeval wait = {0, 10000};
    (void)user;
    event_base_once(base, -1, EV_TIMEOUT, on_timer, client, &wait);
}

int main(void)
{
    const naru_client_handler handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close};
    const naru_ws_route route = {.handler = {.on_message = echo}};
    naru_loop *loop = naru_loop_new(NULL);
    naru_client *client;
    char bound[128], url[160];
    base = event_base_new();
    if (!loop || !base || naru_event_start(&adapter, base, loop) != 0 || naru_server_new(loop, NULL, &server) ||
        naru_server_route_ws(server, "/", &route, NULL) || naru_server_listen(server, "127.0.0.1:0", NULL, bound) ||
        snprintf(url, sizeof url, "ws://%s/", bound) < 0 ||
        naru_client_open(loop, url, NULL, &handler, NULL, &client, NULL)) {
        return 1;
    }
    event_base_dispatch(base);
    naru_event_close(&adapter);
    naru_loop_free(loop);
    event_base_free(base);
    return 0;
}
