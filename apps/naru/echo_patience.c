/* What waits in our queue is copied there and comes cold to the socket, so it is better left in the kernel: while the
 * socket is full, nothing is read. But who sends all of a message before reading would wait for us for ever; so a peer
 * that takes nothing for a while is read from all the same, until its echo has drained.
 *
 * Not for: whole messages, between which a pause harms nobody (echo_route.c). Source: none. */
#include "echo_patience.h"

#include <stdbool.h>
#include <stdlib.h>

#include <naru/loop.h>

enum { PATIENCE_MS = 50 };

struct echo_patience {
    naru_conn *conn;
    naru_timer *timer;
    uint64_t bytes_out; /* when it was last looked */
    bool lost;
};

static uint64_t bytes_out(const naru_conn *conn)
{
    naru_conn_counts counts;
    naru_conn_counters(conn, &counts);
    return counts.bytes_out;
}

static void watch(echo_patience *patience)
{
    patience->bytes_out = bytes_out(patience->conn);
    naru_timer_start(patience->timer, PATIENCE_MS);
}

static void look(void *user)
{
    echo_patience *patience = user;
    if (bytes_out(patience->conn) != patience->bytes_out) {
        watch(patience);
        return;
    }
    patience->lost = true;
    naru_conn_resume(patience->conn);
}

/* NULL: no memory. */
static echo_patience *make(naru_conn *conn)
{
    echo_patience *patience = calloc(1, sizeof *patience);
    naru_timer *timer = patience ? naru_timer_new(naru_conn_loop(conn), look, patience) : NULL;
    if (!timer) {
        free(patience);
        return NULL;
    }
    *patience = (echo_patience){.conn = conn, .timer = timer};
    naru_conn_set_user(conn, patience);
    return patience;
}

void echo_patience_begin(naru_conn *conn, echo_patience *patience)
{
    patience = patience ? patience : make(conn);
    if (patience && !patience->lost) {
        naru_conn_pause(conn);
        watch(patience);
    }
}

void echo_patience_end(echo_patience *patience)
{
    if (patience) {
        naru_timer_stop(patience->timer);
        patience->lost = false;
    }
}

void echo_patience_free(echo_patience *patience)
{
    if (patience) {
        naru_timer_free(patience->timer);
        free(patience);
    }
}
