/* Who is there: everybody in a room hears who comes (+ann) and goes (-ann); who says anything is told all their names.
 *
 *   ./presence [ADDRESS]    then ws://127.0.0.1:9000/kitchen/ann */
#include <naru/naru.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct guest {
    naru_conn *conn; /* NULL: gone */
    int asked;       /* answers that may still come for it */
    char room[64], name[64];
} guest;

static naru_pubsub *pubsub;

/* A user's first connection that comes and the last one that goes: written once however many hear it. */
static naru_status encode(void *user, const naru_publication *heard, naru_prepared **prepared_out)
{
    char line[80];
    naru_span name = heard->presence.user;
    (void)user;
    int size = snprintf(line, sizeof line, "%c%.*s", heard->kind == NARU_PUBLICATION_JOIN ? '+' : '-', (int)name.size,
                        (const char *)name.data);
    return heard->kind != NARU_PUBLICATION_MESSAGE && heard->alone
               ? naru_prepared_new(NARU_WS_TEXT, (naru_span){(uint8_t *)line, (size_t)size}, 0, prepared_out)
               : NARU_OK;
}

static void release(guest *self)
{
    if (!self->conn && self->asked == 0) {
        free(self);
    }
}

static void on_who(void *user, const naru_channel_answer *answer)
{
    guest *self = user;
    self->asked--;
    for (size_t i = 0; self->conn && i < answer->items_count; i++) {
        naru_conn_send(self->conn, NARU_WS_TEXT, answer->items[i]->presence.user, 0);
    }
    release(self);
}

static void on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user)
{
    guest *self = user;
    (void)kind, (void)data;
    self->asked += !naru_pubsub_presence(pubsub, naru_conn_loop(conn), naru_span_of(self->room), 100, on_who, self);
}

static void on_open(naru_conn *conn, void *user)
{
    guest *self = user;
    char client[32];
    self->conn = conn;
    snprintf(client, sizeof client, "%p", user);
    naru_presence here = {.client = naru_span_of(client), .user = naru_span_of(self->name)};
    naru_subscription how = {.wants_presence = true, .presence = &here};
    if (naru_pubsub_subscribe(pubsub, conn, naru_span_of(self->room), &how)) {
        naru_conn_close(conn, 1013, naru_span_of("no room"));
    }
}

static void on_close(naru_conn *conn, const naru_close_info *info, void *user)
{
    (void)conn, (void)info;
    ((guest *)user)->conn = NULL;
    release(user);
}

static void on_request(naru_request *request, void *user)
{
    static const naru_conn_handler handler = {.on_open = on_open, .on_message = on_message, .on_close = on_close};
    naru_span room, name;
    (void)user;
    guest *self = calloc(1, sizeof *self);
    if (!self || !naru_request_param(request, "room", &room) || !naru_request_param(request, "name", &name)) {
        free(self);
        naru_request_reject(request, 500);
        return;
    }
    snprintf(self->room, sizeof self->room, "%.*s", (int)room.size, (const char *)room.data);
    snprintf(self->name, sizeof self->name, "%.*s", (int)name.size, (const char *)name.data);
    if (naru_request_accept(request, (naru_span){0}, &handler, self)) {
        free(self);
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
