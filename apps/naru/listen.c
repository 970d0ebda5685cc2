/* Server options from command-line settings.
 *
 * Not for: the servers themselves (echo.c, serve.c). Source: none. */
#include "listen.h"

#include <stdio.h>
#include <string.h>

#include "exit_status.h"
#include "say.h"
#include "tls_self.h"

enum {
    QUEUE_HIGH_BYTES = 512 * 1024,
    QUEUE_LOW_BYTES = 128 * 1024,
    /* Enough for a suite that floods with pings, and still an end to a flood that costs us more than the
       peer. */
    CONTROL_RATE_MAX = 1000000
};

void listen_log_line(void *user, naru_log_level level, const char *line)
{
    listen_log *log = user;
    bool dropped = log->quiet && level == NARU_LOG_ERROR;
    if (!dropped && (level <= NARU_LOG_WARN || log->verbose)) {
        say(log->who, "%s", line);
    }
}

static void fill_origins(const option_list *origins, naru_server_options *options)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->items[i], "any") == 0) {
            options->origin_policy = NARU_ORIGIN_ANY;
            return;
        }
    }
    if (origins->count > 0) {
        options->origin_policy = NARU_ORIGIN_LIST;
        options->origins = origins->items;
        options->origins_count = origins->count;
    }
}

void listen_fill(const listen_settings *settings, naru_server_options *options)
{
    memset(options, 0, sizeof *options);
    fill_origins(&settings->origins, options);
    options->connections_max = (uint32_t)settings->connections_max;
    options->trusted_proxies = settings->trusted_proxies.items;
    options->trusted_proxies_count = settings->trusted_proxies.count;
    naru_conn_options *conn = &options->conn;
    conn->idle_timeout_ms = settings->idle_timeout_ms;
    conn->age_max_ms = settings->age_max_ms;
    conn->ws.message_bytes_max = settings->message_bytes_max;
    conn->ws.fragments_max = (uint32_t)settings->fragments_max;
    conn->ws.control_rate_max = CONTROL_RATE_MAX;
    conn->ws.deflate.enabled = settings->deflate;
    conn->queue_high_bytes = QUEUE_HIGH_BYTES;
    conn->queue_low_bytes = QUEUE_LOW_BYTES;
    /* An echo stops reading above the high mark, so at most one message more comes to lie behind it. */
    conn->queue_bytes_max = settings->message_bytes_max + 2 * QUEUE_HIGH_BYTES;
}

static int make_own_tls(const cli_command *command, bool http2, naru_tls **tls_out)
{
    char reason[256] = "";
    if (!tls_self_new(http2, tls_out, reason, sizeof reason)) {
        fprintf(stderr, "naru %s: %s\n", command->name, reason);
        return EXIT_OWN;
    }
    return OPTIONS_RUN;
}

int listen_tls(const cli_command *command, const listen_settings *settings, naru_tls **tls_out)
{
    *tls_out = NULL;
    if (settings->tls_self) {
        return settings->tls_certificate ? options_complain(command, "--tls-self and --tls-cert exclude each other")
                                         : make_own_tls(command, settings->http2, tls_out);
    }
    if (!settings->tls_certificate) {
        return settings->tls_key ? options_complain(command, "--tls-key goes with --tls-cert") : OPTIONS_RUN;
    }
    naru_tls_server_options options = {
        .certificate_file = settings->tls_certificate,
        .key_file = settings->tls_key,
        .http2 = settings->http2,
    };
    char reason[256] = "";
    if (naru_tls_server_new(&options, tls_out, reason, sizeof reason) != NARU_OK) {
        fprintf(stderr, "naru %s: %s\n", command->name, reason[0] ? reason : "out of memory");
        return EXIT_USAGE;
    }
    return OPTIONS_RUN;
}
