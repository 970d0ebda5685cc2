/* Acknowledgements both ways: a sum is answered; "poll" asks everybody and tells how many said yes within a second.
 *
 *   ./socketio_acks [ADDRESS]    await socket.emitWithAck("add", 1, 2); socket.on("vote", (answer) => answer(true)) */
#include <naru/naru.h>
#include <stdio.h>

static void on_add(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    double a = 0, b = 0;
    if (naru_sio_event_number(event, 0, &a) && naru_sio_event_number(event, 1, &b)) {
        naru_sio_answer(event, NARU_SIO_ARGS(naru_sio_number(a + b)));
    }
    (void)socket, (void)user;
}

/* Called once: all have answered, or the second is over and these are those who did. */
static void on_votes(naru_status status, const naru_sio_response *votes, size_t count, size_t asked, void *ack)
{
    int64_t yes = 0;
    for (size_t i = 0; i < count; i++) {
        bool vote = false;
        yes += naru_sio_event_bool(votes[i].answer, 0, &vote) && vote;
    }
    naru_sio_ack_send(ack, NARU_SIO_ARGS(naru_sio_int(yes), naru_sio_int((int64_t)asked)));
    (void)status;
}

static void on_poll(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_target all = naru_sio_timeout(naru_sio_all(naru_sio_socket_namespace(socket)), 1000);
    naru_sio_ack *ack = naru_sio_event_take_ack(event); /* to answer later */
    if (naru_sio_emit_to_ack(all, "vote", NARU_SIO_NONE, on_votes, ack)) {
        naru_sio_ack_drop(ack);
    }
    (void)user;
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, NULL, &io) ||
        naru_sio_on(naru_sio_of(io, "/"), "add", on_add, NULL) ||
        naru_sio_on(naru_sio_of(io, "/"), "poll", on_poll, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
