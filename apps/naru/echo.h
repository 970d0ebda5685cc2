/* The settings of `naru echo`, shared by its two sides. */
#ifndef NARU_APP_ECHO_H
#define NARU_APP_ECHO_H

#include "listen.h"

typedef struct echo_settings {
    listen_settings listen;
    uint64_t threads;
    const char *backend; /* NULL: auto */
    uint64_t busy_poll_us;
    const char *connect_url; /* NULL: listen */
    option_list protocols;
    const char *ca_file;
    bool insecure;
} echo_settings;

/* Each answers the exit status. */
int echo_serve(const cli_command *command, const echo_settings *settings);
int echo_connect(const cli_command *command, const echo_settings *settings);

#endif
