/* A load generator for WebSocket servers and for the bare servers that are their floors. It shares no code with naru.
 *
 * The figure to compare is the server's CPU time per message, from schedstat: it does not depend on how fast this
 * program is. Latency of the closed loop is mostly queueing; the open loop (--rate) counts it from the time at which a
 * message was meant to leave, so that a server that stalls cannot hide it.
 * Not for: conformance. Output: one line of JSON. */
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "options.h"

void load_die(const char *what)
{
    load_refuse(what, strerror(errno));
}

void load_refuse(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

static void allow_many_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    load_settings set = options_read(argc, argv);
    allow_many_files();
    signal(SIGPIPE, SIG_IGN);
    switch (set.mode) {
    case LOAD_IDLE:
        return load_idle(&set);
    case LOAD_SHAKE:
        return load_shake(&set);
    case LOAD_PUBLISH:
        return load_publish(&set);
    case LOAD_REST:
        return load_rest(&set);
    default:
        return load_echo(&set);
    }
}
