/* A client that comes back: a server that is restarted under it, a fresh token for each attempt, and a message that
 * waits. */
#include <naru/naru.h>
#include <stdio.h>

static naru_loop *loop;
static naru_server *server;
static naru_reconnector *reconnector;
static char address[128] = "127.0.0.1:0", url[160];

static void echo(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    (void)user;
    naru_conn_send(conn, kind, data, 0);
}

static int start_server(void)
{
    const naru_ws_route route = {.handler = {.on_message = echo}};
    char bound[128];
    return naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
           naru_server_listen(server, address, NULL, bound) || snprintf(address, sizeof address, "%s", bound) < 0;
}

static naru_status on_attempt(naru_reconnector *self, naru_reconnect_target *target, void *user)
{
    static naru_http_field field;
    (void)self, (void)user;
    field = (naru_http_field){naru_span_of("Authorization"), naru_span_of("Bearer of-this-minute")};
    target->options.fields = &field; /* copied once this returns */
    target->options.fields_count = 1;
    snprintf(url, sizeof url, "ws://%s/", address);
    target->url = url;
    return NARU_OK;
}

static void on_down(naru_reconnector *self, const naru_reconnect_loss *loss, void *user)
{
    (void)user;
    printf("down; attempt %u follows\n", loss->attempts + 1);
    naru_reconnector_send(self, NARU_WS_TEXT, naru_span_of("said while there was no server"), 0);
    if (start_server()) {
        naru_reconnector_close(self, 1000, naru_span_of(""));
    }
}

static void restart(void *user)
{
    (void)user;
    naru_server_free(server); /* breaks the connection */
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)client, (void)kind, (void)user;
    printf("%.*s\n", (int)data.size, (const char *)data.data);
    if (data.size > 5) {
        naru_reconnector_close(reconnector, 1000, naru_span_of(""));
    } else if (naru_loop_post(loop, restart, NULL)) {
        naru_loop_stop(loop);
    }
}

static void on_giving_up(naru_reconnector *self, const naru_reconnect_loss *loss, void *user)
{
    (void)user;
    printf("over: %s\n", loss->end == NARU_RECONNECT_CLOSED ? "closed" : "gave up");
    naru_reconnector_free(self);
    naru_server_free(server);
}

int main(void)
{
    const naru_reconnect_options options = {.attempts_max = 5};
    const naru_reconnect_handler handler = {.on_attempt = on_attempt,
                                            .on_down = on_down,
                                            .on_giving_up = on_giving_up,
                                            .client = {.on_message = on_message}};
    loop = naru_loop_new(NULL);
    if (!loop || start_server() || naru_reconnector_new(loop, &options, &handler, NULL, &reconnector)) {
        return 1;
    }
    naru_reconnector_send(reconnector, NARU_WS_TEXT, naru_span_of("first"), 0);
    naru_loop_run(loop);
    naru_loop_free(loop);
    return 0;
}
