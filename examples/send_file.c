/* Back-pressure: a file of any size goes out as one message in parts, as fast as the peer reads and no faster. What is
 * queued stays near the queue's high mark (64 KiB).
 *
 *   ./send_file FILE [ADDRESS] */
#include <naru/naru.h>
#include <stdio.h>

static void send_parts(naru_conn *conn, void *file)
{
    uint8_t block[16384];
    naru_status status = NARU_OK;
    while (status == NARU_OK) { /* NARU_FULL: on_drain goes on from here */
        size_t size = fread(block, 1, sizeof block, file);
        bool last = size < sizeof block;
        status = naru_conn_send_part(conn, NARU_WS_BINARY, (naru_span){block, size}, last, 0);
        if (last) {
            naru_conn_close(conn, 1000, naru_span_of("that was all"));
            return;
        }
    }
}

static void on_open(naru_conn *conn, void *path)
{
    FILE *file = fopen(path, "rb");
    naru_conn_set_user(conn, file);
    if (file) {
        send_parts(conn, file);
    } else {
        naru_conn_close(conn, 1011, naru_span_of("no file"));
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *file)
{
    (void)conn, (void)info;
    if (file) {
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler = {.on_open = on_open, .on_drain = send_parts, .on_close = on_close}};
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
