/* The floor of a fan-out: fanout IN OUT. Everybody who connects subscribes; for every IN bytes that somebody sends,
 * OUT bytes go to all, by one send() each, one after the other. Nothing is batched. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"

enum { BLOCK_BYTES = 64 << 10, EVENTS = 256, SUBSCRIBERS_MAX = 65536 };

typedef struct floor_fanout {
    int epoll, listener;
    int subscribers[SUBSCRIBERS_MAX];
    size_t count, in_bytes, out_bytes, received;
    char block[BLOCK_BYTES];
} floor_fanout;

static void watch(const floor_fanout *f, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        listen_die("epoll_ctl");
    }
}

static void accept_all(floor_fanout *f)
{
    for (int fd; (fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (f->count == SUBSCRIBERS_MAX) {
            close(fd);
            continue;
        }
        f->subscribers[f->count++] = fd;
        watch(f, fd);
    }
}

static void leave(floor_fanout *f, int fd)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->subscribers[i] == fd) {
            f->subscribers[i] = f->subscribers[--f->count];
            break;
        }
    }
    close(fd);
}

static void publish(const floor_fanout *f)
{
    for (size_t i = 0; i < f->count; i++) {
        while (send(f->subscribers[i], f->block, f->out_bytes, MSG_NOSIGNAL) < 0 && errno == EAGAIN) {
        }
    }
}

static void receive(floor_fanout *f, int fd)
{
    ssize_t got = recv(fd, f->block, sizeof f->block, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            leave(f, fd);
        }
        return;
    }
    for (f->received += (size_t)got; f->received >= f->in_bytes; f->received -= f->in_bytes) {
        publish(f);
    }
}

int main(int argc, char **argv)
{
    static floor_fanout f;
    struct epoll_event events[EVENTS];
    f.in_bytes = argc == 3 ? listen_number(argv[1]) : 0;
    f.out_bytes = argc == 3 ? listen_number(argv[2]) : 0;
    if (f.in_bytes == 0 || f.out_bytes == 0 || f.out_bytes > BLOCK_BYTES) {
        return 2;
    }
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    f.listener = listen_anywhere();
    watch(&f, f.listener);
    for (;;) {
        int ready = epoll_wait(f.epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == f.listener) {
                accept_all(&f);
            } else {
                receive(&f, events[i].data.fd);
            }
        }
    }
}
