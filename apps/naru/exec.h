/* A process for each connection: its messages are lines of the process's stdin and stdout. */
#ifndef NARU_APP_EXEC_H
#define NARU_APP_EXEC_H

#include <naru/server.h>

typedef struct exec_job exec_job;

/* The route's user, which must outlive its connections. The rest begins as zero. */
typedef struct exec_pool {
    naru_loop *loop;
    const char *command; /* for /bin/sh */
    bool binary;         /* bytes instead of lines */
    uint64_t line_bytes_max;
    const char *who; /* before what is said on stderr */
    exec_job *first;
    void (*on_empty)(void *user);
    void *user;
} exec_pool;

extern const naru_ws_route exec_route;

/* The connections are gone: have on_empty(user) run once their processes are, too; at once if they are. */
void exec_pool_end(exec_pool *pool, void (*on_empty)(void *user), void *user);
/* Kill what is left, and wait for it. Before the loop is freed. */
void exec_pool_free(exec_pool *pool);

#endif
