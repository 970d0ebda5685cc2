/* The three lines that a page may say to /chat, read strictly. web/chat/README.md describes the protocol. */
#ifndef NARU_APP_CHAT_LINE_H
#define NARU_APP_CHAT_LINE_H

#include <naru/base.h>

enum {
    CHAT_NAME_BYTES_MAX = 96, /* 32 characters of at most three bytes, or 24 of four */
    CHAT_NAME_LETTERS_MAX = 32,
    CHAT_TEXT_BYTES_MAX = 4000,
    CHAT_TOKEN_BYTES_MAX = 20
};

typedef enum chat_verb { CHAT_NAME, CHAT_SAY, CHAT_PING } chat_verb;

typedef enum chat_verdict {
    CHAT_GOOD = 0,
    CHAT_BAD,      /* not one of the lines: who says this does not speak the protocol */
    CHAT_BAD_NAME, /* a person may have typed these two */
    CHAT_BAD_TEXT
} chat_verdict;

typedef struct chat_line {
    chat_verb verb;
    naru_span value; /* points into the line */
} chat_line;

/* line: UTF-8. line_out is written only on CHAT_GOOD. */
chat_verdict chat_line_read(naru_span line, chat_line *line_out);

#endif
