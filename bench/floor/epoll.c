/* The floor of an echo: what it costs to do nothing with the bytes. One epoll, one recv and one send a wake-up, no
 * framing. No WebSocket server with the same system calls can be cheaper.
 *
 * --close: the floor of a handshake instead: accept and close. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"

enum { BLOCK_BYTES = 512 << 10, EVENTS = 256 };

static char block[BLOCK_BYTES];

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        listen_die("epoll_ctl");
    }
}

static void accept_all(int epoll, int listener, bool only_close)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (only_close) {
            close(fd);
        } else {
            watch(epoll, fd);
        }
    }
}

/* Asks again at once where a real server would queue: the load generator always reads, so this is rare. */
static void send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
}

static void echo(int fd)
{
    ssize_t got = recv(fd, block, sizeof block, 0);
    if (got > 0) {
        send_all(fd, block, (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    bool only_close = argc > 1 && strcmp(argv[1], "--close") == 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(epoll, listener, only_close);
            } else {
                echo(fd);
            }
        }
    }
}
