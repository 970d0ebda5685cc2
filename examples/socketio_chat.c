/* The chat of Socket.IO's tutorial: what one types, all read.
 *
 *   ./socketio_chat [ADDRESS]    then open http://127.0.0.1:3000/ in two tabs */
#include <naru/naru.h>
#include <stdio.h>

static const char page[] =
    "<!doctype html><meta charset=utf-8><title>Socket.IO chat</title><ul id=messages></ul>"
    "<form id=form><input id=input autocomplete=off><button>Send</button></form>"
    "<script src=/socket.io/socket.io.js></script><script>"
    "const socket = io();"
    "form.onsubmit = (e) => { e.preventDefault(); socket.emit('chat message', input.value); input.value = ''; };"
    "socket.on('chat message', (text) => {"
    " messages.appendChild(document.createElement('li')).textContent = text; });"
    "</script>";

static void on_chat_message(naru_sio_socket *socket, const naru_sio_event *event, void *user)
{
    naru_sio_namespace *everybody = naru_sio_socket_namespace(socket);
    naru_sio_emit_to(naru_sio_all(everybody), "chat message", naru_sio_event_args(event), NULL);
    (void)user;
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_sio *io = NULL;
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_sio_new(server, NULL, &io) ||
        naru_server_route_memory(server, "/", "text/html; charset=utf-8", naru_span_of(page)) ||
        naru_sio_on(naru_sio_of(io, "/"), "chat message", on_chat_message, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:3000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
