/* Chat in rooms: a message goes to a set of connections, the others under the same path below /chat/.
 *
 *   ./chat [ADDRESS]    then ws://127.0.0.1:9000/chat/kitchen */
#include <naru/naru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    struct member *next;
    naru_conn *conn; /* NULL until it is open */
    char room[64];
} member;

static member *members; /* one loop, one thread: no lock */

static void on_open(naru_conn *conn, void *user)
{
    ((member *)user)->conn = conn;
    ((member *)user)->next = members;
    members = user;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    for (member *other = members; other; other = other->next) {
        if (other->conn != conn && strcmp(other->room, ((member *)user)->room) == 0) {
            naru_conn_send(other->conn, kind, data, 0);
        }
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn, (void)info;
    member **at = &members;
    while (*at != user) {
        at = &(*at)->next;
    }
    *at = (*at)->next;
    free(user);
}

static void on_request(naru_request *request, void *user)
{
    static const naru_conn_handler handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close};
    naru_span room = naru_request_path(request);
    member *self = room.size < sizeof self->room ? calloc(1, sizeof *self) : NULL;
    if (!self) {
        naru_request_reject(request, 404);
        return;
    }
    memcpy(self->room, room.data, room.size);
    if (naru_request_accept(request, (naru_span){0}, &handler, self)) {
        free(self);
    }
    (void)user;
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.on_request = on_request};
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/chat/*", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
