/* The command line of the load generator: each option sets one field of load_settings. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { MODE, CONTENT, TEXT, UNSIGNED, SIZE, COUNT, PORT, INT, REAL, ON } kind;

typedef struct option_row {
    const char *name, *help;
    kind kind;
    size_t at;
} option_row;

#define AT(field) offsetof(load_settings, field)

static const option_row rows[] = {
    {"mode", "echo (the default), idle, shake, publish or rest", MODE, AT(mode)},
    {"host", "numeric IPv4 address; 127.0.0.1", TEXT, AT(host)},
    {"port", "of the server", PORT, AT(port)},
    {"path", "to ask for; /", TEXT, AT(path)},
    {"connections", "64; in publish the subscribers, in idle and rest the idle ones, in shake those at once", UNSIGNED,
     AT(connections)},
    {"depth", "messages in flight on each connection, or publishes in flight; 1", UNSIGNED, AT(depth)},
    {"size", "bytes of a message; 20", SIZE, AT(size)},
    {"content", "binary (the default), ascii, korean or json", CONTENT, AT(content)},
    {"raw", "no WebSocket: the server is a floor", ON, AT(raw)},
    {"raw-answer", "bytes that a floor answers to a message; as many as sent", SIZE, AT(raw_answer)},
    {"tls", "wss, without checking the certificate", ON, AT(tls)},
    {"deflate", "offer permessage-deflate", ON, AT(deflate)},
    {"no-context", "and ask for no context takeover either way", ON, AT(no_context)},
    {"socketio", "speak Socket.IO: events and acknowledgements; path: /socket.io/?EIO=4&transport=websocket", ON,
     AT(socketio)},
    {"seconds", "to measure; 1", REAL, AT(seconds)},
    {"warmup", "seconds before; 0.2", REAL, AT(warmup_seconds)},
    {"settle", "in idle: seconds of silence before memory is read; 0.4", REAL, AT(settle_seconds)},
    {"rate", "open loop: messages a second over all connections, latency from the intended time", REAL, AT(rate)},
    {"messages", "stop after so many answers, without warm-up", COUNT, AT(messages)},
    {"pid", "of the server, to read its CPU time and memory", INT, AT(pid)},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static _Noreturn void usage(const char *wrong)
{
    fprintf(stderr, "load: %s\n", wrong);
    for (size_t i = 0; i < ROWS; i++) {
        fprintf(stderr, "  --%-12s %s\n", rows[i].name, rows[i].help);
    }
    exit(2);
}

static unsigned one_of(const char *word, const char *const *words)
{
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            return i;
        }
    }
    usage(word);
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || value > max) {
        usage(text);
    }
    return value;
}

static void set_field(load_settings *set, const option_row *row, const char *text)
{
    static const char *const modes[] = {"echo", "idle", "shake", "publish", "rest", NULL};
    static const char *const contents[] = {"binary", "ascii", "korean", "json", NULL};
    void *field = (char *)set + row->at;
    switch (row->kind) {
    case MODE:
        *(load_mode *)field = (load_mode)one_of(text, modes);
        break;
    case CONTENT:
        *(load_content *)field = (load_content)one_of(text, contents);
        break;
    case TEXT:
        *(const char **)field = text;
        break;
    case UNSIGNED:
        *(unsigned *)field = (unsigned)number(text, 1 << 20);
        break;
    case SIZE:
        *(size_t *)field = (size_t)number(text, (uint64_t)1 << 30);
        break;
    case COUNT:
        *(uint64_t *)field = number(text, UINT64_MAX);
        break;
    case PORT:
        *(uint16_t *)field = (uint16_t)number(text, UINT16_MAX);
        break;
    case INT:
        *(int *)field = (int)number(text, INT32_MAX);
        break;
    case REAL:
        *(double *)field = strtod(text, NULL);
        break;
    case ON:
        *(bool *)field = true;
        break;
    }
}

static void check(const load_settings *set)
{
    if (set->port == 0) {
        usage("--port is needed");
    }
    if (set->connections == 0 || set->depth == 0) {
        usage("at least one connection, and one message in flight");
    }
    if (set->raw && (set->deflate || set->socketio)) {
        usage("a floor knows neither compression nor Socket.IO");
    }
    if (set->deflate && set->size == 0) {
        usage("nothing to compress: --size 0");
    }
    if (set->rate > 0 && set->messages > 0) {
        usage("--rate or --messages");
    }
}

load_settings options_read(int argc, char **argv)
{
    struct option options[ROWS + 1] = {0};
    load_settings set = {.host = "127.0.0.1",
                         .path = "/",
                         .connections = 64,
                         .depth = 1,
                         .size = 20,
                         .seconds = 1,
                         .warmup_seconds = 0.2,
                         .settle_seconds = 0.4};
    for (int i = 0; i < ROWS; i++) {
        options[i] = (struct option){rows[i].name, rows[i].kind == ON ? no_argument : required_argument, NULL, i};
    }
    for (int found; (found = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (found < 0 || found >= ROWS) {
            usage("what can be asked for:");
        }
        set_field(&set, &rows[found], optarg);
    }
    if (optind != argc) {
        usage(argv[optind]);
    }
    if (set.socketio && strcmp(set.path, "/") == 0) {
        set.path = "/socket.io/?EIO=4&transport=websocket";
    }
    check(&set);
    return set;
}
