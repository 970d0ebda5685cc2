/* Subprotocols: of those that a client asks for, the first that we speak; a client that asks for none of ours is told
 * so by an answer without one, and ends the connection itself.
 *
 *   ./subprotocols [ADDRESS] */
#include <naru/naru.h>
#include <stdio.h>

static void on_open(naru_conn *conn, void *user)
{
    (void)user;
    bool json = naru_span_equal(naru_conn_protocol(conn), naru_span_of("json"));
    naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(json ? "{\"hello\":\"there\"}" : "hello there"), 0);
}

int main(int argc, char **argv)
{
    static const char *const spoken[] = {"json", "plain", NULL};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.protocols = spoken, .handler.on_open = on_open};
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
