/* Bytes to stdout that never stop the loop: what the reader does not take yet waits here, counted. */
#ifndef NARU_APP_OUTPUT_H
#define NARU_APP_OUTPUT_H

#include <naru/loop.h>

typedef struct output {
    naru_watch *watch;
    naru_buf queue;
    int fd;
    bool owns_fd;
    bool is_socket;
    bool armed;
    int error; /* errno of the write that failed; 0 none. Nothing is written any more */
    void (*on_progress)(void *user);
    void *user;
} output;

/* on_progress comes from the loop whenever something was written, or has failed. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status output_open(output *out, naru_loop *loop, void (*on_progress)(void *user), void *user);
/* Where to append to; call output_flush after it. */
naru_buf *output_buf(output *out);
void output_flush(output *out);
size_t output_waiting_bytes(const output *out);
/* Drops what still waits. */
void output_close(output *out);

#endif
