/* The recorder behind a case's socket: every event in order, and the rules that hold for all of them. */
#include "whatwg/socket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(table_socket *socket, const char *event)
{
    size_t used = strlen(socket->events);
    snprintf(socket->events + used, sizeof socket->events - used, "%s%s", used ? " " : "", event);
}

static void demand(table_socket *socket, bool holds, const char *rule)
{
    if (!holds && socket->broken[0] == '\0') {
        snprintf(socket->broken, sizeof socket->broken, "%s", rule);
    }
}

static void on_open(naru_client *client, void *user)
{
    table_socket *socket = user;
    demand(socket, !socket->opened && !socket->errored && !socket->closed, "open came twice or late");
    demand(socket, naru_client_state(client) == NARU_OPEN, "the state is not 1 in the open event");
    socket->opened = true;
    note(socket, "open");
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    table_socket *socket = user;
    demand(socket, socket->opened && !socket->errored && !socket->closed,
           "a message came before open or after the end");
    demand(socket, naru_client_state(client) == NARU_OPEN, "the state is not 1 in a message event");
    demand(socket, socket->messages_count < TABLE_MESSAGES_MAX, "more messages than a case may have");
    note(socket, "message");
    if (socket->messages_count < TABLE_MESSAGES_MAX) {
        table_message *message = &socket->messages[socket->messages_count++];
        message->kind = kind;
        if (naru_buf_append(&message->data, data)) {
            abort();
        }
    }
}

static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    table_socket *socket = user;
    demand(socket, !socket->errored && !socket->closed, "error came twice or after close");
    demand(socket, naru_client_state(client) == NARU_CLOSED, "the state is not 3 in the error event");
    socket->errored = true;
    note(socket, "error");
    snprintf(socket->error_text, sizeof socket->error_text, "%s: %s", naru_status_name(failure->status), failure->text);
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    table_socket *socket = user;
    demand(socket, !socket->closed, "close came twice");
    demand(socket, naru_client_state(client) == NARU_CLOSED, "the state is not 3 in the close event");
    demand(socket, !socket->errored || strstr(socket->events, "error") == socket->events + strlen(socket->events) - 5,
           "something came between error and close");
    socket->closed = true;
    socket->clean = info->clean;
    socket->code = info->code;
    snprintf(socket->reason, sizeof socket->reason, "%.*s", (int)info->reason.size,
             info->reason.size ? (const char *)info->reason.data : "");
    note(socket, "close");
}

naru_status table_socket_open(naru_loop *loop, const char *url, const naru_client_options *options,
                              table_socket **socket_out)
{
    static const naru_client_handler handler = {
        .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};
    table_socket *socket = calloc(1, sizeof *socket);
    if (!socket) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = naru_client_open(loop, url, options, &handler, socket, &socket->client, NULL);
    if (status) {
        free(socket);
        return status;
    }
    *socket_out = socket;
    return NARU_OK;
}

void table_socket_free(table_socket *socket)
{
    naru_client_free(socket->client);
    for (size_t i = 0; i < socket->messages_count; i++) {
        naru_buf_deinit(&socket->messages[i].data);
    }
    free(socket);
}
