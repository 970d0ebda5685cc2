/* Topics: "+NAME" subscribes, "-NAME" unsubscribes, "NAME TEXT" publishes; subscribers hear "NAME TEXT".
 *
 *   ./topics [ADDRESS]    then ws://127.0.0.1:9000/ */
#include <naru/naru.h>
#include <stdio.h>
#include <string.h>

static naru_pubsub *pubsub;

/* What goes on the wire, made once however many listen. */
static naru_status encode(void *user, const naru_publication *heard, naru_prepared **prepared_out)
{
    char line[1024];
    int size = snprintf(line, sizeof line, "%.*s %.*s", (int)heard->channel.size, (const char *)heard->channel.data,
                        (int)heard->data.size, (const char *)heard->data.data);
    size = size < (int)sizeof line ? size : (int)sizeof line - 1;
    (void)user;
    return naru_prepared_new(NARU_WS_TEXT, (naru_span){(uint8_t *)line, (size_t)size}, 0, prepared_out);
}

static naru_status obey(naru_conn *conn, naru_span line)
{
    const uint8_t *blank = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
    if (line.size > 0 && (line.data[0] == '+' || line.data[0] == '-')) {
        naru_span name = {line.data + 1, line.size - 1};
        return line.data[0] == '+' ? naru_pubsub_subscribe(pubsub, conn, name, NULL)
                                   : naru_pubsub_unsubscribe(pubsub, conn, name);
    }
    naru_span name = {line.data, blank ? (size_t)(blank - line.data) : 0};
    naru_span text = {line.data + name.size + 1, line.size - name.size - 1};
    return blank ? naru_pubsub_publish(pubsub, NULL, name, NARU_WS_TEXT, text, NULL) : NARU_ERR_ARGUMENT;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    naru_status status = obey(conn, data);
    (void)kind, (void)user;
    if (status < 0) {
        naru_conn_send(conn, NARU_WS_TEXT, naru_span_of(naru_status_text(status)), 0);
    }
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.handler = {.on_message = on_message}};
    char bound[128];
    if (!loop || naru_pubsub_new(&loop, 1, &(naru_pubsub_options){.encode = encode}, &pubsub) ||
        naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
