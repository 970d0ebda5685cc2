/* Lines, or the whole, of stdin when a program is on the other end of it. */
#ifndef NARU_APP_INPUT_H
#define NARU_APP_INPUT_H

#include <naru/loop.h>

typedef struct input_handler {
    /* One line without its newline, or all of stdin. NARU_FULL: taken, wait for input_resume. Negative: no
     * more. */
    naru_status (*on_record)(naru_span record, void *user);
    void (*on_end)(void *user);
    void (*on_error)(const char *text, void *user);
} input_handler;

typedef struct input {
    naru_watch *watch;
    naru_buf queue;
    size_t scanned_bytes; /* of the queue, known to hold no newline */
    uint64_t record_bytes_max;
    bool whole;
    bool paused;
    bool ended;   /* end of file was read */
    bool stopped; /* nothing more is told */
    const input_handler *handler;
    void *user;
} input;

/* Start reading stdin. errors NARU_ERR_MEMORY */
NARU_MUST_USE naru_status input_open(input *in, naru_loop *loop, bool whole, uint64_t record_bytes_max,
                                     const input_handler *handler, void *user);
void input_resume(input *in);
/* Read no more, tell no more. Harmless when it was never opened. */
void input_close(input *in);

#endif
