/* naru connect: the command and its options.
 *
 * Not for: the connection (connect_session.c). Source: RFC 6455 7.4 for what a client may close with. */
#include "connect.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "exit_status.h"
#include "headers.h"
#include "url.h"

/* How long an answer to --once may take. */
enum { ANSWER_MS = 10000 };

#define AT(field) offsetof(connect_settings, field)

static const option options[] = {
    {.help = "The handshake:"},
    {OPTION_LIST, 'H', "header", "'NAME: VALUE'", "add a field to the request; may be repeated", AT(headers), 0, 0},
    {OPTION_TEXT, 'o', "origin", "ORIGIN", "the Origin field", AT(origin), 0, 0},
    {OPTION_LIST, 's', "protocol", "NAME", "offer this subprotocol; may be repeated", AT(protocols), 0, 0},
    {OPTION_ON, 0, "deflate", NULL, "offer permessage-deflate; the default", AT(deflate), 0, 0},
    {OPTION_OFF, 0, "no-deflate", NULL, "do not", AT(deflate), 0, 0},
    {OPTION_TEXT, 0, "auth", "USER:PASSWORD", "Basic authorization, before what the URL has", AT(auth), 0, 0},
    {OPTION_LIST, 0, "cookie", "NAME=VALUE", "send a cookie; may be repeated", AT(cookies), 0, 0},
    {OPTION_TEXT, 0, "unix", "PATH", "connect to this unix socket instead of the URL's host", AT(unix_path), 0, 0},
    {OPTION_SECONDS, 't', "timeout", "SECONDS", "for name, TCP, TLS and handshake together; 30", AT(timeout_ms), 1,
     UINT32_MAX - 1},
    {OPTION_ON, 'L', "location", NULL, "follow redirects; credentials stay with their origin", AT(location), 0, 0},
    {OPTION_NUMBER, 0, "max-redirects", "N", "as many at most; 10", AT(redirects_max), 1, 1000},
    {.help = "A proxy, on the way:"},
    {OPTION_TEXT, 0, "proxy", "URL", "http://, https:// or socks5://[USER:PASSWORD@]HOST:PORT; env: the\nenvironment's",
     AT(proxy), 0, 0},
    {OPTION_TEXT, 0, "no-proxy", "LIST", "but not to these domains, addresses and blocks; *: all", AT(no_proxy), 0, 0},
    {OPTION_TEXT, 0, "proxy-ca", "FILE", "for https://: trust these authorities (PEM) instead of the system's",
     AT(proxy_ca_file), 0, 0},
    {OPTION_TEXT, 0, "proxy-cert", "FILE", "our own certificate (PEM) for the proxy", AT(proxy_certificate_file), 0, 0},
    {OPTION_TEXT, 0, "proxy-key", "FILE", "its key (PEM), if it is not in the same file", AT(proxy_key_file), 0, 0},
    {OPTION_TEXT, 0, "proxy-pinned-key", "HASH", "accept only a proxy with this public key", AT(proxy_pinned_key), 0,
     0},
    {OPTION_ON, 0, "proxy-insecure", NULL, "do not check the proxy; only for trying things out", AT(proxy_insecure), 0,
     0},
    {.help = "TLS, for wss:"},
    {OPTION_TEXT, 0, "ca", "FILE", "trust these authorities (PEM) instead of the system's", AT(ca_file), 0, 0},
    {OPTION_TEXT, 0, "cert", "FILE", "our own certificate (PEM)", AT(certificate_file), 0, 0},
    {OPTION_TEXT, 0, "key", "FILE", "its key (PEM), if it is not in the same file", AT(key_file), 0, 0},
    {OPTION_TEXT, 0, "server-name", "NAME", "ask for and check this name instead of the URL's host", AT(server_name), 0,
     0},
    {OPTION_TEXT, 0, "pinned-key", "HASH", "accept only this public key: its SHA-256 in base64", AT(pinned_key), 0, 0},
    {OPTION_ON, 'k', "insecure", NULL, "check nothing; only for trying things out", AT(insecure), 0, 0},
    {OPTION_ON, 0, "http2", NULL, "wss over HTTP/2 where the server takes it (RFC 8441)", AT(http2), 0, 0},
    {.help = "Messages:"},
    {OPTION_ON, 'b', "binary", NULL, "send binary messages instead of text", AT(binary), 0, 0},
    {OPTION_ON, 0, "whole", NULL, "all of stdin is one message; else each line is one", AT(whole), 0, 0},
    {OPTION_ON, 0, "base64", NULL, "binary messages are lines of base64, in and out", AT(base64), 0, 0},
    {OPTION_ON, 0, "hex", NULL, "binary messages are lines of hexadecimal, in and out", AT(hex), 0, 0},
    {OPTION_ON, 0, "raw", NULL, "print the bytes of messages and nothing between them", AT(raw), 0, 0},
    {OPTION_BYTES, 0, "max-message", "BYTES", "largest message, in or out (K, M, G); 64M", AT(message_bytes_max), 1,
     UINT32_MAX},
    {.help = "The end:"},
    {OPTION_SECONDS, 'w', "wait", "SECONDS", "stay so long after the end of stdin", AT(wait_ms), 0, UINT32_MAX - 1},
    {OPTION_NUMBER, 'n', "count", "N", "close after N messages; the end of stdin does not close", AT(count), 1,
     UINT64_MAX},
    {OPTION_NUMBER, 0, "close-code", "CODE", "close with this code: 1000, 3000 to 4999; 1000", AT(close_code), 1000,
     4999},
    {OPTION_TEXT, 0, "close-reason", "TEXT", "and this reason, 123 bytes at most", AT(close_reason), 0, 0},
    {OPTION_SECONDS, 0, "ping-interval", "SECONDS", "ping after so much silence, 0: never; 25", AT(ping_interval_ms), 0,
     UINT32_MAX - 1},
    {OPTION_LIST, '1', "once", "MESSAGE",
     "send this instead of stdin, wait for an answer (10 seconds or\n--wait), "
     "and close; may be repeated, one after the other",
     AT(once), 0, 0},
    {OPTION_ON, 0, "reconnect", NULL, "connect again when the connection is lost, later each time", AT(reconnect), 0,
     0},
    {OPTION_NUMBER, 0, "reconnect-max", "N", "give up after N tries in a row; 10", AT(tries_max), 1, UINT32_MAX},
    {OPTION_BYTES, 0, "offline-max", "BYTES", "keep so much to be sent while there is no connection; 1M",
     AT(offline_bytes_max), 0, UINT32_MAX},
    {.help = "Looking on:"},
    {OPTION_ON, 0, "json", NULL, "a JSON object a line for each event on stdout, and for each\ncommand on stdin",
     AT(json), 0, 0},
    {OPTION_ON, 0, "timestamps", NULL, "the time (UTC) before each message and notice", AT(timestamps), 0, 0},
    {OPTION_ON, 0, "trace", NULL, "show each frame: opcode, end of message, compressed, size", AT(trace), 0, 0},
    {OPTION_ON, 0, "pretty", NULL, "lay out messages that are JSON", AT(pretty), 0, 0},
    {OPTION_TEXT, 0, "grep", "PATTERN", "show and count only messages that match this extended\nregular expression",
     AT(pattern), 0, 0},
    {OPTION_SECONDS, 0, "ping", "SECONDS", "send a ping so often, and show the round trips", AT(ping_ms), 1,
     UINT32_MAX - 1},
    {OPTION_TEXT, 0, "record", "FILE", "write all that is sent and received to FILE, with its time", AT(record_file), 0,
     0},
    {OPTION_TEXT, 0, "replay", "FILE", "send what such a FILE has as sent, instead of stdin", AT(replay_file), 0, 0},
    {OPTION_FACTOR, 0, "speed", "X", "of the replay: 2 is twice as fast, 0 without pauses; 1", AT(speed_thousandths), 0,
     1000000000},
    {.help = "And:"},
    {OPTION_ON, 'q', "quiet", NULL, "say nothing on stderr, let the exit status tell", AT(quiet), 0, 0},
    {OPTION_ON, 'v', "verbose", NULL, "show the handshake, pings, and failures in full", AT(verbose), 0, 0},
};

static int check_close(const cli_command *command, const connect_settings *settings)
{
    naru_span reason = naru_span_of(settings->close_reason);
    if (settings->close_code != 1000 && settings->close_code < 3000) {
        return options_complain(command, "--close-code: a client may close with 1000 or 3000 to 4999");
    }
    if (reason.size > 123 || !naru_utf8_valid(reason)) {
        return options_complain(command, "--close-reason: UTF-8 of 123 bytes at most");
    }
    return OPTIONS_RUN;
}

static int check_pattern(const cli_command *command, const char *pattern)
{
    regex_t compiled;
    int error = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        char text[128];
        regerror(error, &compiled, text, sizeof text);
        return options_complain(command, "--grep: %s", text);
    }
    regfree(&compiled);
    return OPTIONS_RUN;
}

static int check_looking(const cli_command *command, const connect_settings *settings)
{
    if (settings->json && (settings->base64 || settings->hex || settings->raw || settings->pretty || settings->whole)) {
        return options_complain(command, "--json has a form of its own for messages");
    }
    if (settings->raw && (settings->timestamps || settings->pretty)) {
        return options_complain(command, "--raw is for the bytes of messages alone");
    }
    if (settings->replay_file && settings->once.count > 0) {
        return options_complain(command, "--replay and --once exclude each other");
    }
    return settings->pattern ? check_pattern(command, settings->pattern) : OPTIONS_RUN;
}

static int check_way(const cli_command *command, const connect_settings *settings)
{
    for (size_t i = 0; i < settings->cookies.count; i++) {
        if (!strchr(settings->cookies.items[i], '=')) {
            return options_complain(command, "--cookie wants NAME=VALUE, not '%s'", settings->cookies.items[i]);
        }
    }
    if (settings->auth && strlen(settings->auth) > CONNECT_AUTH_BYTES_MAX) {
        return options_complain(command, "--auth: %d bytes at most", CONNECT_AUTH_BYTES_MAX);
    }
    if (settings->redirects_max > 0 && !settings->location) {
        return options_complain(command, "--max-redirects goes with --location");
    }
    if (settings->unix_path && settings->proxy && strcmp(settings->proxy, "env") != 0) {
        return options_complain(command, "--unix and --proxy exclude each other");
    }
    return OPTIONS_RUN;
}

static int check(const cli_command *command, const connect_settings *settings)
{
    int way = check_way(command, settings);
    if (way != OPTIONS_RUN) {
        return way;
    }
    int headers = headers_check(command, &settings->headers);
    if (headers != OPTIONS_RUN) {
        return headers;
    }
    if (settings->base64 + settings->hex + settings->raw > 1) {
        return options_complain(command, "--base64, --hex and --raw exclude each other");
    }
    if (settings->quiet && settings->verbose) {
        return options_complain(command, "--quiet and --verbose exclude each other");
    }
    if (settings->unix_path && strlen(settings->unix_path) > 107) {
        return options_complain(command, "--unix: a socket's path has 107 bytes at most");
    }
    int status = check_looking(command, settings);
    return status == OPTIONS_RUN ? check_close(command, settings) : status;
}

static int make_tls(const naru_tls_client_options *tls, naru_tls **tls_out)
{
    if (!tls->ca_file && !tls->certificate_file && !tls->key_file && !tls->server_name && !tls->pinned_key &&
        !tls->insecure) {
        return OPTIONS_RUN;
    }
    char reason[256] = "";
    if (naru_tls_client_new(tls, tls_out, reason, sizeof reason) == NARU_OK) {
        return OPTIONS_RUN;
    }
    fprintf(stderr, "naru connect: %s\n", reason[0] ? reason : "out of memory");
    return EXIT_USAGE;
}

static int make_trust(const connect_settings *settings, connect_trust *trust)
{
    naru_tls_client_options server = {
        .ca_file = settings->ca_file,
        .certificate_file = settings->certificate_file,
        .key_file = settings->key_file,
        .server_name = settings->server_name,
        .pinned_key = settings->pinned_key,
        .insecure = settings->insecure,
    };
    naru_tls_client_options proxy = {
        .ca_file = settings->proxy_ca_file,
        .certificate_file = settings->proxy_certificate_file,
        .key_file = settings->proxy_key_file,
        .pinned_key = settings->proxy_pinned_key,
        .insecure = settings->proxy_insecure,
    };
    int status = make_tls(&server, &trust->server);
    return status == OPTIONS_RUN ? make_tls(&proxy, &trust->proxy) : status;
}

static int run_with(const connect_settings *settings)
{
    connect_trust trust = {NULL, NULL};
    int status = make_trust(settings, &trust);
    naru_buf url;
    naru_buf_init(&url, NULL);
    if (status == OPTIONS_RUN) {
        status = url_complete(&url, settings->url) == NARU_OK
                     ? connect_run(settings, (const char *)naru_buf_span(&url).data, &trust)
                     : EXIT_OWN;
    }
    naru_buf_deinit(&url);
    naru_tls_unref(trust.server);
    naru_tls_unref(trust.proxy);
    return status;
}

/* Each of --once has its answer, and some time for it. */
static void fill_once(connect_settings *settings)
{
    if (settings->once.count > 0 && settings->count == 0) {
        settings->count = settings->once.count;
    }
    if (settings->once.count > 0 && settings->wait_ms == WAIT_NONE) {
        settings->wait_ms = ANSWER_MS;
    }
}

static int run(const cli_command *command, int argc, char **argv)
{
    connect_settings settings = {
        .deflate = true,
        .ping_interval_ms = 25000,
        .timeout_ms = 30000,
        .wait_ms = WAIT_NONE,
        .close_code = 1000,
        .close_reason = "",
        .message_bytes_max = UINT64_C(64) << 20,
        .speed_thousandths = 1000,
        .tries_max = 10,
        .offline_bytes_max = UINT64_C(1) << 20,
    };
    option_list operands = {.count = 0};
    int status = options_parse(command, argc, argv, &settings, &operands);
    if (status == OPTIONS_RUN && operands.count == 0) {
        status = options_complain(command, "a URL is missing");
    }
    if (status == OPTIONS_RUN) {
        settings.url = operands.items[0];
        fill_once(&settings);
        status = check(command, &settings);
    }
    return status == OPTIONS_RUN ? run_with(&settings) : status;
}

const cli_command connect_command = {
    .name = "connect",
    .summary = "connect to a WebSocket server, from a terminal or in a pipe",
    .synopsis = "connect [OPTION]... URL\n",
    .about = "On a terminal, each line that is typed is a message, and messages appear as they come; /help lists\n"
             "what else can be typed. In a pipe, each line of stdin is a message, and each message becomes a line "
             "of\n"
             "stdout; nothing else goes to stdout. At the end of stdin all that was read is sent, answers that "
             "the peer\n"
             "sent before its pong are still printed, and the connection is closed. A URL without a scheme is "
             "ws://.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 1,
    .examples = "naru connect localhost:8080/echo\n"
                "echo hello | naru connect ws://localhost:8080/echo\n"
                "echo '{\"get\":\"time\"}' | naru connect --count 1 wss://example.com/api\n"
                "naru connect -1 '{\"get\":\"time\"}' --pretty wss://example.com/api\n"
                "naru connect --json --reconnect wss://example.com/feed | jq -r .text\n"
                "naru connect --binary --whole --raw ws://localhost:8080/echo < in.bin > out.bin\n"
                "naru connect -H 'Authorization: Bearer TOKEN' -s chat.v1 wss://example.com/chat\n",
    .exit_statuses = true,
    .run = run,
};
