/* The floor of an echo over TLS: tls CERTIFICATE KEY. OpenSSL straight on the socket: read ahead into a buffer that
 * holds a whole record, so one recv a wake-up where OpenSSL alone would make two; one SSL_write of what came, so one
 * send. OpenSSL decides the rest.
 *
 * SSL_MODE_RELEASE_BUFFERS is on, as in any server that has idle connections. */
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"

enum { BLOCK_BYTES = 64 << 10, EVENTS = 256, READ_BYTES = 17 << 10 };

typedef struct guest {
    int fd;
    SSL *ssl;
} guest;

static char block[BLOCK_BYTES];

static SSL_CTX *new_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "tls: certificate or key\n");
        exit(1);
    }
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_BYTES);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    return context;
}

static void watch(int epoll, int fd, guest *g)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = g};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        listen_die("epoll_ctl");
    }
}

static void accept_all(int epoll, int listener, SSL_CTX *context)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        guest *g = malloc(sizeof *g);
        SSL *ssl = SSL_new(context);
        if (!g || !ssl || SSL_set_fd(ssl, fd) != 1) {
            listen_die("memory");
        }
        *g = (guest){fd, ssl};
        SSL_set_accept_state(ssl);
        watch(epoll, fd, g);
    }
}

static void leave(guest *g)
{
    SSL_free(g->ssl);
    close(g->fd);
    free(g);
}

/* Asks again at once where a real server would queue. False: the connection is broken. */
static bool send_all(SSL *ssl, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t sent = 0;
        if (SSL_write_ex(ssl, bytes, size, &sent) != 1 && SSL_get_error(ssl, 0) != SSL_ERROR_WANT_WRITE) {
            return false;
        }
        bytes += sent;
        size -= sent;
    }
    return true;
}

/* All records that one recv brought, as one block. */
static void echo(guest *g)
{
    size_t filled = 0;
    do {
        size_t got = 0;
        if (SSL_read_ex(g->ssl, block + filled, BLOCK_BYTES - filled, &got) != 1) {
            if (SSL_get_error(g->ssl, 0) != SSL_ERROR_WANT_READ) {
                leave(g);
                return;
            }
            break;
        }
        filled += got;
    } while (filled < BLOCK_BYTES && SSL_has_pending(g->ssl));
    if (filled > 0 && !send_all(g->ssl, block, filled)) {
        leave(g);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc != 3) {
        return 2;
    }
    SSL_CTX *context = new_context(argv[1], argv[2]);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL's send does not say MSG_NOSIGNAL */
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    watch(epoll, listener, NULL);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) {
                echo(events[i].data.ptr);
            } else {
                accept_all(epoll, listener, context);
            }
        }
    }
}
