/* Listening sockets that the process was started with. A descriptor comes without close-on-exec and is taken with it:
 * that is how it is known which of them are still to be had, also to several loops of one process.
 *
 * Source: sd_listen_fds(3), sd_listen_fds_with_names(3). */
#include "given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3, FDS_MAX = 4096 };

/* A whole decimal number up to max. -1: it is none. */
static long number(const char *text, long max)
{
    char *end = NULL;
    if (!text || text[0] < '0' || text[0] > '9') {
        return -1;
    }
    errno = 0;
    long value = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && value <= max ? value : -1;
}

/* The n-th of the names that stand between colons. */
static bool is_called(const char *names, long index, const char *name)
{
    for (; index > 0 && names; index--) {
        names = strchr(names, ':');
        names = names ? names + 1 : NULL;
    }
    size_t size = names ? strcspn(names, ":") : 0;
    return names && strlen(name) == size && memcmp(names, name, size) == 0;
}

static bool is_free(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && !(flags & FD_CLOEXEC);
}

static naru_status take_of_systemd(const char *name, int *fd_out)
{
    /* The variables may be those of a parent. */
    if (number(secure_getenv("LISTEN_PID"), INT32_MAX) != (long)getpid()) {
        return NARU_ERR_SYSTEM;
    }
    long count = number(secure_getenv("LISTEN_FDS"), FDS_MAX);
    const char *names = secure_getenv("LISTEN_FDNAMES");
    for (long i = 0; i < count; i++) {
        int fd = FIRST_FD + (int)i;
        if (is_free(fd) && (!name[0] || is_called(names, i, name))) {
            *fd_out = fd;
            return NARU_OK;
        }
    }
    return NARU_ERR_SYSTEM;
}

naru_status naru__given_socket(const char *address, int *fd_out)
{
    if (strncmp(address, "systemd:", 8) == 0) {
        return take_of_systemd(address + 8, fd_out);
    }
    if (strncmp(address, "fd:", 3) != 0) {
        return NARU_MORE;
    }
    long fd = number(address + 3, INT32_MAX);
    *fd_out = (int)fd;
    return fd < 0 ? NARU_ERR_ARGUMENT : NARU_OK;
}
