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
    bool http2;
    option_list trusted_proxies;
    bool proxy_protocol;
    const char *hand_over;     /* the Unix socket of the line of processes; NULL: there is none */
    uint64_t memory_bytes_max; /* 0: no budget */
    uint32_t idle_timeout_ms, age_max_ms, stop_spread_ms;
} listen_settings;

/* Rows for the table of a command whose settings have them in `listen`, and which says what AT is. */
/* clang-format off */
#define LISTEN_OPTIONS_HTTP2 \
    {OPTION_ON, 0, "http2", NULL, "speak HTTP/2 as well: by ALPN with TLS, else with who begins so", \
     AT(listen.http2), 0, 0}
#define LISTEN_OPTIONS_PROXY \
    {OPTION_LIST, 0, "trust-proxy", "ADDRESS", \
     "believe X-Forwarded-For and X-Forwarded-Proto of this address,\nblock (10.0.0.0/8) or `unix`; may be repeated", \
     AT(listen.trusted_proxies), 0, 0}, \
    {OPTION_ON, 0, "proxy-protocol", NULL, "each connection begins with a PROXY header, version 1 or 2", \
     AT(listen.proxy_protocol), 0, 0}
#define LISTEN_OPTIONS_LIFE \
    {OPTION_SECONDS, 0, "idle-timeout", "SECONDS", "close who neither sends nor gets a message for so long; never", \
     AT(listen.idle_timeout_ms), 1, 86400000}, \
    {OPTION_SECONDS, 0, "max-age", "SECONDS", "close who has been there so long, up to a tenth earlier; never", \
     AT(listen.age_max_ms), 1, UINT32_MAX}, \
    {OPTION_BYTES, 0, "memory-max", "BYTES", \
     "for all connections together (K, M, G): slow readers and new\nrequests go first; no limit", \
     AT(listen.memory_bytes_max), 1024 * 1024, UINT64_MAX / 2}, \
    {OPTION_SECONDS, 0, "stop-spread", "SECONDS", \
     "at the end, close the connections one after the other over\nso long; 0", \
     AT(listen.stop_spread_ms), 0, 3600000}, \
    {OPTION_TEXT, 0, "hand-over", "PATH", \
     "take the listening sockets from the naru that has the same\nPATH, and hand them to the next one", \
     AT(listen.hand_over), 0, 0}
/* clang-format on */

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
