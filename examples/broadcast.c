/* Broadcast: what one says, all hear, the sender too. A peer that reads too slowly ends only its own connection.
 *
 *   ./broadcast [ADDRESS] */
#include <naru/naru.h>
#include <stdio.h>

typedef struct message {
    naru_ws_kind kind;
    naru_span data;
} message;

static void send_one(naru_conn *conn, void *user)
{
    const message *said = user;
    naru_conn_send(conn, said->kind, said->data, 0);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *server)
{
    (void)conn;
    message said = {kind, data};
    naru_server_each(server, send_one, &said);
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler.on_message = on_message};
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, server) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
