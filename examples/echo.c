/* Echo: what comes goes back, as text or binary as it came.
 *
 *   ./echo [ADDRESS]    127.0.0.1:9000 if none is given */
#include <naru/naru.h>
#include <stdio.h>

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler.on_message = on_message};
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
