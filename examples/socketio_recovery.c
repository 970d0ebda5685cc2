/* Connection state recovery: a client whose connection breaks comes back within two minutes as who it was, with its
 * rooms and everything it has missed, in order; or as somebody new, never with a part.
 *
 *   ./socketio_recovery [ADDRESS]    socket.on("connect", () => console.log(socket.recovered)) */
#include <naru/naru.h>
#include <stdio.h>

static void on_connection(naru_sio_socket *socket, void *user)
{
    bool recovered = naru_sio_socket_recovered(socket);
    if (!recovered) { /* its rooms are with it already otherwise */
        naru_sio_join(socket, naru_span_of("news"));
    }
    naru_span id = naru_sio_socket_id(socket);
    printf("%.*s %s\n", (int)id.size, (const char *)id.data, recovered ? "is back" : "is new");
    fflush(stdout);
    (void)user;
}

static void on_publish(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_namespace *nsp = naru_sio_socket_namespace(socket);
    naru_sio_emit_to(naru_sio_to(nsp, naru_span_of("news")), "news", naru_sio_event_args(event), NULL);
    (void)user;
}

int main(int argc, char **argv)
{
    const naru_sio_options options = {.recovery = {.enabled = true, .disconnection_max_ms = 120000}};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, &options, &io) ||
        naru_sio_on_connection(naru_sio_of(io, "/"), on_connection, NULL) ||
        naru_sio_on(naru_sio_of(io, "/"), "publish", on_publish, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
