/* Connecting: a name, its addresses, one attempt after another until one answers.
 *
 * Not for: the TLS handshake (stream_tls.c). Source: RFC 8305 4 and 5. */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "names.h"
#include "stream_core.h"

enum { ATTEMPT_DELAY_MS = 250 }; /* 8305 5 */

typedef struct attempt {
    naru__source source;
    naru__dialer *dialer;
    int fd; /* -1: not under way */
} attempt;

struct naru__dialer {
    char *strings; /* these two first: what a burial without a note may overwrite */
    size_t strings_bytes;
    naru__stream *stream;
    naru_tls *tls; /* a reference */
    const char *host;
    const char *tls_name;
    naru__lookup *lookup;
    naru__deferred begin;
    naru__loop_timer next_attempt;
    naru__address addresses[NARU__ADDRESSES_MAX];
    attempt attempts[NARU__ADDRESSES_MAX]; /* one an address */
    size_t addresses_count;
    size_t started;
    size_t running;
    int last_error;
    size_t last_failed;
    uint16_t port;
    bool http2;
};

static const char UNIX_PREFIX[] = "unix:";

/* ---- ends ---------------------------------------------------------------------------------------------- */

static void drop_attempt(attempt *self)
{
    if (self->fd >= 0) {
        naru__backend_remove(self->dialer->stream->loop, &self->source, self->fd);
        close(self->fd);
        self->fd = -1;
        self->dialer->running--;
    }
}

static void release(naru__dialer *dialer)
{
    naru__stream *stream = dialer->stream;
    naru_loop *loop = stream->loop;
    naru__loop_defer_cancel(loop, &dialer->begin);
    naru__loop_timer_stop(loop, &dialer->next_attempt);
    naru__lookup_cancel(dialer->lookup);
    for (size_t i = 0; i < dialer->started; i++) {
        drop_attempt(&dialer->attempts[i]);
    }
    naru_tls_unref(dialer->tls);
    naru__free(&loop->cache.allocator, dialer->strings, dialer->strings_bytes);
    stream->cold->dialer = NULL;
    naru__loop_free_later(loop, dialer, sizeof *dialer);
}

void naru__dialer_cancel(naru__stream *stream)
{
    if (stream->cold && stream->cold->dialer) {
        release(stream->cold->dialer);
    }
}

static void give_up(naru__dialer *dialer, naru_status why, int error, const char *text)
{
    naru__stream *stream = dialer->stream;
    release(dialer);
    naru__stream_fail(stream, why, error, text);
}

static void all_failed(naru__dialer *dialer)
{
    char address[NARU__ADDRESS_TEXT_BYTES];
    char text[NARU__STREAM_ERROR_BYTES];
    naru__address_format(&dialer->addresses[dialer->last_failed], address, sizeof address);
    if (dialer->last_error == ECONNREFUSED) {
        snprintf(text, sizeof text, "connection to %s refused", address);
    } else {
        snprintf(text, sizeof text, "connection to %s failed: %s", address, naru__error_text(dialer->last_error));
    }
    give_up(dialer, NARU_ERR_CONNECT, dialer->last_error, text);
}

/* ---- attempts ------------------------------------------------------------------------------------------ */

static void connected(attempt *self)
{
    naru__dialer *dialer = self->dialer;
    naru__stream *stream = dialer->stream;
    /* The entry in epoll changes hands with the descriptor. */
    stream->fd = self->fd;
    naru__stream_adopt(stream);
    self->fd = -1;
    dialer->running--;
    if (!dialer->tls) {
        release(dialer);
        naru__stream_cold_free(stream);
        stream->phase = NARU__STREAM_READY;
        naru__stream_flush_later(stream);
        stream->handler->on_ready(stream);
        return;
    }
    stream->phase = NARU__STREAM_TLS;
    bool begun = naru__stream_tls_begin(stream, dialer->tls, false, dialer->tls_name);
    if (begun && dialer->http2) {
        naru__stream_offer_http2(stream);
    }
    release(dialer);
    naru__stream_cold_free(stream);
    if (begun) {
        naru__stream_tls_start(stream);
    } else {
        naru__stream_fail(stream, NARU_ERR_TLS, 0, "TLS cannot be set up for this host name");
    }
}

static void start_next(naru__dialer *dialer);

static void attempt_failed(attempt *self, int error)
{
    naru__dialer *dialer = self->dialer;
    drop_attempt(self);
    dialer->last_error = error;
    dialer->last_failed = (size_t)(self - dialer->attempts);
    if (dialer->started < dialer->addresses_count) {
        start_next(dialer); /* 8305 5: at once */
    } else if (dialer->running == 0) {
        all_failed(dialer);
    }
}

/* A dial to a local port that nobody listens on can meet itself, if the kernel picks that very port for
 * our end. */
static bool met_itself(const attempt *self)
{
    const naru__address *wanted = &self->dialer->addresses[self - self->dialer->attempts];
    naru__address ours = {.size = sizeof ours.storage};
    if (wanted->any.sa_family == AF_UNIX || getsockname(self->fd, &ours.any, &ours.size) != 0 ||
        ours.any.sa_family != wanted->any.sa_family || naru__address_port(&ours) != naru__address_port(wanted)) {
        return false;
    }
    return ours.any.sa_family == AF_INET
               ? ours.ipv4.sin_addr.s_addr == wanted->ipv4.sin_addr.s_addr
               : memcmp(&ours.ipv6.sin6_addr, &wanted->ipv6.sin6_addr, sizeof ours.ipv6.sin6_addr) == 0;
}

static void attempt_ready(naru__source *source, unsigned events)
{
    (void)events;
    attempt *self = NARU__OWNER(source, attempt, source);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error == 0 && met_itself(self)) {
        error = ECONNREFUSED;
    }
    if (error == 0) {
        connected(self);
    } else {
        attempt_failed(self, error);
    }
}

/* 0: under way. Else errno. */
static int open_attempt(attempt *self, const naru__address *address)
{
    naru_loop *loop = self->dialer->stream->loop;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (address->any.sa_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    self->source.ready = attempt_ready;
    if ((connect(fd, &address->any, address->size) != 0 && errno != EINPROGRESS) ||
        !naru__backend_add(loop, &self->source, fd, NARU__READY_OUT)) {
        int error = errno;
        close(fd);
        return error;
    }
    self->fd = fd;
    self->dialer->running++;
    return 0;
}

static void start_next(naru__dialer *dialer)
{
    naru_loop *loop = dialer->stream->loop;
    naru__loop_timer_stop(loop, &dialer->next_attempt);
    while (dialer->started < dialer->addresses_count) {
        size_t index = dialer->started++;
        attempt *self = &dialer->attempts[index];
        *self = (attempt){.dialer = dialer, .fd = -1};
        int error = open_attempt(self, &dialer->addresses[index]);
        if (error == 0) {
            break;
        }
        dialer->last_error = error;
        dialer->last_failed = index;
    }
    if (dialer->running == 0) {
        all_failed(dialer);
    } else if (dialer->started < dialer->addresses_count) {
        naru__loop_timer_start(loop, &dialer->next_attempt, naru_loop_now_ms(loop) + ATTEMPT_DELAY_MS);
    }
}

static void delay_over(naru__loop_timer *timer)
{
    start_next(NARU__OWNER(timer, naru__dialer, next_attempt));
}

/* ---- beginnings ---------------------------------------------------------------------------------------- */

static void name_resolved(void *user, const naru__lookup_answer *answer)
{
    naru__dialer *dialer = user;
    dialer->lookup = NULL; /* it frees itself */
    if (answer->count == 0) {
        char text[NARU__STREAM_ERROR_BYTES];
        snprintf(text, sizeof text, "host name \"%s\" does not resolve: %s", dialer->host, answer->error);
        give_up(dialer, answer->status, 0, text);
        return;
    }
    memcpy(dialer->addresses, answer->addresses, sizeof dialer->addresses);
    dialer->addresses_count = answer->count;
    dialer->stream->phase = NARU__STREAM_CONNECT;
    start_next(dialer);
}

static void begin(naru__deferred *deferred)
{
    naru__dialer *dialer = NARU__OWNER(deferred, naru__dialer, begin);
    naru__stream *stream = dialer->stream;
    const char *path = strncmp(dialer->host, UNIX_PREFIX, 5) == 0 ? dialer->host + 5 : NULL;
    if (!path) {
        dialer->lookup = naru__lookup_start(stream->loop, dialer->host, dialer->port, name_resolved, dialer);
        if (!dialer->lookup) {
            give_up(dialer, NARU_ERR_MEMORY, ENOMEM, NULL);
        }
        return;
    }
    stream->phase = NARU__STREAM_CONNECT;
    if (!naru__address_unix(path, &dialer->addresses[0])) {
        give_up(dialer, NARU_ERR_CONNECT, ENAMETOOLONG, "the socket's path is empty or too long");
        return;
    }
    dialer->addresses_count = 1;
    start_next(dialer);
}

/* Both strings in one block. */
static bool copy_strings(naru__dialer *dialer, const naru__dial *dial, const naru_allocator *allocator)
{
    const char *tls_name = dial->tls_name ? dial->tls_name : dial->host;
    size_t host_bytes = strlen(dial->host) + 1;
    size_t name_bytes = strlen(tls_name) + 1;
    dialer->strings = naru__alloc(allocator, host_bytes + name_bytes);
    if (!dialer->strings) {
        return false;
    }
    dialer->strings_bytes = host_bytes + name_bytes;
    memcpy(dialer->strings, dial->host, host_bytes);
    memcpy(dialer->strings + host_bytes, tls_name, name_bytes);
    dialer->host = dialer->strings;
    dialer->tls_name = dialer->strings + host_bytes;
    return true;
}

static bool make_dialer(naru__stream *stream, const naru__dial *dial)
{
    const naru_allocator *allocator = &stream->loop->cache.allocator;
    naru__dialer *dialer = naru__alloc_zero(allocator, sizeof *dialer);
    if (!dialer) {
        return false;
    }
    if (!copy_strings(dialer, dial, allocator)) {
        naru__free(allocator, dialer, sizeof *dialer);
        return false;
    }
    dialer->stream = stream;
    dialer->port = dial->port;
    dialer->http2 = dial->http2;
    dialer->tls = dial->tls ? naru_tls_ref(dial->tls) : NULL;
    dialer->begin.run = begin;
    dialer->next_attempt.fire = delay_over;
    stream->cold->dialer = dialer;
    return true;
}

naru__stream *naru__stream_connect(naru_loop *loop, const naru__dial *dial, const naru__stream_handler *handler,
                                   void *owner)
{
    assert(naru__loop_owns_thread(loop));
    naru__stream *stream = naru__stream_new(loop, handler, owner);
    if (!stream) {
        return NULL;
    }
    stream->phase = NARU__STREAM_NAME;
    if (!naru__stream_cold_get(stream) || !make_dialer(stream, dial)) {
        naru__stream_discard(stream);
        return NULL;
    }
    loop->active++;
    naru__loop_defer(loop, &stream->cold->dialer->begin);
    return stream;
}
