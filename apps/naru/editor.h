/* A person at a terminal: a line being typed, and messages that appear above it without disturbing it. */
#ifndef NARU_APP_EDITOR_H
#define NARU_APP_EDITOR_H

#include <naru/loop.h>

typedef struct editor editor;

typedef struct editor_handler {
    void (*on_line)(naru_span line, void *user);
    void (*on_end)(void *user); /* Ctrl-D on an empty line, or the terminal is gone */
} editor_handler;

/* errors NULL: no memory, or a terminal that cannot be edited on. handler is borrowed. */
NARU_MUST_USE editor *editor_new(naru_loop *loop, const editor_handler *handler, void *user);
/* Show text, which ends with a newline, above the line being typed. */
void editor_print(editor *self, naru_span text);
/* The terminal's size has changed. */
void editor_resize(editor *self);
/* The process goes on after it was stopped: take the terminal and draw the line again. */
void editor_continue(editor *self);
/* Gives the terminal back as it was. NULL is fine. Not from on_line and on_end. */
void editor_free(editor *self);

#endif
