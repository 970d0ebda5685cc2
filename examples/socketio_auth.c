/* Middleware: only who shows the token gets in; the name it gives is kept as the socket's data.
 *
 *   ./socketio_auth [ADDRESS]    io(url, { auth: { token: "let me in", name: "ann" } }) */
#include <naru/naru.h>
#include <stdio.h>

static void authenticate(naru_sio_socket *socket, naru_sio_gate *gate, void *user)
{
    naru_sio_handshake handshake;
    naru_json auth, token, name;
    naru_sio_socket_handshake(socket, &handshake);
    if (naru_json_read(handshake.auth, NULL, &auth, NULL) != NARU_OK || !naru_json_find(auth, "token", &token) ||
        !naru_json_string_equal(token, naru_span_of("let me in"))) {
        naru_sio_value data = naru_sio_json("{\"code\":401}");
        naru_sio_refuse(gate, "not authorized", &data); /* err.message and err.data over there */
        return;
    }
    if (naru_json_find(auth, "name", &name)) {
        naru_sio_socket_set_data(socket, name.text);
    }
    naru_sio_next(gate); /* now, or later from a callback of a database */
    (void)user;
}

static void on_who_am_i(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_answer(event, NARU_SIO_ARGS(naru_sio_json_with(naru_sio_socket_data(socket), NULL, 0)));
    (void)user;
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, NULL, &io) ||
        naru_sio_use(naru_sio_of(io, "/"), authenticate, NULL) ||
        naru_sio_on(naru_sio_of(io, "/"), "who am i", on_who_am_i, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
