/* Bytes of a client that speaks HTTP/2, against a server with a WebSocket and a page. The first byte says in pieces of
 * which size they come. */
#include <naru/naru.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 32768, TURNS_MAX = 64 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static naru_loop *loop;
static naru_server *server;

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span message, void *user)
{
    (void)user;
    (void)naru_conn_send(conn, kind, message, 0);
}

static void answer(naru_request *request, void *user)
{
    (void)user;
    (void)naru_request_respond(request, 200, NULL, naru_request_body(request));
}

static void start(void)
{
    naru_ws_route route = {.handler = {.on_message = echo}};
    naru_loop_options options = {.backend = NARU_BACKEND_EPOLL};
    loop = naru_loop_new(&options);
    if (!loop || naru_server_new(loop, NULL, &server) != NARU_OK ||
        naru_server_route_ws(server, "/echo", &route, NULL) != NARU_OK ||
        naru_server_route_http(server, "/*", answer, NULL) != NARU_OK) {
        abort();
    }
}

static void turn(int peer)
{
    uint8_t thrown[4096];
    if (naru_loop_turn(loop, 0) != NARU_OK) {
        abort();
    }
    while (recv(peer, thrown, sizeof thrown, MSG_DONTWAIT) > 0) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    naru_listen_options options = {.http2 = true};
    if (!server) {
        start();
    }
    if (size < 1 || size > BYTES_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return 0;
    }
    size_t piece = data[0] == 0 ? size : data[0];
    if (naru_server_adopt(server, ends[0], naru_span_of(preface), &options) != NARU_OK) {
        abort();
    }
    for (size_t at = 1; at < size; at += piece) {
        size_t part = piece < size - at ? piece : size - at;
        (void)send(ends[1], data + at, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(ends[1]);
    }
    turn(ends[1]);
    close(ends[1]);
    for (int i = 0; i < TURNS_MAX && naru_server_connections(server) > 0; i++) {
        if (naru_loop_turn(loop, 1) != NARU_OK) {
            abort();
        }
    }
    return 0;
}
