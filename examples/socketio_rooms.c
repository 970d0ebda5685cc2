/* Rooms: a socket joins one, and what it says there only the others in it hear. Who leaves, or goes, is missed.
 *
 *   ./socketio_rooms [ADDRESS]    socket.emit("join", "kitchen"); socket.emit("say", "kitchen", "hello") */
#include <naru/naru.h>
#include <stdio.h>

static void on_join(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_span room;
    if (naru_sio_event_text(event, 0, &room) && naru_sio_join(socket, room) == NARU_OK) {
        naru_sio_emit_to(naru_sio_socket_to(socket, room), "joined",
                         NARU_SIO_ARGS(naru_sio_text(naru_sio_socket_id(socket))), NULL);
    }
    naru_sio_answer(event, NARU_SIO_NONE);
    (void)user;
}

static void on_say(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_span room, text;
    if (naru_sio_event_text(event, 0, &room) && naru_sio_event_text(event, 1, &text) &&
        naru_sio_in_room(socket, room)) {
        naru_sio_emit_to(naru_sio_socket_to(socket, room), "said",
                         NARU_SIO_ARGS(naru_sio_text(room), naru_sio_text(text)), NULL);
    }
    (void)user;
}

static void leave_word(naru_span room, void *socket)
{
    naru_sio_emit_to(naru_sio_socket_to(socket, room), "left", NARU_SIO_ARGS(naru_sio_text(naru_sio_socket_id(socket))),
                     NULL);
}

static void on_disconnecting(naru_sio_socket *socket, naru_sio_reason reason, void *user)
{
    naru_sio_each_room(socket, leave_word, socket);
    (void)reason, (void)user;
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, NULL, &io) ||
        naru_sio_on(naru_sio_of(io, "/"), "join", on_join, NULL) ||
        naru_sio_on(naru_sio_of(io, "/"), "say", on_say, NULL) ||
        naru_sio_on_disconnecting(naru_sio_of(io, "/"), on_disconnecting, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
