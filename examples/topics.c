/* Topics: "sub NAME", "unsub NAME", "pub NAME TEXT"; subscribers hear "NAME TEXT".
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
    (void)user;
    return naru_prepared_new(NARU_WS_TEXT, (naru_span){(uint8_t *)line, (size_t)size}, 0, prepared_out);
}

static naru_status obey(naru_conn *conn, const char *word, naru_span name, naru_span text)
{
    if (strcmp(word, "sub") == 0) {
        return naru_pubsub_subscribe(pubsub, conn, name, NULL);
    }
    if (strcmp(word, "unsub") == 0) {
        return naru_pubsub_unsubscribe(pubsub, conn, name);
    }
    return strcmp(word, "pub") == 0 ? naru_pubsub_publish(pubsub, naru_conn_loop(conn), name, NARU_WS_TEXT, text, NULL)
                                    : NARU_ERR_ARGUMENT;
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    char line[512], word[8], name[64];
    int at = 0;
    (void)kind, (void)user;
    snprintf(line, sizeof line, "%.*s", (int)data.size, (const char *)data.data);
    naru_status status = NARU_ERR_ARGUMENT;
    if (sscanf(line, "%7s %63s%n", word, name, &at) == 2) {
        status = obey(conn, word, naru_span_of(name), naru_span_of(line + at + (line[at] == ' ')));
    }
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
