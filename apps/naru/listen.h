/* What `naru serve` and `naru echo` share: where and how to listen, and what the library logs. */
#ifndef NARU_APP_LISTEN_H
#define NARU_APP_LISTEN_H

#include <naru/server.h>

#include "options.h"

typedef struct listen_settings {
    option_list addresses;
    option_list origins;
    const char *tls_certificate;
    const char *tls_key;
    bool deflate;
    bool verbose;
    uint64_t message_bytes_max;
    uint64_t fragments_max;
    uint64_t connections_max; /* 0: the library's default */
    bool tls_self;
} listen_settings;

enum { BOUND_BYTES = 128 };

/* Where the library's log goes: warnings and errors to stderr, everything when verbose. quiet drops errors, for who
 * tries an address that may well be taken. */
typedef struct listen_log {
    const char *who;
    bool verbose;
    bool quiet;
} listen_log;

void listen_log_line(void *user, naru_log_level level, const char *line);

/* The server options that follow from the settings, which must outlive the server. */
void listen_fill(const listen_settings *settings, naru_server_options *options);

/* *tls_out: NULL when no certificate was named. Answers OPTIONS_RUN, or the exit status after one line on
 * stderr. */
int listen_tls(const cli_command *command, const listen_settings *settings, naru_tls **tls_out);

#endif
