/* An echo server: what comes goes back.
 *
 *   ./server            listens on 127.0.0.1:9000
 *   ./server 0.0.0.0:80 */
#include <naru/naru.h>
#include <signal.h>
#include <stdio.h>

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static void stopped(void *loop)
{
    naru_loop_stop(loop);
}

typedef struct app {
    naru_loop *loop;
    naru_server *server;
} app;

/* Every client hears a Close before the process ends; none is waited for longer than 2 seconds. */
static void stop(void *user, int signal)
{
    (void)signal;
    app *self = user;
    naru_server_stop(self->server, 2000, stopped, self->loop);
}

int main(int argc, char **argv)
{
    app self = {.loop = naru_loop_new(NULL)};
    naru_ws_route route = {.handler.on_message = echo};
    naru_status status = NARU_ERR_SYSTEM;
    char bound[128];
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:9000";
    if (!self.loop || naru_server_new(self.loop, NULL, &self.server) ||
        naru_server_route_ws(self.server, "/", &route, NULL) || naru_server_listen(self.server, address, NULL, bound) ||
        naru_loop_signal(self.loop, SIGTERM, stop, &self) || naru_loop_signal(self.loop, SIGINT, stop, &self)) {
        fprintf(stderr, "cannot listen on %s\n", address);
    } else {
        printf("listening on %s\n", bound);
        fflush(stdout);
        status = naru_loop_run(self.loop);
    }
    naru_server_free(self.server);
    naru_loop_free(self.loop);
    return status != NARU_OK;
}
