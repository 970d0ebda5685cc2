/* One connection to the server: TCP or TLS, and WebSocket's opening handshake on it.
 *
 * Source: RFC 6455 4.1, RFC 7692 7.1. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 4096, PATIENCE_SECONDS = 20 };

static SSL_CTX *tls_context(void)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        if (!context) {
            load_refuse("TLS", "no context");
        }
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return context;
}

static void add_tls(wire *w)
{
    w->ssl = SSL_new(tls_context());
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1) {
        load_refuse("TLS", "no memory");
    }
    SSL_set_connect_state(w->ssl);
}

static int new_socket(int flags)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) {
        load_die("socket");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void dial(const wire *w, const load_settings *set)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(set->port)};
    if (inet_pton(AF_INET, set->host, &address.sin_addr) != 1) {
        load_refuse(set->host, "not an IPv4 address");
    }
    if (connect(w->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        load_die("connect");
    }
}

void wire_start(wire *w, const load_settings *set)
{
    *w = (wire){.fd = new_socket(SOCK_NONBLOCK)};
    dial(w, set);
    if (set->tls) {
        add_tls(w);
    }
}

void wire_close(wire *w)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    SSL_free(w->ssl);
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(w->fd);
    *w = (wire){.fd = -1};
}

static ssize_t tls_result(wire *w, int result)
{
    if (result > 0) {
        return result;
    }
    switch (SSL_get_error(w->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        load_refuse("TLS", ERR_reason_error_string(ERR_get_error()));
    }
}

static ssize_t plain_result(ssize_t result, const char *what)
{
    if (result < 0 && errno != EAGAIN && errno != ENOTCONN) {
        load_die(what);
    }
    return result;
}

ssize_t wire_send(wire *w, const void *bytes, size_t size)
{
    if (w->ssl) {
        return tls_result(w, SSL_write(w->ssl, bytes, size < INT32_MAX ? (int)size : INT32_MAX));
    }
    return plain_result(send(w->fd, bytes, size, MSG_NOSIGNAL), "send");
}

ssize_t wire_recv(wire *w, void *bytes, size_t size)
{
    if (w->ssl) {
        return tls_result(w, SSL_read(w->ssl, bytes, size < INT32_MAX ? (int)size : INT32_MAX));
    }
    return plain_result(recv(w->fd, bytes, size, 0), "recv");
}

ssize_t wire_skip(wire *w, size_t size)
{
    return plain_result(recv(w->fd, NULL, size, MSG_TRUNC), "recv");
}

bool wire_may_have_more(const wire *w, ssize_t got, size_t asked)
{
    return w->ssl ? got > 0 : (size_t)got == asked;
}

/* ---- the handshake ------------------------------------------------------------------------------------------- */

static const char *offer(const load_settings *set)
{
    if (!set->deflate) {
        return "";
    }
    return set->no_context ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
                             "server_no_context_takeover; client_max_window_bits\r\n"
                           : "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
}

int wire_request(char *text, size_t size, const load_settings *set)
{
    return snprintf(text, size,
                    "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                    set->path, set->host, set->port, offer(set));
}

static void must_read(wire *w, void *bytes, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t more = wire_recv(w, (char *)bytes + got, size - got);
        if (more <= 0) {
            load_refuse("handshake", more == 0 ? "the server closed" : "no answer in time");
        }
        got += (size_t)more;
    }
}

static void must_write(wire *w, const void *bytes, size_t size)
{
    if (wire_send(w, bytes, size) != (ssize_t)size) {
        load_refuse("handshake", "could not be sent");
    }
}

static ssize_t peek(wire *w, void *bytes, size_t size)
{
    return w->ssl ? SSL_peek(w->ssl, bytes, (int)size) : recv(w->fd, bytes, size, MSG_PEEK);
}

/* Only the head: what comes after it belongs to somebody else. */
static void read_head(wire *w, char *text)
{
    const char *end = NULL;
    while (!end) {
        ssize_t got = peek(w, text, HEAD_BYTES_MAX - 1);
        if (got <= 0 || got == HEAD_BYTES_MAX - 1) {
            load_refuse("handshake", got > 0 ? "endless answer" : "no answer");
        }
        text[got] = 0;
        end = strstr(text, "\r\n\r\n");
    }
    size_t size = (size_t)(end - text) + 4;
    must_read(w, text, size);
    text[size] = 0;
    if (strncmp(text, "HTTP/1.1 101", 12) != 0) {
        text[strcspn(text, "\r\n")] = 0;
        load_refuse("handshake", text);
    }
}

static wire_deflate read_deflate(const char *head)
{
    wire_deflate got = {.client_window_bits = 15};
    const char *field = strcasestr(head, "\r\nSec-WebSocket-Extensions:");
    if (!field) {
        return got;
    }
    char *line = strndup(field + 2, strcspn(field + 2, "\r"));
    if (!line) {
        load_die("memory");
    }
    const char *bits = strstr(line, "client_max_window_bits=");
    got.on = strstr(line, "permessage-deflate") != NULL;
    got.client_no_context = strstr(line, "client_no_context_takeover") != NULL;
    got.server_no_context = strstr(line, "server_no_context_takeover") != NULL;
    if (bits) {
        got.client_window_bits = (int)strtol(strchr(bits, '=') + 1, NULL, 10);
    }
    free(line);
    return got;
}

/* Engine.IO's open packet, then Socket.IO's connect and its answer. */
static void join_socketio(wire *w)
{
    static const uint8_t connect_packet[] = {0x81, 0x82, 0, 0, 0, 0, '4', '0'};
    for (int packet = 0; packet < 2; packet++) {
        uint8_t head[4];
        char text[1024];
        must_read(w, head, 2);
        if (head[1] == 126) {
            must_read(w, head + 2, 2);
        }
        size_t size = head[1] < 126 ? head[1] : (size_t)head[2] << 8 | head[3];
        if (head[0] != 0x81 || head[1] > 126 || size > sizeof text) {
            load_refuse("Socket.IO", "not an open packet");
        }
        must_read(w, text, size);
        if (text[0] != (packet == 0 ? '0' : '4')) {
            load_refuse("Socket.IO", "not the packet that was waited for");
        }
        if (packet == 0) {
            must_write(w, connect_packet, sizeof connect_packet);
        }
    }
}

void wire_open(wire *w, const load_settings *set, wire_deflate *deflate_out)
{
    char text[HEAD_BYTES_MAX];
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    *w = (wire){.fd = new_socket(0)};
    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    dial(w, set);
    if (set->tls) {
        add_tls(w);
    }
    if (set->tls && SSL_connect(w->ssl) != 1) {
        load_refuse("TLS", "no handshake");
    }
    if (!set->raw) {
        must_write(w, text, (size_t)wire_request(text, sizeof text, set));
        read_head(w, text);
        wire_deflate deflate = read_deflate(text);
        if (deflate_out) {
            *deflate_out = deflate;
        }
    }
    if (set->socketio) {
        join_socketio(w);
    }
    fcntl(w->fd, F_SETFL, O_NONBLOCK);
}
