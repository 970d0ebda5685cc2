/* The floor of an echo over TLS: tls CERTIFICATE KEY. OpenSSL reads straight from the socket, ahead into a buffer that
 * holds a whole record, so one recv a wake-up where OpenSSL alone would make two. The records that it makes of it are
 * gathered in one block for all connections, so one send, where OpenSSL alone would make one for each record.
 *
 * SSL_MODE_RELEASE_BUFFERS is on, as in any server that has idle connections. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen.h"

enum { BLOCK_BYTES = 64 << 10, EVENTS = 256, READ_BYTES = 17 << 10, RECORDS_BYTES = 2 * BLOCK_BYTES };

typedef struct guest {
    int fd;
    SSL *ssl;
} guest;

static char block[BLOCK_BYTES];
static char records[RECORDS_BYTES];
static size_t records_bytes;

/* ---- where OpenSSL writes to --------------------------------------------------------------------------------- */

static int gather(BIO *bio, const char *bytes, size_t size, size_t *written)
{
    (void)bio;
    if (size > RECORDS_BYTES - records_bytes) {
        return 0;
    }
    memcpy(records + records_bytes, bytes, size);
    records_bytes += size;
    *written = size;
    return 1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *new_gatherer(void)
{
    static BIO_METHOD *method;
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gather");
        BIO_meth_set_write_ex(method, gather);
        BIO_meth_set_ctrl(method, control);
    }
    BIO *bio = BIO_new(method);
    if (bio) {
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* Asks again at once where a real server would queue. */
static void send_records(int fd)
{
    for (size_t at = 0; at < records_bytes;) {
        ssize_t sent = send(fd, records + at, records_bytes - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            break;
        }
        at += sent > 0 ? (size_t)sent : 0;
    }
    records_bytes = 0;
}

/* ---- the echo ------------------------------------------------------------------------------------------------ */

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
        BIO *from = BIO_new_socket(fd, BIO_NOCLOSE);
        BIO *to = new_gatherer();
        if (!g || !ssl || !from || !to) {
            listen_die("memory");
        }
        SSL_set_bio(ssl, from, to);
        *g = (guest){fd, ssl};
        SSL_set_accept_state(ssl);
        watch(epoll, fd, g);
    }
}

static void leave(guest *g)
{
    records_bytes = 0;
    SSL_free(g->ssl);
    close(g->fd);
    free(g);
}

static bool write_all(SSL *ssl, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t written = 0;
        if (SSL_write_ex(ssl, bytes, size, &written) != 1) {
            return false;
        }
        bytes += written;
        size -= written;
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
    if (filled > 0 && !write_all(g->ssl, block, filled)) {
        leave(g);
        return;
    }
    send_records(g->fd); /* of a handshake, too */
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc != 3) {
        return 2;
    }
    SSL_CTX *context = new_context(argv[1], argv[2]);
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
