/* naru connect: its settings, and one connection with a person or a program on this side of it. */
#ifndef NARU_APP_CONNECT_H
#define NARU_APP_CONNECT_H

#include <naru/client.h>

#include "options.h"

/* How binary messages look on the way in and out. */
typedef enum connect_form { FORM_PLAIN = 0, FORM_BASE64, FORM_HEX } connect_form;

#define WAIT_NONE UINT32_MAX
enum { CONNECT_AUTH_BYTES_MAX = 1023 };

typedef struct connect_settings {
    const char *url;
    option_list headers;
    option_list protocols;
    const char *origin;
    const char *unix_path;
    const char *auth;
    option_list cookies;
    const char *proxy; /* "env": the environment's */
    const char *no_proxy;
    const char *proxy_ca_file;
    const char *proxy_certificate_file;
    const char *proxy_key_file;
    const char *proxy_pinned_key;
    bool proxy_insecure;
    bool location;
    uint64_t redirects_max; /* 0: not given */
    const char *pinned_key;
    const char *ca_file;
    const char *certificate_file;
    const char *key_file;
    const char *server_name;
    bool insecure;
    bool http2;
    bool deflate;
    uint32_t ping_interval_ms; /* 0: never */
    uint32_t timeout_ms;
    bool binary;
    bool whole;
    bool base64;
    bool hex;
    bool raw;
    uint32_t wait_ms; /* WAIT_NONE: not given */
    uint64_t count;   /* 0: not given */
    uint64_t close_code;
    const char *close_reason;
    uint64_t message_bytes_max;
    bool quiet;
    bool verbose;
    bool json;
    bool timestamps;
    bool trace;
    bool pretty;
    const char *pattern; /* NULL: show every message */
    const char *record_file;
    const char *replay_file;
    uint32_t speed_thousandths; /* of the replay; 0: without pauses */
    option_list once;
    uint32_t ping_ms; /* 0: no pings of one's own */
    bool reconnect;
    uint64_t tries_max;
    uint64_t offline_bytes_max;
} connect_settings;

connect_form connect_form_of(const connect_settings *settings);

/* Whom the server and the proxy have to be; NULL: judged by the system's authorities. */
typedef struct connect_trust {
    naru_tls *server, *proxy;
} connect_trust;

/* Connect, carry what stdin and the peer say, and answer the exit status. */
int connect_run(const connect_settings *settings, const char *url, const connect_trust *trust);

#endif
