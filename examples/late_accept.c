/* Who may come in is decided later: the request waits while a token is looked up (here: for 50 ms), and what was found
 * goes along as the connection's user.
 *
 *   ./late_accept [ADDRESS]    then connect with the field Authorization: Bearer ferry */
#include <naru/naru.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct lookup {
    naru_request *request;
    naru_timer *timer;
    const char *name; /* NULL: nobody has this token */
} lookup;

static void on_open(naru_conn *conn, void *user)
{
    naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(user), 0);
}

static void forget(void *user)
{
    naru_timer_free(((lookup *)user)->timer);
    free(user);
}

static void answer(void *user)
{
    static const naru_conn_handler handler = {.on_open = on_open};
    lookup *self = user;
    if (self->name) {
        naru_request_accept(self->request, (naru_span){0}, &handler, (void *)(uintptr_t)self->name);
    } else {
        naru_request_add_field(self->request, "WWW-Authenticate", naru_span_of("Bearer"));
        naru_request_reject(self->request, 401);
    }
    forget(self);
}

static void on_request(naru_request *request, void *loop)
{
    naru_span token = {0};
    lookup *self = calloc(1, sizeof *self);
    if (!self || !(self->timer = naru_timer_new(loop, answer, self))) {
        free(self);
        naru_request_reject(request, 503);
        return;
    }
    self->request = request;
    naru_http_head_find(naru_request_head(request), "Authorization", &token);
    self->name = naru_span_equal(token, naru_span_of("Bearer ferry")) ? "welcome, ferryman" : NULL;
    naru_timer_start(self->timer, 50);
    naru_request_on_cancel(request, forget, self); /* the peer left while it waited */
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.on_request = on_request};
    char bound[128];
    if (!loop || naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, loop) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
