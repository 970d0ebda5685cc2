/* naru echo: the command, its options, and which side it takes.
 *
 * Source: none. */
#include "echo.h"

#include "commands.h"
#include "exit_status.h"

#define AT(field) offsetof(echo_settings, field)

enum { THREADS_MAX = 256 };

static const option options[] = {
    {.help = "As a server:"},
    {OPTION_LIST, 'l', "listen", "ADDRESS", "HOST:PORT (port 0: any free one) or unix:PATH; may be repeated",
     AT(listen.addresses), 0, 0},
    {OPTION_TEXT, 0, "tls-cert", "FILE", "serve TLS with this certificate chain (PEM)", AT(listen.tls_certificate), 0,
     0},
    {OPTION_TEXT, 0, "tls-key", "FILE", "its key (PEM), if it is not in the same file", AT(listen.tls_key), 0, 0},
    {OPTION_NUMBER, 0, "threads", "N", "so many event loops, each on a thread; 1", AT(threads), 1, THREADS_MAX},
    {OPTION_TEXT, 0, "backend", "NAME", "auto, epoll or io_uring; auto", AT(backend), 0, 0},
    {OPTION_NUMBER, 0, "busy-poll", "US", "look for more so long before sleeping; 0", AT(busy_poll_us), 0, 1000000},
    {OPTION_LIST, 0, "allow-origin", "ORIGIN", "let pages of this origin connect, `any`: all; the same host only",
     AT(listen.origins), 0, 0},
    LISTEN_OPTIONS_HTTP2,
    LISTEN_OPTIONS_PROXY,
    LISTEN_OPTIONS_LIFE,
    {.help = "As a client:"},
    {OPTION_TEXT, 'c', "connect", "URL", "connect there and echo until the server closes", AT(connect_url), 0, 0},
    {OPTION_LIST, 's', "protocol", "NAME", "offer this subprotocol; may be repeated", AT(protocols), 0, 0},
    {OPTION_TEXT, 0, "ca", "FILE", "trust these authorities (PEM) instead of the system's", AT(ca_file), 0, 0},
    {OPTION_ON, 'k', "insecure", NULL, "check no certificate; only for trying things out", AT(insecure), 0, 0},
    {.help = "Both:"},
    {OPTION_ON, 0, "deflate", NULL, "permessage-deflate: take it, or offer it", AT(listen.deflate), 0, 0},
    {OPTION_BYTES, 0, "max-message", "BYTES", "largest message that is taken (K, M, G); 64M",
     AT(listen.message_bytes_max), 1, UINT32_MAX},
    {OPTION_NUMBER, 0, "max-fragments", "N", "most frames in a message; 100000", AT(listen.fragments_max), 1,
     UINT32_MAX},
    {OPTION_ON, 'v', "verbose", NULL, "say on stderr what happens", AT(listen.verbose), 0, 0},
};

static int run(const cli_command *command, int argc, char **argv)
{
    echo_settings settings = {
        .threads = 1,
        /* As many connections as there are descriptors: it is there to be measured. */
        .listen = {.message_bytes_max = UINT64_C(64) << 20, .fragments_max = 100000, .connections_max = UINT32_MAX},
    };
    option_list operands = {.count = 0};
    int status = options_parse(command, argc, argv, &settings, &operands);
    if (status != OPTIONS_RUN) {
        return status;
    }
    bool listens = settings.listen.addresses.count > 0;
    if (listens == (settings.connect_url != NULL)) {
        return options_complain(command, "say one of --listen ADDRESS and --connect URL");
    }
    return listens ? echo_serve(command, &settings) : echo_connect(command, &settings);
}

const cli_command echo_command = {
    .name = "echo",
    .summary = "send back each message as it came, as a server or as a client",
    .synopsis = "echo --listen ADDRESS [OPTION]...\necho --connect URL [OPTION]...\n",
    .about = "As a server it takes any path and the first subprotocol that a client offers, prints "
             "`listening on ADDRESS`\n"
             "with the real port once it accepts, and stops on SIGTERM or SIGINT. As a client it echoes "
             "until the server\n"
             "closes. A peer that does not read is not read from. Control frames are limited to 1,000,000 a "
             "second.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 0,
    .examples = "naru echo --listen 127.0.0.1:9001 --deflate\n"
                "naru echo --listen 0.0.0.0:9443 --tls-cert cert.pem --tls-key key.pem --threads 4\n"
                "naru echo --connect ws://127.0.0.1:9001/runCase?case=1 --deflate\n",
    .exit_statuses = true,
    .run = run,
};
