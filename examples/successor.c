/* A server that is restarted while it serves: start it again with the same arguments, and the new process takes the
 * listening sockets over. Nobody is refused; the old one says good-bye to its own connections over two seconds, and
 * ends. It uses every CPU.
 *
 *   ./successor unix:/tmp/successor.sock 127.0.0.1:8080 */
#include <naru/naru.h>
#include <signal.h>
#include <stdio.h>

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static naru_status set_up(naru_server *server, uint32_t thread, void *user, void **thread_user)
{
    naru_ws_route echo = {.handler = {.on_message = on_message}};
    (void)thread, (void)user, (void)thread_user;
    return naru_server_route_ws(server, "*", &echo, NULL);
}

static void on_succeeded(void *crew)
{
    naru_stop_options gently = {.spread_ms = 2000, .close_code = 1012, .finish_requests = true};
    naru_crew_stop(crew, &gently);
}

static void on_signal(void *crew, int signal)
{
    (void)signal;
    naru_crew_stop(crew, NULL);
}

int main(int argc, char **argv)
{
    char reason[256] = "", bound[128];
    naru_succession *line = NULL;
    naru_crew *crew = NULL;
    naru_crew_options options = {.set_up = set_up};
    if (argc != 3 || naru_crew_new(&options, &crew) != NARU_OK) {
        return 2;
    }
    naru_loop *loop = naru_crew_loop(crew, 0);
    naru_status status = naru_succession_join(argv[1], 0, &line, reason, sizeof reason);
    naru_listen_options listen = {.succession = line};
    if (status == NARU_OK) {
        status = naru_crew_listen(crew, argv[2], &listen, bound);
    }
    if (status == NARU_OK) {
        status = naru_loop_signal(loop, SIGTERM, on_signal, crew);
    }
    if (status == NARU_OK) {
        status = naru_succession_begin(line, loop, on_succeeded, crew);
    }
    if (status == NARU_OK) {
        printf("%s\n", bound);
        fflush(stdout);
        status = naru_crew_run(crew);
    }
    if (status < 0) {
        fprintf(stderr, "%s %s\n", naru_status_text(status), reason);
    }
    naru_succession_free(line);
    naru_crew_free(crew);
    return status == NARU_OK ? 0 : 1;
}
