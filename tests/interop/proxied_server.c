/* A server that says whom it takes its peers to be: one address for a proxy that adds X-Forwarded-For, one for a proxy
 * that sends PROXY headers. Both ports are printed, and it ends with its input. */
#include <naru/naru.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_open(naru_conn *conn, void *user)
{
    char peer[128];
    (void)user;
    naru_conn_peer(conn, peer, sizeof peer);
    (void)naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(peer), 0);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    (void)naru_conn_send(conn, kind, data, 0);
}

static void on_who(naru_request *request, void *user)
{
    char peer[128], text[160];
    (void)user;
    naru_request_peer(request, peer, sizeof peer);
    (void)snprintf(text, sizeof text, "%s %s", peer, naru_request_is_tls(request) ? "tls" : "plain");
    (void)naru_request_respond(request, 200, NULL, naru_span_of(text));
}

static void on_input(void *user, unsigned events)
{
    (void)events;
    naru_loop_stop(user);
}

int main(void)
{
    static const char *const trusted[] = {"127.0.0.1"};
    naru_server_options options = {.trusted_proxies = trusted, .trusted_proxies_count = 1};
    naru_listen_options proxy = {.proxy_protocol = true};
    naru_ws_route route = {.handler = {.on_open = on_open, .on_message = on_message}};
    char forwarded[128], proxied[128];
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    if (!loop || naru_server_new(loop, &options, &server) != NARU_OK ||
        naru_server_route_ws(server, "/chat", &route, NULL) != NARU_OK ||
        naru_server_route_http(server, "/who", on_who, NULL) != NARU_OK ||
        naru_server_listen(server, "127.0.0.1:0", NULL, forwarded) != NARU_OK ||
        naru_server_listen(server, "127.0.0.1:0", &proxy, proxied) != NARU_OK) {
        return 1;
    }
    naru_watch *watch = naru_watch_new(loop, STDIN_FILENO, NARU_READABLE, on_input, loop);
    printf("%s %s\n", strrchr(forwarded, ':') + 1, strrchr(proxied, ':') + 1);
    fflush(stdout);
    naru_status status = watch ? naru_loop_run(loop) : NARU_ERR_MEMORY;
    naru_watch_free(watch);
    naru_server_free(server);
    naru_loop_free(loop);
    return status == NARU_OK ? 0 : 1;
}
