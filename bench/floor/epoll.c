/* The floor of an echo: what it costs to do nothing with the bytes. One epoll, one recv and one send a wake-up, no
 * framing. No WebSocket server with the same system calls can be cheaper.
 *
 * --close: the floor of a handshake instead: accept and close.
 * --upgrade: the same with the system calls of a WebSocket server and nothing of its protocol: whatever comes is
 * answered by one 101, and a connection is taken out of epoll before it is closed. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"

enum { BLOCK_BYTES = 512 << 10, EVENTS = 256 };

typedef enum mode { ECHO, CLOSE, UPGRADE } mode;

static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static char block[BLOCK_BYTES];

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        listen_die("epoll_ctl");
    }
}

static void accept_all(int epoll, int listener, mode chosen)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (chosen == CLOSE) {
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

static void answer(int epoll, int fd, mode chosen)
{
    ssize_t got = recv(fd, block, sizeof block, 0);
    if (got > 0 && chosen == UPGRADE) {
        send_all(fd, upgraded, sizeof upgraded - 1);
    } else if (got > 0) {
        send_all(fd, block, (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        if (chosen == UPGRADE) {
            epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        }
        close(fd);
    }
}

static mode mode_of(const char *name)
{
    return strcmp(name, "--close") == 0 ? CLOSE : strcmp(name, "--upgrade") == 0 ? UPGRADE : ECHO;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    mode chosen = argc > 1 ? mode_of(argv[1]) : ECHO;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(epoll, listener, chosen);
            } else {
                answer(epoll, fd, chosen);
            }
        }
    }
}
