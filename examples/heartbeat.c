/* Heartbeat: a peer that is silent for a second is pinged, one that stays silent for another second is gone.
 * Without these two options it is 25 and 10 seconds, not never.
 *
 *   ./heartbeat [ADDRESS] */
#include <naru/naru.h>
#include <stdio.h>

static void on_pong(naru_conn *conn, naru_span data, int32_t rtt_ms, void *user)
{
    (void)conn, (void)data, (void)user;
    printf("alive, %d ms away\n", rtt_ms);
    fflush(stdout);
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn, (void)user;
    printf("gone: %d\n", info->code); /* 1006: no Close came */
    fflush(stdout);
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler = {.on_pong = on_pong, .on_close = on_close}};
    naru_server_options options = {.conn.ws = {.ping_interval_ms = 1000, .pong_timeout_ms = 1000}};
    char bound[128];
    if (!loop || naru_server_new(loop, &options, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
