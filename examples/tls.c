/* TLS: the echo server for wss. TLS 1.2 at least; the certificate's file holds the leaf first, then its chain.
 *
 *   ./tls CERTIFICATE KEY [ADDRESS] */
#include <naru/naru.h>
#include <stdio.h>

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

int main(int argc, char **argv)
{
    naru_tls_server_options files = {.certificate_file = argc > 1 ? argv[1] : "cert.pem",
                                     .key_file = argc > 2 ? argv[2] : "key.pem"};
    naru_listen_options listening = {0};
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler.on_message = on_message};
    char bound[128], reason[256];
    if (naru_tls_server_new(&files, &listening.tls, reason, sizeof reason)) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 3 ? argv[3] : "127.0.0.1:9000", &listening, bound)) {
        return 1;
    }
    naru_tls_unref(listening.tls); /* the server has its own reference */
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
