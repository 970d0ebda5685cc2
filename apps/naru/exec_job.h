/* One connection of --exec with its process: shared by exec.c, which keeps its life, and exec_pipe.c. */
#ifndef NARU_APP_EXEC_JOB_H
#define NARU_APP_EXEC_JOB_H

#include "exec.h"
#include "exec_spawn.h"

struct exec_job {
    exec_pool *pool;
    exec_job *previous;
    exec_job *next;
    exec_environment environment;
    naru_conn *conn; /* NULL: gone, or not there yet */
    exec_child child;
    bool runs; /* there is a process to be reaped */
    naru_watch *ended;
    naru_watch *input; /* NULL: its stdin is closed */
    naru_watch *output;
    naru_timer *kill;
    naru_buf to_child;
    naru_buf from_child;
    size_t scanned_bytes; /* of from_child, known to hold no newline */
    bool paused;          /* the connection is */
};

/* Each is harmless when it is closed. */
void exec_close_input(exec_job *job);
void exec_close_output(exec_job *job);
void exec_close_conn(exec_job *job, uint16_t code, const char *reason);

/* Send what the process wrote, as far as messages are whole; at_end: all of it. */
void exec_send_messages(exec_job *job, bool at_end);
bool exec_read_output(exec_job *job); /* false: nothing more for now */

/* For the loop and the connection; user is the job. */
void exec_on_output(void *user, unsigned events);
void exec_on_input(void *user, unsigned events);
void exec_on_drain(naru_conn *conn, void *user);
void exec_on_message(naru_conn *conn, naru_ws_kind kind, naru_span data, void *user);

#endif
