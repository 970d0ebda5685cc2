/* One WebSocket of a case: naru's client, and what has come from it so far. */
#ifndef NARU_WHATWG_SOCKET_H
#define NARU_WHATWG_SOCKET_H

#include <naru/naru.h>

enum { TABLE_MESSAGES_MAX = 64 };

typedef struct table_message {
    naru_ws_kind kind;
    naru_buf data;
} table_message;

typedef struct table_socket {
    naru_client *client;
    table_message messages[TABLE_MESSAGES_MAX];
    size_t messages_count;
    size_t messages_taken;
    bool opened, errored, closed, clean;
    uint16_t code;
    char reason[128];
    char error_text[320];
    char events[1024]; /* "open message close" */
    char broken[128];  /* the rule of order that events broke; empty: none */
} table_socket;

/* errors as naru_client_open; *socket_out is then unchanged. */
NARU_MUST_USE naru_status table_socket_open(naru_loop *loop, const char *url, const naru_client_options *options,
                                            table_socket **socket_out);
void table_socket_free(table_socket *socket);

#endif
