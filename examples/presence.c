/* Presence: everybody in a room hears who comes (+ann) and who goes (-ann).
 *
 *   ./presence [ADDRESS]    then ws://127.0.0.1:9000/kitchen/ann */
#include <naru/naru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static naru_pubsub *pubsub;

/* A user's first connection that comes and the last one that goes: written once however many hear it. */
static naru_status encode(void *user, const naru_publication *heard, naru_prepared **prepared_out)
{
    char line[80];
    char sign = heard->kind == NARU_PUBLICATION_JOIN ? '+' : '-';
    naru_span name = heard->presence.user;
    int size = snprintf(line, sizeof line, "%c%.*s", sign, (int)name.size, (const char *)name.data);
    (void)user;
    return heard->alone ? naru_prepared_new(NARU_WS_TEXT, (naru_span){(uint8_t *)line, (size_t)size}, 0, prepared_out)
                        : NARU_OK;
}

/* The path stays with the connection: "/kitchen/ann". */
static void on_open(naru_conn *conn, void *path)
{
    char client[32]; /* each connection of a user by itself */
    const char *name = strrchr(path, '/') + 1;
    naru_span room = {path, (size_t)(name - (char *)path)};
    snprintf(client, sizeof client, "%p", path);
    naru_presence here = {.client = naru_span_of(client), .user = naru_span_of(name)};
    naru_subscription how = {.wants_presence = true, .presence = &here};
    if (naru_pubsub_subscribe(pubsub, conn, room, &how)) {
        naru_conn_close(conn, 1013, naru_span_of("no room"));
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *path)
{
    (void)conn, (void)info;
    free(path);
}

static void on_request(naru_request *request, void *user)
{
    static const naru_conn_handler handler = {.on_open = on_open, .on_close = on_close};
    naru_span path = naru_request_path(request);
    char *copy = calloc(path.size + 1, 1);
    (void)user;
    if (!copy || naru_request_accept(request, (naru_span){0}, &handler, memcpy(copy, path.data, path.size))) {
        free(copy);
        naru_request_reject(request, 503);
    }
}

int main(int argc, char **argv)
{
    naru_loop *loop = naru_loop_new(NULL);
    naru_server *server = NULL;
    naru_ws_route route = {.on_request = on_request};
    char bound[128];
    if (!loop || naru_pubsub_new(&loop, 1, &(naru_pubsub_options){.encode = encode}, &pubsub) ||
        naru_server_new(loop, NULL, &server) || naru_server_route_ws(server, "/{room}/{name}", &route, NULL) ||
        naru_server_listen(server, argc > 1 ? argv[1] : "127.0.0.1:9000", NULL, bound)) {
        return 1;
    }
    printf("listening on %s\n", bound);
    fflush(stdout);
    return naru_loop_run(loop) != NARU_OK;
}
