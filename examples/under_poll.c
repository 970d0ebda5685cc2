/* A naru loop under a loop of one's own: one descriptor and one time to wait for, which is all that any loop needs to
 * know. */
#include <limits.h>
#include <naru/naru.h>
#include <poll.h>
#include <stdio.h>

static naru_server *server;

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static void on_open(naru_client *client, void *user)
{
    (void)user;
    naru_client_send(client, NARU_WS_TEXT, naru_span_of("hello under poll"), 0);
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
    naru_server_free(server);
}

/* 0: there is something to do at once. -1: only the descriptor can tell. */
static int wait_ms(const naru_loop *loop)
{
    uint32_t ms = naru_loop_wait_ms(loop);
    return ms == UINT32_MAX ? -1 : ms < INT_MAX ? (int)ms : INT_MAX;
}

int main(void)
{
    const naru_client_handler handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close};
    const naru_ws_route route = {.handler = {.on_message = echo}};
    naru_loop *loop = naru_loop_new(NULL);
    naru_client *client;
    char bound[128], url[160];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, "127.0.0.1:0", NULL, bound) || snprintf(url, sizeof url, "ws://%s/", bound) < 0 ||
        naru_client_open(loop, url, NULL, &handler, NULL, &client, NULL)) {
        return 1;
    }
    struct pollfd watched[1] = {{.fd = naru_loop_fd(loop), .events = POLLIN}}; /* and descriptors of one's own */
    while (naru_loop_alive(loop) && poll(watched, 1, wait_ms(loop)) >= 0) {
        naru_loop_turn(loop, 0);
    }
    naru_loop_free(loop);
    return 0;
}
