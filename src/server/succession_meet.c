/* The successor's side: it finds the process that serves, gets its sockets, and tells it when it has begun. Or it finds
 * nobody, and is the first. It waits, since there is no loop yet.
 *
 * Not for: the predecessor's side (succession_hand.c). Source: unix(7). */
#include "server/succession.h"

#include "base/memory.h"
#include "io/descriptors.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* TRIES: a process that goes away just now closes its door on us. */
enum { TRIES = 3, BACKLOG = 16 };

typedef struct meeting {
    naru_succession *succession;
    uint64_t until_ms;
    char *reason;
    size_t reason_bytes;
} meeting;

static naru_status fail(const meeting *at, naru_status status, const char *what)
{
    if (at->reason && at->reason_bytes > 0) {
        (void)snprintf(at->reason, at->reason_bytes, "%s: %s", at->succession->file.sun_path, what);
    }
    return status;
}

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* false: time is up. */
static bool limit_waiting(const meeting *at, int fd)
{
    uint64_t now_ms = clock_ms();
    uint64_t left_ms = now_ms < at->until_ms ? at->until_ms - now_ms : 0;
    struct timeval left = {.tv_sec = (time_t)(left_ms / 1000), .tv_usec = (suseconds_t)(left_ms % 1000 * 1000)};
    return left_ms > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) == 0;
}

/* ---- the first --------------------------------------------------------------------------------------------------- */

/* Nobody answers at the file that is there, as connecting has shown. */
static bool bind_to(int fd, const struct sockaddr_un *file)
{
    const struct sockaddr *address = (const struct sockaddr *)file;
    struct stat there;
    if (bind(fd, address, sizeof *file) == 0) {
        return true;
    }
    bool stale = errno == EADDRINUSE && lstat(file->sun_path, &there) == 0 && S_ISSOCK(there.st_mode);
    return stale && unlink(file->sun_path) == 0 && bind(fd, address, sizeof *file) == 0;
}

static naru_status be_first(const meeting *at)
{
    naru_succession *succession = at->succession;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The file gets the mode that the socket has before it is bound. */
    if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) != 0 || !bind_to(fd, &succession->file) ||
        lstat(succession->file.sun_path, &succession->file_then) != 0 || listen(fd, BACKLOG) != 0) {
        naru_status status = fail(at, NARU_ERR_SYSTEM, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    succession->meeting = fd;
    return NARU_OK;
}

/* ---- a later one ------------------------------------------------------------------------------------------------- */

/* "naru1 TOTAL". 0: it is not. */
static size_t read_total(const naru__packet *packet, size_t *head_bytes_out)
{
    const uint8_t *end = memchr(packet->bytes, 0, packet->size);
    size_t total = 0;
    if (!end || packet->size < 7 || memcmp(packet->bytes, "naru1 ", 6) != 0) {
        return 0;
    }
    for (const uint8_t *at = packet->bytes + 6; at < end; at++) {
        if (*at < '0' || *at > '9' || total > NARU__SUCCESSION_SOCKETS_MAX) {
            return 0;
        }
        total = total * 10 + (size_t)(*at - '0');
    }
    *head_bytes_out = (size_t)(end - packet->bytes) + 1;
    return total <= NARU__SUCCESSION_SOCKETS_MAX ? total : 0;
}

/* What is not put into the list is closed. */
static naru_status take_packet(naru_succession *succession, const naru__packet *packet, size_t *total_out)
{
    size_t at = 0, taken = 0;
    *total_out = read_total(packet, &at);
    naru_status status = *total_out > 0 && packet->fds_count > 0 ? NARU_OK : NARU_ERR_PROTOCOL;
    while (status == NARU_OK && taken < packet->fds_count) {
        const char *name = (const char *)packet->bytes + at;
        size_t size = strnlen(name, packet->size - at);
        if (size == packet->size - at) {
            status = NARU_ERR_PROTOCOL;
            break;
        }
        status = naru__heirlooms_add(&succession->got, name, packet->fds[taken]);
        taken += status == NARU_OK;
        at += size + 1;
    }
    for (; taken < packet->fds_count; taken++) {
        close(packet->fds[taken]);
    }
    return status;
}

static naru_status take_all(const meeting *at)
{
    naru_succession *succession = at->succession;
    naru__packet *packet = naru__alloc(naru_allocator_default(), sizeof *packet);
    size_t total = 1;
    naru_status status = packet ? NARU_OK : NARU_ERR_MEMORY;
    while (status == NARU_OK && succession->got.count < total) {
        status = limit_waiting(at, succession->predecessor) ? naru__packet_receive(succession->predecessor, packet)
                                                            : NARU_MORE;
        if (status == NARU_OK) {
            status = take_packet(succession, packet, &total);
        }
    }
    naru__free(naru_allocator_default(), packet, sizeof *packet);
    return status;
}

static void forget_all(naru_succession *succession)
{
    for (size_t i = 0; i < succession->got.count; i++) {
        close(succession->got.all[i].fd);
    }
    naru__heirlooms_free(&succession->got);
    close(succession->predecessor);
    succession->predecessor = -1;
}

static naru_status follow(const meeting *at)
{
    naru_succession *succession = at->succession;
    naru_status status =
        naru__peer_is_same_user(succession->predecessor) ? take_all(at) : fail(at, NARU_ERR_REFUSED, "of another user");
    if (status == NARU_OK && lstat(succession->file.sun_path, &succession->file_then) != 0) {
        status = fail(at, NARU_ERR_SYSTEM, strerror(errno));
    }
    if (status != NARU_OK) {
        forget_all(succession);
    }
    switch (status) {
    case NARU_OK:
        succession->meeting = succession->got.all[0].fd;
        succession->got.all[0].taken = true;
        return NARU_OK;
    case NARU_MORE:
        return fail(at, NARU_ERR_TIMEOUT, "whoever serves there does not answer");
    case NARU_ERR_CLOSED:
        return fail(at, NARU_ERR_CLOSED, "whoever serves there has broken off");
    case NARU_ERR_TOO_BIG:
    case NARU_ERR_TOO_MANY:
    case NARU_ERR_PROTOCOL:
        return fail(at, NARU_ERR_PROTOCOL, "something else than a naru serves there");
    default:
        return status;
    }
}

static naru_status try_once(const meeting *at)
{
    naru_succession *succession = at->succession;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || !limit_waiting(at, fd)) {
        naru_status status = fd < 0 ? fail(at, NARU_ERR_SYSTEM, strerror(errno)) : NARU_ERR_TIMEOUT;
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    if (connect(fd, (const struct sockaddr *)&succession->file, sizeof succession->file) == 0) {
        succession->predecessor = fd;
        return follow(at);
    }
    int error = errno;
    close(fd);
    if (error == ENOENT || error == ECONNREFUSED) {
        return be_first(at);
    }
    return error == EAGAIN ? fail(at, NARU_ERR_TIMEOUT, "whoever serves there does not answer")
                           : fail(at, NARU_ERR_SYSTEM, strerror(error));
}

naru_status naru__succession_meet(naru_succession *succession, uint32_t timeout_ms, char *reason, size_t reason_bytes)
{
    meeting at = {succession, clock_ms() + timeout_ms, reason, reason_bytes};
    naru_status status = NARU_ERR_CLOSED;
    for (int i = 0; status == NARU_ERR_CLOSED && i < TRIES; i++) {
        status = try_once(&at);
    }
    return status;
}

naru_status naru__succession_relieve(naru_succession *succession)
{
    static const char taken[] = "taken ";
    if (succession->predecessor < 0) {
        return NARU_OK;
    }
    char answer[sizeof taken + NARU__SUCCESSION_SOCKETS_MAX];
    size_t size = sizeof taken - 1;
    memcpy(answer, taken, size);
    for (size_t i = 0; i < succession->got.count; i++) {
        answer[size++] = succession->got.all[i].taken ? '1' : '0';
    }
    ssize_t sent;
    do {
        sent = send(succession->predecessor, answer, size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    naru_status status = sent == (ssize_t)size ? NARU_OK : NARU_ERR_CLOSED;
    for (size_t i = 0; i < succession->got.count; i++) {
        if (!succession->got.all[i].taken) {
            close(succession->got.all[i].fd);
        }
    }
    naru__heirlooms_free(&succession->got);
    close(succession->predecessor);
    succession->predecessor = -1;
    return status;
}
