/* The Admin UI: a page that shows the server's sockets, rooms and events as they come, and may act on them.
 *
 *   ./socketio_admin [ADDRESS]    then open https://admin.socket.io, server URL http://127.0.0.1:3000, admin, ferry */
#include <naru/naru.h>
#include <stdio.h>

/* Of "ferry". For a password of your own: htpasswd -nbBC 10 "" PASSWORD */
static const char hash[] = "$2a$10$y2x7XrOk6WWABF5MuSfD5OndXLyNMS4242mV14xx70EXu0jJc.5We";

static void on_join(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_span room;
    if (naru_sio_event_text(event, 0, &room)) {
        naru_sio_join(socket, room);
    }
    naru_sio_answer(event, NARU_SIO_NONE);
    (void)user;
}

int main(int argc, char **argv)
{
    static const char *const origins[] = {"https://admin.socket.io"}; /* that page may talk to us */
    naru_sio_options options = {.engine.cors = {.origins = origins, .origins_count = 1, .credentials = true}};
    naru_sio_admin_options admin = {.username = "admin", .password_hash = hash, .development = true};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, &options, &io) ||
        naru_sio_admin(io, &admin) || naru_sio_on(naru_sio_of(io, "/"), "join", on_join, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
