/* Listening sockets. Not for: what becomes of an accepted one (stream.c). Source: socket(7), tcp(7),
 * unix(7). */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "base/memory.h"
#include "core.h"
#include "given.h"

enum { ACCEPTS_MAX = 64, FINISH_ACCEPTS_MAX = 65536, BACKLOG = 4096 };
enum { EXHAUSTED_PAUSE_MS = 100, EXHAUSTED_LOG_MS = 1000 };

struct naru__listener {
    naru__accept_fn *accepted; /* these two first: what a burial without a note may overwrite */
    void *user;
    naru_loop *loop;
    naru__source source;
    naru__loop_timer retry; /* after the descriptors ran out */
    uint64_t logged_ms;     /* when that was told last */
    int fd;
    int reserve_fd;     /* -1: lost it */
    unsigned burst;     /* accepts to try in a turn: what came lately, so that few of them find nothing */
    uint64_t full_turn; /* the last one in which the burst was full */
    bool paused;
    bool closed;
    bool exhausted_told;
    naru__address peer;       /* of who was accepted last */
    struct sockaddr_un local; /* a Unix socket's file, to be removed */
    struct stat local_file;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- accepting ----------------------------------------------------------------------------------------- */

static void update_interest(naru__listener *listener)
{
    bool waits = listener->paused || naru__timer_running(&listener->retry.timer);
    naru__backend_set(listener->loop, &listener->source, listener->fd, waits ? 0 : (unsigned)NARU__READY_IN);
}

static void retry_now(naru__loop_timer *timer)
{
    naru__listener *listener = NARU__OWNER(timer, naru__listener, retry);
    if (listener->reserve_fd < 0) {
        listener->reserve_fd = open_reserve();
    }
    update_interest(listener);
}

/* Give the reserve up for as long as it takes to turn those away who wait; else they would wait for ever,
 * and wake us. */
static void turn_away(naru__listener *listener)
{
    for (int i = 0; i < ACCEPTS_MAX && listener->reserve_fd >= 0; i++) {
        close(listener->reserve_fd);
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
        listener->reserve_fd = open_reserve();
        if (fd < 0) {
            break;
        }
    }
}

static void exhausted(naru__listener *listener, int error)
{
    naru_loop *loop = listener->loop;
    if (!listener->exhausted_told || loop->now_ms - listener->logged_ms >= EXHAUSTED_LOG_MS) {
        listener->exhausted_told = true;
        listener->logged_ms = loop->now_ms;
        naru__log(loop, NARU_LOG_ERROR, "accept: %s; connections are turned away", strerror(error));
    }
    if (error == EMFILE || error == ENFILE) {
        turn_away(listener);
    }
    naru__loop_timer_start(loop, &listener->retry, loop->now_ms + EXHAUSTED_PAUSE_MS);
    update_interest(listener);
}

/* Is it the fault of the one connection only? (accept(2): errors that were pending on the new socket.) */
static bool concerns_one_only(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM || error == ENETDOWN ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH;
}

/* false: no more for now. */
static bool accept_one(naru__listener *listener)
{
    naru__address *peer = &listener->peer;
    peer->size = sizeof peer->storage;
    int fd = accept4(listener->fd, &peer->any, &peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        listener->accepted(listener, fd, listener->user);
        return true;
    }
    int error = errno;
    if (error == EAGAIN) {
        return false;
    }
    if (concerns_one_only(error)) {
        return true;
    }
    exhausted(listener, error);
    return false;
}

/* Full bursts in two turns that follow each other double it; an empty queue fits it to what there was. */
static void fit_burst(naru__listener *listener, unsigned accepted)
{
    if (accepted < listener->burst) {
        listener->burst = accepted > 0 ? accepted : 1;
        return;
    }
    bool again = listener->full_turn > 0 && listener->full_turn + 1 == listener->loop->turns;
    listener->full_turn = listener->loop->turns;
    if (again && listener->burst < ACCEPTS_MAX) {
        listener->burst *= 2;
    }
}

static void listener_ready(naru__source *source, unsigned events)
{
    (void)events;
    naru__listener *listener = NARU__OWNER(source, naru__listener, source);
    unsigned accepted = 0;
    while (accepted < listener->burst && !listener->paused && accept_one(listener)) {
        if (listener->closed) {
            return;
        }
        accepted++;
    }
    fit_burst(listener, accepted);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static naru_status set(naru__listener *listener, int level, int option, int value, const char *name)
{
    if (setsockopt(listener->fd, level, option, &value, sizeof value) == 0) {
        return NARU_OK;
    }
    naru__log(listener->loop, NARU_LOG_ERROR, "%s: %s", name, strerror(errno));
    return NARU_ERR_SYSTEM;
}

static naru_status set_options(naru__listener *listener, const naru__address *address, bool all, bool reuse_port)
{
    if (address->any.sa_family == AF_UNIX) {
        return NARU_OK;
    }
    naru_status status = set(listener, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (status == NARU_OK && reuse_port) {
        status = set(listener, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    }
    if (status == NARU_OK && address->any.sa_family == AF_INET6) {
        status = set(listener, IPPROTO_IPV6, IPV6_V6ONLY, !all, "IPV6_V6ONLY");
    }
    /* tcp(7): the accepted sockets inherit it, so none needs a call of its own. */
    return status == NARU_OK ? set(listener, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY") : status;
}

/* A socket file that nobody listens on any more. */
static bool is_stale(const naru__address *address)
{
    struct stat file;
    if (lstat(address->local.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    bool refused = connect(fd, &address->any, address->size) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool bind_to(naru__listener *listener, const naru__address *address)
{
    if (bind(listener->fd, &address->any, address->size) == 0) {
        return true;
    }
    bool in_use = errno == EADDRINUSE;
    if (in_use && address->any.sa_family == AF_UNIX && is_stale(address)) {
        return unlink(address->local.sun_path) == 0 && bind(listener->fd, &address->any, address->size) == 0;
    }
    errno = in_use ? EADDRINUSE : errno;
    return false;
}

static naru_status failed(naru__listener *listener, const char *call, const char *address)
{
    naru__log(listener->loop, NARU_LOG_ERROR, "%s %s: %s", call, address, strerror(errno));
    return NARU_ERR_SYSTEM;
}

static naru_status open_socket(naru__listener *listener, naru__address *address, bool all, const char *text)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    listener->fd = socket(address->any.sa_family, type, 0);
    if (listener->fd < 0 && all && errno == EAFNOSUPPORT) {
        /* A machine without IPv6: then all addresses are those of IPv4. */
        naru__address_loopback(AF_INET, naru__address_port(address), address);
        address->ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
        listener->fd = socket(AF_INET, type, 0);
    }
    return listener->fd < 0 ? failed(listener, "socket for", text) : NARU_OK;
}

static naru_status begin(naru__listener *listener, const char *text)
{
    listener->source.ready = listener_ready;
    if (!naru__backend_add(listener->loop, &listener->source, listener->fd, NARU__READY_IN)) {
        return failed(listener, "epoll for", text);
    }
    return NARU_OK;
}

static naru_status listen_at(naru__listener *listener, naru__address address, bool all, bool reuse_port, int backlog,
                             const char *text)
{
    naru_status status = open_socket(listener, &address, all, text);
    if (status == NARU_OK) {
        status = set_options(listener, &address, all, reuse_port);
    }
    if (status != NARU_OK) {
        return status;
    }
    if (!bind_to(listener, &address)) {
        return failed(listener, "bind to", text);
    }
    if (address.any.sa_family == AF_UNIX && lstat(address.local.sun_path, &listener->local_file) == 0) {
        listener->local = address.local;
    }
    if (listen(listener->fd, backlog > 0 ? backlog : BACKLOG) != 0) {
        return failed(listener, "listen on", text);
    }
    return begin(listener, text);
}

/* A socket that somebody else has made to listen. It is ours from now on, but its file, if it has one, is not. */
static naru_status listen_on(naru__listener *listener, int fd, const char *text)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) {
        errno = errno == EBADF ? EBADF : EINVAL;
        return failed(listener, "listen on", text);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return failed(listener, "listen on", text);
    }
    int one = 1; /* on a Unix socket it fails, and is not needed */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    listener->fd = fd;
    naru_status status = begin(listener, text);
    if (status != NARU_OK) {
        listener->fd = -1; /* the caller's again */
    }
    return status;
}

static void tell_bound(const naru__listener *listener, char *bound_out)
{
    naru__address address = {.size = sizeof address.storage};
    if (getsockname(listener->fd, &address.any, &address.size) != 0) {
        address.size = 0;
    }
    naru__address_format(&address, bound_out, NARU__ADDRESS_TEXT_BYTES);
}

/* The file is ours only as long as nobody put another in its place. */
static void remove_file(const naru__listener *listener)
{
    struct stat now;
    const struct stat *then = &listener->local_file;
    if (listener->local.sun_path[0] && lstat(listener->local.sun_path, &now) == 0 && now.st_ino == then->st_ino &&
        now.st_dev == then->st_dev) {
        unlink(listener->local.sun_path);
    }
}

static void release(naru__listener *listener)
{
    remove_file(listener);
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    if (listener->reserve_fd >= 0) {
        close(listener->reserve_fd);
    }
    naru__loop_free_later(listener->loop, listener, sizeof *listener);
}

static naru__listener *listener_new(naru_loop *loop, naru__accept_fn *accepted, void *user)
{
    naru__listener *listener = naru__alloc_zero(&loop->cache.allocator, sizeof *listener);
    if (listener) {
        listener->accepted = accepted;
        listener->user = user;
        listener->loop = loop;
        listener->retry.fire = retry_now;
        listener->burst = 1;
        listener->fd = -1;
        listener->reserve_fd = open_reserve();
    }
    return listener;
}

static naru_status opened(naru__listener *listener, naru_status status, naru__listener **listener_out, char *bound_out)
{
    if (status != NARU_OK) {
        release(listener);
        return status;
    }
    if (bound_out) {
        tell_bound(listener, bound_out);
    }
    listener->loop->active++;
    *listener_out = listener;
    return NARU_OK;
}

naru_status naru__listener_open(naru_loop *loop, const char *address, bool reuse_port, int backlog,
                                naru__accept_fn *accepted, void *user, naru__listener **listener_out, char *bound_out)
{
    assert(naru__loop_owns_thread(loop));
    naru__address parsed = {0};
    bool all = false;
    int given = -1;
    naru_status status = naru__given_socket(address, &given);
    if (status == NARU_MORE) {
        status = naru__address_parse(address, &parsed, &all);
    }
    if (status == NARU_ERR_SYSTEM) {
        naru__log(loop, NARU_LOG_ERROR, "listen on %s: no such socket was handed over", address);
    }
    if (status != NARU_OK) {
        return status;
    }
    naru__listener *listener = listener_new(loop, accepted, user);
    if (!listener) {
        return NARU_ERR_MEMORY;
    }
    status = given >= 0 ? listen_on(listener, given, address)
                        : listen_at(listener, parsed, all, reuse_port, backlog, address);
    return opened(listener, status, listener_out, bound_out);
}

naru_status naru__listener_take(naru_loop *loop, const char *address, int fd, naru__accept_fn *accepted, void *user,
                                naru__listener **listener_out, char *bound_out)
{
    naru__address parsed;
    bool all;
    naru__listener *listener = listener_new(loop, accepted, user);
    if (!listener) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = listen_on(listener, fd, address);
    bool local = status == NARU_OK && strncmp(address, "unix:", 5) == 0 &&
                 naru__address_parse(address, &parsed, &all) == NARU_OK;
    if (local && lstat(parsed.local.sun_path, &listener->local_file) == 0) {
        listener->local = parsed.local;
    }
    return opened(listener, status, listener_out, bound_out);
}

const naru__address *naru__listener_peer(const naru__listener *listener)
{
    return &listener->peer;
}

int naru__listener_fd(const naru__listener *listener)
{
    return listener->fd;
}

void naru__listener_leave(naru__listener *listener)
{
    listener->local.sun_path[0] = '\0';
}

void naru__listener_pause(naru__listener *listener)
{
    if (!listener->paused) {
        listener->paused = true;
        update_interest(listener);
    }
}

void naru__listener_resume(naru__listener *listener)
{
    if (listener->paused) {
        listener->paused = false;
        update_interest(listener);
    }
}

void naru__listener_close(naru__listener *listener)
{
    if (!listener || listener->closed) {
        return;
    }
    listener->closed = true;
    listener->paused = true;
    naru__loop_timer_stop(listener->loop, &listener->retry);
    naru__backend_remove(listener->loop, &listener->source, listener->fd);
    listener->loop->active--;
    release(listener);
}

void naru__listener_finish(naru__listener *listener)
{
    if (!listener || listener->closed) {
        return;
    }
    bool exhausted = naru__timer_running(&listener->retry.timer);
    for (int i = 0; i < FINISH_ACCEPTS_MAX && !exhausted && !listener->closed && accept_one(listener); i++) {
        exhausted = naru__timer_running(&listener->retry.timer);
    }
    naru__listener_close(listener);
}
