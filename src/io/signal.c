/* Signals as events of the loop. Source: signalfd(2). */
#include "core.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct catcher {
    struct catcher *next;
    int signal;
    void (*caught)(void *user, int signal);
    void *user;
} catcher;

struct naru__signals {
    naru__source source; /* first: the source is the whole */
    naru_loop *loop;
    catcher *catchers; /* in the order in which they were added */
    sigset_t wanted;
    int fd;
};

static void signal_ready(naru__source *source, unsigned events)
{
    (void)events;
    naru__signals *signals = (naru__signals *)source;
    struct signalfd_siginfo info;
    if (read(signals->fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    for (catcher *each = signals->catchers; each; each = each->next) {
        if (each->signal == (int)info.ssi_signo) {
            each->caught(each->user, each->signal);
        }
    }
}

static naru_status signals_open(naru_loop *loop)
{
    naru__signals *signals = naru__alloc_zero(loop->below, sizeof *signals);
    if (!signals) {
        return NARU_ERR_MEMORY;
    }
    signals->loop = loop;
    signals->source.ready = signal_ready;
    sigemptyset(&signals->wanted);
    signals->fd = signalfd(-1, &signals->wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd >= 0 && naru__backend_add(loop, &signals->source, signals->fd, NARU__READY_IN)) {
        loop->signals = signals;
        return NARU_OK;
    }
    naru__log(loop, NARU_LOG_ERROR, "signalfd: %s", strerror(errno));
    if (signals->fd >= 0) {
        close(signals->fd);
    }
    naru__free(loop->below, signals, sizeof *signals);
    return NARU_ERR_SYSTEM;
}

static naru_status want(naru__signals *signals, int signal)
{
    sigset_t one;
    sigemptyset(&one);
    if (sigaddset(&one, signal) != 0 || sigaddset(&signals->wanted, signal) != 0) {
        naru__log(signals->loop, NARU_LOG_ERROR, "signal %d: %s", signal, strerror(errno));
        return NARU_ERR_SYSTEM;
    }
    int error = pthread_sigmask(SIG_BLOCK, &one, NULL);
    if (error != 0 || signalfd(signals->fd, &signals->wanted, 0) < 0) {
        naru__log(signals->loop, NARU_LOG_ERROR, "signal %d: %s", signal, strerror(error ? error : errno));
        return NARU_ERR_SYSTEM;
    }
    return NARU_OK;
}

naru_status naru_loop_signal(naru_loop *loop, int signal, void (*caught)(void *user, int signal), void *user)
{
    if (!loop->signals) {
        naru_status status = signals_open(loop);
        if (status != NARU_OK) {
            return status;
        }
    }
    catcher *fresh = naru__alloc(loop->below, sizeof *fresh);
    if (!fresh) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = want(loop->signals, signal);
    if (status != NARU_OK) {
        naru__free(loop->below, fresh, sizeof *fresh);
        return status;
    }
    *fresh = (catcher){NULL, signal, caught, user};
    catcher **end = &loop->signals->catchers;
    while (*end) {
        end = &(*end)->next;
    }
    *end = fresh;
    return NARU_OK;
}

void naru__signals_deinit(naru_loop *loop)
{
    naru__signals *signals = loop->signals;
    if (!signals) {
        return;
    }
    while (signals->catchers) {
        catcher *each = signals->catchers;
        signals->catchers = each->next;
        naru__free(loop->below, each, sizeof *each);
    }
    naru__backend_remove(loop, &signals->source, signals->fd);
    close(signals->fd);
    naru__free(loop->below, signals, sizeof *signals);
}
