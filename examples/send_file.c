/* Back-pressure: a file of any size goes out as one message, as fast as the peer reads and no faster. naru reads it as
 * the queue drains; what is queued stays near the queue's high mark (64 KiB).
 *
 *   ./send_file FILE [ADDRESS] */
#include <fcntl.h>
#include <naru/naru.h>
#include <stdio.h>
#include <unistd.h>

static void on_done(naru_conn *conn, naru_status status, void *file)
{
    close((int)(intptr_t)file);
    if (status == NARU_OK) {
        naru_conn_close(conn, 1000, naru_span_of("that was all"));
    }
}

static void on_open(naru_conn *conn, void *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *user = (void *)(intptr_t)file;
    if (file < 0) {
        naru_conn_close(conn, 1011, naru_span_of("no file"));
    } else if (naru_conn_send_file(conn, NARU_WS_BINARY, file, 0, NARU_UNLIMITED, on_done, user)) {
        on_done(conn, NARU_ERR_MEMORY, user);
    }
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler = {.on_open = on_open}};
    char bound[128];
    if (argc < 2 || !loop || naru_server_new(loop, NULL, &server) ||
        naru_server_route_ws(server, "/", &route, argv[1]) ||
        naru_server_listen(server, argc > 2 ? argv[2] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
