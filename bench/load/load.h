/* What the files of the load generator share: what was asked for, and how it ends when it cannot go on. */
#ifndef NARU_BENCH_LOAD_H
#define NARU_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum load_mode { LOAD_ECHO, LOAD_IDLE, LOAD_SHAKE, LOAD_PUBLISH, LOAD_REST } load_mode;

typedef enum load_content {
    LOAD_BINARY,
    LOAD_ASCII,  /* text of letters */
    LOAD_KOREAN, /* text whose every character has three bytes */
    LOAD_JSON    /* text of JSON-like messages, all different for 64 KiB and more */
} load_content;

typedef struct load_settings {
    load_mode mode;
    load_content content;
    const char *host, *path;
    uint16_t port;
    unsigned connections, depth;
    size_t size;              /* of a message, in bytes */
    size_t raw_answer;        /* bytes that a bare server answers to one message; 0: as many as it was sent */
    bool raw, tls;            /* raw: no WebSocket, for the floors */
    bool deflate, no_context; /* permessage-deflate; without context takeover in either direction */
    bool socketio;            /* events and acknowledgements of Socket.IO */
    double seconds, warmup_seconds;
    double settle_seconds; /* in idle: before memory is read */
    double rate;           /* messages a second, over all connections; 0: closed loop */
    uint64_t messages;     /* stop after so many; 0: after `seconds` */
    int pid;               /* of the server, to read what it used; 0: unknown */
} load_settings;

_Noreturn void load_die(const char *what); /* with errno's text */
_Noreturn void load_refuse(const char *what, const char *why);

/* Each mode runs to its end and prints one line of JSON. */
int load_echo(const load_settings *set);
int load_idle(const load_settings *set);
int load_shake(const load_settings *set);
int load_publish(const load_settings *set);
int load_rest(const load_settings *set);

#endif
